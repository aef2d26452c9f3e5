"""The dashboard of a running demo: every page as readers have it, on months of results that the real programs made.

What each part of a page does is tested in test/dashboard on a few rows; here the rows are many and nobody chose them.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from config.universe import ETFS
from dashboard import formats
from dashboard.screenshots import READY
from dashboard.site import ETFS as ETFS_PAGE
from dashboard.site import PAGES, PERFORMANCE, PIPELINE, PORTFOLIO, SECTORS, Page
from dashboard.texts import LANGS, Lang, Words
from test.dashboard.conftest import Reader, Service, Site, arrowed, browser, cells, expect_cells, reader, shared_window
from test.dashboard.test_every_page import LOOKS, opened, resized, serious, themed
from test.e2e.stack import Stack, running_stack

__all__ = ["browser", "reader", "shared_window"]  # the fixtures
pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(2400)]
TABS = {PORTFOLIO: 4, ETFS_PAGE: 4, PIPELINE: 3}
every_page = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`./start.sh demo` on this machine."""
    with running_stack(tmp_path_factory.mktemp("demo"), "demo", "demo") as stack:
        yield stack


@pytest.fixture(scope="module")
def site(demo: Stack) -> Site:
    """Its API and dashboard, which the stack has started."""
    ports = demo.settings
    api, dashboard = (
        Service([], {}, f"http://127.0.0.1:{ports[name]}", path)
        for name, path in (("API_PORT", "/ready"), ("DASHBOARD_PORT", "/healthz"))
    )
    return Site(api, dashboard)


def ask(demo: Stack, path: str, **query: Any) -> dict[str, Any]:
    """What the API says."""
    return dict(demo.api(path, **query).raise_for_status().json())


@every_page
@pytest.mark.parametrize("lang", LANGS)
def test_fits_and_is_accessible_in_every_look(reader: Reader, page: Page, lang: Lang) -> None:
    tab = reader.page
    opened(tab, f"{page.path}?lang={lang}")
    assert tab.locator("h1").inner_text() == Words(lang)(f"nav.{page.name}")
    assert tab.locator(".badge-demo").inner_text() == Words(lang)("demo_badge")
    for width, theme in LOOKS[lang]:
        resized(tab, width)
        themed(tab, theme)
        assert (width, tab.evaluate("document.documentElement.scrollWidth")) == (width, width)
        assert (width, theme, serious(tab)) == (width, theme, [])


@every_page
def test_every_button_of_a_choice_can_be_pressed(reader: Reader, page: Page) -> None:
    tab = reader.page
    opened(tab, f"{page.path}?lang=ko")
    buttons = tab.locator("main button[data-choice][aria-pressed]:visible:enabled")
    chosen = set(
        buttons.evaluate_all("all => all.map(button => [button.dataset.choice, button.dataset.value].join('\\n'))")
    )
    assert chosen or page is PIPELINE  # whose choices are tabs and lists
    for name, value in sorted(one.split("\n") for one in chosen):
        opened(tab, f"{page.path}?lang=ko")
        button = tab.locator(f"main button[data-choice='{name}'][data-value='{value}']:visible").first
        button.click()
        tab.wait_for_selector(f"main button[data-choice='{name}'][data-value='{value}'][aria-pressed=true]:visible")
        expect(tab.locator(READY).first).to_be_visible()


@every_page
def test_every_tab_opens(reader: Reader, page: Page) -> None:
    tab = reader.page
    opened(tab, f"{page.path}?lang=en")
    names = tab.locator("[role=tab]").evaluate_all("tabs => tabs.map(tab => tab.id)")
    assert len(names) == TABS.get(page, 0)
    for name in names:
        tab.locator(f"#{name}").click()
        expect(tab.locator(f"#{name}")).to_have_attribute("aria-selected", "true")
        panel = tab.locator(f"#{name}").get_attribute("aria-controls")
        tab.wait_for_selector(f"#{panel} .ag-row:visible, #{panel} table:visible, #{panel} .empty:visible")


@every_page
def test_every_download_is_a_file_with_headings(reader: Reader, site: Site, page: Page) -> None:
    opened(reader.page, f"{page.path}?lang=en")
    links = reader.page.locator("a[href^='/download/']").evaluate_all(
        "all => all.map(link => link.getAttribute('href'))"
    )
    assert links
    for link in sorted(set(links)):
        answer = httpx.get(site.dashboard.url + link)
        assert (link, answer.status_code, answer.headers["content-type"]) == (link, 200, "text/csv; charset=utf-8")
        head = answer.content.decode("utf-8-sig").splitlines()[0]
        assert [name for name in head.split(",") if "_" in name] == [], "headings without a text"


