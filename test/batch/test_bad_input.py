"""Bad input, from the tables or from a person: left out and named, never NaN, never a silent zero, never a trace."""

import sys
from datetime import timedelta
from decimal import Decimal
from types import ModuleType

import psycopg
import pytest
from psycopg import sql
from pyspark.sql import SparkSession

from batch import (
    batch_monthly_sector_analyzer,
    spark_01_trending_etf_identifier,
    spark_02_active_stock_allocator,
    spark_03_etf_top_holdings,
    spark_04_monthly_portfolio_rebalancer,
    spark_05_portfolio_performance,
)
from batch.stage import run_batch
from database import trending
from test.batch.programs import ETFS_TABLE, FETCHED, STOCKS, Clock, Row, shared_session, write_bar
from test.conftest import Database
from test.e2e.market import D
from utils.program import FAILED, USAGE
from utils.sessions import close_of, month_start, next_session, session_offset

DAILY = (
    spark_01_trending_etf_identifier,
    spark_02_active_stock_allocator,
    spark_03_etf_top_holdings,
    spark_05_portfolio_performance,
)
ALL = (*DAILY, spark_04_monthly_portfolio_rebalancer, batch_monthly_sector_analyzer)


def name_of(program: ModuleType) -> str:
    return program.__name__.removeprefix("batch.")


# What a person asks for. D, 2025-12-30, is the newest closed session; the day after it is the 31st.

DAYS = [
    ("--as-of 2025-12-31", "2025-12-31 has not closed yet: the last closed session is 2025-12-30"),
    ("--as-of 2099-01-02", "2099-01-02 has not closed yet: the last closed session is 2025-12-30"),
    ("--as-of 2025-12-25", "2025-12-25 is not a session of the New York Stock Exchange"),
    ("--as-of 2000-02-15", "2000-02-15 is before the first session that can be computed, 2002-01-02"),
    ("--from 2025-12-30 --to 2025-12-29", "--from 2025-12-30 is after --to 2025-12-29"),
    ("--from 2025-12-29 --to 2025-12-31", "2025-12-31 has not closed yet: the last closed session is 2025-12-30"),
    ("--from 2025-12-28 --to 2025-12-30", "2025-12-28 is not a session of the New York Stock Exchange"),
    ("--from 2000-01-03 --to 2025-12-30", "2000-01-03 is before the first session that can be computed, 2002-01-02"),
]
SUNDAYS = [
    ("--rebalance-date 2026-01-25", "--rebalance-date 2026-01-25 is in the future: today is 2025-12-30"),
    (
        "--rebalance-date 2025-12-21",
        "--rebalance-date 2025-12-21 is not the last Sunday of its month, 2025-12-28: add --force to rebalance on it",
    ),
    ("--from 2025-12-28 --to 2025-11-30", "--from 2025-12-28 is after --to 2025-11-30"),
    ("--from 2025-12-01 --to 2099-01-02", "--to 2099-01-02 is in the future: today is 2025-12-30"),
    ("--from 1600-01-01 --to 2025-12-28", "1600-01-01 is before the first day that can be computed, 2002-01-02"),
    ("--rebalance-date 1990-01-28", "1990-01-28 is before the first day that can be computed, 2002-01-02"),
    ("--from 2025-12-01 --to 2025-12-27", "no month's last Sunday lies between 2025-12-01 and 2025-12-27"),
]
MONTHS = [
    ("--month 2026-01", "2026-01 has no closed session yet: the last is 2025-12-30"),
    ("--month 2099-01", "2099-01 has no closed session yet: the last is 2025-12-30"),
    ("--month 2001-12", "2001-12 is before the first month that can be computed, 2002-01"),
    ("--from 2025-12 --to 2025-11", "--from 2025-12 is after --to 2025-11"),
    ("--from 2025-12 --to 2026-01", "2026-01 has no closed session yet: the last is 2025-12-30"),
]
CASES = [
    *((program, *day) for program in DAILY for day in DAYS),
    *((spark_04_monthly_portfolio_rebalancer, *day) for day in SUNDAYS),
    *((batch_monthly_sector_analyzer, *month) for month in MONTHS),
]
DAY, MONTH = "YYYY-MM-DD", "YYYY-MM"
NO_DATES = [
    *((program, f"--as-of {text}", DAY) for program in DAILY for text in ("2025-02-30", "20251230", "2025-W52-2")),
    *((program, "--from tomorrow --to 2025-12-30", DAY) for program in DAILY),
    (spark_04_monthly_portfolio_rebalancer, "--rebalance-date 2025-02-30", DAY),
    (spark_04_monthly_portfolio_rebalancer, "--from 2025-W48-7 --to 2025-12-30", DAY),
    *(
        (batch_monthly_sector_analyzer, f"--month {text}", MONTH)
        for text in ("2025-13", "2025-W05", "2025-1", "202512", "2025-12-30")
    ),
    (batch_monthly_sector_analyzer, "--from tomorrow --to 2025-12", MONTH),
]


