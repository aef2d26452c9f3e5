"""Which list, and which five of it (rules 4.2)."""

from datetime import date, timedelta

from pyspark.sql import SparkSession

from batch.transforms.holdings import largest_holdings, snapshots_in_reach
from database.extracts import lists_until
from test.batch.rows import D


def snapshots(spark: SparkSession, *ages: int) -> list[date]:
    lists = spark.createDataFrame(
        [("QQQ", D - timedelta(days=age)) for age in ages], "etf_ticker string, holdings_as_of date"
    )
    sessions = spark.createDataFrame([(D,)], "as_of_date date")
    return [row.holdings_as_of for row in snapshots_in_reach(lists, sessions, reach_days=45).collect()]


def test_the_newest_list_at_or_before_the_session_serves_for_45_days(spark: SparkSession) -> None:
    assert snapshots(spark, 3, 0, -1) == [D]
    assert snapshots(spark, 45, 60) == [D - timedelta(days=45)]
    assert snapshots(spark, 46, -1) == []


def test_stage_9_also_uses_the_lists_of_the_weekend_after_the_session(spark: SparkSession) -> None:
    """D is a Friday: Sunday's list serves it, Monday's does not. The 45 days still end with D."""
    lists = spark.createDataFrame(
        [
            *(("QQQ", D + timedelta(days=days)) for days in (0, 2, 3)),
            ("XLF", D - timedelta(days=45)),
            ("XLV", D - timedelta(days=46)),
        ],
        "etf_ticker string, holdings_as_of date",
    )
    sessions = spark.createDataFrame([(D, lists_until(D))], "as_of_date date, lists_until date")
    found = snapshots_in_reach(lists, sessions, reach_days=45, until="lists_until").collect()
    assert {row.etf_ticker: row.holdings_as_of for row in found} == {
        "QQQ": D + timedelta(days=2),
        "XLF": D - timedelta(days=45),
    }


def largest(spark: SparkSession, *rows: tuple[str, float, str | None]) -> list[tuple[int, str, float, bool]]:
    listed = spark.createDataFrame(
        [("QQQ", D, *row, f"{row[0]} Inc", None) for row in rows],
        "etf_ticker string, holdings_as_of date, ticker string, holding_percent double, quote_type string, "
        "company_name string, sector string",
    )
    chosen = spark.createDataFrame([(D, "QQQ", D)], "as_of_date date, etf_ticker string, holdings_as_of date")
    found = largest_holdings(listed, chosen, count=5).sort("holding_rank").collect()
    return [(row.holding_rank, row.ticker, row.holding_percent, row.has_profile) for row in found]


def test_what_is_no_equity_goes_before_the_five_are_taken(spark: SparkSession) -> None:
    rows = largest(
        spark,
        ("FUND", 30.0, "ETF"),
        ("", 20.0, None),
        ("A", 9.0, "EQUITY"),
        ("B", 8.0, None),  # its type could not be had: it keeps its place
        ("C", 4.0, "EQUITY"),
        ("C", 3.0, "EQUITY"),
        ("E", 6.0, "EQUITY"),
        ("D", 6.0, "EQUITY"),
        ("F", 1.0, "EQUITY"),
        ("MMKT", 2.0, "MUTUALFUND"),
    )
    assert rows == [
        (1, "A", 9.0, True),
        (2, "B", 8.0, False),
        (3, "C", 7.0, True),
        (4, "D", 6.0, True),
        (5, "E", 6.0, True),
    ]
