"""The Pipeline page in a real browser: what an operator sees is the API's, and what is open is in the address."""

import re
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest
from playwright.sync_api import expect

from test.api.market import everything
from test.dashboard.conftest import Reader, Site, cells, expect_cells
from test.published import FRIDAY, Connection, insert

MORE = 120


def busy(db: Connection) -> None:
    """Everything of test.api.market, and more findings than one page has."""
    everything(db)
    for number in range(MORE):
        insert(
            db,
            "data_quality_findings",
            run_id="bars-1",
            check_name="restated",
            ticker=f"T{number:03d}",
            session=FRIDAY,
            severity="info",
            detail=f"finding {number}",
        )


@pytest.fixture(scope="module")
def fill() -> Callable[[Connection], None]:
    """Runs with a failure and one running, and findings."""
    return busy


def test_runs_are_the_apis(site: Site, reader: Reader) -> None:
    reader.open("/pipeline?lang=en")
    runs = cast(list[dict[str, Any]], site.ask("/pipeline/runs")["runs"])
    expect_cells(reader, "runs", "as_of_date", [run["as_of_date"] for run in runs])
    expect_cells(reader, "runs", "requested", [str(run["requested"]) for run in runs])
    expect_cells(reader, "runs", "failed", [str(run["failed"]) for run in runs])
    names = {"success": "✓\nSuccess", "partial": "◐\nPartial", "running": "→\nRunning"}
    shown = [" ".join(text.split()) for text in cells(reader, "runs", "status")]
    assert shown == [" ".join(names[run["status"]].split()) for run in runs]
    strip = reader.page.locator(".strip").inner_text()
    counts = ("Success 1", "Partial 1", "Running 1", "Failed 0", "Error 1", "Warning 1")
    for words in ("Last evening (2026-01-23)", *counts):
        assert words in " ".join(strip.split())


def test_a_run_opens_with_what_failed_first_and_the_link_shows_it(site: Site, reader: Reader) -> None:
    reader.open("/pipeline?lang=ko")
    reader.page.locator("#runs .ag-row", has_text="부분").locator("[col-id=as_of_date]").click()
    reader.page.wait_for_selector("#items .ag-row")
    expect(reader.page).to_have_url(re.compile("run=bars-2"))
    expect_cells(reader, "items", "ticker", ["BETA", "ACME", "OMEGA"])
    assert cells(reader, "items", "error")[0] == "no answer"
    assert reader.page.evaluate("document.activeElement.id") == "run-heading"
    reader.open(reader.page.url.removeprefix(site.dashboard.url))
    expect_cells(reader, "items", "ticker", ["BETA", "ACME", "OMEGA"])
    reader.page.get_by_label("실행 닫기").click()
    expect(reader.page.locator("#items")).to_have_count(0)
    expect(reader.page).not_to_have_url(re.compile("run="))


def test_words_that_found_a_run_are_not_searched_for_in_its_items(reader: Reader) -> None:
    reader.open("/pipeline?lang=ko")
    reader.page.locator("#search-runs").fill("부분")
    expect_cells(reader, "runs", "requested", ["3"])
    reader.page.locator("#runs .ag-row [col-id=as_of_date]").click()
    expect_cells(reader, "items", "ticker", ["BETA", "ACME", "OMEGA"])


def test_search_and_columns_work_beside_a_table_without_a_row(reader: Reader) -> None:
    reader.open("/pipeline?lang=ko&tab=quality&status=skipped&rows=300")
    reader.page.locator("#search-findings").fill("BETA")
    expect_cells(reader, "findings", "ticker", ["BETA"])
    reader.page.get_by_role("tab", name="실행").click()
    menu = reader.page.locator("#panel-tab-runs details.menu")
    menu.locator("summary").click()
    menu.get_by_role("button", name="기준일").click()
    expect(reader.page.locator("#search-runs")).to_have_value("BETA")


def test_a_run_opens_by_keyboard(reader: Reader) -> None:
    reader.open("/pipeline?lang=ko&status=partial")
    reader.page.locator("#runs .ag-row [col-id=process]").click()
    reader.page.wait_for_selector("#items .ag-row")
    reader.page.get_by_label("실행 닫기").click()
    expect(reader.page.locator("#items")).to_have_count(0)
    reader.page.locator("#runs .ag-row [col-id=process]").focus()
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_selector("#items .ag-row")


