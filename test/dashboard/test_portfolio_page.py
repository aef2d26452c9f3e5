"""The Portfolio page in a real browser: its numbers are the API's, its state is in the address."""

import re
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest
from playwright.sync_api import expect

from dashboard import formats
from dashboard.texts import Words
from test.api.market import everything
from test.dashboard.conftest import Reader, Site, arrowed, expect_cells
from test.published import Connection


@pytest.fixture(scope="module")
def fill() -> Callable[[Connection], None]:
    """Two evenings, a rebalance in December, and bars."""
    return everything


def test_numbers_are_the_apis(site: Site, reader: Reader) -> None:
    reader.open("/")
    answer = cast(dict[str, Any], site.ask("/stocks/portfolio", period_days="20"))
    positions = answer["positions"]
    assert [row["ticker"] for row in positions] == ["ACME", "BETA"]
    expect_cells(reader, "positions-20", "ticker", ["ACME", "BETA"])
    expect_cells(reader, "positions-20", "weight_pct", [formats.weight(row["weight_pct"]) for row in positions])
    expect_cells(reader, "positions-20", "return_pct", ["▲+5.00", "▲+6.00"])
    expect_cells(reader, "positions-20", "market_cap@cap=usd", ["1,000억", "4,000억"])
    expect_cells(reader, "positions-20", "change_pp", ["▲+16.92", "▲+23.08"])


def words(texts: list[str]) -> list[str]:
    """As they read: one space where the page has a gap."""
    return [" ".join(text.split()) for text in texts]


def test_what_stands_beside_the_portfolio_is_the_apis(site: Site, reader: Reader) -> None:
    reader.open("/?lang=ko")
    answer = cast(dict[str, Any], site.ask("/stocks/portfolio", period_days="20"))
    summary = cast(dict[str, Any], site.ask("/dashboard/portfolio-summary", period_days="20"))
    strip = dict(
        cast(
            list[tuple[str, str]],
            reader.page.locator("#panel-period-20 .strip > div").evaluate_all(
                "facts => facts.map(fact => [fact.children[0].innerText, fact.children[1].innerText])"
            ),
        )
    )
    assert strip["종목"] == str(answer["position_count"]) == "2"
    assert strip["최대 비중"] == f"{formats.weight(answer['largest_weight_pct'])}%"
    assert strip["상위 5종목"] == f"{formats.weight(summary['top5_weight_pct'])}%"
    assert strip["유효 종목"] == formats.number(answer["effective_positions"], 1)
    assert words([strip["SPY 20일"]]) == [f"{arrowed(summary['spy_return_pct'])}%"]
    sectors = reader.page.locator("#panel-period-20 .part").nth(1).locator("tbody tr")
    assert words(sectors.all_inner_texts()) == [
        f"{Words('ko').or_as_is('sector', row['sector'])} {formats.number(row['weight_pct'], 1)} {row['positions']}종목"
        for row in summary["sectors"]
    ]


def test_what_came_in_went_out_and_changed_is_the_apis(site: Site, reader: Reader) -> None:
    reader.open("/?lang=ko")
    changes = cast(dict[str, Any], site.ask("/dashboard/portfolio-changes", period_days="20"))
    line = reader.page.locator("#panel-period-20 .moves")
    shown = {side: words(line.locator(f".{side} .move").all_inner_texts()) for side in ("in", "out")}
    assert shown == {
        "in": [f"{row['ticker']} {formats.weight(row['weight_pct'])}" for row in changes["entered"]],
        "out": [f"{row['ticker']} {formats.weight(row['weight_pct_before'])}" for row in changes["left"]],
    }
    assert shown["in"] and shown["out"] and changes["stayed"]
    expect(line).to_contain_text("전 거래일 대비 (01-22)")
    stayed = reader.page.locator("#panel-period-20 .part").first.locator("tbody tr")
    assert words(stayed.all_inner_texts()) == [
        f"{row['ticker']} {formats.weight(row['weight_pct_before'])} → {formats.weight(row['weight_pct'])} "
        f"{arrowed(row['change_pp'])}"
        for row in changes["stayed"]
    ]


