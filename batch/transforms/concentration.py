"""How much of an ETF its list shows, and what two lists share (rules 6). Weights are fractions of the fund.

The source publishes at most ten holdings, so that sums over known holdings are lower bounds; nothing is renormalised.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

LIST = ["etf_ticker", "holdings_as_of"]
LEAST_INDEX = 1e-7  # below it a list shows next to nothing of its fund, and 1 / Σw² does not fit its column


def effective_holdings_max(herfindahl_index: Column) -> Column:
    """1 / Σw²: as if nothing but the known holdings counted (rules 6).

    >>> frame = spark.sql("SELECT 0.04D AS herfindahl")
    >>> frame.select(effective_holdings_max(F.col("herfindahl")).alias("n")).first().n
    25.0
    """
    return 1 / herfindahl_index


def effective_holdings_min(herfindahl_index: Column, covered_weight: Column, smallest_weight: Column) -> Column:
    """1 / (Σw² + (1 − Σw) · w_last): as if all that is unknown were holdings of the smallest known weight (rules 6).

    A list that covers more than the fund, as rounded weights may, leaves nothing unknown.

    >>> frame = spark.sql("SELECT 0.04D AS herfindahl, 0.2D AS covered, 0.2D AS smallest")
    >>> round(frame.select(effective_holdings_min(*map(F.col, frame.columns)).alias("n")).first().n, 6)
    5.0
    """
    unknown = F.greatest(1 - covered_weight, F.lit(0.0))
    return 1 / (herfindahl_index + unknown * smallest_weight)


def concentration(holdings: DataFrame, snapshots: DataFrame) -> DataFrame:
    """One row per as_of_date and ETF whose list has a usable holding, and Σw² of at least LEAST_INDEX (rules 6).

    holdings: see usable_holdings; snapshots: see snapshots_in_reach

    >>> holdings = spark.sql('''SELECT "QQQ" AS etf_ticker, DATE'2026-01-22' AS holdings_as_of, *
    ...     FROM VALUES ("NVDA", 20D), ("AAPL", 10D), ("MSFT", 10D) AS h (ticker, holding_percent)''')
    >>> snapshots = holdings.select("etf_ticker", "holdings_as_of").distinct().selectExpr("*",
    ...     "DATE'2026-01-23' AS as_of_date")
    >>> row = concentration(holdings, snapshots).first()
    >>> [round(row[name], 9) for name in ("top_1_weight", "top_5_weight", "herfindahl_index", "covered_weight")]
    [0.2, 0.4, 0.06, 0.4]
    >>> round(row.effective_holdings_min, 6), round(row.effective_holdings_max, 6)  # 1 / (0.06 + 0.6 × 0.1), 1 / 0.06
    (8.333333, 16.666667)
    """
    largest_first = Window.partitionBy(*LIST).orderBy(F.col("weight").desc(), "ticker")

    def of_largest(count: int) -> Column:
        return F.sum(F.when(F.col("place") <= count, F.col("weight")))

    of_list = (
        holdings.withColumn("weight", F.col("holding_percent") / 100)
        .withColumn("place", F.row_number().over(largest_first))
        .groupBy(*LIST)
        .agg(
            of_largest(1).alias("top_1_weight"),
            of_largest(5).alias("top_5_weight"),
            of_largest(10).alias("top_10_weight"),
            F.sum(F.col("weight") * F.col("weight")).alias("herfindahl_index"),
            F.sum("weight").alias("covered_weight"),
            F.min("weight").alias("smallest_weight"),
        )
    )
    shown = of_list.where(F.col("herfindahl_index") >= LEAST_INDEX)
    return shown.join(F.broadcast(snapshots), on=LIST, how="inner").select(
        "as_of_date",
        "etf_ticker",
        "top_1_weight",
        "top_5_weight",
        "top_10_weight",
        "herfindahl_index",
        effective_holdings_min(F.col("herfindahl_index"), F.col("covered_weight"), F.col("smallest_weight")).alias(
            "effective_holdings_min"
        ),
        effective_holdings_max(F.col("herfindahl_index")).alias("effective_holdings_max"),
        "covered_weight",
        "holdings_as_of",
    )


def overlap(holdings: DataFrame, concentrations: DataFrame) -> DataFrame:
    """One row per as_of_date and ordered pair of ETFs that have a list, 0 where nothing is shared (rules 6).

    `overlap_weight` is Σ min(w_a, w_b) over the shared tickers.

    holdings: see usable_holdings; concentrations: see concentration

    >>> holdings = spark.sql('''SELECT etf_ticker, DATE'2026-01-22' AS holdings_as_of, ticker, holding_percent
    ...     FROM VALUES ("QQQ", "NVDA", 20D), ("QQQ", "AAPL", 10D), ("SPY", "NVDA", 5D), ("SPY", "JPM", 2D)
    ...     AS h (etf_ticker, ticker, holding_percent)''')
    >>> snapshots = holdings.select("etf_ticker", "holdings_as_of").distinct().selectExpr("*",
    ...     "DATE'2026-01-23' AS as_of_date")
    >>> for row in overlap(holdings, concentration(holdings, snapshots)).sort("etf_ticker").collect():
    ...     print(row.etf_ticker, row.other_etf_ticker, row.shared_count, row.overlap_weight)
    QQQ SPY 1 0.05
    SPY QQQ 1 0.05
    """
    one = concentrations.select("as_of_date", *LIST, "covered_weight")
    other = _as_other(one)
    pairs = one.join(other, on="as_of_date", how="inner").where(F.col("etf_ticker") != F.col("other_etf_ticker"))
    lists = [*LIST, *map(_other, LIST)]
    listed = holdings.select(*LIST, "ticker", (F.col("holding_percent") / 100).alias("weight"))
    # A pair of lists stands for many sessions: what they share is summed once.
    shared = (
        pairs.select(*lists)
        .distinct()
        .join(listed, on=LIST, how="inner")
        .join(_as_other(listed, but="ticker"), on=[*map(_other, LIST), "ticker"], how="inner")
        .groupBy(*lists)
        .agg(
            F.count("ticker").alias("shared_count"),
            F.sum(F.least("weight", "other_weight")).alias("overlap_weight"),
        )
    )
    return pairs.join(shared, on=lists, how="left").select(
        "as_of_date",
        "etf_ticker",
        "other_etf_ticker",
        F.coalesce("shared_count", F.lit(0)).alias("shared_count"),
        F.coalesce("overlap_weight", F.lit(0.0)).alias("overlap_weight"),
        "covered_weight",
        "other_covered_weight",
        "holdings_as_of",
        "other_holdings_as_of",
    )


def _other(name: str) -> str:
    return f"other_{name}"


def _as_other(frame: DataFrame, *, but: str = "as_of_date") -> DataFrame:
    """The same rows as those of the pair's second ETF."""
    return frame.select(but, *(F.col(name).alias(_other(name)) for name in frame.columns if name != but))
