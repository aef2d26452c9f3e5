"""Which ETFs beat SPY (rules 3)."""

from typing import Any

from pyspark.sql import SparkSession

from batch.transforms.trending import measure_etfs
from test.batch.rows import D, five_sessions


def measure(spark: SparkSession, **returns: float | None) -> dict[str, Any]:
    """Keyword: an ETF's return; None: in doubt. What is left out has no bars."""
    universe = [(ticker, "benchmark", None) for ticker in ("SPY", "IWM", "DIA", "EWY")]
    found = measure_etfs(
        spark.createDataFrame(
            [(D, 5, ticker, value, value is None) for ticker, value in returns.items()],
            "as_of_date date, period_days int, ticker string, return_pct double, in_doubt boolean",
        ),
        spark.createDataFrame(universe, "ticker string, etf_type string, sector_name string"),
        five_sessions(spark),
        benchmark="SPY",
    )
    return {row.etf_ticker: row for row in found.collect()}


def test_above_spy_and_above_zero_strictly(spark: SparkSession) -> None:
    rows = measure(spark, SPY=1.0, IWM=1.5, DIA=1.0, EWY=-0.5)
    assert {etf: row.is_trending for etf, row in rows.items()} == {
        "SPY": False,
        "IWM": True,
        "DIA": False,
        "EWY": False,
    }
    assert not measure(spark, SPY=-2.0, IWM=-1.0)["IWM"].is_trending


def test_ranks_leave_spy_out_and_ties_go_by_ticker(spark: SparkSession) -> None:
    rows = measure(spark, SPY=9.0, IWM=1.5, DIA=1.5, EWY=2.0)
    assert {etf: row.rank_by_outperformance for etf, row in rows.items()} == {"SPY": None, "EWY": 1, "DIA": 2, "IWM": 3}
    assert rows["SPY"].outperformance == 0
    assert rows["EWY"].outperformance == -7.0


def test_an_etf_without_a_return_is_named_and_not_ranked(spark: SparkSession) -> None:
    rows = measure(spark, SPY=1.0, IWM=None, DIA=2.0)
    assert {etf: row.missing for etf, row in rows.items()} == {
        "SPY": None, "IWM": "in_doubt", "DIA": None, "EWY": "no_return",
    }  # fmt: skip
    assert rows["DIA"].rank_by_outperformance == 1


def test_without_spy_nothing_is_measured(spark: SparkSession) -> None:
    rows = measure(spark, IWM=2.0)
    assert rows["SPY"].missing == "no_return"
    assert rows["IWM"].outperformance is None
