"""What operators' views and views under other names answer, from rows made by hand (contracts 5.2, 5.3)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from test.conftest import Database
from test.published import (
    FRIDAY,
    FRIDAY_EVENING,
    RUN,
    THURSDAY,
    TRILLION,
    Connection,
    connect,
    etf_returns,
    insert,
    position,
    stock,
)

WEEK, DAY, MINUTE, MOMENT = timedelta(days=7), timedelta(days=1), timedelta(minutes=1), timedelta(microseconds=1)


@pytest.fixture
def db(database: Database) -> Iterator[Connection]:
    """In one transaction: now stays now, whatever the hour."""
    with connect(database) as opened, opened.transaction():
        opened.execute("SET LOCAL timezone = 'UTC'")
        yield opened


def now(db: Connection) -> datetime:
    ((found,),) = db.execute("SELECT now()").fetchall()
    assert isinstance(found, datetime)
    return found


def attempt(db: Connection, run_id: str, started_at: datetime, status: str, **counts: int) -> None:
    finished_at = None if status == "running" else started_at + MINUTE
    about = {"run_id": run_id, "process": "stock_bars", "as_of_date": FRIDAY, "status": status}
    insert(db, "process_executions", **about, started_at=started_at, finished_at=finished_at, **counts)


def test_recent_executions_are_those_of_a_week_newest_first(db: Connection) -> None:
    at = now(db)
    attempt(db, "too old", at - WEEK, "success")
    attempt(db, "old", at - WEEK + MOMENT, "failed", requested=3, failed=3)
    attempt(db, "partial", at - DAY, "partial", requested=6, stored=3, unchanged=1, failed=1, dead_lettered=1)
    attempt(db, "nothing asked", at - MINUTE, "success")
    attempt(db, "at work", at, "running")
    found = db.execute("SELECT run_id, status, success_rate_pct, took FROM v_recent_executions").fetchall()
    assert found == [
        ("at work", "running", None, None),
        ("nothing asked", "success", None, MINUTE),
        ("partial", "partial", Decimal("66.67"), MINUTE),
        ("old", "failed", Decimal(0), MINUTE),
    ]


def test_the_activity_of_today_is_counted_by_operation_and_status(db: Connection) -> None:
    at = now(db)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    attempt(db, "run", at - DAY, "running")

    def item(ticker: str, operation: str, status: str, started_at: datetime, **more: Any) -> None:
        about = {"run_id": "run", "ticker": ticker, "operation": operation, "status": status}
        insert(db, "asset_processing_details", **about, started_at=started_at, **more)

    item("YESTERDAY", "bars", "stored", midnight - MOMENT, api_calls=9)
    item("AAA", "bars", "stored", midnight, finished_at=midnight + 2 * MINUTE, api_calls=2)
    item("BBB", "bars", "stored", midnight + MINUTE, finished_at=midnight + MINUTE, api_calls=1)
    item("CCC", "bars", "planned", midnight)
    item("AAA", "profile", "failed", midnight, finished_at=midnight + MINUTE, api_calls=1)
    found = db.execute("SELECT * FROM v_today_processing_activity ORDER BY operation, status").fetchall()
    assert found == [
        ("bars", "planned", 1, 0, midnight, midnight),
        ("bars", "stored", 2, 3, midnight, midnight + 2 * MINUTE),
        ("profile", "failed", 1, 1, midnight, midnight + MINUTE),
    ]


def test_trending_etfs_have_their_periods_beside_each_other(db: Connection) -> None:
    for period_days, returns in ((5, {"XLF": 1.0}), (10, {"XLF": 2.0, "XLV": 1.5}), (20, {"XLF": 3.0, "XLV": 9.0})):
        etf_returns(db, FRIDAY, period_days, returns, spy=1.5)
    found = db.execute(
        """SELECT etf_ticker, return_5d, return_10d, return_20d, spy_return_20d, is_trending_5d, is_trending_10d,
                  is_trending_20d, outperformance, rank_by_outperformance, is_trending
           FROM analytics_trending_etfs WHERE etf_ticker <> 'SPY' ORDER BY etf_ticker"""
    ).fetchall()
    xlf = ("XLF", Decimal(1), Decimal(2), Decimal(3), Decimal("1.5"), False, True, True, Decimal("1.5"), 2, True)
    xlv = ("XLV", None, Decimal("1.5"), Decimal(9), Decimal("1.5"), None, False, True, Decimal("7.5"), 1, True)
    assert found == [xlf, xlv]


def test_an_allocation_names_the_stocks_place_in_the_twenty_session_portfolio(db: Connection) -> None:
    position(db, FRIDAY, 20, 2, "ACME", "0.5", 8, 1, "XLF")
    position(db, THURSDAY, 20, 1, "OMEGA", "0.5", 9, 1, "XLF")
    position(db, FRIDAY, 5, 1, "ACME", "0.5", 3, 1, "XLF")
    position(db, FRIDAY, 5, 2, "OMEGA", "0.5", 1, 1, "XLF")
    found = db.execute("SELECT ticker, rank, return_pct, return_20d, rank_20d FROM analytics_portfolio_5d").fetchall()
    assert sorted(found) == [("ACME", 1, Decimal(3), Decimal(8), 2), ("OMEGA", 2, Decimal(1), None, None)]


def test_a_stocks_history_has_its_sector_and_the_cap_of_the_day(db: Connection) -> None:
    stock(db, "ACME", "Acme Chips", "Technology")
    prices = dict.fromkeys(("open_price", "high_price", "low_price", "close_price", "adj_close_price"), 100)
    of_a_fetch = {"fetched_at": FRIDAY_EVENING, "changed_at": FRIDAY_EVENING, "run_id": RUN}
    for day in (THURSDAY, FRIDAY):
        bar = {"ticker": "ACME", "trade_date": day, "volume": 1, "currency": "USD"}
        insert(db, "collected_06_daily_stock_history", **bar, **prices, **of_a_fetch)
    cap = {"market_cap": TRILLION, "currency": "USD", "quote_price": 100, "quoted_at": FRIDAY_EVENING}
    insert(db, "collected_00_market_cap", ticker="ACME", session_date=FRIDAY, **cap, **of_a_fetch)
    found = db.execute(
        "SELECT trade_date, company_name, sector, market_cap FROM collected_daily_stock_history ORDER BY trade_date"
    ).fetchall()
    assert found == [
        (THURSDAY, "Acme Chips", "Technology", None),
        (FRIDAY, "Acme Chips", "Technology", Decimal(TRILLION)),
    ]