@pytest.fixture
def evening(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """An hour after the close of D."""
    monkeypatch.setenv("PLATFORM_NOW_URL", f"http://127.0.0.1:{clock.server_port}/")
    return clock


def said(
    program: ModuleType, arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int | str | None, str]:
    """Exit code and stderr of the program as a person runs it; of a test without a database, none may be needed."""
    monkeypatch.setattr(sys, "argv", [f"{name_of(program)}.py", *arguments.split()])
    with pytest.raises(SystemExit) as end:
        run_batch(program.main)
    return end.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "arguments", "line"), CASES, ids=[f"{name_of(program)} {arguments}" for program, arguments, _ in CASES]
)
def test_a_date_that_cannot_be_is_one_line(
    evening: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    program: ModuleType,
    arguments: str,
    line: str,
) -> None:
    assert said(program, arguments, monkeypatch, capsys) == (USAGE, f"{name_of(program)}.py: {line}\n")


@pytest.mark.parametrize(
    ("program", "arguments", "expected"),
    NO_DATES,
    ids=[f"{name_of(program)} {arguments}" for program, arguments, _ in NO_DATES],
)
def test_what_is_no_date_is_named_beside_the_usage(
    evening: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    program: ModuleType,
    arguments: str,
    expected: str,
) -> None:
    code, stderr = said(program, arguments, monkeypatch, capsys)
    name, text = arguments.split()[:2]
    assert code == USAGE
    assert stderr.startswith(f"usage: {name_of(program)}.py")
    assert stderr.splitlines()[-1] == (
        f"{name_of(program)}.py: error: argument {name}: expected {expected}, got '{text}'"
    )


# What stands in the tables.

LEFT_OUT = """SELECT strategy, status, positions, left_out FROM analytics_portfolios WHERE as_of_date = %s ORDER BY 1"""
# Closes at the last session of November and 20, 10, 5 and 0 sessions before D.
PRICES = {
    "NOEND": (100, 100, 100, 100, None),
    "NOSTART": (None, None, None, None, 120),
    "ZERO": (0, 0, 0, 0, 120),
    "NOQUOTE": (100, 100, 100, 100, 120),
    "PESO": (100, 100, 100, 100, 120),
}


