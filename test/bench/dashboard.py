"""How long the dashboard's pages take in a browser, what they transfer, and the memory of the service. Not a test.

    DASHBOARD_API_URL=http://127.0.0.1:8000 DASHBOARD_API_KEY=… .venv-dev/bin/python -m test.bench.dashboard

Starts the dashboard as it is run (two workers of eight threads) on a running API, such as that of `./start.sh demo`.
`cold` is a browser that has nothing, on a server that has answered before; `again` is the same browser once more. Times
are from the address to rows that are seen and charts that are drawn. The browser is on the same machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psutil
from playwright.sync_api import Browser, Page, sync_playwright
from tenacity import retry, stop_after_delay, wait_fixed

from config.settings import DashboardSettings, load
from dashboard.screenshots import chromium
from dashboard.site import PAGES
from test.conftest import REPO, free_port

MEBIBYTE = 2**20
SEEN = ".page .ag-row:visible, .page main table:visible, .page .empty:visible"
DRAWN = """() => [...document.querySelectorAll('.plot')].every(
    plot => !plot.offsetWidth || plot.querySelector('.main-svg'))"""
# milliseconds from a click until what it opens is laid out
CLICK = """async (selector) => {
    const button = document.querySelector(selector);
    const begun = performance.now();
    button.click();
    const opened = () => {
        const panel = document.getElementById(button.getAttribute('aria-controls'));
        return !panel || [...panel.querySelectorAll('.ag-row, table, .empty')].some(part => part.offsetHeight);
    };
    do { await new Promise(requestAnimationFrame); } while (!opened());
    return performance.now() - begun;
}"""
CLICKS = {
    "portfolio": {
        "tab": "#tab-period-5",
        "tab, monthly": "#tab-period-monthly",
        "caps in won": "button[data-choice=cap][data-value=krw]",
        "theme": "#theme",
    },
    "etfs": {
        "period": "button[data-choice=period][data-value='5']",
        "group": "button[data-choice=group][data-value=sector]",
        "tab": "#tab-panel-concentration",
        "theme": "#theme",
    },
    "sectors": {
        "measure": "button[data-choice=measure][data-value=excess]",
        "order": "button[data-choice=order][data-value=latest]",
        "theme": "#theme",
    },
    "performance": {"theme": "#theme"},
    "pipeline": {"tab": "#tab-tab-freshness", "theme": "#theme"},
}


@contextmanager
def dashboard() -> Iterator[tuple[str, psutil.Process]]:
    """The service: (address, main process)."""
    port = free_port()
    gunicorn = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--workers", "2", "--threads", "8", "--bind"]
    with tempfile.TemporaryDirectory(prefix="act-") as kept, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*gunicorn, f"127.0.0.1:{port}", "dashboard.app:create_server()"],
            cwd=REPO,
            env=os.environ | {"DASHBOARD_CACHE_DIR": kept},
            stdout=said,
            stderr=said,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _answers(url)
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.2), reraise=True)
def _answers(url: str) -> None:
    httpx.get(f"{url}/healthz", trust_env=False).raise_for_status()


def memory_mb(process: psutil.Process) -> float:
    """Of the service with its workers. PSS: what processes share is counted once."""
    every = [process, *process.children(recursive=True)]
    return sum(one.memory_full_info().pss for one in every) / MEBIBYTE


@dataclass
class Visit:
    """What one page took."""

    seconds: float
    requests: int
    kilobytes: float


def visit(page: Page, address: str) -> Visit:
    """Go there; until rows are seen and charts drawn."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    begun = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(SEEN)
    page.wait_for_function(DRAWN)
    seconds = time.perf_counter() - begun
    page.wait_for_load_state("networkidle")
    network.detach()
    received = [size for size in sizes if size]
    return Visit(seconds, len(received), sum(received) / 1024)


def measure(browser: Browser, url: str, name: str, path: str, *, rounds: int) -> None:
    """Print the lines of one page."""
    cold, again = [], []
    for _ in range(rounds):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        cold.append(visit(page, url + path))
        again.append(visit(page, url + path))
        context.close()
    for words, visits in (("cold", cold), ("again", again)):
        seconds = [one.seconds for one in visits]
        print(
            f"{name:12} {words:14} median {statistics.median(seconds):5.2f} s  worst {max(seconds):5.2f} s  "
            f"{visits[-1].requests:3} requests  {visits[-1].kilobytes:6.0f} KB",
            flush=True,
        )
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    visit(page, url + path)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for words, selector in CLICKS[name].items():
        asked.clear()
        print(f"{name:12} {words:14} {page.evaluate(CLICK, selector):6.0f} ms  {len(asked)} requests", flush=True)
    context.close()


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="visits of each page (default 3)")
    parser.add_argument("--page", choices=[page.name for page in PAGES], help="only this one")
    chosen = parser.parse_args(argv)
    load(DashboardSettings)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with dashboard() as (url, process), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        pages = [page for page in PAGES if chosen.page in (None, page.name)]
        for page in pages:  # a warm server has answered before
            context = browser.new_context()
            visit(context.new_page(), url + page.path)
            context.close()
        for page in pages:
            measure(browser, url, page.name, page.path, rounds=chosen.rounds)
        browser.close()
        print(f"memory of the service: {memory_mb(process):.0f} MB")


if __name__ == "__main__":
    main()
