"""The holdings that stand for an ETF (rules 4.2). Unit: holding_percent is percent of the fund, 7.41."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def snapshots_in_reach(
    holdings: DataFrame, sessions: DataFrame, *, reach_days: int, until: str = "as_of_date"
) -> DataFrame:
    """as_of_date, etf_ticker, holdings_as_of: each ETF's newest snapshot at or before D, not too old (rules 4.2).

    holdings: etf_ticker, holdings_as_of, …; sessions: as_of_date, and `until` where lists dated after D serve, too

    >>> holdings = spark.sql("SELECT etf_ticker, to_date(day) AS holdings_as_of FROM VALUES ('QQQ', '2026-01-20'), "
    ...     "('QQQ', '2026-01-22'), ('QQQ', '2026-01-24'), ('XLF', '2025-12-08') AS h (etf_ticker, day)")
    >>> sessions = spark.sql("SELECT DATE'2026-01-23' AS as_of_date")
    >>> found = snapshots_in_reach(holdings, sessions, reach_days=45).collect()
    >>> [(row.etf_ticker, row.holdings_as_of.day) for row in found]
    [('QQQ', 22)]
    """
    in_reach = F.date_diff("as_of_date", "holdings_as_of") <= reach_days
    return (
        holdings.select("etf_ticker", "holdings_as_of")
        .distinct()
        .join(F.broadcast(sessions), on=(F.col("holdings_as_of") <= F.col(until)) & in_reach, how="inner")
        .groupBy("as_of_date", "etf_ticker")
        .agg(F.max("holdings_as_of").alias("holdings_as_of"))
        .select("as_of_date", "etf_ticker", "holdings_as_of")
    )


def usable_holdings(holdings: DataFrame) -> DataFrame:
    """The lists without what is known not to be an EQUITY, rows of one ticker summed (rules 4.2).

    A holding of unknown type stays (`has_profile` false).

    holdings: etf_ticker, holdings_as_of, ticker, holding_percent, quote_type, company_name, sector

    >>> holdings = spark.sql('''SELECT "QQQ" AS etf_ticker, DATE'2026-01-22' AS holdings_as_of, *,
    ...     ticker AS company_name, null AS sector
    ...     FROM VALUES ("CASH", 50D, "MONEYMARKET"), ("NVDA", 5D, "EQUITY"), ("NVDA", 4D, "EQUITY"),
    ...     ("NEW", 1D, null) AS h (ticker, holding_percent, quote_type)''')
    >>> rows = usable_holdings(holdings).sort("ticker").collect()
    >>> [(row.ticker, row.holding_percent, row.has_profile) for row in rows]
    [('NEW', 1.0, False), ('NVDA', 9.0, True)]
    """
    return (
        holdings.where((F.col("ticker") != "") & F.coalesce(F.col("quote_type") == "EQUITY", F.lit(True)))
        .groupBy("etf_ticker", "holdings_as_of", "ticker")
        .agg(
            F.sum("holding_percent").alias("holding_percent"),
            F.max("quote_type").isNotNull().alias("has_profile"),
            F.max("company_name").alias("company_name"),
            F.max("sector").alias("sector"),
        )
        .select("etf_ticker", "holdings_as_of", "ticker", "holding_percent", "has_profile", "company_name", "sector")
    )


def largest_holdings(holdings: DataFrame, snapshots: DataFrame, *, count: int) -> DataFrame:
    """The `count` largest usable holdings of each ETF and as_of_date, ties by ticker (rules 4.2).

    holdings: see usable_holdings

    >>> holdings = spark.sql('''SELECT "QQQ" AS etf_ticker, DATE'2026-01-22' AS holdings_as_of, *,
    ...     ticker AS company_name, null AS sector
    ...     FROM VALUES ("CASH", 50D, "MONEYMARKET"), ("AAPL", 8D, "EQUITY"), ("NVDA", 5D, "EQUITY"),
    ...     ("NVDA", 4D, "EQUITY"), ("NEW", 1D, null) AS h (ticker, holding_percent, quote_type)''')
    >>> snapshots = spark.sql("SELECT DATE'2026-01-23' AS as_of_date, 'QQQ' AS etf_ticker, "
    ...     "DATE'2026-01-22' AS holdings_as_of")
    >>> rows = largest_holdings(holdings, snapshots, count=5).sort("holding_rank").collect()
    >>> [(row.ticker, row.holding_percent, row.has_profile) for row in rows]
    [('NVDA', 9.0, True), ('AAPL', 8.0, True), ('NEW', 1.0, False)]
    """
    largest_first = Window.partitionBy("as_of_date", "etf_ticker").orderBy(F.col("holding_percent").desc(), "ticker")
    return (
        usable_holdings(holdings)
        .join(F.broadcast(snapshots), on=["etf_ticker", "holdings_as_of"], how="inner")
        .withColumn("holding_rank", F.row_number().over(largest_first))
        .where(F.col("holding_rank") <= count)
        .select(
            "as_of_date",
            "etf_ticker",
            "ticker",
            "holding_rank",
            "holding_percent",
            "holdings_as_of",
            "has_profile",
            "company_name",
            "sector",
        )
    )