def test_the_monthly_tab_has_the_newest_rebalance(site: Site, reader: Reader) -> None:
    reader.open("/?lang=ko&period=monthly")
    answer = cast(dict[str, Any], site.ask("/stocks/monthly-portfolio"))
    positions = answer["positions"]
    expect_cells(reader, "positions-monthly", "ticker", ["ACME", "BETA", "OMEGA"])
    expect_cells(reader, "positions-monthly", "weight_pct", [formats.weight(row["weight_pct"]) for row in positions])
    expect_cells(reader, "positions-monthly", "score", ["2.0", "1.0", "0.3"])
    expect_cells(reader, "positions-monthly", "source_periods", ["20·5", "20", "5"])
    expect_cells(reader, "positions-monthly", "return_pct", ["▲+7.50", "▲+6.00", "–"])
    strip = reader.page.locator("#panel-period-monthly .strip").inner_text()
    assert "2025-12-28 (일)" in strip and "01-27" in strip
    expect(reader.page.locator("#panel-period-monthly .fixed")).to_contain_text("월간: 비중은")


def test_says_what_a_reader_must_know(reader: Reader) -> None:
    reader.open("/")
    text = reader.page.locator("main").inner_text()
    for sentence in (
        "한 종목 ACME의 비중이 76.92%로 절반을 넘습니다.",
        "유효 종목 수 1.6: 세 종목에도 못 미치는 분산입니다.",
        "다음 후보 (미보유)",
        "제외된 후보 1",
        "투자 권유가 아닙니다",
        "QQQ(나스닥 100)가 기술 섹터를 대신합니다.",
    ):
        assert sentence in text
    header = reader.page.locator("header").inner_text()
    assert "2026-01-23 (금)" in header and "최신" in header and "데모 데이터" in header
    assert reader.page.title() == "[데모] 포트폴리오 · 2026-01-23 (금) · 액티브 주식 배분"


def test_a_tab_changes_without_a_request_and_is_in_the_address(reader: Reader) -> None:
    reader.open("/?lang=ko")
    before = len(reader.requests)
    reader.page.get_by_role("tab", name="10일", exact=True).click()
    expect(reader.page.locator("#panel-period-10 .empty")).to_contain_text("2026-01-23 · 10일: 보유 종목 없음.")
    assert len(reader.requests) == before
    expect(reader.page).to_have_url(re.compile("period=10"))
    reader.page.keyboard.press("ArrowLeft")
    expect(reader.page.locator("#panel-period-5")).to_be_visible()
    expect(reader.page).to_have_url(re.compile("period=5"))


def test_a_closed_tab_is_made_when_there_is_time(reader: Reader) -> None:
    reader.open("/?lang=ko")
    expect(reader.page.locator("#panel-period-monthly")).to_be_hidden()
    expect(reader.page.locator("#panel-period-monthly .ag-row").first).to_be_attached()


def test_a_tab_that_is_opened_before_there_was_time_follows_what_was_written(reader: Reader) -> None:
    reader.page.add_init_script("window.requestIdleCallback = () => 0")
    reader.open("/?lang=ko")
    expect(reader.page.locator("#panel-period-monthly *")).to_have_count(0)
    heading = reader.page.locator("#positions-20 .ag-header-cell[col-id=ticker] .ag-header-cell-text")
    heading.click()
    heading.click()
    reader.page.wait_for_url("**sort=ticker%3Adesc**")
    reader.page.locator("#search-positions-20").fill("me")
    reader.page.get_by_role("tab", name="월간", exact=True).click()
    expect_cells(reader, "positions-monthly", "ticker", ["OMEGA", "ACME"])
    expect(reader.page.locator("#search-positions-monthly")).to_have_value("me")


