"""Top holdings, and months and sectors, as programs on a real database: the end-to-end market, computed by hand."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from pyspark.sql import DataFrame, SparkSession

from batch import batch_monthly_sector_analyzer, spark_03_etf_top_holdings
from config.universe import tickers_of
from test.batch.programs import ETFS_TABLE, FETCHED, MONTHS, STOCKS, TOP_HOLDINGS, Clock, Row, Run, succeed, write_bar
from test.conftest import Database
from test.e2e.market import LEVELS, D
from utils.program import ALREADY_COMPLETE, FAILED, SUCCESS, USAGE
from utils.sessions import close_of, next_session, session_offset, sessions_between

pytestmark = pytest.mark.timeout(600)

HOLDINGS = """SELECT period_days, rank_position, holding_ticker, holding_sector, total_return, avg_return, volatility,
                     sharpe_ratio, observations, avg_volume, current_price, market_cap
              FROM analytics_09_etf_top_holdings WHERE as_of_date = %s AND etf_ticker = %s ORDER BY 1, 2"""
CONCENTRATION = """SELECT etf_ticker, top_1_weight, top_5_weight, herfindahl_index, effective_holdings_min,
                          effective_holdings_max, covered_weight, holdings_as_of
                   FROM analytics_09_etf_concentration WHERE as_of_date = %s ORDER BY 1"""
OVERLAP = """SELECT etf_ticker, other_etf_ticker, shared_count, overlap_weight, covered_weight, other_covered_weight
             FROM analytics_09_etf_overlap WHERE as_of_date = %s AND shared_count > 0 ORDER BY 1, 2"""
SECTORS = """SELECT sector, stock_count, avg_monthly_return, volatility, positive_days, total_trading_days,
                    positive_rate, best_day, worst_day, is_trending
             FROM analytics_sector_trending WHERE (year, month) = (%s, %s) ORDER BY 1"""
STOCK_MONTHS = """SELECT ticker, sector, avg_monthly_return, vs_sector, volatility, total_volume, month_high, month_low,
                         trading_days, is_trending
                  FROM analytics_stock_trending WHERE (year, month) = (%s, %s) ORDER BY 1"""
MONTHS_STORED = "SELECT year, month, is_partial, count(*) FROM analytics_etf_monthly GROUP BY 1, 2, 3 ORDER BY 1, 2"
FINDINGS = "SELECT DISTINCT check_name, ticker, severity FROM data_quality_findings WHERE session = %s ORDER BY 1, 2"


def number(text: str) -> Decimal:
    return Decimal(text)


def _soon() -> datetime:
    """An instant after every run so far, in wall time."""
    return datetime.now().astimezone() + timedelta(seconds=1)


def _list_of(server: psycopg.Connection[Row], etf: str, day: date, *holdings: tuple[str, float]) -> None:
    for rank, (ticker, percent) in enumerate(holdings, start=1):
        server.execute(
            """INSERT INTO collected_04_etf_holdings (etf_ticker, holding_ticker, as_of_date, holding_name,
                   holding_percent, holding_rank, source, fetched_at, changed_at, run_id)
               VALUES (%s, %s, %s, %s, %s, %s, 'test', %s, %s, 'test')""",
            (etf, ticker, day, f"{ticker} as listed", percent, rank, FETCHED, FETCHED),
        )


def test_top_holdings_of_an_evening(run: Run, market: psycopg.Connection[Row]) -> None:
    said = succeed(run, TOP_HOLDINGS)
    assert "success: asked 1, stored 1" in said
    without = ", ".join(sorted(set(tickers_of("all")) - {"QQQ", "XLF", "XLV", "EWY", "XLU"}))
    assert said.strip().endswith(f"; left out: {D} {without}: no list with a usable holding, at most 45 days old")
    assert ("no snapshot", "SPY", "warn") in market.execute(FINDINGS, (D,)).fetchall()

    # AAA: 50, then 52 from ten sessions ago, 55 from five: daily returns of 4 % and 3/52 and else 0. A single move x
    # over n sessions has mean x/n, deviation x/√n and so the ratio √(252/n).
    aaa, bbb = Decimal(10**12), Decimal(5 * 10**11)
    assert market.execute(HOLDINGS, (D, "QQQ")).fetchall() == [
        (5, 1, "AAA", "Technology", number("5.769231"), number("1.153846"), number("2.580078"), number("7.099296"),
         5, 1000, number("55.000000"), aaa),
        (5, 2, "BBB", "Technology", number("2.500000"), number("0.500000"), number("1.118034"), number("7.099296"),
         5, 1000, number("20.500000"), bbb),
        (10, 1, "AAA", "Technology", number("10.000000"), number("0.976923"), number("2.101329"), number("7.380175"),
         10, 1000, number("55.000000"), aaa),
        (10, 2, "BBB", "Technology", number("2.500000"), number("0.250000"), number("0.790569"), number("5.019960"),
         10, 1000, number("20.500000"), bbb),
        (20, 1, "AAA", "Technology", number("10.000000"), number("0.488462"), number("1.530602"), number("5.066036"),
         20, 1000, number("55.000000"), aaa),
        (20, 2, "BBB", "Technology", number("2.500000"), number("0.125000"), number("0.559017"), number("3.549648"),
         20, 1000, number("20.500000"), bbb),
    ]  # fmt: skip
    # CCC stood still for ten sessions: no volatility, no ratio.
    flat = (1, "CCC", "Financial", number("0E-6"), number("0E-6"), number("0E-6"), None)
    assert [row[1:8] for row in market.execute(HOLDINGS, (D, "XLF")).fetchall()][:2] == [flat, flat]
    korean = market.execute(HOLDINGS, (D, "EWY")).fetchone()
    assert korean is not None
    assert korean[-2:] == (number("104000.000000"), Decimal(280 * 10**9))  # won; 400 trillion × 0.0007 dollars

    # QQQ without its money market fund: 10 and 8 %. 1 / 0.0164, and 1 / (0.0164 + 0.82 × 0.08).
    assert market.execute(CONCENTRATION, (D,)).fetchall()[1] == (
        "QQQ", number("0.1000000000"), number("0.1800000000"), number("0.0164000000"), number("12.195122"),
        number("60.975610"), number("0.1800000000"), D,
    )  # fmt: skip
    assert market.execute(OVERLAP, (D,)).fetchall() == [
        ("QQQ", "XLV", 1, number("0.0500000000"), number("0.1800000000"), number("0.0500000000")),
        ("XLV", "QQQ", 1, number("0.0500000000"), number("0.0500000000"), number("0.1800000000")),
    ]

    # Again: nothing to do; nor after a pure restatement. Then BBB's bar between the ends falls in doubt.
    market.execute(f"UPDATE {STOCKS} SET adj_close_price = adj_close_price * 1.01, fetched_at = now()")
    assert run(TOP_HOLDINGS).returncode == ALREADY_COMPLETE
    market.execute(
        f"""UPDATE {STOCKS} SET doubt = 'move', doubt_value = close_price, changed_at = %s
            WHERE ticker = 'BBB' AND trade_date = %s""",
        (_soon(), session_offset(D, -6)),
    )
    said = succeed(run, TOP_HOLDINGS)
    assert f"{D} BBB has a bar in doubt (10, 20 sessions)" in said
    assert [row[:3] for row in market.execute(HOLDINGS, (D, "QQQ")).fetchall()] == [
        (5, 1, "AAA"), (5, 2, "BBB"), (10, 1, "AAA"), (20, 1, "AAA"),
    ]  # fmt: skip
    assert ("no return over 10", "BBB", "warn") in market.execute(FINDINGS, (D,)).fetchall()

    # What cannot be is one line.
    for arguments, says in (
        (("--as-of", "2025-12-27"), "2025-12-27 is not a session of the New York Stock Exchange"),
        (("--from", "2025-12-30", "--to", "2025-12-29"), "--from 2025-12-30 is after --to 2025-12-29"),
    ):
        done = run(TOP_HOLDINGS, *arguments)
        assert (done.returncode, done.stderr.strip()) == (USAGE, f"spark_03_etf_top_holdings.py: {says}")


def test_months_and_sectors_over_a_turn_of_the_year(run: Run, clock: Clock, market: psycopg.Connection[Row]) -> None:
    market.execute(f"UPDATE {STOCKS} SET high_price = close_price + 1, low_price = close_price - 1")
    # The history begins in November: no month before can be made up. December misses its last session.
    assert "success: asked 1, stored 1" in succeed(run, MONTHS)
    assert market.execute(MONTHS_STORED).fetchall() == [(2025, 12, True, 15)]
    assert market.execute(
        "SELECT return_pct, spy_return_pct FROM analytics_etf_monthly WHERE etf_ticker = 'QQQ'"
    ).fetchall() == [(number("10.000000"), number("3.000000"))]
    # Technology: AAA and BBB. Means of 2 % (4 and 0) and 4.134615 % (3/52 and 2.5 %), else 0, on 21 days.
    sectors = market.execute(SECTORS, (2025, 12)).fetchall()
    assert [row[0] for row in sectors] == ["Financial", "Industrial", "Technology", "Utilities"]
    assert sectors[2] == (
        "Technology", 2, number("6.250000"), number("0.982420"), 2, 21, number("9.523810"), number("4.134615"),
        number("0E-6"), False,
    )  # fmt: skip
    stocks = {row[0]: row[1:] for row in market.execute(STOCK_MONTHS, (2025, 12)).fetchall()}
    assert set(stocks) == {"AAA", "BBB", "CCC", "DDD", "900010.KS"}
    assert stocks["AAA"] == (
        "Technology", number("10.000000"), number("3.750000"), number("1.495650"), 21_000, number("56.000000"),
        number("49.000000"), 21, True,
    )  # fmt: skip
    assert stocks["CCC"][-1] is False  # alone in its sector: not above the mean
    assert run(MONTHS).returncode == ALREADY_COMPLETE

    # The year's last session has closed, and its bars are not there yet: what stands stays.
    clock.now = close_of(next_session(D)) + timedelta(hours=1)
    failed = run(MONTHS)
    assert failed.returncode == FAILED
    assert failed.stderr.splitlines()[-1].endswith("2025-12-31: SPY has no bar at one of the ends (month)")
    assert market.execute(MONTHS_STORED).fetchall() == [(2025, 12, True, 15)]

    # In January: December is complete now and made up; January has one session. XLB is asked for again, in vain.
    january = date(2026, 1, 2)
    clock.now = close_of(january) + timedelta(hours=1)
    for day in (next_session(D), january):
        for ticker in {*tickers_of("all"), *LEVELS} - {"XLB", "900010.KS"}:
            table = ETFS_TABLE if ticker in tickers_of("all") else STOCKS
            write_bar(market, table, ticker, day, LEVELS.get(ticker, [100.0])[-1])
    said = succeed(run, MONTHS)
    assert "success: asked 2, stored 2" in said
    assert f"2025-12-31 XLB has no bar at one of the ends (month); {january} XLB" in said
    # The Korean exchange was closed on both days: for January the same bar would be at both ends.
    assert f"{january} 900010.KS has no bar at one of the ends (month)" in said
    assert market.execute(MONTHS_STORED).fetchall() == [(2025, 12, False, 14), (2026, 1, True, 14)]
    assert ("no return over the month", "XLB", "warn") in market.execute(FINDINGS, (january,)).fetchall()
    assert {row[0] for row in market.execute(STOCK_MONTHS, (2026, 1)).fetchall()} == {"AAA", "BBB", "CCC", "DDD"}

    # A range is computed anew; November has no return, as there is no bar of October, and says so.
    before = market.execute(SECTORS, (2025, 12)).fetchall()
    done = run(MONTHS, "--from", "2025-11", "--to", "2025-12")
    assert done.returncode == SUCCESS, done.stderr
    assert "partial: asked 2, stored 1, unchanged 0, failed 1" in done.stdout
    assert "2025-11-28 months_and_sectors: SPY has no bar at one of the ends (month)" in done.stdout
    assert market.execute(SECTORS, (2025, 12)).fetchall() == before

    # The months of before the first list have ETFs only.
    for ticker in tickers_of("all"):
        write_bar(market, ETFS_TABLE, ticker, date(2025, 10, 31), 80.0)
    succeed(run, MONTHS, "--month", "2025-11")
    assert market.execute(MONTHS_STORED).fetchall()[0] == (2025, 11, False, 15)
    assert market.execute(STOCK_MONTHS, (2025, 11)).fetchall() == []

    done = run(MONTHS, "--month", "2026-02")
    assert (done.returncode, done.stderr.strip()) == (
        USAGE,
        "batch_monthly_sector_analyzer.py: 2026-02 has no closed session yet: the last is 2026-01-02",
    )


@pytest.fixture
def as_batch(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.as_role("batch", monkeypatch)


@pytest.fixture
def uneven(market: psycopg.Connection[Row]) -> None:
    """Lists that change, one on a Sunday; a missing bar, one in doubt, prices that move every day."""
    market.execute(
        f"""UPDATE {STOCKS} SET (close_price, adj_close_price) =
                (SELECT close_price * f, adj_close_price * f
                 FROM (SELECT 1 + 0.01 * mod(extract(day FROM trade_date)::int, 7) AS f) AS factor)"""
    )
    market.execute(f"DELETE FROM {STOCKS} WHERE ticker = 'BBB' AND trade_date = %s", (session_offset(D, -3),))
    market.execute(
        f"UPDATE {STOCKS} SET doubt = 'move' WHERE ticker = 'CCC' AND trade_date = %s", (session_offset(D, -4),)
    )
    _list_of(market, "QQQ", date(2025, 12, 22), ("AAA", 12.0), ("CCC", 3.0), ("NEW", 1.0))
    _list_of(market, "DIA", date(2025, 12, 28), ("BBB", 9.0), ("AAA", 2.0), ("900010.KS", 2.0))  # a Sunday


def _rows(frames: Sequence[DataFrame]) -> list[list[Row]]:
    """As they would be stored: what is summed in another order may differ in its last bit."""
    return [
        _sorted(
            tuple(round(value, 9) if isinstance(value, float) else value for value in row) for row in frame.collect()
        )
        for frame in frames
    ]


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=repr)


def test_a_range_gives_what_each_session_alone_gives(as_batch: None, uneven: None, spark: SparkSession) -> None:
    days = sessions_between(date(2025, 12, 24), date(2025, 12, 29))
    together = _rows(spark_03_etf_top_holdings.measured(spark, days))
    alone = [_rows(spark_03_etf_top_holdings.measured(spark, [day])) for day in days]
    for table, rows in enumerate(together):
        assert rows == _sorted(row for one in alone for row in one[table])
    concentrated = {(row[0], row[1]) for row in together[1]}
    assert (date(2025, 12, 26), "DIA") in concentrated  # by Sunday's list
    assert (date(2025, 12, 24), "DIA") not in concentrated


def test_a_range_gives_what_each_month_alone_gives(as_batch: None, uneven: None, spark: SparkSession) -> None:
    months = [date(2025, 11, 28), D]
    together = _rows(batch_monthly_sector_analyzer.measured(spark, months))
    alone = [_rows(batch_monthly_sector_analyzer.measured(spark, [day])) for day in months]
    for table, rows in enumerate(together):
        assert rows == _sorted(row for one in alone for row in one[table])
    assert [len(rows) for rows in together] == [30, 3, 5]  # CCC is in doubt: it is named, its sector has no row
