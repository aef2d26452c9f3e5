"""What a request brings: the client of this process, and the reader's cookies."""

from collections.abc import Mapping

import flask

from dashboard import address
from dashboard.address import LANG_COOKIE, THEME_COOKIE, THEMES, Address
from dashboard.client import ApiClient
from dashboard.site import Page

CLIENT, API_DOCS = "api_client", "api_docs_url"


def current_client() -> ApiClient:
    """The API client that create_server made."""
    found: ApiClient = flask.current_app.extensions[CLIENT]
    return found


def api_docs_url() -> str | None:
    """Where readers find the API's documentation, if that is known."""
    found: str | None = flask.current_app.extensions[API_DOCS]
    return found


def current_address(page: Page, query: Mapping[str, str | list[str] | None]) -> Address:
    """The address with the cookie's language where it names none."""
    return address.read(page, query, cookie_lang=flask.request.cookies.get(LANG_COOKIE))


def current_theme() -> str:
    """auto, light or dark."""
    theme = flask.request.cookies.get(THEME_COOKIE, THEMES[0])
    return theme if theme in THEMES else THEMES[0]
