"""What a request brings: the client of this process, and the reader's cookies."""

from collections.abc import Mapping

import flask

from dashboard import address
from dashboard.address import LANG_COOKIE, THEME_COOKIE, THEMES, Address
from dashboard.client import ApiClient
from dashboard.site import Page

CLIENT = "api_client"


def current_client() -> ApiClient:
    """The API client that create_server made."""
    found: ApiClient = flask.current_app.extensions[CLIENT]
    return found


def current_address(page: Page, query: Mapping[str, str | list[str] | None]) -> Address:
    """The address with the cookie's language where it names none."""
    return address.read(page, query, cookie_lang=flask.request.cookies.get(LANG_COOKIE))


def current_theme() -> str:
    """auto, light or dark."""
    theme = flask.request.cookies.get(THEME_COOKIE, THEMES[0])
    return theme if theme in THEMES else THEMES[0]
