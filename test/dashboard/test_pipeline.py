"""Rows and counts of the Pipeline page, from an API's answer."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.address import read
from dashboard.client import Answer
from dashboard.components import pipeline, pipeline_tables
from dashboard.site import PIPELINE
from dashboard.texts import Words

KO, EN = Words("ko"), Words("en")
NOW = datetime(2026, 1, 24, tzinfo=UTC)


def run(process: str, status: str, day: str = "2026-01-23", **more: Any) -> dict[str, Any]:
    return {
        "run_id": f"{process}-{status}",
        "process": process,
        "status": status,
        "as_of_date": day,
        "requested": 3,
        "stored": 1,
        "unchanged": 1,
        "failed": 1,
        "dead_lettered": 0,
        "adds_up": True,
        "usable": True,
        "api_calls": 1234,
        "try_number": 1,
        "started_at": "2026-01-23T22:00:00Z",
        "took_seconds": 75.0,
        "not_before": None,
        "error": None,
    } | more


def test_an_evening_is_the_newest_attempt_of_each_stage_that_did_something() -> None:
    runs = [
        run("trending_etfs", "skipped"),  # looked again after all was done
        run("trending_etfs", "success"),
        run("needed_stocks", "partial"),
        run("needed_stocks", "failed"),
        run("portfolio_allocation", "skipped"),
        run("known_stocks", "failed", day="2026-01-22"),
    ]
    assert [(one["process"], one["status"]) for one in pipeline.last_evening(runs)] == [
        ("trending_etfs", "success"), ("needed_stocks", "partial"), ("portfolio_allocation", "skipped"),
    ]  # fmt: skip
    assert pipeline.last_evening([]) == []


def test_a_rebalance_on_a_sunday_does_not_hide_what_failed_on_friday() -> None:
    friday, sunday = run("portfolio_allocation", "failed"), run("monthly_rebalance", "success", day="2026-01-25")
    assert pipeline.last_evening([sunday, friday]) == [sunday, friday]
    assert pipeline.last_evening([friday, run("monthly_rebalance", "success", day="2025-12-28")]) == [friday]


def test_a_run_as_it_is_read() -> None:
    row = pipeline_tables.run_row(run("needed_stocks", "partial", error="BETA bars: no answer"), KO)
    assert (row["process"], row["status"], row["mark"]) == ("필요한 종목", "부분", "◐")
    assert row["shown"]["api_calls"] == "1,234"
    assert (row["shown"]["started_at"], row["shown"]["took_seconds"]) == ("01-24 07:00", "1분 15초")
    assert (row["error"], row["kind"]) == ("BETA bars: no answer", "ok")


def test_a_run_that_does_not_add_up_says_so_in_words() -> None:
    row = pipeline_tables.run_row(run("a_new_stage", "failed", adds_up=False, try_number=2), EN)
    assert (row["kind"], row["error"], row["process"]) == ("unequal", "try 2 · does not add up", "a_new_stage")


def test_a_partial_run_says_when_nothing_builds_on_it() -> None:
    row = pipeline_tables.run_row(run("needed_stocks", "partial", usable=False, error="SPY bars: no answer"), EN)
    assert row["error"] == "not used by later stages · SPY bars: no answer"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(0, {}, NOW, is_live=False), EN("away_empty")),
        (Answer(422, {"detail": "limit: too large"}, NOW), EN("problem", detail="limit: too large")),
        (Answer(404, {}, NOW), EN("run.gone", id="bars-1")),
    ],
)
def test_a_run_that_cannot_be_shown_says_why(answer: Answer, told: str) -> None:
    (shown,) = pipeline.run_panel(answer, EN, read(PIPELINE, {"run": "bars-1"}))
    assert told in str(shown)


def item(ticker: str, status: str, **more: Any) -> dict[str, Any]:
    known = {"operation": "bars", "rows": 5, "api_calls": 1, "error": None, "permanent": False}
    return known | {"ticker": ticker, "status": status} | more


def test_items_with_problems_come_first() -> None:
    items = [item("ACME", "stored"), item("BETA", "failed", error="no answer", permanent=True), item("OMEGA", "sent")]
    rows = pipeline_tables.item_rows(items, EN)
    assert [row["ticker"] for row in rows] == ["BETA", "OMEGA", "ACME"]
    assert rows[0]["error"] == "no answer · trying again does not help"


@pytest.mark.parametrize(
    ("more", "told"),
    [(None, "2, without problems"), ("cursor", "the first 2 of more, of which 0 with problems, first")],
)
def test_a_run_that_is_not_shown_whole_is_not_called_without_problems(more: str | None, told: str) -> None:
    items = [item("ACME", "stored"), item("BETA", "stored")]
    body = {"run": run("known_stocks", "partial"), "items": items, "next_cursor": more}
    head, *_ = pipeline.run_panel(Answer(200, body, datetime(2026, 1, 24, tzinfo=UTC)), EN, read(PIPELINE, {}))
    assert head.children[0].children[1].children == told


def test_the_items_of_a_run_have_nothing_of_what_was_done_to_the_runs() -> None:
    """Search, order and filter found the run: none of its items need pass them."""
    done = {"q": "partial", "sort": "status:desc", "filter": '{"status":{"filterType":"text","filter":"Partial"}}'}
    body = {"run": run("known_stocks", "partial"), "items": [item("ACME", "stored")], "next_cursor": None}
    *_, shown = pipeline.run_panel(Answer(200, body, NOW), EN, read(PIPELINE, done))
    assert shown.children.dashGridOptions["quickFilterText"] == ""
    assert shown.children.dashGridOptions["initialState"] == {"filter": {"filterModel": {}}}
    assert [column["sort"] for column in shown.children.columnDefs if column["sort"]] == []
    assert getattr(shown, "data-keeps-order") == ""


def test_a_table_behind_is_named_and_an_empty_one_has_no_number() -> None:
    known = {"table": "collected_00_fx_rate", "about": "exchange rates", "cadence": "daily", "is_estimate": True}
    never = {"newest_date": None, "expected_date": "2026-01-23", "sessions_behind": None, "row_count": 12345}
    row = pipeline_tables.table_row(known | never, {"freshness": "behind"}, KO)
    assert (row["about"], row["state"], row["mark_kind"]) == ("환율", "지연", "warn")
    assert row["shown"] == {"newest_date": "비어 있음", "sessions_behind": "–", "row_count": "약 12,345"}


@pytest.mark.parametrize(
    ("freshness", "cadence", "behind", "state"),
    [
        ("current", "daily", 0, ("●", "ok", "Current")),
        ("due", "daily", 1, ("→", "quiet", "Computing")),  # closed only just: its evening is not over
        ("due", "daily", 2, ("▲", "warn", "Behind")),
        ("due", "weekly", 1, ("▲", "warn", "Behind")),
        ("behind", "daily", 1, ("▲", "warn", "Behind")),
    ],
)
def test_a_table_is_not_behind_before_its_evening_is_over(
    freshness: str, cadence: str, behind: int, state: tuple[str, str, str]
) -> None:
    table = {"table": "collected_00_fx_rate", "cadence": cadence, "newest_date": "2026-01-22", "row_count": 1}
    known = table | {"expected_date": "2026-01-23", "sessions_behind": behind, "is_estimate": False}
    row = pipeline_tables.table_row(known, {"freshness": freshness}, EN)
    assert (row["mark"], row["mark_kind"], row["state"]) == state
    nothing = Answer(200, {"runs": [], "findings": []}, NOW)
    tables = Answer(200, {"tables": [known]}, NOW)
    asked = pipeline.Asked(nothing, nothing, nothing, nothing, tables, nothing, None)
    named = str(pipeline.strip({"freshness": freshness}, asked, EN))
    assert ("exchange rates" in named) == (state[0] == "▲")


def test_errors_come_before_warnings_and_a_new_check_reads_as_delivered() -> None:
    known = {"ticker": "ACME", "session": "2026-01-23", "detail": "…", "found_at": "2026-01-23T22:00:00Z"}
    rows = pipeline_tables.finding_rows(
        [known | {"severity": "info", "check_name": "doubt"}, known | {"severity": "error", "check_name": "new one"}],
        KO,
    )
    assert [(row["severity"], row["check_name"]) for row in rows] == [("오류", "new one"), ("참고", "의심 값")]