def test_order_and_filter_of_a_table_go_with_the_reader_to_the_other_tabs(reader: Reader) -> None:
    reader.open("/?lang=ko")
    expect(reader.page.locator("#panel-period-monthly .ag-row").first).to_be_attached()
    heading = reader.page.locator("#positions-20 .ag-header-cell[col-id=return_pct] .ag-header-cell-text")
    heading.click()
    heading.click()
    reader.page.wait_for_url("**sort=return_pct%3Aasc**")
    reader.page.get_by_role("tab", name="월간", exact=True).click()
    by_return = ["BETA", "ACME", "OMEGA"]  # OMEGA has none
    expect_cells(reader, "positions-monthly", "ticker", by_return)
    reader.open(reader.page.url)
    expect_cells(reader, "positions-monthly", "ticker", by_return)
    reader.page.locator("#positions-monthly .ag-header-cell[col-id=score] .ag-header-cell-text").click()
    reader.page.wait_for_url("**sort=score**")
    reader.page.get_by_role("tab", name="20일", exact=True).click()
    expect_cells(reader, "positions-20", "ticker", ["ACME", "BETA"])  # without such a column: by weight


def test_dates_by_button_key_and_back(reader: Reader) -> None:
    reader.open("/?lang=ko&period=20")
    reader.page.get_by_label("이전 거래일").click()
    reader.page.wait_for_selector("text=과거 조회")
    expect(reader.page.locator("#live")).to_contain_text("2026-01-22 (목)")
    expect_cells(reader, "positions-20", "ticker", ["ACME", "OMEGA"])
    expect(reader.page).to_have_url(re.compile("date=2026-01-22"))
    reader.page.keyboard.press("]")
    reader.page.wait_for_selector(".badge-fresh.ok")
    reader.page.go_back()
    reader.page.wait_for_selector("text=과거 조회")
    reader.page.locator("#date").fill("2026-01-25")
    snapped = "2026-01-25은(는) 휴장일입니다. 01-23 결과를 보여줍니다."
    expect(reader.page.locator("main > .notice")).to_have_text(snapped)
    expect(reader.page.locator("#live")).to_contain_text(snapped)


def test_a_date_is_typed_to_its_end_and_the_focus_stays(reader: Reader) -> None:
    reader.open("/?lang=ko")
    field = reader.page.locator("#date")
    field.focus()
    reader.page.keyboard.type("0122")  # month and day; valid, and another date, at the first digit of the day
    expect(field).to_have_value("2026-01-22")
    expect(reader.page).not_to_have_url(re.compile("date="))
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_selector("text=과거 조회")
    expect(reader.page).to_have_url(re.compile("date=2026-01-22"))
    expect(field).to_be_focused()
    reader.page.get_by_label("다음 거래일").focus()
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_selector(".badge-fresh.ok")
    expect(reader.page.get_by_label("이전 거래일")).to_be_focused()  # there is no next session


def test_a_date_before_the_first_result(reader: Reader) -> None:
    reader.open("/?date=2025-06-02")
    expect(reader.page.locator(".notice")).to_contain_text("첫 결과는 2026-01-22입니다.")