def test_filters_ask_the_api_and_say_when_nothing_is_left(reader: Reader) -> None:
    reader.open("/pipeline?lang=ko")
    reader.page.locator("#select-status").select_option("partial")
    reader.page.wait_for_url("**status=partial**")
    expect(reader.page.locator("#runs .ag-center-cols-container .ag-row")).to_have_count(1)
    reader.page.locator("#select-status").select_option("skipped")
    reader.page.wait_for_selector("text=조건에 맞는 실행이 없습니다.")
    reader.page.get_by_role("link", name="필터 지우기").click()
    reader.page.wait_for_selector("#runs .ag-row")
    expect(reader.page).not_to_have_url(re.compile("status="))


def test_freshness_is_the_apis(site: Site, reader: Reader) -> None:
    reader.open("/pipeline?lang=en&tab=freshness")
    tables = cast(list[dict[str, Any]], site.ask("/pipeline/freshness")["tables"])
    expect_cells(reader, "tables", "table", [row["table"] for row in tables])
    expect_cells(reader, "tables", "newest_date", [row["newest_date"] or "empty" for row in tables])
    behind = ["–" if row["sessions_behind"] is None else str(row["sessions_behind"]) for row in tables]
    expect_cells(reader, "tables", "sessions_behind", behind)


def test_findings_errors_first_and_more_of_them(site: Site, reader: Reader) -> None:
    reader.open("/pipeline?lang=ko&tab=quality&severity=error")
    expect_cells(reader, "findings", "ticker", ["BETA"])
    expect_cells(reader, "findings", "check_name", ["빠진 거래일"])
    reader.open("/pipeline?lang=ko")
    reader.page.get_by_role("tab", name="품질").click()
    expect(reader.page.locator("#panel-tab-quality .more")).to_contain_text("최근 100건")
    reader.page.get_by_role("link", name="더 보기").click()
    reader.page.wait_for_url("**tab=quality&rows=300")
    expect(reader.page.locator("#panel-tab-quality .more")).to_have_count(0)
    assert [" ".join(text.split()) for text in cells(reader, "findings", "severity")[:2]] == ["✕ 오류", "▲ 경고"]
    text = httpx.get(f"{site.dashboard.url}/download/quality.csv?rows=300&lang=ko").content.decode("utf-8-sig")
    assert len(text.splitlines()) == MORE + 3 + 1


def test_a_tab_changes_without_a_request_and_is_in_the_address(reader: Reader) -> None:
    reader.open("/pipeline?lang=ko")
    reader.requests.clear()
    reader.page.get_by_role("tab", name="신선도").click()
    assert cells(reader, "tables", "about")[0] == "ETF 일간 시세"
    assert [url for url in reader.requests if not url.endswith(".woff2")] == []
    expect(reader.page).to_have_url(re.compile("tab=freshness"))


def test_while_a_run_is_running_the_page_asks_again(site: Site, reader: Reader) -> None:
    reader.open("/pipeline?lang=ko")
    reader.page.evaluate("document.querySelector('[data-poll]').dataset.poll = '1'")
    with reader.page.expect_response(lambda answer: "_dash-update-component" in answer.url):
        pass
    reader.page.wait_for_selector("#runs .ag-row")


def test_a_run_that_is_gone_says_so(reader: Reader) -> None:
    reader.open("/pipeline?lang=en&run=gone-20260101-0")
    expect(reader.page.locator("#run")).to_contain_text("There is no run gone-20260101-0")


def test_csv_of_runs_and_items(site: Site) -> None:
    text = httpx.get(f"{site.dashboard.url}/download/runs.csv?status=partial&lang=ko").content.decode("utf-8-sig")
    head, only = text.splitlines()
    assert "단계" in head and "needed_stocks" in only
    items = httpx.get(f"{site.dashboard.url}/download/run.csv?run=bars-2&lang=ko").content.decode("utf-8-sig")
    assert [line.split(",")[1] for line in items.splitlines()[1:]] == ["ACME", "BETA", "OMEGA"]
