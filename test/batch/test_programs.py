"""Stages 3 and 5 as programs on a real database: the market of the end-to-end test, computed by hand."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from test.batch.programs import (
    ALLOCATOR,
    MONTHS,
    PERFORMANCE,
    REBALANCER,
    STOCKS,
    TOP_HOLDINGS,
    TRENDING,
    Clock,
    Row,
    Run,
    succeed,
)
from test.conftest import REPO, Database
from test.e2e import market as market_by_hand
from test.e2e.market import D
from utils.program import ALREADY_COMPLETE, FAILED, USAGE
from utils.sessions import close_of, next_session, session_offset

pytestmark = pytest.mark.timeout(600)

TRENDS = """SELECT as_of_date, period_days, etf_ticker, return_pct, spy_return_pct, outperformance,
                   rank_by_outperformance, is_trending FROM analytics_03_trending_etfs ORDER BY 1, 2, 3"""
POSITIONS = """SELECT as_of_date, period_days, rank, ticker, return_pct, market_cap, portfolio_weight, source_etfs,
                      sector
               FROM analytics_05_portfolio_allocation ORDER BY 1, 2, 3"""
HEADERS = """SELECT as_of_date, strategy, revision, status, origin, positions, trending_etfs, left_out
             FROM analytics_portfolios ORDER BY 1, 2"""


def test_an_evening_and_what_comes_after_it(run: Run, clock: Clock, market: psycopg.Connection[Row]) -> None:
    """One database through its days: each step begins where the one before ended, as programs are slow to start."""
    # Stage 5 without stage 3 says so, and writes nothing.
    early = run(ALLOCATOR)
    assert early.returncode == FAILED
    assert "no result of stage 3" in early.stderr
    assert market.execute(HEADERS).fetchall() == []

    # The evening of D. Ten sessions before it have 20 sessions of history, too.
    said = succeed(run, TRENDING)
    assert "success: asked 11, stored 11" in said
    trending = market.execute(
        f"""SELECT period_days, etf_ticker, return_pct, outperformance, rank_by_outperformance
            FROM analytics_03_trending_etfs WHERE as_of_date = '{D}' AND is_trending ORDER BY 1, 5"""
    ).fetchall()
    assert trending == market_by_hand.TRENDING

    assert "success: asked 1, stored 1" in succeed(run, ALLOCATOR)  # no list before D: nothing to make up
    evening = market.execute(POSITIONS).fetchall()
    assert evening == [(D, *position) for position in market_by_hand.POSITIONS]
    assert market.execute(HEADERS).fetchall() == [
        (D, "10d", 1, "complete", "live", 2, 3, []),
        (D, "20d", 1, "complete", "live", 2, 2, []),
        (D, "5d", 1, "complete", "live", 2, 4, []),
    ]

    # Again: nothing to do. A pure restatement of adjusted closes moves no changed_at, so it is nothing to do either.
    market.execute(f"UPDATE {STOCKS} SET adj_close_price = adj_close_price * 1.01, fetched_at = now()")
    for program in (TRENDING, ALLOCATOR):
        assert run(program).returncode == ALREADY_COMPLETE
    market.execute(f"UPDATE {STOCKS} SET adj_close_price = adj_close_price / 1.01")

    # After the next close CCC's cap turns out to have been another: a second revision, which stays live.
    clock.now = close_of(next_session(D)) + timedelta(minutes=10)
    market.execute(
        "UPDATE collected_00_market_cap SET market_cap = 1e12, changed_at = %s WHERE ticker = 'CCC'", (_soon(),)
    )
    succeed(run, ALLOCATOR, "--as-of", D.isoformat())
    assert market.execute(HEADERS).fetchall() == [
        (D, "10d", 1, "complete", "live", 2, 3, []),
        (D, "20d", 2, "complete", "live", 2, 2, []),
        (D, "5d", 1, "complete", "live", 2, 4, []),
    ]
    assert market.execute(
        "SELECT strategy, revision, positions -> 0 ->> 'ticker' FROM analytics_portfolio_revisions"
    ).fetchall() == [("20d", 1, "CCC")]

    # A range gives the same rows as one run a session, and touches no revision that stays the same.
    before, headers = market.execute(TRENDS).fetchall(), market.execute(HEADERS).fetchall()
    positions = market.execute(POSITIONS).fetchall()
    days = ("--from", session_offset(D, -3).isoformat(), "--to", D.isoformat())
    succeed(run, TRENDING, *days)
    assert market.execute(TRENDS).fetchall() == before
    succeed(run, ALLOCATOR, *days)
    assert [row for row in market.execute(HEADERS).fetchall() if row[0] == D] == headers
    assert [row for row in market.execute(POSITIONS).fetchall() if row[0] == D] == positions
    # Before the first list every trending ETF is named, and there is no position.
    early_headers = [row for row in market.execute(HEADERS).fetchall() if row[0] == session_offset(D, -1)]
    assert {(status, origin, held) for _, _, _, status, origin, held, _, _ in early_headers} == {
        ("partial", "simulated", 0)
    }

    # SPY's bar of D falls in doubt: the stage fails, and what was published stays.
    market.execute(
        """UPDATE collected_01_daily_etf_ohlc SET doubt = 'move', doubt_value = close_price, changed_at = %s
           WHERE ticker = 'SPY' AND trade_date = %s""",
        (_soon(), D),
    )
    failed = run(TRENDING, "--as-of", D.isoformat())
    assert failed.returncode == FAILED
    assert failed.stderr.splitlines()[-1].endswith(f"{D}: SPY has a bar in doubt (5, 10, 20 sessions)")
    assert market.execute(TRENDS).fetchall() == before

    runs = market.execute("SELECT status, requested = stored + failed FROM process_executions").fetchall()
    assert all(adds_up for _, adds_up in runs)
    assert not {"running"} & {status for status, _ in runs}


def _soon() -> datetime:
    """An instant after every run so far, in wall time."""
    return datetime.now().astimezone() + timedelta(seconds=1)


@pytest.mark.parametrize("program", [TRENDING, ALLOCATOR, TOP_HOLDINGS, REBALANCER, PERFORMANCE, MONTHS])
def test_in_a_process_of_its_own_a_mistake_is_one_line(program: str) -> None:
    first, last = ("2025-12", "2025-11") if program == MONTHS else ("2025-12-30", "2025-12-29")
    done = subprocess.run(
        [sys.executable, program, "--from", first, "--to", last],
        cwd=REPO,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert done.stderr == f"{Path(program).name}: --from {first} is after --to {last}\n"


def test_what_breaks_in_java_is_one_line_and_ends_the_run(
    database: Database, clock: Clock, market: psycopg.Connection[Row], tmp_path: Path
) -> None:
    no_jar = {"SPARK_JDBC_JAR": str(tmp_path / "no.jar"), "PLATFORM_NOW_URL": f"http://127.0.0.1:{clock.server_port}/"}
    done = subprocess.run(
        [sys.executable, TRENDING],
        cwd=REPO,
        env=os.environ | database.environment("batch") | {"PYTHONPATH": str(REPO)} | no_jar,
        capture_output=True,
        text=True,
        check=False,
    )
    says = "Spark: java.lang.ClassNotFoundException: org.postgresql.Driver"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (FAILED, f"{Path(TRENDING).name}: {says}")
    runs = market.execute("SELECT status, error FROM process_executions").fetchall()
    items = market.execute("SELECT DISTINCT status, error FROM asset_processing_details").fetchall()
    assert (runs, items) == ([("failed", says)], [("failed", says)])


def test_a_range_without_stage_3_for_its_last_session_has_the_others(run: Run, market: psycopg.Connection[Row]) -> None:
    before = session_offset(D, -1)
    succeed(run, TRENDING, "--from", before.isoformat(), "--to", before.isoformat())
    done = run(ALLOCATOR, "--from", before.isoformat(), "--to", D.isoformat())
    assert done.returncode == FAILED
    assert "portfolio_allocation: no result of stage 3, run spark_01_trending_etf_identifier.py first" in done.stdout
    assert market.execute("SELECT DISTINCT as_of_date FROM analytics_portfolios").fetchall() == [(before,)]


def test_a_day_that_cannot_be_is_one_line(run: Run, database: Database) -> None:
    done = run(TRENDING, "--as-of", next_session(D).isoformat())
    assert done.returncode == USAGE
    assert done.stderr.strip() == (
        f"spark_01_trending_etf_identifier.py: {next_session(D)} has not closed yet: the last closed session is {D}"
    )
