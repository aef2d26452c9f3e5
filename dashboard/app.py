"""The dashboard, a WSGI server.

gunicorn --workers 2 --threads 8 --bind 127.0.0.1:8050 "dashboard.app:create_server()"
"""

from functools import cache
from pathlib import Path
from typing import Any

import dash
import flask
from dash import Dash, html

from config.settings import DashboardSettings, load
from dashboard.client import ApiClient
from dashboard.context import API_DOCS, CLIENT, current_address, current_client, current_theme
from dashboard.downloads import downloads
from dashboard.kept import kept_for_a_moment
from dashboard.site import PORTFOLIO
from dashboard.texts import letters

HERE = Path(__file__).parent
CALLBACKS = "/_dash-update-component"  # the endpoint of all of them, pages included
IMMUTABLE = "public, max-age=31536000, immutable"
# act-head.js runs before the first paint: the theme must not flash
INDEX = """<!DOCTYPE html>
<html lang="__LANG__" data-theme="__THEME__" data-bs-theme="__BS_THEME__">
<head>
{%metas%}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{%title%}</title>
<link rel="icon" href="data:,">
<script src="__HEAD__"></script>
{%css%}
<script src="__FONTS__" data-letters="__LETTERS__"></script>
</head>
<body>
{%app_entry%}
<footer class="dash-scripts">{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""


class LocalDash(Dash):
    """Dash whose first answer already has the reader's language and theme."""

    def interpolate_index(self, **parts: Any) -> str:  # type: ignore[override]
        lang, theme = current_address(PORTFOLIO, flask.request.args).lang, current_theme()
        page: str = super().interpolate_index(**parts)  # type: ignore[no-untyped-call]
        return (
            page.replace("__LANG__", lang)
            .replace("__THEME__", theme)
            .replace("__BS_THEME__", "dark" if theme == "dark" else "light")
            .replace("__HEAD__", self.get_asset_url("act-head.js"))
            .replace("__FONTS__", self.get_asset_url("act-fonts.js"))
            .replace("__LETTERS__", letters(lang))
        )


def create_server() -> flask.Flask:
    """The WSGI server, from the environment: DASHBOARD_*."""
    settings = load(DashboardSettings)
    server = flask.Flask(__name__, static_folder=None)
    server.extensions[CLIENT] = ApiClient(settings)
    server.extensions[API_DOCS] = settings.api_docs_url
    app = LocalDash(
        __name__,
        server=server,  # type: ignore[arg-type]
        use_pages=True,
        pages_folder=str(HERE / "pages"),
        assets_folder=str(HERE / "assets"),
        assets_ignore="act-(head|fonts).js",  # by hand, in <head>
        assets_path_ignore=["vendor"],  # loaded when needed
        index_string=INDEX,
        title="ActStock",
        update_title=None,  # type: ignore[arg-type]
        compress=True,
        serve_locally=True,
        suppress_callback_exceptions=True,
        use_async=False,  # else a thread and an event loop each time where Airflow's environment is ours, too
    )
    app.layout = html.Div(dash.page_container, id="shell")
    server.view_functions[CALLBACKS] = kept_for_a_moment(server.view_functions[CALLBACKS])  # type: ignore[arg-type]
    server.register_blueprint(downloads)
    server.get("/healthz")(healthz)
    server.get("/newest")(newest)
    # Dash writes its inline scripts at the first request: only then their hashes are known
    policy = cache(lambda: content_policy(app))

    @server.after_request
    def _headers(response: flask.Response) -> flask.Response:
        return with_headers(response, policy())

    return server


def healthz() -> dict[str, str]:
    """Always 200 while the dashboard answers; says whether the API does."""
    return {"api": "up" if current_client().is_up() else "away"}


def newest() -> dict[str, Any]:
    """The newest session with results, or that the API is away: a page that is left open asks now and then."""
    status = current_client().get_anew("/status")
    return {"as_of_date": status.body.get("as_of_date"), "is_away": not status.is_live}


def content_policy(app: Dash) -> str:
    """Nothing from elsewhere; of inline scripts only Dash's own, by hash."""
    hashes = " ".join(app.csp_hashes())
    return (
        f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'self'"
    )


def with_headers(response: flask.Response, policy: str) -> flask.Response:
    """What every answer says about itself."""
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    path = flask.request.path
    if path.startswith("/assets/vendor/") or (path.startswith("/assets/") and "m" in flask.request.args):
        response.headers["Cache-Control"] = IMMUTABLE  # the address has the file's version or time in it
    return response
