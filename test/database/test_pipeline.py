"""The session of a DAG run is decided once; what a session has that may be built upon."""

from collections.abc import Iterator
from datetime import date

import pytest

from database import ledger, pipeline
from database.connection import Connection, connect
from test.conftest import Database

D, NEXT = date(2025, 12, 30), date(2025, 12, 31)
BARS, HOLDINGS = "benchmark_etf_bars", "trending_etf_holdings"


def test_the_first_decision_is_kept_by_retries_and_clears(database: Database) -> None:
    with connect(database.settings("pipeline")) as connection:
        assert pipeline.resolve(connection, "dag/run", date(2025, 12, 30)) == date(2025, 12, 30)
        assert pipeline.resolve(connection, "dag/run", date(2025, 12, 31)) == date(2025, 12, 30)
        assert pipeline.resolve(connection, "other/run", date(2025, 12, 31)) == date(2025, 12, 31)
        with pytest.raises(pipeline.NotResolved, match="first task"):
            pipeline.resolved(connection, "dag/unknown")


def test_what_is_missing_is_named_in_order(database: Database) -> None:
    with connect(database.settings("pipeline")) as connection:
        assert pipeline.missing(connection, ["b", "a"], date(2025, 12, 30)) == ["b", "a"]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with connect(database.settings("pipeline")) as opened:
        yield opened


def ran(database: Database, process: str, session: date, *, error: str | None = None) -> None:
    with connect(database.settings("batch")) as writing:
        ledger.open_run(writing, process=process, as_of_date=session).close(error=error)


def trending(database: Database, session: date) -> None:
    with connect(database.settings("batch")) as writing:
        writing.execute(
            """INSERT INTO analytics_03_trending_etfs (as_of_date, etf_ticker, period_days, etf_type, return_pct,
                   spy_return_pct, outperformance, is_trending, run_id)
               VALUES (%s, 'SPY', 5, 'benchmark', 1, 1, 0, false, 'test')""",
            (session,),
        )


def portfolios(database: Database, session: date, *strategies: str) -> None:
    with connect(database.settings("batch")) as writing:
        for strategy in strategies:
            writing.execute(
                """INSERT INTO analytics_portfolios (strategy, as_of_date, revision, status, origin, positions,
                       left_out, first_published_at, published_at, computed_at, run_id)
                   VALUES (%s, %s, 1, 'empty', 'simulated', 0, '[]', now(), now(), now(), 'test')""",
                (strategy, session),
            )


def test_a_later_run_has_brought_the_etfs_bars_of_an_earlier_session(
    database: Database, connection: Connection
) -> None:
    ran(database, BARS, D, error="the source was away")
    assert pipeline.missing(connection, [BARS], D) == [BARS]
    ran(database, BARS, NEXT)
    assert pipeline.missing(connection, [BARS], D) == []
    ran(database, HOLDINGS, NEXT)
    assert pipeline.missing(connection, [HOLDINGS], D) == [HOLDINGS], "lists are those of their day"


def test_a_session_that_was_made_up_or_is_one_of_a_range_has_results_and_no_run(
    database: Database, connection: Connection
) -> None:
    needed = ["trending_etfs", HOLDINGS, "needed_stocks", "portfolio_allocation"]
    ran(database, "trending_etfs", D, error="SPY has no bar")
    ran(database, "trending_etfs", NEXT)
    assert pipeline.missing(connection, needed, D) == needed
    trending(database, D)
    portfolios(database, D, "monthly")  # of another kind of day
    assert pipeline.missing(connection, needed, D) == needed[1:]
    portfolios(database, D, "5d", "10d", "20d")
    assert pipeline.missing(connection, needed, D) == []
    assert pipeline.missing(connection, needed, NEXT) == needed[1:]


def test_what_was_tried_for_a_session_and_failed_is_waited_for_although_it_has_portfolios(
    database: Database, connection: Connection
) -> None:
    portfolios(database, D, "5d", "10d", "20d")
    ran(database, "needed_stocks", D, error="the source was away")
    assert pipeline.missing(connection, [HOLDINGS, "needed_stocks"], D) == ["needed_stocks"]
    ran(database, "needed_stocks", D)
    assert pipeline.missing(connection, [HOLDINGS, "needed_stocks"], D) == []
