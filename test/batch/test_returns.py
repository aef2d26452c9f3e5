"""Returns between sessions (rules 2)."""

from datetime import date, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession

from batch.frames import ends_of, every, periods_of
from batch.transforms.returns import period_returns
from test.batch.rows import BACK_5, D, bars, five_sessions


def returns_of(prices: DataFrame, periods: DataFrame) -> DataFrame:
    return period_returns(prices, every(prices.select("ticker").distinct(), periods))


def measured(returns: DataFrame) -> dict[str, tuple[float | None, bool]]:
    return {row.ticker: (row.return_pct, row.in_doubt) for row in returns.collect()}


def test_sessions_are_counted_by_the_calendar_not_by_the_rows_found(spark: SparkSession) -> None:
    assert (D - BACK_5).days == 8  # a weekend, and Monday the 19th, which is no session
    found = returns_of(bars(spark, ("QQQ", BACK_5, 100.0), ("QQQ", D, 103.0)), five_sessions(spark))
    assert measured(found) == {"QQQ": (3.0, False)}  # with two bars only: what is missing between does not matter


def test_a_return_is_rounded_once_half_up_to_six_decimals(spark: SparkSession) -> None:
    found = returns_of(bars(spark, ("QQQ", BACK_5, 102.0), ("QQQ", D, 103.0)), five_sessions(spark))
    assert measured(found) == {"QQQ": (0.980392, False)}  # 0.98039215…


def test_a_missing_end_bar_gives_no_return(spark: SparkSession) -> None:
    one_day_off = BACK_5 + timedelta(days=1)
    found = returns_of(bars(spark, ("QQQ", one_day_off, 100.0), ("QQQ", D, 103.0)), five_sessions(spark))
    assert measured(found) == {"QQQ": (None, False)}
    assert measured(returns_of(bars(spark, ("QQQ", BACK_5, 100.0)), five_sessions(spark))) == {}


def test_a_zero_price_gives_no_return_and_no_error(spark: SparkSession) -> None:
    found = returns_of(bars(spark, ("QQQ", BACK_5, 0.0), ("QQQ", D, 103.0)), five_sessions(spark))
    assert measured(found) == {"QQQ": (None, False)}


@pytest.mark.parametrize("day", [BACK_5, date(2026, 1, 20), D])
def test_a_doubtful_bar_from_end_to_end_leaves_the_instrument_out(spark: SparkSession, day: date) -> None:
    prices = bars(spark, ("A", BACK_5, 100.0), ("A", date(2026, 1, 20), 170.0), ("A", D, 103.0), doubts=[("A", day)])
    assert measured(returns_of(prices, five_sessions(spark))) == {"A": (None, True)}


def test_a_doubtful_bar_before_the_period_does_not_matter(spark: SparkSession) -> None:
    before = BACK_5 - timedelta(days=1)
    prices = bars(spark, ("A", before, 9.0), ("A", BACK_5, 100.0), ("A", D, 103.0), doubts=[("A", before)])
    assert measured(returns_of(prices, five_sessions(spark))) == {"A": (3.0, False)}


def test_another_exchange_takes_the_last_bar_at_or_before_each_end(spark: SparkSession) -> None:
    prices = bars(
        spark,
        ("K", BACK_5 - timedelta(days=10), 100.0),  # ten calendar days old: still serves
        ("K", D - timedelta(days=2), 104.0),
        ("K", D + timedelta(days=1), 500.0),  # after D: never
        ("OLD", BACK_5 - timedelta(days=11), 100.0),  # too old
        ("OLD", D, 104.0),
        reach=10,
    )
    assert measured(returns_of(prices, five_sessions(spark))) == {"K": (4.0, False), "OLD": (None, False)}


def test_the_same_bar_at_both_ends_gives_no_return(spark: SparkSession) -> None:
    prices = bars(spark, ("K", BACK_5, 100.0), reach=10)
    assert measured(returns_of(prices, five_sessions(spark))) == {"K": (None, False)}


def test_a_range_gives_what_each_session_alone_gives(spark: SparkSession) -> None:
    days = [date(2026, 1, 21), date(2026, 1, 22), D]
    prices = bars(spark, *(("QQQ", day, 100.0 + number**2) for number, day in enumerate(ends_of(days))))
    together = sorted(map(tuple, returns_of(prices, periods_of(spark, days)).collect()))
    alone = sorted(tuple(row) for day in days for row in returns_of(prices, periods_of(spark, [day])).collect())
    assert together == alone
    assert len(together) == 9
