"""Months of ETFs, sectors and stocks (rules 7)."""

from datetime import date
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from batch.batch_monthly_sector_analyzer import as_of_sessions, parse_months
from batch.frames import months_of
from batch.stage import Asked
from batch.transforms.months import bars_of_months, monthly_stocks, stock_months
from batch.transforms.returns import daily_returns, period_returns
from batch.transforms.sectors import sector_days, sector_means, sector_months
from test.batch.rows import D, bars
from utils.program import UsageError

NEWEST = date(2026, 1, 23)
START = date(2025, 12, 31)  # the last session of December


def test_a_month_ends_with_its_last_session_or_the_newest() -> None:
    assert parse_months([], newest=NEWEST) == Asked(NEWEST)
    assert parse_months(["--month", "2026-01"], newest=NEWEST) == Asked(NEWEST)
    assert parse_months(["--month", "2025-11"], newest=NEWEST) == Asked(date(2025, 11, 28))
    assert parse_months(["--month", "2025-11", "--force"], newest=NEWEST) == Asked(date(2025, 11, 28), force=True)
    asked = parse_months(["--from", "2025-11", "--to", "2026-01"], newest=NEWEST)
    assert asked == Asked(NEWEST, date(2025, 11, 28))
    assert as_of_sessions(date(2025, 11, 28), NEWEST) == [date(2025, 11, 28), date(2025, 12, 31), NEWEST]
    assert as_of_sessions(NEWEST, NEWEST) == [NEWEST]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--month", "2026-02"], "2026-02 has no closed session yet: the last is 2026-01-23"),
        (["--month", "2099-02"], "has no closed session yet"),
        (["--month", "1999-02"], "is before the first month that can be computed, 2002-01"),
        (["--from", "2026-01", "--to", "2025-12"], "--from 2026-01 is after --to 2025-12"),
        (["--from", "2026-01", "--to", "2026-02"], "has no closed session yet"),
        (["--from", "2026-01"], "expected --month, or both --from and --to"),
        (["--month", "2026-01", "--from", "2025-11", "--to", "2025-12"], "expected --month, or both"),
    ],
)
def test_what_cannot_be_is_a_users_mistake(arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_months(arguments, newest=NEWEST)


def test_a_month_starts_with_the_last_session_of_the_month_before(spark: SparkSession) -> None:
    november = date(2025, 11, 28)
    rows = months_of(spark, [november, NEWEST]).collect()
    assert [tuple(row) for row in rows] == [
        (november, 19, date(2025, 10, 31), False),
        (NEWEST, 15, START, True),
    ]


def month(spark: SparkSession) -> DataFrame:
    return months_of(spark, [D])


Bar = tuple[str, int, float]


def measured(spark: SparkSession, sector_of: dict[str, str], *rows: Bar, spy: float = 0.0) -> tuple[Any, Any]:
    """(ticker, day of January, price; day 0: December's last session): the sectors and the stocks."""
    days = {0: START}
    prices = bars(spark, *((ticker, days.get(day, date(2026, 1, day or 1)), price) for ticker, day, price in rows))
    stocks = spark.createDataFrame(
        [(D, ticker, f"{ticker} Inc", sector) for ticker, sector in sector_of.items()],
        "as_of_date date, ticker string, company_name string, sector string",
    )
    wanted = stocks.select("ticker", "as_of_date").join(month(spark), on="as_of_date", how="inner")
    measured_stocks = monthly_stocks(stocks, period_returns(prices, wanted))
    more = prices.selectExpr("*", "10L AS volume", "close_price + 1 AS high_price", "close_price - 1 AS low_price")
    of_month = bars_of_months(daily_returns(more), month(spark))
    means = sector_means(measured_stocks)
    benchmark = spark.createDataFrame([(D, spy)], "as_of_date date, spy_return_pct double")
    sectors = sector_months(means, sector_days(measured_stocks, of_month), benchmark, unknown_sector="Unknown")
    stock_rows = stock_months(measured_stocks, of_month, means)
    return {row.sector: row for row in sectors.collect()}, {row.ticker: row for row in stock_rows.collect()}


def test_a_sector_of_three_stocks(spark: SparkSession) -> None:
    """On the 22nd +2, +4 and 0 % (mean 2); on the 23rd -1 and +1 %, C has no change (mean 0)."""
    sectors, stocks = measured(
        spark,
        {"A": "Energy", "B": "Energy", "C": "Energy"},
        *(("A", 0, 100.0), ("A", 22, 102.0), ("A", 23, 100.98)),
        *(("B", 0, 100.0), ("B", 22, 104.0), ("B", 23, 105.04)),
        *(("C", 0, 100.0), ("C", 22, 100.0), ("C", 23, 100.0)),
        spy=1.0,
    )
    row = sectors["Energy"]
    assert (row.year, row.month, row.stock_count) == (2026, 1, 3)
    assert row.avg_monthly_return == 2.006667  # of 0.98, 5.04 and 0
    assert (row.positive_days, row.total_trading_days, row.positive_rate) == (1, 2, 50.0)
    assert (row.best_day, row.worst_day) == (pytest.approx(2.0), pytest.approx(0.0))
    assert round(row.volatility, 6) == 1.414214  # of 2 and 0
    assert row.is_trending
    best = stocks["B"]
    assert (best.avg_monthly_return, best.vs_sector, best.is_trending) == (5.04, 3.033333, True)
    assert round(best.volatility, 6) == 2.12132  # of 4 and 1
    assert (best.total_volume, best.month_high, best.month_low, best.trading_days) == (20, 106.04, 103.0, 2)
    assert not stocks["A"].is_trending  # it rose, but less than its sector


@pytest.mark.parametrize(
    ("sector", "stocks", "spy", "trends"),
    [
        ("Energy", 3, 4.999999, True),
        ("Energy", 3, 5.0, False),  # equality is not trending
        ("Energy", 2, 0.0, False),
        ("Unknown", 3, 0.0, False),
    ],
)
def test_when_a_sector_trends(spark: SparkSession, sector: str, stocks: int, spy: float, trends: bool) -> None:
    tickers = "ABC"[:stocks]
    prices = [row for ticker in tickers for row in ((ticker, 0, 100.0), (ticker, 23, 105.0))]
    sectors, _ = measured(spark, dict.fromkeys(tickers, sector), *prices, spy=spy)
    assert sectors[sector].is_trending == trends


def test_a_mean_half_way_is_rounded_up_though_in_binary_it_is_below(spark: SparkSession) -> None:
    stocks = spark.createDataFrame(
        [(D, "Energy", 0.6), (D, "Energy", 0.600001)], "as_of_date date, sector string, avg_monthly_return double"
    )
    assert (0.6 + 0.600001) / 2 < 0.6000005
    assert [row.avg_monthly_return for row in sector_means(stocks).collect()] == [0.600001]


def test_a_falling_sector_does_not_trend_even_above_spy(spark: SparkSession) -> None:
    prices = [row for ticker in "ABC" for row in ((ticker, 0, 100.0), (ticker, 23, 99.0))]
    sectors, stocks = measured(spark, dict.fromkeys("ABC", "Energy"), *prices, spy=-2.0)
    assert not sectors["Energy"].is_trending
    assert sectors["Energy"].volatility is None  # one day has no deviation
    assert (stocks["A"].volatility, stocks["A"].vs_sector) == (None, 0.0)


def test_a_stock_without_a_return_counts_nowhere_and_is_named(spark: SparkSession) -> None:
    """NEW was listed in the month: its daily returns would lift the sector."""
    sectors, stocks = measured(
        spark,
        {"A": "Energy", "NEW": "Energy", "GONE": "Utilities"},
        *(("A", 0, 100.0), ("A", 22, 101.0), ("A", 23, 101.0)),
        *(("NEW", 22, 100.0), ("NEW", 23, 200.0)),
        *(("GONE", 0, 100.0), ("GONE", 22, 100.0)),
    )
    assert {name: row.stock_count for name, row in sectors.items()} == {"Energy": 1}
    assert sectors["Energy"].best_day == pytest.approx(1.0)
    assert {ticker: row.missing for ticker, row in stocks.items()} == {
        "A": None,
        "NEW": "no_return",
        "GONE": "no_return",
    }


def test_a_day_on_which_a_stock_has_no_bar_is_the_others(spark: SparkSession) -> None:
    """B has no bar on the 22nd; its +3 % of the 23rd stand against December."""
    sectors, _ = measured(
        spark,
        {"A": "Energy", "B": "Energy"},
        *(("A", 0, 100.0), ("A", 22, 102.0), ("A", 23, 103.02)),
        *(("B", 0, 100.0), ("B", 23, 103.0)),
    )
    two = pytest.approx(2.0)  # alone, then (1 + 3) / 2
    assert (sectors["Energy"].best_day, sectors["Energy"].worst_day) == (two, two)


def test_only_bars_of_the_month_up_to_the_session_count(spark: SparkSession) -> None:
    _, stocks = measured(
        spark,
        {"A": "Energy"},
        *(("A", 0, 100.0), ("A", 2, 110.0), ("A", 23, 110.0), ("A", 26, 500.0)),
    )
    assert (stocks["A"].trading_days, stocks["A"].month_high, stocks["A"].avg_monthly_return) == (2, 111.0, 10.0)


def test_noise_of_the_last_bit_is_no_gain(spark: SparkSession) -> None:
    """+10 % and -10 % on one day: their mean is 0, though not in binary."""
    sectors, _ = measured(
        spark,
        {"A": "Energy", "B": "Energy"},
        *(("A", 0, 100.0), ("A", 23, 110.00000000000001)),
        *(("B", 0, 100.0), ("B", 23, 90.0)),
    )
    assert (sectors["Energy"].positive_days, sectors["Energy"].best_day) == (0, pytest.approx(0.0))
