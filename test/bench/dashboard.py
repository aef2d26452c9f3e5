"""How long the dashboard's pages take in a browser, what they transfer, and the memory of the service. Not a test.

    DASHBOARD_API_URL=http://127.0.0.1:8000 DASHBOARD_API_KEY=… .venv-dev/bin/python -m test.bench.dashboard

Starts the dashboard as the stack runs it on a running API, such as that of `./start.sh demo`.
`cold` is a browser that has nothing, on a server that has answered before; `again` is the same browser once more. Times
are from the address to the frame in which rows are seen and charts are drawn. The browser is on the same machine.
`users` open page after page as the browser asks for one inside the dashboard, without its files: the same eight pages,
or each time one that nobody else asks for, so that no answer kept for a moment helps. The API's key needs room for that
(API_RATE_PER_MINUTE).
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from config.settings import DashboardSettings, load
from dashboard.screenshots import DRAWN, READY, chromium
from dashboard.site import PAGES
from test.bench.api import Caller
from test.bench.program import MEBIBYTE, answers, memory, run_bench, running
from test.conftest import free_port
from utils.arguments import program_parser
from utils.stack.services import DASHBOARD

FIRST_PAGE_SECONDS, CLICK_MS, TRANSFERRED_KB, USERS_P95_SECONDS, MEMORY_MB = 1.5, 300, 2560, 1.0, 300
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
# a tab that is opened as soon as the page is there: what it shows may not be made yet
AT_ONCE = {"portfolio": {"tab": CLICKS["portfolio"]["tab, monthly"]}}
MADE = ".page:not(:has([data-later=true]))"
# in the page itself, once a frame: an automated browser's own looks take a twentieth of a second each
SEEN = f"""(() => {{
    const isDrawn = {DRAWN};
    const look = () => {{
        const parts = document.querySelectorAll('.page .ag-row, .page main table, .page .empty');
        if ([...parts].some(part => part.offsetHeight) && isDrawn()) window.seenAt = performance.now();
        else requestAnimationFrame(look);
    }};
    requestAnimationFrame(look);
}})()"""

CLICKS_EACH = 16
# what fifty readers look at; each begins at another place
LOOKED_AT = (
    "/?lang=ko",
    "/etfs?lang=ko",
    "/?lang=en&period=5",
    "/performance?lang=ko",
    "/sectors?lang=ko",
    "/etfs?lang=ko&etf=SPY",
    "/performance?lang=en&strategy=20d&cost=25",
    "/pipeline?lang=ko",
)


@contextmanager
def dashboard() -> Iterator[tuple[str, psutil.Process]]:
    """The service: (address, main process)."""
    port = free_port()
    command = ["-m", *DASHBOARD, "--bind", f"127.0.0.1:{port}"]
    with tempfile.TemporaryDirectory(prefix="act-") as folder:
        kept = {"DASHBOARD_CACHE_DIR": f"{folder}/kept"}
        with running(command, kept, Path(folder) / "said.log") as process:
            answers(f"http://127.0.0.1:{port}/healthz")
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)


@dataclass
class Visit:
    """What one page took."""

    seconds: float
    requests: int
    kilobytes: float


def new_page(browser: Browser) -> Page:
    """Of a browser that has nothing yet."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(SEEN)
    return page


