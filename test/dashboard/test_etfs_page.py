"""The ETFs page in a real browser: all of them against SPY, and what one of them holds, as the API says."""

import re
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest
from playwright.sync_api import expect

from config.universe import ETFS
from test.api.market import everything
from test.dashboard.conftest import Reader, Site, arrowed, cells, expect_cells
from test.published import Connection


@pytest.fixture(scope="module")
def fill() -> Callable[[Connection], None]:
    """Bars, lists and their analysis."""
    return everything


def etfs_of(site: Site, period: str = "20") -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], site.ask("/dashboard/trending-etfs", period_days=period)["etfs"])


def test_all_of_them_with_the_apis_numbers(site: Site, reader: Reader) -> None:
    reader.open("/etfs?lang=ko")
    etfs = etfs_of(site)
    assert len(etfs) == len(ETFS)
    assert cells(reader, "etfs", "etf_ticker")[:4] == [row["etf_ticker"] for row in etfs][:4]
    by_ticker = {row["etf_ticker"]: row for row in etfs}
    shown = cells(reader, "etfs", "etf_ticker")
    for column in ("return_5d", "return_10d", "return_20d", "month_to_date_pct"):
        expect_cells(reader, "etfs", column, [arrowed(by_ticker[ticker][column]) for ticker in shown])
    against = dict(zip(shown, cells(reader, "etfs", "outperformance@period=20"), strict=True))
    assert (against["QQQ"], against["SPY"], against["IWM"]) == ("▲+2.75", "기준", "–")
    assert dict(zip(shown, cells(reader, "etfs", "trending"), strict=True))["QQQ"].split() == ["●", "○", "●"]


def test_benchmarks_are_yellow_and_named(reader: Reader) -> None:
    reader.open("/etfs?lang=ko")
    yellow = reader.page.locator("#etfs .ag-row.benchmark")
    assert sorted(yellow.locator("[col-id=etf_ticker]").all_inner_texts()) == ["DIA", "EWY", "IWM", "SCHD", "SPY"]
    assert all("벤치마크" in text for text in yellow.locator("[col-id=etf_name]").all_inner_texts())


