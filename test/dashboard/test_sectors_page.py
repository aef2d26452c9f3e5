"""The sectors page in a real browser: months and sectors as the API has them."""

import re
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest
from playwright.sync_api import expect

from dashboard import formats
from dashboard.components.sectors import step
from test.api.market import everything
from test.dashboard.conftest import Reader, Site, arrowed, cells, expect_cells
from test.published import Connection


@pytest.fixture(scope="module")
def fill() -> Callable[[Connection], None]:
    """Three months, the last one running."""
    return everything


def heat(reader: Reader) -> dict[str, list[str]]:
    """ETF → texts of its months and the total, of the table that is seen."""
    rows = reader.page.locator("table.heat:visible tbody tr").evaluate_all(
        """rows => rows.map(row => [row.querySelector('b').innerText,
                                    [...row.querySelectorAll('td')].map(cell => cell.innerText)])"""
    )
    return dict(cast(list[tuple[str, list[str]]], rows))


def test_months_are_the_apis(site: Site, reader: Reader) -> None:
    reader.open("/sectors?lang=ko")
    answer = cast(dict[str, Any], site.ask("/dashboard/monthly-performance"))
    shown = heat(reader)
    assert list(shown) == [row["etf_ticker"] for row in answer["etfs"]]
    for row in answer["etfs"]:
        values = [month["return_pct"] for month in row["months"]] + [row["total_return_pct"]]
        assert shown[row["etf_ticker"]] == [formats.signed(value, 1) for value in values]
    assert shown["QQQ"] == ["+10.0", "−10.0", "+3.5", "+2.5"]
    assert shown["XLF"] == ["–", "+1.0", "–", "–"]
    heads = reader.page.locator("table.heat:visible thead th").all_inner_texts()
    assert heads == ["ETF", "25-11", "25-12", "26-01*", "3개월"]
    expect(reader.page.locator("main h2").first).to_have_text("최근 3개월 월간 수익률 %진행 중 (2026-01-23까지)")
    expect(reader.page.get_by_role("button", name="3개월", exact=True)).to_be_visible()


def test_the_same_colour_means_the_same_every_month(reader: Reader) -> None:
    reader.open("/sectors?lang=ko")
    row = reader.page.locator("table.heat:visible tbody tr").first.locator("td")
    classes = [name.split()[0] for name in row.evaluate_all("cells => cells.map(cell => cell.className)")]
    assert classes == [step(10.0), step(-10.0), step(3.5), "total"] == ["p4", "n4", "p2", "total"]


def test_measure_order_and_cells_ask_nobody_and_stay_in_the_link(reader: Reader) -> None:
    reader.open("/sectors?lang=ko")
    asked = len(reader.requests)
    reader.page.get_by_role("button", name="SPY 초과").click()
    assert heat(reader)["QQQ"] == ["+5.0", "−12.0", "+0.5", "−7.8"]
    reader.page.get_by_role("button", name="최근 달", exact=True).click()
    assert next(iter(heat(reader))) == "QQQ"
    reader.page.get_by_role("button", name="숫자만").click()
    first = reader.page.locator("table.heat:visible tbody td.p3").first
    plain = first.evaluate("cell => getComputedStyle(cell).backgroundColor")
    assert plain == reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert len(reader.requests) == asked
    reader.open(reader.page.url)
    assert heat(reader)["QQQ"][0] == "+5.0"
    assert reader.page.get_by_role("button", name="숫자만").get_attribute("aria-pressed") == "true"


def test_a_heading_chooses_the_month_of_the_stocks(site: Site, reader: Reader) -> None:
    reader.open("/sectors?lang=ko")
    answer = cast(dict[str, Any], site.ask("/sectors/trending"))
    shown = [arrowed(row["avg_monthly_return"]) for row in answer["sectors"]]
    expect_cells(reader, "sectors-2026-01", "avg_monthly_return", shown)
    means = [row["avg_monthly_return"] for row in answer["sectors"]]
    assert means[-1] > means[-2]  # what has no sector stands last all the same
    assert cells(reader, "sectors-2026-01", "sector") == ["헬스케어", "기술", "미분류"]
    assert cells(reader, "sectors-2026-01", "best")[1] == "ACME +8.0 · GAMMA +5.0 · DELTA −1.0"
    reader.page.get_by_role("button", name="2025년 12월").first.click()
    reader.page.wait_for_selector("#sectors-2025-12 .ag-row")
    expect_cells(reader, "sectors-2025-12", "sector", ["기술"])
    expect(reader.page).to_have_url(re.compile("month=2025-12"))
    reader.page.get_by_role("button", name="2025년 11월").first.click()
    reader.page.get_by_text("이 달의 섹터 자료가 없습니다.").wait_for()


def test_an_earlier_end(reader: Reader) -> None:
    reader.open("/sectors?lang=ko&end=2025-12")
    heads = reader.page.locator("table.heat:visible thead th").all_inner_texts()
    assert heads == ["ETF", "25-11", "25-12", "2개월"]
    reader.page.get_by_label("다음 달").click()
    reader.page.wait_for_selector("text=26-01*")
    reader.open("/sectors?lang=ko&end=2020-01")
    assert reader.page.locator("main .empty").first.is_visible()


def test_csv_of_months_and_sectors(site: Site) -> None:
    for table, head in (("months", "기준일,월,수익률 %"), ("sectors", "기준일,월,진행 중,섹터,종목 수")):
        answer = httpx.get(f"{site.dashboard.url}/download/{table}.csv?lang=ko&month=2026-01")
        assert answer.content.decode("utf-8-sig").startswith(head), table
    assert "2025-12,-10.0" in httpx.get(f"{site.dashboard.url}/download/months.csv?end=2025-12").text


def test_a_phone_sees_the_newest_month_and_scrolls_the_table_alone(reader: Reader) -> None:
    reader.page.set_viewport_size({"width": 390, "height": 844})
    reader.open("/sectors?lang=ko")
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= 390
    box = reader.page.locator(".scroll:visible").first
    assert box.evaluate("box => Math.abs(box.scrollLeft + box.clientWidth - box.scrollWidth)") <= 1
