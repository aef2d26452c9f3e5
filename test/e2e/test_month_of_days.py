"""A month, evening after evening through the real Airflow, against the same month computed as one range.

Rules 1: running a past date today gives the same rows as running it then. Between the first evening and the last the
market pays dividends, splits and halts.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from math import isclose
from typing import Any

import pytest

from test.e2e.stack import Stack, running_stack
from test.replay.generator import FEWEST_SESSIONS, FEWEST_STOCKS, generate
from utils.sessions import close_of, sessions_until

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(7200)]

CONTROLLER = "daily_pipeline_controller"
LAST = date(2025, 12, 30)
EVENINGS = sessions_until(LAST, 21)
AFTER_CLOSE = timedelta(hours=2)

# table: its natural key; besides it is what a reader gets, but who wrote a row, and when, may differ
TABLES = {
    "analytics_03_trending_etfs": ("as_of_date", "period_days", "etf_ticker"),
    "analytics_portfolios": ("strategy", "as_of_date"),
    "analytics_05_portfolio_allocation": ("as_of_date", "period_days", "rank"),
    "analytics_05_candidates": ("as_of_date", "period_days", "etf_ticker", "ticker"),
    "analytics_portfolio_performance": ("strategy", "origin", "trade_date"),
}
WHO_AND_WHEN = frozenset({"run_id", "created_at", "updated_at", "computed_at", "published_at", "first_published_at"})
# A dividend restates adjusted closes, which have six decimals: what is computed from them again may differ by as much.
RESTATED = {"rel_tol": 1e-6, "abs_tol": 5e-6}
Rows = dict[tuple[Any, ...], dict[str, Any]]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The smallest invented market, its clock on the first of the evenings."""
    folder = tmp_path_factory.mktemp("month")
    generate(folder / "month", last_session=LAST, seed=11, sessions=FEWEST_SESSIONS, stocks=FEWEST_STOCKS)
    first = _evening(EVENINGS[0])
    with running_stack(folder / "data", "replay-month", "--replay", str(folder / "month"), "--now", first) as up:
        yield up


def test_every_evening_ends_in_success(stack: Stack) -> None:
    for session in EVENINGS:
        stack.control("POST", "clock", json={"now": _evening(session)})
        run = stack.trigger(CONTROLLER)
        states = run.states_at_the_end()
        assert states["run"] == "success", (session, states, run.page["note"])
        assert run.session == session
        # The slot that unpausing adds may have been first on the second evening: the run then finds all complete.
        assert set(states.values()) <= {"success", "skipped"}, (session, states)
    headers = stack.rows("SELECT as_of_date, count(*) FROM analytics_portfolios GROUP BY 1 ORDER BY 1")
    assert headers == [(session, 3) for session in EVENINGS]
    assert stack.rows("SELECT DISTINCT origin, revision FROM analytics_portfolios") == [("live", 1)]
    assert stack.rows("SELECT count(*) FROM asset_processing_details WHERE status IN ('planned', 'sent')") == [(0,)]


def test_the_month_as_one_range_is_the_same(stack: Stack) -> None:
    """But for what the source has corrected since (rules 1): prices restated by a dividend, and what was in doubt."""
    by_evenings = {table: _rows(stack, table) for table in TABLES}
    assert all(by_evenings.values())
    doubted = {
        session
        for (session,) in stack.rows(
            """SELECT DISTINCT as_of_date FROM analytics_portfolios WHERE left_out @> '[{"reason": "in_doubt"}]'"""
        )
    }
    assert len(doubted) <= 2, doubted
    # Computed anew, not found: but positions, of which each revision keeps what was published, and their headers.
    for table, day in (
        ("analytics_03_trending_etfs", "as_of_date"),
        ("analytics_05_candidates", "as_of_date"),
        ("analytics_portfolio_performance", "trade_date"),
    ):
        stack.as_superuser(f"DELETE FROM {table} WHERE {day} BETWEEN '{EVENINGS[0]}' AND '{EVENINGS[-1]}'")
    span = ("--from", f"{EVENINGS[0]}", "--to", f"{EVENINGS[-1]}")
    for program in (
        "batch/spark_01_trending_etf_identifier.py",
        "batch/spark_02_active_stock_allocator.py",
        "batch/spark_05_portfolio_performance.py",
    ):
        stack.command("run", program, *span)
    for process in ("trending_etfs", "portfolio_allocation"):
        ranges = f"SELECT stored FROM process_executions WHERE process = '{process}' AND from_date IS NOT NULL"
        assert stack.rows(ranges) == [(len(EVENINGS),)], process
    for table, evenings in by_evenings.items():
        left_out = doubted if "portfolios" in table or "_05_" in table else set()
        before, after = _without(evenings, left_out), _without(_rows(stack, table), left_out)
        assert before.keys() == after.keys(), table
        assert [(before[key], after[key]) for key in before if not _same(before[key], after[key])] == [], table
    assert stack.rows("SELECT DISTINCT origin FROM analytics_portfolios") == [("live",)]


def _evening(session: date) -> str:
    return f"{close_of(session) + AFTER_CLOSE:%Y-%m-%dT%H:%M:%SZ}"


def _rows(stack: Stack, table: str) -> Rows:
    """Key → the other columns, without who wrote the row and when, and the number of its revision."""
    columns = [
        name
        for (name,) in stack.rows(
            f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
        )
        if name not in WHO_AND_WHEN | {"revision"}
    ]
    found = [dict(zip(columns, row, strict=True)) for row in stack.rows(f"SELECT {', '.join(columns)} FROM {table}")]
    return {tuple(row[name] for name in TABLES[table]): row for row in found}


def _without(rows: Rows, sessions: set[date]) -> Rows:
    return {key: row for key, row in rows.items() if row.get("as_of_date") not in sessions}


def _same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return all(
        isclose(one, after[name], **RESTATED)
        if isinstance(one, float | Decimal) and after[name] is not None
        else one == after[name]
        for name, one in before.items()
    )
