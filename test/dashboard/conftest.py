"""A running API and dashboard on a real database, and a real browser, where there is one."""

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from dashboard import formats
from dashboard.screenshots import chromium
from database import api_keys
from test import published
from test.conftest import REPO, Database, Server, free_port


class Clock(BaseHTTPRequestHandler):
    """The market's clock: Friday evening."""

    def do_GET(self) -> None:
        body = json.dumps({"now": published.FRIDAY_EVENING.isoformat()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@dataclass
class Service:
    """A program of ours on a port."""

    command: list[str]
    environment: dict[str, str]
    url: str
    alive_path: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        self.process = subprocess.Popen(self.command, cwd=REPO, env=os.environ | self.environment)
        self._answering()

    def stop(self) -> None:
        """Stop and wait."""
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    @retry(stop=stop_after_delay(60), wait=wait_fixed(0.2), reraise=True)
    def _answering(self) -> None:
        httpx.get(self.url + self.alive_path, timeout=5).raise_for_status()


@dataclass
class Site:
    """API and dashboard, and how to ask the API."""

    api: Service
    dashboard: Service

    def ask(self, path: str, **query: str) -> dict[str, object]:
        """What the API says."""
        answer = httpx.get(self.api.url + path, params=query, headers={"X-API-Key": published.KEY})
        return dict(answer.raise_for_status().json())


@pytest.fixture(scope="module")
def database(postgres: Server) -> Iterator[Database]:
    """One database for a module's tests: they only read."""
    name = f"test_{secrets.token_hex(6)}"
    with postgres.connect() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated OWNER migrate")
    yield Database(postgres, name)
    with postgres.connect() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def fill() -> Callable[[published.Connection], None]:
    """What is in the database: two evenings of results. A module that needs more has a fixture of this name."""
    return published.two_evenings


@pytest.fixture(scope="module")
def site(
    database: Database, fill: Callable[[published.Connection], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Results, served."""
    kept = tmp_path_factory.mktemp("kept")
    with published.connect(database) as connection:
        fill(connection)
        api_keys.register(connection, "dashboard", published.KEY)
    clock = ThreadingHTTPServer(("127.0.0.1", 0), Clock)
    threading.Thread(target=clock.serve_forever, daemon=True).start()
    api_port, port = free_port(), free_port()
    now_url = f"http://127.0.0.1:{clock.server_port}/"
    api = Service(
        [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app", "--port", str(api_port)],
        database.environment("api") | {"PLATFORM_NOW_URL": now_url, "PLATFORM_IS_DEMO": "true"},
        f"http://127.0.0.1:{api_port}",
        "/ready",
    )
    environment = {"API_URL": api.url, "API_KEY": published.KEY, "CACHE_DIR": str(kept)}
    environment["API_DOCS_URL"] = f"{api.url}/docs"
    gunicorn = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--threads", "8", "--bind"]
    dashboard = Service(
        [*gunicorn, f"127.0.0.1:{port}", "dashboard.app:create_server()"],
        {f"DASHBOARD_{name}": value for name, value in environment.items()},
        f"http://127.0.0.1:{port}",
        "/healthz",
    )
    try:
        api.start()
        dashboard.start()
        yield Site(api, dashboard)
    finally:
        dashboard.stop()
        api.stop()
        clock.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, which test.sh installs."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield found
        found.close()


@dataclass
class Reader:
    """A page, and what went wrong or was asked for while it, or another tab, was looked at."""

    page: Page
    errors: list[str]
    requests: list[str]

    def open(self, path: str) -> None:
        """Go there and wait for its content."""
        self.page.goto(path)
        self.arrived()

    def arrived(self) -> None:
        """A table or the sentence in its place is seen."""
        self.page.wait_for_selector(".page .ag-row:visible, .page .empty:visible, .page .notice:visible")


@contextmanager
def window(site: Site, browser: Browser) -> Iterator[BrowserContext]:
    """What a browser keeps between pages: files and cookies."""
    context = browser.new_context(base_url=site.dashboard.url, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@contextmanager
def reading(site: Site, context: BrowserContext) -> Iterator[Reader]:
    """A reader in Korean. No console error and no foreign request is tolerated."""
    found = Reader(context.new_page(), [], [])

    def on_console(line: ConsoleMessage) -> None:
        if line.type in ("error", "warning"):
            found.errors.append(line.text)

    listeners: list[tuple[str, Callable[[Any], None]]] = [
        ("console", on_console),
        ("weberror", lambda error: found.errors.append(str(error.error))),
        ("request", lambda request: found.requests.append(request.url)),
    ]
    for event, listener in listeners:
        context.on(event, listener)  # type: ignore[call-overload]
    yield found
    for page in context.pages:
        page.close()
    context.clear_cookies()
    for event, listener in listeners:
        context.remove_listener(event, listener)
    foreign = [url for url in found.requests if not url.startswith((site.dashboard.url, "data:", "blob:"))]
    assert foreign == []
    assert found.errors == []


@pytest.fixture(scope="module")
def shared_window(site: Site, browser: Browser) -> Iterator[BrowserContext]:
    """One for a module's tests: most people have been here before."""
    with window(site, browser) as context:
        yield context


@pytest.fixture
def reader(site: Site, shared_window: BrowserContext) -> Iterator[Reader]:
    """A reader whose browser has the site's files."""
    with reading(site, shared_window) as found:
        yield found


@pytest.fixture
def new_reader(site: Site, browser: Browser) -> Iterator[Reader]:
    """A reader with a browser that has never been here."""
    with window(site, browser) as context, reading(site, context) as found:
        yield found


def cells(reader: Reader, grid: str, column: str) -> list[str]:
    """Texts of a column, rows in the order they are seen; the sum and what is below it not counted."""
    found = reader.page.locator(f"#{grid} .ag-center-cols-container .ag-row [col-id='{column}']")
    found.first.wait_for()
    rows = cast(
        list[tuple[int, str]],
        found.evaluate_all(
            "cells => cells.map(cell => [Number(cell.closest('.ag-row').getAttribute('row-index')), cell.innerText])"
        ),
    )
    return [text.strip() for _, text in sorted(rows)]


def arrowed(value: float | None, decimals: int = 2) -> str:
    """A change as the text of a page has it: its arrow and the number, with a gap between them but no space."""
    return formats.ARROWS[formats.direction(value, decimals)] + formats.signed(value, decimals)


@retry(retry=retry_if_exception_type(AssertionError), stop=stop_after_delay(15), wait=wait_fixed(0.1), reraise=True)
def expect_cells(reader: Reader, grid: str, column: str, texts: list[str]) -> None:
    """Wait until a column has these texts: after a click, the rows follow a moment later."""
    assert cells(reader, grid, column) == texts
