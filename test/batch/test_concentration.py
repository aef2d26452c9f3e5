"""How much of a fund its list shows, and what two lists share (rules 6)."""

from datetime import date
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from batch.transforms.concentration import concentration, overlap
from test.batch.rows import D

LISTED = date(2026, 1, 22)


def lists(spark: SparkSession, *rows: tuple[str, str, float]) -> tuple[DataFrame, DataFrame]:
    """(ETF, ticker, percent): the lists, and that they are in reach at D."""
    holdings = spark.createDataFrame(
        [(etf, LISTED, ticker, percent) for etf, ticker, percent in rows],
        "etf_ticker string, holdings_as_of date, ticker string, holding_percent double",
    )
    etfs = {etf for etf, *_ in rows}
    return holdings, spark.createDataFrame(
        [(D, etf, LISTED) for etf in etfs], "as_of_date date, etf_ticker string, holdings_as_of date"
    )


def concentrated(spark: SparkSession, *percents: float) -> dict[str, Any]:
    rows = (("QQQ", f"T{place:02d}", percent) for place, percent in enumerate(percents))
    [row] = concentration(*lists(spark, *rows)).collect()
    return {name: round(value, 9) if isinstance(value, float) else value for name, value in row.asDict().items()}


def test_a_list_that_shows_next_to_nothing_has_no_row(spark: SparkSession) -> None:
    """One holding of 0.001 %: 1 / Σw² would be ten thousand million."""
    found = concentration(*lists(spark, ("QQQ", "AAA", 0.001), ("XLF", "AAA", 0.1))).collect()
    assert [(row.etf_ticker, row.effective_holdings_max) for row in found] == [("XLF", pytest.approx(1e6))]


def test_the_largest_weigh_most(spark: SparkSession) -> None:
    """Twelve holdings: 20, 10 and ten times 5 %."""
    found = concentrated(spark, *[5.0] * 10, 20.0, 10.0)
    assert found["top_1_weight"] == 0.2
    assert found["top_5_weight"] == 0.45
    assert found["top_10_weight"] == 0.7
    assert found["covered_weight"] == 0.8
    assert found["herfindahl_index"] == 0.075  # 0.04 + 0.01 + 10 × 0.0025
    assert found["effective_holdings_max"] == 13.333333333  # 1 / 0.075
    assert found["effective_holdings_min"] == 11.764705882  # 1 / (0.075 + 0.2 × 0.05)
    assert (found["as_of_date"], found["holdings_as_of"]) == (D, LISTED)


def test_four_equal_holdings_that_are_the_whole_fund_count_as_four(spark: SparkSession) -> None:
    found = concentrated(spark, 25.0, 25.0, 25.0, 25.0)
    assert (found["effective_holdings_min"], found["effective_holdings_max"]) == (4.0, 4.0)


def test_weights_that_sum_to_more_than_the_fund_leave_nothing_unknown(spark: SparkSession) -> None:
    """Rounded weights: 50.01 twice. The range must not turn round."""
    found = concentrated(spark, 50.01, 50.01)
    assert found["effective_holdings_min"] == found["effective_holdings_max"] == 1.999200240


def test_the_overlap_of_two_funds_is_the_smaller_weight_of_what_both_hold(spark: SparkSession) -> None:
    holdings, snapshots = lists(
        spark,
        ("QQQ", "AAPL", 10.0),
        ("QQQ", "NVDA", 20.0),
        ("SPY", "AAPL", 7.0),
        ("SPY", "NVDA", 8.0),
        ("SPY", "JPM", 2.0),
        ("XLU", "NEE", 12.0),
    )
    found = overlap(holdings, concentration(holdings, snapshots)).collect()
    assert {
        (row.etf_ticker, row.other_etf_ticker): (
            row.shared_count,
            round(row.overlap_weight, 9),
            round(row.covered_weight, 9),
            round(row.other_covered_weight, 9),
        )
        for row in found
    } == {
        ("QQQ", "SPY"): (2, 0.15, 0.3, 0.17),  # 7 + 8 %
        ("SPY", "QQQ"): (2, 0.15, 0.17, 0.3),
        ("QQQ", "XLU"): (0, 0.0, 0.3, 0.12),
        ("XLU", "QQQ"): (0, 0.0, 0.12, 0.3),
        ("SPY", "XLU"): (0, 0.0, 0.17, 0.12),
        ("XLU", "SPY"): (0, 0.0, 0.12, 0.17),
    }
    assert {(row.as_of_date, row.holdings_as_of, row.other_holdings_as_of) for row in found} == {(D, LISTED, LISTED)}