def visit(page: Page, address: str) -> Visit:
    """Go there; until rows are seen and charts drawn."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(address)
    page.wait_for_function("() => window.seenAt", polling=200)
    seconds = page.evaluate("window.seenAt") / 1000
    page.wait_for_load_state("networkidle")
    network.detach()
    received = [size for size in sizes if size]
    return Visit(seconds, len(received), sum(received) / 1024)


def measure(browser: Browser, url: str, name: str, path: str, *, rounds: int) -> None:
    """Print the lines of one page."""
    cold, again = [], []
    for _ in range(rounds):
        page = new_page(browser)
        cold.append(visit(page, url + path))
        again.append(visit(page, url + path))
        page.context.close()
    for words, visits in (("cold", cold), ("again", again)):
        seconds = [one.seconds for one in visits]
        limit = f" (limit {FIRST_PAGE_SECONDS})" if words == "cold" else ""
        print(
            f"{name:12} {words:14} median {statistics.median(seconds):5.2f} s{limit}  worst {max(seconds):5.2f} s  "
            f"{visits[-1].requests:3} requests  {visits[-1].kilobytes:6.0f} KB (limit {TRANSFERRED_KB})",
            flush=True,
        )
    measure_clicks(browser, url + path, name, CLICKS[name], at_once=False)
    for words, selector in AT_ONCE.get(name, {}).items():
        measure_clicks(browser, url + path, name, {f"{words}, at once": selector}, at_once=True)


def measure_clicks(browser: Browser, address: str, name: str, clicks: Mapping[str, str], *, at_once: bool) -> None:
    """Print how long each click takes on an opened page, one after another. `at_once`: as soon as there is something to
    see, before closed tabs are made.
    """
    page = new_page(browser)
    page.goto(address)
    page.wait_for_function("() => window.seenAt")
    if not at_once:
        page.wait_for_selector(MADE)
        page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for words, selector in clicks.items():
        asked.clear()
        took = page.evaluate(CLICK, selector)
        print(f"{name:12} {words:14} {took:6.0f} ms (limit {CLICK_MS})  {len(asked)} requests", flush=True)
    page.context.close()


def page_questions(browser: Browser, url: str) -> list[bytes]:
    """What the browser sends when a page is opened inside the dashboard: body of the call that brings its content."""
    context = browser.new_context(base_url=url)
    page = context.new_page()
    found = []
    for path in LOOKED_AT:
        with page.expect_request(
            lambda sent: sent.method == "POST" and "_pages_content" in (sent.post_data or "")
        ) as one:
            page.goto(path)
        page.wait_for_selector(READY)
        found.append((one.value.post_data or "").encode())
    context.close()
    return found


def another(question: bytes, number: int) -> bytes:
    """The same page at an address of its own: with other words in its search."""
    return question.replace(b"lang=", b"q=w%d&lang=" % number)


def request_of(question: bytes, url: str) -> bytes:
    """The bytes of the POST."""
    head = (
        f"POST /_dash-update-component HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(question)}\r\n"
        "Accept-Encoding: gzip, deflate, br, zstd\r\n\r\n"
    )
    return head.encode() + question


async def users(
    port: int, request: Callable[[int, int], bytes], *, count: int, clicks: int, pause: float
) -> tuple[list[float], int]:
    """(seconds of every click, answers that were not 200) of readers who look at page after page, all at once.

    request: reader, click → what is asked. Each waits for its answer, and `pause` seconds, before it clicks again; the
    first click is everybody's at once.
    """
    took: list[float] = []
    wrong = 0

    async def one(number: int) -> None:
        nonlocal wrong
        for click in range(clicks):
            caller = await Caller(port, request(number, click)).connect()
            begun = time.perf_counter()
            wrong += await caller.ask() != 200
            took.append(time.perf_counter() - begun)
            caller.writer.close()
            await asyncio.sleep(pause)

    await asyncio.gather(*map(one, range(count)))
    return took, wrong


def measure_users(questions: Sequence[bytes], url: str, process: psutil.Process, *, count: int) -> None:
    """Print how long a click takes while so many click."""

    def of_all(reader: int, click: int) -> bytes:
        return request_of(questions[(reader + click) % len(questions)], url)

    def of_nobody_else(reader: int, click: int) -> bytes:
        question = questions[(reader + click) % len(questions)]
        return request_of(another(question, reader * CLICKS_EACH + click), url)

    for words, request, pause in (
        ("the same pages, no pause", of_all, 0.0),
        ("the same pages, a second apart", of_all, 1.0),
        ("each another page, 3 s apart", of_nobody_else, 3.0),
    ):
        begun = time.perf_counter()
        asked = users(urlsplit(url).port or 80, request, count=count, clicks=CLICKS_EACH, pause=pause)
        took, wrong = asyncio.run(asked)
        p95 = statistics.quantiles(took, n=20)[18]
        print(
            f"{count} users, {words:30} {len(took) / (time.perf_counter() - begun):5.0f} pages/s  "
            f"median {statistics.median(took):5.2f} s  p95 {p95:5.2f} s (limit {USERS_P95_SECONDS})  "
            f"worst {max(took):5.2f} s  {wrong} wrong  load {os.getloadavg()[0]:.1f}  "
            f"memory {memory(process) / MEBIBYTE:.0f} MB (limit {MEMORY_MB})",
            flush=True,
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = program_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="visits of each page (default 3)")
    parser.add_argument("--page", choices=[page.name for page in PAGES], help="only this one")
    parser.add_argument("--users", type=int, default=50, help="who click at the same time (default 50)")
    parser.add_argument("--only-users", action="store_true", help="nothing but these")
    chosen = parser.parse_args(argv)
    load(DashboardSettings)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with dashboard() as (url, process):
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            pages = [page for page in PAGES if chosen.page in (None, page.name) and not chosen.only_users]
            for page in pages:  # a warm server has answered before
                first = new_page(browser)
                visit(first, url + page.path)
                first.context.close()
            for page in pages:
                measure(browser, url, page.name, page.path, rounds=chosen.rounds)
            questions = page_questions(browser, url)
            browser.close()
        measure_users(questions, url, process, count=chosen.users)
        print(f"memory of the service: {memory(process) / MEBIBYTE:.0f} MB (limit {MEMORY_MB})")


if __name__ == "__main__":
    run_bench(main)
