"""The pick of each trending ETF and its weight (rules 4.3-4.7).

Units: returns percent, caps whole US dollars, scores percent per USD trillion, weights fractions in decimal(12,10).
"""

from collections.abc import Sequence
from decimal import Decimal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

TRILLION = 1e12
WEIGHT_UNITS = 10**10  # a weight has ten decimals
NOISE_DECIMALS = 4  # of a unit: float64 leaves about 1e-6 on a remainder, which must not break a tie

PORTFOLIO = ["as_of_date", "period_days"]
WHOLE = (Window.unboundedPreceding, Window.unboundedFollowing)


def allocation_score(return_pct: Column, market_cap: Column) -> Column:
    """Percent per USD trillion of market cap (rules 4.6).

    >>> frame = spark.createDataFrame([(5.0, 0.4e12)], "r double, cap double")
    >>> frame.select(allocation_score(F.col("r"), F.col("cap")).alias("score")).first().score
    12.5
    """
    return return_pct / (market_cap / TRILLION)


def judge_candidates(holdings: DataFrame, returns: DataFrame, caps: DataFrame) -> DataFrame:
    """Every (ETF, holding) looked at, with its outcome (rules 4.3, 4.4).

    First what it is (`no_profile`), then whether it rose (`in_doubt`, `no_return`, `not_positive`), then its size
    (`in_doubt`, `no_market_cap`); of what is left the highest return is `selected`, ties by larger holding_percent,
    then ticker. `lacking_cap`: holdings of the ETF without a market cap whose return is above the pick's.

    holdings: those of the ETFs that trend, also with period_days; returns, caps: see the modules of those names

    >>> holdings = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, 5 AS period_days, "XLV" AS etf_ticker, *,
    ...     1D AS holding_percent, DATE'2026-01-22' AS holdings_as_of, ticker != "NEW" AS has_profile,
    ...     ticker AS company_name, null AS sector
    ...     FROM VALUES (1, "JNJ"), (2, "LLY"), (3, "ABT"), (4, "NEW"), (5, "BIG") AS h (holding_rank, ticker)''')
    >>> returns = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, 5 AS period_days, *, false AS in_doubt FROM VALUES
    ...     ("JNJ", 5D), ("LLY", 4D), ("ABT", -1D), ("BIG", 9D) AS r (ticker, return_pct)''')
    >>> caps = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, *, 4e11D AS market_cap, "quote" AS market_cap_source,
    ...     false AS cap_in_doubt, null AS without_rate FROM VALUES ("JNJ"), ("LLY"), ("ABT") AS c (ticker)''')
    >>> rows = judge_candidates(holdings, returns, caps).sort("holding_rank").collect()
    >>> for row in rows:
    ...     print(row.ticker, row.outcome)
    JNJ selected
    LLY lower_return
    ABT not_positive
    NEW no_profile
    BIG no_market_cap
    >>> rows[0].lacking_cap
    ['BIG']
    """
    of_etf = Window.partitionBy(*PORTFOLIO, "etf_ticker")
    best_first = of_etf.orderBy(
        F.col("obstacle").isNull().desc(), F.col("return_pct").desc(), F.col("holding_percent").desc(), "ticker"
    )
    obstacle = (
        F.when(~F.col("has_profile"), "no_profile")
        .when(F.col("in_doubt"), "in_doubt")
        .when(F.col("return_pct").isNull(), "no_return")
        .when(F.col("return_pct") <= 0, "not_positive")
        .when(F.col("cap_in_doubt"), "in_doubt")
        .when(F.col("market_cap").isNull(), "no_market_cap")
    )
    picked = F.when(F.col("outcome") == "selected", F.col("return_pct"))
    above = (F.col("outcome") == "no_market_cap") & (F.col("return_pct") > F.col("picked_return_pct"))
    return (
        holdings.join(returns, on=[*PORTFOLIO, "ticker"], how="left")
        .join(caps, on=["as_of_date", "ticker"], how="left")
        .withColumn("obstacle", obstacle)
        .withColumn("place", F.row_number().over(best_first))
        .withColumn(
            "outcome",
            F.coalesce("obstacle", F.when(F.col("place") == 1, F.lit("selected")).otherwise("lower_return")),
        )
        .withColumn("picked_return_pct", F.max(picked).over(of_etf.rowsBetween(*WHOLE)))
        .select(
            *PORTFOLIO,
            "etf_ticker",
            "ticker",
            "holding_rank",
            "holding_percent",
            "holdings_as_of",
            "return_pct",
            "market_cap",
            "outcome",
            "market_cap_source",
            "without_rate",
            "company_name",
            "sector",
            F.sort_array(F.collect_list(F.when(above, F.col("ticker"))).over(of_etf.rowsBetween(*WHOLE))).alias(
                "lacking_cap"
            ),
        )
    )