def test_period_and_group_ask_nobody_and_the_link_shows_the_same(site: Site, reader: Reader) -> None:
    reader.open("/etfs?lang=ko")
    asked = len(reader.requests)
    reader.page.get_by_role("button", name="5일", exact=True).click()
    reader.page.get_by_role("button", name="섹터", exact=True).click()
    sectors = [row["etf_ticker"] for row in etfs_of(site, "5") if row["etf_type"] == "sector"]
    expect_cells(reader, "etfs", "etf_ticker", sectors)
    assert cells(reader, "etfs", "outperformance@period=5")[:2] == ["▲+0.25", "▼−0.75"]
    assert len(reader.requests) == asked
    expect(reader.page.locator("a[href*='etfs.csv']:visible")).to_have_attribute("href", re.compile("period=5"))
    expect(reader.page).to_have_url(re.compile("period=5"))
    expect(reader.page).to_have_url(re.compile("group=sector"))
    reader.open(reader.page.url)
    expect_cells(reader, "etfs", "etf_ticker", sectors)
    assert reader.page.get_by_role("button", name="섹터", exact=True).get_attribute("aria-pressed") == "true"
    reader.page.get_by_role("button", name="필터 지우기").first.click()
    expect(reader.page.get_by_role("button", name="전체", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(reader.page).not_to_have_url(re.compile("group="))


def test_a_row_opens_what_the_etf_holds(site: Site, reader: Reader) -> None:
    reader.open("/etfs?lang=ko")
    holdings = cast(dict[str, Any], site.ask("/dashboard/etf-holdings", ticker="QQQ"))
    expect_cells(reader, "holdings-QQQ", "ticker", [row["ticker"] for row in holdings["holdings"]])
    expect_cells(reader, "holdings-QQQ", "holding_percent", ["10.00", "8.00", "2.00"])
    detail = reader.page.locator("#etf-detail")
    expect(detail).to_contain_text("관측 비중 20.0% 기준")
    expect(detail).to_contain_text("2026-01-22 (목)")
    reader.page.locator("#etfs .ag-row", has_text="XLV").locator("[col-id=etf_ticker]").click()
    reader.page.wait_for_selector("#holdings-XLV .ag-row")
    expect_cells(reader, "holdings-XLV", "ticker", ["BETA", "ACME"])
    expect(reader.page).to_have_url(re.compile("etf=XLV"))
    expect(reader.page.locator("#etfs .ag-row.chosen [col-id=etf_ticker]")).to_have_text(["XLV"])
    reader.page.go_back()
    reader.page.wait_for_selector("#holdings-QQQ .ag-row")


def test_words_that_found_an_etf_are_not_searched_for_in_what_it_holds(reader: Reader) -> None:
    reader.open("/etfs?lang=ko")
    reader.page.locator("#search-etfs").fill("XLV")
    expect_cells(reader, "etfs", "etf_ticker", ["XLV"])
    reader.page.locator("#etfs .ag-row [col-id=etf_ticker]").click()
    expect_cells(reader, "holdings-XLV", "ticker", ["BETA", "ACME"])


def test_top_holdings_follow_the_period(reader: Reader) -> None:
    reader.open("/etfs?lang=ko&panel=top")
    expect_cells(reader, "top-QQQ", "ticker", ["DELTA", "ACME", "GAMMA"])
    expect_cells(reader, "top-QQQ", "total_return@period=20", ["▲+9.00", "▲+5.00", "▼−4.50"])
    expect_cells(reader, "top-QQQ", "sharpe_ratio@period=20", ["2.86", "1.59", "−1.43"])
    reader.page.get_by_role("button", name="5일", exact=True).click()
    expect_cells(reader, "top-QQQ", "total_return@period=5", ["▲+1.50"])
    expect(reader.page.locator("#top-QQQ [col-id='sharpe_ratio@period=20']")).to_have_count(0)


def test_concentration_and_overlap_say_what_they_cover(reader: Reader) -> None:
    reader.open("/etfs?lang=ko&panel=concentration")
    expect_cells(reader, "concentration-QQQ", "etf_ticker", ["QQQ", "XLV"])
    expect_cells(reader, "concentration-QQQ", "herfindahl_index", ["0.0168", "0.0106"])
    expect_cells(reader, "concentration-QQQ", "effective", ["30.5 – 59.5", "18.7 – 94.3"])
    expect_cells(reader, "concentration-QQQ", "covered_weight", ["20.0", "14.0"])
    reader.page.get_by_role("tab", name="중복").click()
    panel = reader.page.locator("#panel-panel-overlap")
    expect(panel).to_contain_text("관측 비중 20.0% 기준")
    assert panel.locator(".matrix tbody tr").first.inner_text().split() == ["QQQ", "5"]
    assert panel.locator(".shared").inner_text().split() == [
        "QQQ와(과)",
        "함께",
        "가진",
        "종목",
        "XLV",
        "5.0%",
        "1종목",
        "ACME",
    ]


def test_the_chart_draws_the_apis_lines(site: Site, reader: Reader) -> None:
    reader.open("/etfs?lang=ko&etf=QQQ")
    reader.page.locator("#chart-strength .main-svg").first.wait_for()
    plot = reader.page.locator("#chart-strength")
    lines = plot.evaluate("plot => plot.data.map(line => [line.name, line.y, line.line.width])")
    answer = cast(dict[str, Any], site.ask("/dashboard/relative-strength", days="60"))
    expected = {row["etf_ticker"]: row["values"] for row in answer["etfs"]}
    name, values, width = lines[-1]
    assert (name, width) == ("QQQ", 2.4)
    assert values == [value if value is None else round(value, 2) for value in expected["QQQ"]]
    assert len(lines) == len(ETFS)
    before = plot.evaluate("plot => plot.layout.font.color")
    reader.page.keyboard.press("t")
    reader.page.wait_for_function(
        "before => document.getElementById('chart-strength').layout.font.color !== before", arg=before
    )
    reader.page.get_by_role("button", name="회전도").click()
    reader.page.locator("#chart-rotation .main-svg").first.wait_for()
    points = reader.page.locator("#chart-rotation").evaluate(
        "plot => plot.data.map(one => [one.name, one.x[0], one.y[0]])"
    )
    assert ["QQQ", 2.75, 0.25] in points


def test_another_range_is_asked_for(reader: Reader) -> None:
    reader.open("/etfs?lang=ko")
    reader.page.get_by_role("button", name="120일").click()
    reader.page.wait_for_url("**range=120**")
    reader.page.wait_for_selector("button[data-value='120'][aria-pressed=true]")


def test_a_past_session_has_its_own_numbers_and_no_later_analysis(reader: Reader) -> None:
    reader.open("/etfs?lang=ko&date=2026-01-22")
    assert cells(reader, "etfs", "etf_ticker")[:2] == ["XLF", "QQQ"]
    reader.page.get_by_role("tab", name="집중도").click()
    expect(reader.page.locator("#etf-detail")).to_contain_text("이 날짜의 분석이 아직 없습니다.")


@pytest.mark.parametrize(
    ("table", "query", "head"),
    [
        ("etfs", "", "기준일,ETF,이름"),
        ("relative-strength", "", "기준일,거래일,ETF,상대강도"),
        ("holdings", "&etf=XLV", "기준일,순위,티커,종목명"),
        ("top-holdings", "&etf=XLV", "기준일,ETF,순위,티커"),
        ("concentration", "", "기준일,ETF"),
        ("overlap", "", "기준일,ETF,다른 ETF,공통 종목 수,공통 종목,겹친 비중"),
    ],
)
def test_every_table_as_csv(site: Site, table: str, query: str, head: str) -> None:
    answer = httpx.get(f"{site.dashboard.url}/download/{table}.csv?lang=ko{query}")
    assert answer.status_code == 200
    assert answer.content.decode("utf-8-sig").startswith(head)
    assert answer.headers["content-disposition"].startswith('attachment; filename="demo-')


def test_a_phone_keeps_the_columns_of_the_period(reader: Reader) -> None:
    reader.page.set_viewport_size({"width": 390, "height": 844})
    reader.open("/etfs?lang=ko")
    heads = reader.page.locator("#etfs .ag-header-cell-text")
    expect(heads).to_have_text(["이름", "20일 %", "SPY 대비 %p", "흐름 5·10·20"])
    reader.page.get_by_role("button", name="5일", exact=True).click()
    expect(heads).to_have_text(["이름", "5일 %", "SPY 대비 %p", "흐름 5·10·20"])
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= 390