@pytest.fixture
def bad(market: psycopg.Connection[Row]) -> psycopg.Connection[Row]:
    """QQQ lists a stock of each kind before AAA, the last of its five; XLF's list is 45 days old, XLV's 46. XLB has no
    bar on D, XLP one of price zero five sessions before.
    """
    days = [month_start(D), *(session_offset(D, -count) for count in (20, 10, 5, 0))]
    for ticker, prices in PRICES.items():
        for day, price in zip(days, prices, strict=True):
            if price is not None:
                write_bar(market, STOCKS, ticker, day, price)
        market.execute(
            """INSERT INTO collected_00_meta_stock (ticker, company_name, quote_type, sector, currency, exchange,
                   fetched_at, changed_at, run_id) VALUES (%s, %s, 'EQUITY', 'Energy', %s, 'NYQ', %s, %s, 'test')""",
            (ticker, f"{ticker} Inc", "MXN" if ticker == "PESO" else "USD", FETCHED, FETCHED),
        )
        if ticker != "NOQUOTE":
            market.execute(
                """INSERT INTO collected_00_market_cap (ticker, session_date, market_cap, currency, quote_price,
                       quoted_at, fetched_at, changed_at, run_id) VALUES (%s, %s, 1e12, %s, 120, %s, %s, %s, 'test')""",
                (ticker, D, "MXN" if ticker == "PESO" else "USD", *3 * [FETCHED]),
            )
    market.execute(f"UPDATE {STOCKS} SET currency = 'MXN' WHERE ticker = 'PESO'")
    market.execute("DELETE FROM collected_04_etf_holdings WHERE holding_ticker = 'BBB'")
    for rank, (ticker, percent) in enumerate(zip(PRICES, (19, 18, 17, 16, 15), strict=True), start=10):
        market.execute(
            """INSERT INTO collected_04_etf_holdings (etf_ticker, holding_ticker, as_of_date, holding_name,
                   holding_percent, holding_rank, source, fetched_at, changed_at, run_id)
               VALUES ('QQQ', %s, %s, %s, %s, %s, 'test', %s, %s, 'test')""",
            (ticker, D, ticker, percent, rank, FETCHED, FETCHED),
        )
    for etf, age in (("XLF", 45), ("XLV", 46)):
        market.execute(
            "UPDATE collected_04_etf_holdings SET as_of_date = %s WHERE etf_ticker = %s", (D - timedelta(days=age), etf)
        )
    market.execute(f"DELETE FROM {ETFS_TABLE} WHERE ticker = 'XLB' AND trade_date = %s", (D,))
    market.execute(
        f"UPDATE {ETFS_TABLE} SET close_price = 0, adj_close_price = 0 WHERE ticker = 'XLP' AND trade_date = %s",
        (session_offset(D, -5),),
    )
    return market


