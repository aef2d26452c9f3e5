"""A month, evening after evening through the real Airflow, against the same month computed as one range.

Rules 1: running a past date today gives the same rows as running it then. Between the first evening and the last the
market pays dividends, splits and halts; nothing of that may move what was published.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from test.e2e.stack import Stack, running_stack
from test.replay.generator import FEWEST_SESSIONS, FEWEST_STOCKS, generate
from utils.sessions import close_of, sessions_until

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(7200)]

CONTROLLER = "daily_pipeline_controller"
LAST = date(2025, 12, 30)
EVENINGS = sessions_until(LAST, 21)
AFTER_CLOSE = timedelta(hours=2)

# table: its natural key, and besides it what a reader gets; who wrote a row, and when, may differ
TABLES = {
    "analytics_03_trending_etfs": "as_of_date, period_days, etf_ticker",
    "analytics_portfolios": "strategy, as_of_date",
    "analytics_portfolio_revisions": "strategy, as_of_date, revision",
    "analytics_05_portfolio_allocation": "as_of_date, period_days, rank",
    "analytics_05_candidates": "as_of_date, period_days, etf_ticker, ticker",
    "analytics_portfolio_performance": "strategy, origin, trade_date",
}
WHO_AND_WHEN = frozenset({"run_id", "created_at", "updated_at", "computed_at", "published_at", "first_published_at"})


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


def test_the_month_as_one_range_changes_no_row(stack: Stack) -> None:
    evening_by_evening = {table: _rows(stack, table) for table in TABLES}
    assert all(evening_by_evening[table] for table in TABLES if table != "analytics_portfolio_revisions")
    span = ("--from", f"{EVENINGS[0]}", "--to", f"{EVENINGS[-1]}")
    for program in (
        "batch/spark_01_trending_etf_identifier.py",
        "batch/spark_02_active_stock_allocator.py",
        "batch/spark_05_portfolio_performance.py",
    ):
        stack.command("run", program, *span)
    different = {
        table: (sorted(set(before) - set(after)), sorted(set(after) - set(before)))
        for table, before in evening_by_evening.items()
        if (after := _rows(stack, table)) != before
    }
    assert different == {}


def _evening(session: date) -> str:
    return f"{close_of(session) + AFTER_CLOSE:%Y-%m-%dT%H:%M:%SZ}"


def _rows(stack: Stack, table: str) -> list[str]:
    """Every row as text, in the order of its key, without who wrote it and when."""
    columns = [
        name
        for (name,) in stack.rows(
            f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
        )
        if name not in WHO_AND_WHEN
    ]
    return [
        row for (row,) in stack.rows(f"SELECT row({', '.join(columns)})::text FROM {table} ORDER BY {TABLES[table]}")
    ]