def test_the_portfolios_are_the_apis(demo: Stack, reader: Reader) -> None:
    opened(reader.page, f"{PORTFOLIO.path}?lang=en")
    answers: dict[int | str, dict[str, Any]] = {
        days: ask(demo, "/stocks/portfolio", period_days=days) for days in (5, 10, 20)
    }
    answers["monthly"] = ask(demo, "/stocks/monthly-portfolio")
    for days, answer in answers.items():
        reader.page.locator(f"#tab-period-{days}").click()
        held = answer["positions"]
        assert held or answer["status"] == "empty", days
        if not held:
            expect(reader.page.locator(f"#panel-period-{days} .empty")).to_be_visible()
            continue
        grid = f"positions-{days}"
        expect_cells(reader, grid, "ticker", [row["ticker"] for row in held])
        expect_cells(reader, grid, "weight_pct", [formats.weight(row["weight_pct"]) for row in held])
        caps = [formats.market_cap(row["market_cap"], "en") for row in held]
        expect_cells(reader, grid, "market_cap@cap=usd", caps)


def test_a_past_session_is_the_apis(demo: Stack, reader: Reader) -> None:
    sessions = ask(demo, "/sessions")["sessions"]
    past = sessions[len(sessions) // 2]
    opened(reader.page, f"{ETFS_PAGE.path}?lang=en&date={past}")
    by_ticker = {
        row["etf_ticker"]: row for row in ask(demo, "/dashboard/trending-etfs", period_days=20, as_of_date=past)["etfs"]
    }
    shown = cells(reader, "etfs", "etf_ticker")
    assert sorted(shown) == sorted(etf.ticker for etf in ETFS)
    for column in ("return_5d", "return_10d", "return_20d"):
        expect_cells(reader, "etfs", column, [arrowed(by_ticker[ticker][column]) for ticker in shown])
    expect(reader.page.locator("header")).to_contain_text(formats.session(date.fromisoformat(past), "en"))


def test_the_months_are_the_apis(demo: Stack, reader: Reader) -> None:
    opened(reader.page, f"{SECTORS.path}?lang=en")
    answer = ask(demo, "/dashboard/monthly-performance")
    rows = reader.page.locator("table.heat:visible tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].slice(1).map(cell => cell.innerText.trim()))"
    )
    assert rows == [
        [formats.signed(value, 1) for value in (*(m["return_pct"] for m in row["months"]), row["total_return_pct"])]
        for row in answer["etfs"]
    ]


def test_the_performance_is_the_apis(demo: Stack, reader: Reader) -> None:
    opened(reader.page, f"{PERFORMANCE.path}?lang=en&cost=25")
    lines = reader.page.locator(".figures.wide tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    found = [cells[0] for head, *cells in lines if cells and not head.startswith("SPY")]
    expected = []
    for strategy in ("5d", "10d", "20d", "monthly"):
        for stretch in ask(demo, f"/performance/{strategy}", cost_bps=25)["series"]:
            figures = {metric["name"]: metric["value"] for metric in stretch["metrics"]}
            expected.append(arrowed(figures["cumulative_return_pct"], 1))
    assert expected
    assert sorted(found) == sorted(expected)


def test_the_runs_are_the_apis(demo: Stack, reader: Reader) -> None:
    opened(reader.page, f"{PIPELINE.path}?lang=en")
    runs = ask(demo, "/pipeline/runs", limit=100)["runs"]
    assert runs
    expect_cells(reader, "runs", "as_of_date", [run["as_of_date"] or formats.MISSING for run in runs])


def test_an_api_that_hangs_is_told_of_and_every_page_is_there_again_after_it(demo: Stack, reader: Reader) -> None:
    tab, t = reader.page, Words("ko")
    for page in PAGES:
        opened(tab, f"{page.path}?lang=ko")
    stopped = [demo.process("api"), *demo.process("api").children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        tab.goto(f"{PORTFOLIO.path}?lang=ko", timeout=60_000)
        expect(tab.locator(".badge-fresh.error")).to_contain_text(t("away.badge"), timeout=60_000)
        expect(tab.locator("#positions-20 .ag-row").first).to_be_visible()  # what was kept
    finally:
        for process in stopped:
            process.resume()
    expect(tab.locator(".badge-fresh.error")).to_have_count(0, timeout=90_000)
    for page in PAGES:
        opened(tab, f"{page.path}?lang=ko")
        assert tab.locator(".notice.error").count() == 0
