"""Market caps of a session (rules 4, Market cap): which quote, at which price, in dollars."""

from datetime import date, timedelta

import psycopg
import pytest
from psycopg.rows import dict_row
from pyspark.sql import SparkSession

from batch.transforms.market_caps import market_caps, rates_before
from database import extracts
from test.batch.programs import Row
from test.batch.rows import D

Cap = tuple[str, date, float, str, float, bool, date]


def caps(
    spark: SparkSession,
    *quotes: Cap,
    close: float = 100.0,
    splits: tuple[tuple[str, date, float], ...] = (),
    rates: tuple[tuple[str, date, float], ...] = (),
) -> dict[str, tuple[float | None, str, bool]]:
    sessions = spark.createDataFrame([(D,)], "as_of_date date")
    usd = rates_before(
        spark.createDataFrame(list(rates), "currency string, rate_date date, usd_per_unit double"),
        sessions,
        reach_days=7,
    )
    found = market_caps(
        spark.createDataFrame(
            list(quotes),
            "ticker string, session_date date, market_cap double, currency string, quote_price double, "
            "in_doubt boolean, quoted_on date",
        ),
        spark.createDataFrame(
            [(D, quote[0], close) for quote in quotes], "as_of_date date, ticker string, close_price double"
        ).distinct(),
        spark.createDataFrame(list(splits), "ticker string, trade_date date, split_ratio double"),
        usd,
        carried_days=30,
    )
    return {row.ticker: (row.market_cap, row.market_cap_source, row.cap_in_doubt) for row in found.collect()}


def quote(
    ticker: str,
    days: int,
    cap: float,
    currency: str = "USD",
    price: float = 100.0,
    doubt: bool = False,
    quoted_on: date | None = None,
) -> Cap:
    session = D + timedelta(days=days)
    return (ticker, session, cap, currency, price, doubt, quoted_on or session)


def test_the_quote_of_the_session_wins_then_the_newest_before_then_the_nearest_after(spark: SparkSession) -> None:
    found = caps(
        spark,
        *(quote("ALL", days, cap) for days, cap in ((-1, 1e9), (0, 2e9), (1, 3e9))),
        *(quote("PAST", days, cap) for days, cap in ((-30, 1e9), (-20, 2e9), (4, 3e9))),
        *(quote("LATER", days, cap) for days, cap in ((-31, 1e9), (9, 2e9), (4, 3e9))),
        quote("NONE", -31, 1e9),
    )
    assert found == {"ALL": (2e9, "quote", False), "PAST": (2e9, "carried", False), "LATER": (3e9, "scaled", False)}


def test_a_cap_follows_the_price(spark: SparkSession) -> None:
    assert caps(spark, quote("A", -3, 2e9, price=80.0), close=100.0) == {"A": (2.5e9, "carried", False)}


def test_splits_after_the_quote_are_in_the_close_and_not_in_the_quote(spark: SparkSession) -> None:
    """Quoted at 400; then 4:1, and 2:1 after D. The stored close, 50, is adjusted for both: nothing has grown."""
    splits = (("A", D - timedelta(days=1), 4.0), ("A", D + timedelta(days=9), 2.0), ("A", D - timedelta(days=3), 10.0))
    found = caps(spark, quote("A", -3, 2e9, price=400.0), close=50.0, splits=splits)
    assert found == {"A": (2e9, "carried", False)}


def test_a_quote_of_the_splits_own_day_knows_it(spark: SparkSession) -> None:
    """Of the session before, but asked for after the open: price and cap are those after the split already."""
    late = quote("A", -2, 2e9, price=100.0, quoted_on=D - timedelta(days=1))
    assert caps(spark, late, close=50.0, splits=(("A", D - timedelta(days=1), 4.0),)) == {"A": (1e9, "carried", False)}


@pytest.mark.parametrize(
    ("exchange", "quoted_at", "day"),
    [
        (None, "2025-12-30T14:29:59Z", date(2025, 12, 29)),  # New York opens at 14:30
        ("NYQ", "2025-12-30T14:30:00Z", date(2025, 12, 30)),
        ("NYQ", "2025-12-31T02:00:00Z", date(2025, 12, 30)),
        ("NYQ", "2025-07-01T13:30:00Z", date(2025, 7, 1)),
        ("KSC", "2025-12-29T21:30:00Z", date(2025, 12, 29)),  # the 30th, 6:30 in Seoul
        ("KSC", "2025-12-30T12:00:00Z", date(2025, 12, 30)),
    ],
)
def test_what_day_a_quote_knows_the_splits_of(
    server: psycopg.Connection[Row], exchange: str | None, quoted_at: str, day: date
) -> None:
    listed = date(2025, 12, 29)
    server.execute(
        """INSERT INTO collected_00_meta_stock (ticker, exchange, fetched_at, run_id)
           VALUES ('AAA', %(exchange)s, now(), 'test')""",
        {"exchange": exchange},
    )
    server.execute(
        """INSERT INTO collected_04_etf_holdings (etf_ticker, holding_ticker, as_of_date, holding_name,
               holding_percent, holding_rank, source, fetched_at, run_id)
           VALUES ('QQQ', 'AAA', %(day)s, 'AAA', 5, 1, 'test', now(), 'test')""",
        {"day": listed},
    )
    server.execute(
        """INSERT INTO collected_00_market_cap (ticker, session_date, market_cap, currency, quote_price, quoted_at,
               fetched_at, run_id) VALUES ('AAA', %(day)s, 1e12, 'USD', 100, %(quoted_at)s, now(), 'test')""",
        {"day": listed, "quoted_at": quoted_at},
    )
    with server.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(extracts.market_cap_quotes([listed])).fetchall()
    assert [row["quoted_on"] for row in found] == [day]


def test_a_doubtful_cap_is_no_cap(spark: SparkSession) -> None:
    assert caps(spark, quote("A", 0, 2e9, doubt=True), quote("A", -1, 1e9)) == {"A": (None, "quote", True)}


@pytest.mark.parametrize(
    ("age", "cap"),
    [(1, 7e8), (7, 7e8), (0, None), (8, None)],
    ids=["day before", "a week", "the day itself", "too old"],
)
def test_other_currencies_need_a_rate_dated_before_and_at_most_a_week_old(
    spark: SparkSession, age: int, cap: float | None
) -> None:
    found = caps(spark, quote("K", 0, 1e12, "KRW"), rates=(("KRW", D - timedelta(days=age), 0.0007),))
    assert found == {"K": (cap, "quote", False)}


def test_a_price_of_zero_gives_no_cap_and_no_error(spark: SparkSession) -> None:
    assert caps(spark, quote("A", 0, 2e9, price=0.0)) == {"A": (None, "quote", False)}