@pytest.fixture
def in_process(evening: Clock, database: Database, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs' main functions run here, with this session of Spark, as role batch."""
    database.as_role("batch", monkeypatch)
    for program in ALL:
        monkeypatch.setattr(program, "spark_session", shared_session(spark))


def without_nan(server: psycopg.Connection[Row]) -> int:
    """How many numeric columns of results there are; none of them holds NaN or ±∞."""
    columns = server.execute(
        """SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables
               USING (table_schema, table_name)
           WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name LIKE 'analytics%'
             AND data_type = 'numeric'"""
    ).fetchall()
    for table, column in columns:
        query = sql.SQL("SELECT count(*) FROM {} WHERE {} IN ('NaN', 'Infinity', '-Infinity')")
        found = server.execute(query.format(sql.Identifier(table), sql.Identifier(column))).fetchone()
        assert found == (0,), f"{table}.{column}"
    return len(columns)


def test_an_evening_of_bad_input(
    in_process: None, bad: psycopg.Connection[Row], capsys: pytest.CaptureFixture[str]
) -> None:
    # Stage 3: both ETFs are named, and have no row where they have no return.
    assert spark_01_trending_etf_identifier.main([f"--as-of={D}"]) == 0
    line = capsys.readouterr().out
    assert f"{D} XLB has no bar at one of the ends (5, 10, 20 sessions); XLP has no bar at one of the ends (5 s" in line
    assert bad.execute(
        """SELECT etf_ticker, period_days, return_pct FROM analytics_03_trending_etfs
           WHERE etf_ticker IN ('XLB', 'XLP') AND as_of_date = %s ORDER BY 2""",
        (D,),
    ).fetchall() == [("XLP", 10, Decimal(0)), ("XLP", 20, Decimal(0))]

    # Stage 5: XLF's list of 45 days serves; every other stands in its header, with the reason.
    assert spark_02_active_stock_allocator.main([f"--as-of={D}"]) == 0
    lacking = [
        {"etf": "QQQ", "ticker": ticker, "reason": reason}
        for ticker, reason in (
            ("NOEND", "no_return"),
            ("NOQUOTE", "no_market_cap"),
            ("NOSTART", "no_return"),
            ("PESO", "no_market_cap"),
            ("ZERO", "no_return"),
        )
    ]
    assert bad.execute(
        """SELECT check_name, ticker FROM data_quality_findings
           WHERE session = %s AND run_id LIKE 'portfolio_allocation%%' ORDER BY 1, 2""",
        (D,),
    ).fetchall() == [("currency without a rate", "MXN"), ("no snapshot", "XLV")]
    no_bar = [{"etf": "XLB", "ticker": None, "reason": "no_return"}]
    zero_price = [{"etf": "XLP", "ticker": None, "reason": "no_return"}]
    too_old = [{"etf": "XLV", "ticker": None, "reason": "no_holdings"}]
    assert bad.execute(LEFT_OUT, (D,)).fetchall() == [
        ("10d", "partial", 1, lacking + no_bar + too_old),  # XLV trends over 5 and 10 sessions
        ("20d", "partial", 1, lacking + no_bar),
        ("5d", "partial", 1, lacking + no_bar + zero_price + too_old),
    ]
    assert bad.execute(
        """SELECT ticker, portfolio_weight FROM analytics_05_portfolio_allocation
           WHERE (as_of_date, period_days) = (%s, 20)""",
        (D,),
    ).fetchall() == [("CCC", Decimal(1))]
    assert bad.execute(
        """SELECT ticker, return_pct, market_cap FROM analytics_05_candidates
           WHERE (as_of_date, period_days, etf_ticker) = (%s, 20, 'QQQ') ORDER BY 1""",
        (D,),
    ).fetchall() == [
        ("NOEND", None, None),
        ("NOQUOTE", Decimal(20), None),
        ("NOSTART", None, Decimal(10**12)),
        ("PESO", Decimal(20), None),
        ("ZERO", None, Decimal(10**12)),
    ]

    # Stage 8: CCC is held, and its return cannot be computed any more.
    bad.execute(f"DELETE FROM {STOCKS} WHERE ticker = 'CCC' AND trade_date = %s", (session_offset(D, -20),))
    capsys.readouterr()
    assert spark_04_monthly_portfolio_rebalancer.main([f"--rebalance-date={D}", "--force"]) == 0
    assert f"left out: {D} CCC has no bar at one of the ends (20 sessions)" in capsys.readouterr().out
    assert bad.execute(
        "SELECT ticker, return_20d FROM analytics_08_monthly_portfolio ORDER BY final_rank"
    ).fetchall() == [
        ("CCC", None),
        ("900010.KS", Decimal(4)),
    ]

    # Stage 9: the same stocks, named; what has a return has a row, without what is not known.
    capsys.readouterr()
    assert spark_03_etf_top_holdings.main([f"--as-of={D}"]) == 0
    line = capsys.readouterr().out
    assert ", XLV, XLY: no list with a usable holding, at most 45 days old" in line
    assert "XLF" not in line
    assert f"{D} without a market cap that may serve: NOQUOTE, PESO (no rate of MXN)" in line
    for ticker in ("NOEND", "NOSTART", "ZERO"):
        assert f"{ticker} has no bar at one of the ends (5, 10, 20 sessions)" in line
    assert bad.execute(
        """SELECT holding_ticker, total_return, avg_return, volatility, sharpe_ratio, market_cap
           FROM analytics_09_etf_top_holdings WHERE period_days = 20 AND etf_ticker = 'QQQ' ORDER BY rank_position"""
    ).fetchall() == [
        ("NOQUOTE", Decimal(20), None, None, None, None),  # three daily returns are too few
        ("PESO", Decimal(20), None, None, None, None),
        ("AAA", Decimal(10), Decimal("0.488462"), Decimal("1.530602"), Decimal("5.066036"), Decimal(10**12)),
    ]

    # The month, from the last session of November.
    assert batch_monthly_sector_analyzer.main(["--month=2025-12"]) == 0
    line = capsys.readouterr().out
    for ticker in ("XLB", "NOEND", "NOSTART", "ZERO"):
        assert f"{ticker} has no bar at one of the ends (month)" in line
    assert bad.execute(
        "SELECT ticker, avg_monthly_return FROM analytics_stock_trending WHERE sector = 'Energy' ORDER BY 1"
    ).fetchall() == [("NOQUOTE", Decimal(20)), ("PESO", Decimal(20))]

    assert spark_05_portfolio_performance.main([f"--as-of={D}"]) == 0
    assert without_nan(bad) > 40


def test_a_database_that_goes_half_way_is_one_line(
    in_process: None,
    market: psycopg.Connection[Row],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ended(connection: psycopg.Connection[Row], *_: object, **__: object) -> None:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(trending, "replace_trending", ended)
    code, err = said(spark_01_trending_etf_identifier, f"--as-of {D}", monkeypatch, capsys)
    line = "spark_01_trending_etf_identifier.py: terminating connection due to administrator command"
    assert (code, err.splitlines()[-1], "Traceback" in err) == (FAILED, line, False)
    assert market.execute("SELECT count(*) FROM analytics_03_trending_etfs").fetchone() == (0,)


def test_a_weight_of_zero_is_published_merged_and_followed(
    in_process: None, evening: Clock, market: psycopg.Connection[Row]
) -> None:
    """CCC at a market cap of ten dollars: AAA's share is 1e-11, and rounds to nothing."""
    market.execute("UPDATE collected_00_market_cap SET market_cap = 10 WHERE ticker = 'CCC'")
    assert spark_01_trending_etf_identifier.main([f"--as-of={D}"]) == 0
    assert spark_02_active_stock_allocator.main([f"--as-of={D}"]) == 0
    assert market.execute(
        """SELECT rank, ticker, portfolio_weight, allocation_score FROM analytics_05_portfolio_allocation
           WHERE (as_of_date, period_days) = (%s, 20) ORDER BY 1""",
        (D,),
    ).fetchall() == [(1, "CCC", Decimal(1), Decimal(10**12)), (2, "AAA", Decimal(0), Decimal(10))]
    assert market.execute(
        "SELECT status, positions FROM analytics_portfolios WHERE (as_of_date, strategy) = (%s, '20d')", (D,)
    ).fetchall() == [("complete", 2)]

    assert spark_04_monthly_portfolio_rebalancer.main([f"--rebalance-date={D}", "--force"]) == 0
    assert market.execute(
        "SELECT ticker, source_periods, final_rank FROM analytics_08_monthly_portfolio ORDER BY 3"
    ).fetchall() == [("AAA", "20d,10d,5d", 1), ("CCC", "20d", 2), ("900010.KS", "10d,5d", 20)]

    # Bought on the next session; on the one after it CCC rises by 10 %, and AAA by 100.
    bought = next_session(D)
    held = next_session(bought)
    for ticker, day, price in (("CCC", bought, 33), ("AAA", bought, 55), ("CCC", held, 36.3), ("AAA", held, 110)):
        write_bar(market, STOCKS, ticker, day, price)
    evening.now = close_of(held) + timedelta(hours=1)
    assert spark_05_portfolio_performance.main([f"--as-of={held}"]) == 0
    assert market.execute(
        """SELECT trade_date, daily_return, turnover, positions FROM analytics_portfolio_performance
           WHERE strategy = '20d' ORDER BY 1"""
    ).fetchall() == [(bought, None, Decimal(1), 2), (held, Decimal(10), Decimal(0), 2)]