def largest_remainder(scored: DataFrame, *, by: Sequence[str], score: str, weight: str) -> DataFrame:
    """weight = score / Σ scores, ten decimals, each portfolio summing to exactly 1 (rules 4.6).

    Every weight is rounded down; the units that are missing go to the largest remainders, ties by ticker.

    by: the columns that name a portfolio; scored: these, ticker, the score > 0, …; the other columns stay

    >>> scored = spark.sql("SELECT 5 AS period_days, *, 1D AS score FROM VALUES ('C'), ('A'), ('B') AS s (ticker)")
    >>> weighed = largest_remainder(scored, by=["period_days"], score="score", weight="weight").sort("ticker")
    >>> [(row.ticker, str(row.weight)) for row in weighed.collect()]
    [('A', '0.3333333334'), ('B', '0.3333333333'), ('C', '0.3333333333')]
    """
    portfolio = Window.partitionBy(*by)
    # Σ in ticker order: a sum of floats in another order may differ in its last bit.
    of_ticker = F.sort_array(F.collect_list(F.struct("ticker", F.col(score).alias("score"))).over(portfolio))
    total = F.aggregate(of_ticker, F.lit(0.0), lambda sum_so_far, stock: sum_so_far + stock["score"])
    exact = F.col(score) / total * WEIGHT_UNITS
    largest_first = portfolio.orderBy(F.col("remainder").desc(), "ticker")
    missing = WEIGHT_UNITS - F.sum("units").over(portfolio.rowsBetween(*WHOLE))
    given = F.col("units") + F.when(F.row_number().over(largest_first) <= missing, 1).otherwise(0)
    as_fraction = given.cast("decimal(12,0)") * F.lit(Decimal(1) / WEIGHT_UNITS)
    return (
        scored.withColumn("exact", exact)
        .withColumn("units", F.floor("exact"))
        .withColumn("remainder", F.round(F.col("exact") - F.col("units"), NOISE_DECIMALS))
        .withColumn(weight, as_fraction.cast("decimal(12,10)"))
        .drop("exact", "units", "remainder")
    )


def allocate(candidates: DataFrame, *, unknown_sector: str) -> DataFrame:
    """The positions of each portfolio: a stock picked by several ETFs is one of them (rules 4.5-4.7).

    candidates: see judge_candidates

    >>> candidates = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, 5 AS period_days, *, "selected" AS outcome,
    ...     "quote" AS market_cap_source, ticker AS company_name, null AS sector, array() AS lacking_cap FROM VALUES
    ...     ("XLV", "JNJ", 5D, 4e11D), ("SCHD", "JNJ", 5D, 4e11D), ("XLF", "JPM", 4D, 8e11D)
    ...     AS c (etf_ticker, ticker, return_pct, market_cap)''')
    >>> for row in allocate(candidates, unknown_sector="Unknown").sort("rank").collect():
    ...     print(row.ticker, row.source_etfs, row.portfolio_weight)
    JNJ SCHD,XLV 0.7142857143
    JPM XLF 0.2857142857
    """
    by_weight = Window.partitionBy(*PORTFOLIO).orderBy(F.col("portfolio_weight").desc(), "ticker")
    picked = (
        candidates.where(F.col("outcome") == "selected")
        .groupBy(*PORTFOLIO, "ticker")
        .agg(
            F.first("return_pct").alias("return_pct"),
            F.first("market_cap").alias("market_cap"),
            F.first("market_cap_source").alias("market_cap_source"),
            F.max("company_name").alias("company_name"),
            F.coalesce(F.first("sector"), F.lit(unknown_sector)).alias("sector"),
            F.sort_array(F.collect_set("etf_ticker")).alias("etfs"),
            F.sort_array(F.array_distinct(F.flatten(F.collect_list("lacking_cap")))).alias("lacking_cap"),
        )
        .withColumn("allocation_score", allocation_score(F.col("return_pct"), F.col("market_cap")))
    )
    weighed = largest_remainder(picked, by=PORTFOLIO, score="allocation_score", weight="portfolio_weight")
    return weighed.select(
        *PORTFOLIO,
        "ticker",
        "company_name",
        "sector",
        "market_cap",
        "return_pct",
        "portfolio_weight",
        F.row_number().over(by_weight).alias("rank"),
        "allocation_score",
        F.array_join("etfs", ",").alias("source_etfs"),
        allocation_reason().alias("allocation_reason"),
        "market_cap_source",
    )


def allocation_reason() -> Column:
    """Why it was picked, in English, from period_days, return_pct, etfs and lacking_cap (rules 4).

    >>> frame = spark.sql("SELECT 5 AS period_days, 5.769231D AS return_pct, array('QQQ', 'XLV') AS etfs, "
    ...     "array('BIG') AS lacking_cap")
    >>> print(frame.select(allocation_reason().alias("reason")).first().reason)
    Highest 5-session return (5.77 %) among the largest holdings of QQQ, XLV. Higher, but without a market cap: BIG.
    """
    why = F.format_string(
        "Highest %d-session return (%.2f %%) among the largest holdings of %s.",
        "period_days",
        "return_pct",
        F.array_join("etfs", ", "),
    )
    lacking = F.format_string(" Higher, but without a market cap: %s.", F.array_join("lacking_cap", ", "))
    return F.concat(why, F.when(F.size("lacking_cap") > 0, lacking).otherwise(""))