def test_english_and_dark_are_remembered(reader: Reader) -> None:
    reader.open("/")
    reader.page.get_by_label("Switch to English").click()
    reader.page.wait_for_selector("text=Next in line, not held")
    assert reader.page.locator("html").get_attribute("lang") == "en"
    reader.page.locator("#theme").click()
    assert reader.page.locator("html").get_attribute("data-bs-theme") == "dark"
    reader.open("/")
    assert reader.page.locator("html").get_attribute("data-bs-theme") == "dark"
    assert reader.page.locator("html").get_attribute("lang") == "en"
    expect_cells(reader, "positions-20", "market_cap@cap=usd", ["$100.0B", "$400.0B"])
    reader.page.locator("#theme").click()
    expect(reader.page.locator("html[data-theme=auto]")).to_have_attribute("data-bs-theme", "light")
    reader.page.emulate_media(color_scheme="dark")
    expect(reader.page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_phone_keeps_three_columns(reader: Reader) -> None:
    reader.page.set_viewport_size({"width": 390, "height": 900})
    reader.open("/?lang=ko")
    expect(reader.page.locator("#positions-20 .ag-header-cell-text")).to_have_text(
        ["종목명", "비중 %", "20일 수익률 %"]
    )
    part = reader.page.locator("#panel-period-20 .part").nth(1)
    expect(part.locator("table")).not_to_be_visible()
    part.locator("summary").click()
    expect(part.locator("table")).to_be_visible()


def test_caps_in_won_at_the_rate_of_the_day(site: Site, reader: Reader) -> None:
    reader.open("/?lang=ko")
    asked = len(reader.requests)
    reader.page.get_by_role("button", name="원", exact=True).click()
    rate = cast(dict[str, Any], site.ask("/stocks/portfolio", period_days="20"))["usd_krw"]["rate"]
    expected = [formats.market_cap(cap * rate, "ko", "KRW") for cap in (1e11, 4e11)]
    assert expected == ["140조", "560조"]
    expect_cells(reader, "positions-20", "market_cap@cap=krw", expected)
    expect(reader.page.locator("#panel-period-20 .under")).to_contain_text("1달러 = 1,401.2원 (01-22)")
    assert len(reader.requests) == asked
    expect(reader.page).to_have_url(re.compile("cap=krw"))
    # a cell without a value says why, to who points at it and to who cannot see it
    cell = """() => dashAgGridComponentFunctions.ActFigure({
        data: { shown: { "cap@krw": "–" }, why: { cap: "no cap", "cap@krw": "no rate" } }, colDef: { field: "cap" },
        column: { getColId: () => "cap@krw" } }).props"""
    assert reader.page.evaluate(cell) == {"title": "no rate", "role": "note", "aria-label": "no rate", "children": "–"}


def test_a_table_is_searched_sorted_and_narrowed_and_the_link_shows_the_same(reader: Reader) -> None:
    reader.open("/?lang=ko")
    search = reader.page.locator("#search-positions-20")
    search.fill("beta")
    reader.page.wait_for_url("**q=beta**")
    expect_cells(reader, "positions-20", "ticker", ["BETA"])
    reader.page.locator("#panel-period-20").get_by_role("button", name="필터 지우기").click()
    expect(search).to_have_value("")
    reader.page.locator("#positions-20 .ag-header-cell[col-id=return_pct] .ag-header-cell-text").click()
    reader.page.wait_for_url("**sort=return_pct**")
    expect_cells(reader, "positions-20", "ticker", ["BETA", "ACME"])
    sectors = reader.page.locator("#panel-period-20 .part").nth(1)
    sectors.get_by_role("button", name="헬스케어").click()
    expect_cells(reader, "positions-20", "ticker", ["BETA"])
    expect(reader.page).to_have_url(re.compile("sector=Healthcare"))
    reader.open(reader.page.url)
    expect_cells(reader, "positions-20", "ticker", ["BETA"])
    assert sectors.get_by_role("button", name="헬스케어").get_attribute("aria-pressed") == "true"
    reader.page.locator("#panel-period-20").get_by_role("button", name="필터 지우기").click()
    expect_cells(reader, "positions-20", "ticker", ["BETA", "ACME"])


def test_a_column_goes_and_comes_back_by_a_button_that_says_whether_it_is_there(reader: Reader) -> None:
    reader.open("/?lang=ko")
    menu = reader.page.locator("#panel-period-20 details.menu")
    menu.locator("summary").click()
    sector = menu.get_by_role("button", name="섹터", exact=True)
    heading = reader.page.locator("#positions-20 .ag-header-cell[col-id=sector]")
    for pressed, count in (("true", 1), ("false", 0), ("true", 1)):
        expect(sector).to_have_attribute("aria-pressed", pressed)
        expect(heading).to_have_count(count)
        sector.click()


def test_a_heading_filters_and_the_link_shows_the_same(reader: Reader) -> None:
    reader.open("/?lang=ko")
    heading = reader.page.locator("#positions-20 .ag-header-cell[col-id=sector]")
    heading.hover()
    heading.locator(".ag-header-cell-filter-button").click()
    reader.page.locator(".ag-filter input[type=text]:visible").first.fill("헬스")
    reader.page.wait_for_url("**filter=**")
    expect_cells(reader, "positions-20", "ticker", ["BETA"])
    reader.open(reader.page.url)
    expect_cells(reader, "positions-20", "ticker", ["BETA"])
    reader.page.get_by_role("tab", name="월간", exact=True).click()
    expect_cells(reader, "positions-monthly", "ticker", ["BETA"])
    reader.page.locator("#panel-period-monthly").get_by_role("button", name="필터 지우기").click()
    expect_cells(reader, "positions-monthly", "ticker", ["ACME", "BETA", "OMEGA"])
    reader.page.get_by_role("tab", name="20일", exact=True).click()
    expect_cells(reader, "positions-20", "ticker", ["ACME", "BETA"])
    expect(reader.page).not_to_have_url(re.compile("filter="))


def test_periods_overlap_as_the_api_says(site: Site, reader: Reader) -> None:
    reader.open("/?lang=ko")
    overlaps = cast(dict[str, Any], site.ask("/dashboard/portfolio-summary", period_days="20"))["overlaps"]
    five = next(row for row in overlaps if row["strategy"] == "5d")
    row = reader.page.locator("#panel-period-20 .part").nth(2).locator("tbody tr").nth(2)
    shown = row.locator("td").first.locator("button")
    assert shown.get_attribute("title") == ", ".join(five["shared_tickers"]) == "ACME"
    assert shown.inner_text().startswith(f"1 · {formats.number(five['overlap_weight_pct'], 1)}")
    shown.click()
    expect_cells(reader, "positions-20", "ticker", ["ACME"])


def test_a_stock_in_full(site: Site, reader: Reader) -> None:
    reader.open("/?lang=ko")
    reader.page.locator("#positions-20 .ag-row[row-index='0'] [col-id=company_name]").click()
    drawer = reader.page.locator(".drawer")
    drawer.get_by_text("포트폴리오별 비중").wait_for()
    expect(reader.page).to_have_url(re.compile("stock=ACME"))
    text = drawer.inner_text()
    assert "Acme Chips · ACME" in text and "75.00 USD (2026-01-23)" in text
    assert "1,000억 (100,000,000,000 USD)" in text
    assert re.search(r"월간\s+1\s+60\.61", text)
    drawer.locator(".plot .main-svg").first.wait_for()
    reader.page.keyboard.press("Escape")
    drawer.wait_for(state="hidden")
    expect(reader.page).not_to_have_url(re.compile("stock"))
    reader.page.get_by_role("button", name="BETA", exact=True).first.click()
    drawer.get_by_text("Beta Health · BETA").wait_for()
    reader.page.go_back()
    drawer.wait_for(state="hidden")
    reader.open("/?lang=en&stock=BETA")
    reader.page.locator(".drawer").get_by_text("In the portfolios").wait_for()


def test_an_unknown_value_is_named_and_the_default_shown(reader: Reader) -> None:
    reader.open("/?lang=ko&period=7")
    expect(reader.page.locator(".notice.warn").first).to_contain_text("period=7")
    assert reader.page.locator("#panel-period-20").is_visible()


def test_csv_is_the_apis_table_with_korean_headings(site: Site) -> None:
    answer = httpx.get(f"{site.dashboard.url}/download/portfolio.csv?period=20&date=2026-01-23&lang=ko")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["content-disposition"] == 'attachment; filename="demo-portfolio-20d-2026-01-23.csv"'
    head, acme, *_ = answer.content.decode("utf-8-sig").splitlines()
    assert head.startswith("기준일,순위,티커,종목명,섹터,비중,비중 %,수익률 %")
    assert acme.startswith("2026-01-23,1,ACME,Acme Chips,Technology,0.7692307692,76.92307692,5.0")


def test_nothing_from_elsewhere_is_allowed(site: Site) -> None:
    policy = httpx.get(site.dashboard.url).headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe-eval" not in policy
    assert "script-src 'self' 'sha256-" in policy
