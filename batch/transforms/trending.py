"""Which ETFs beat SPY (rules 3). Units: percent, and percentage points for differences. No return gives NULL."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from batch.transforms.returns import RETURN_DECIMALS, missing


def outperformance(return_pct: Column, spy_return_pct: Column) -> Column:
    """return_pct − spy_return_pct, percentage points, exact in the stored decimals (rules 3).

    >>> frame = spark.createDataFrame([(3.3, 1.1)], "r double, spy double")
    >>> frame.select(outperformance(F.col("r"), F.col("spy")).alias("o")).first().o
    2.2
    """
    return F.round(return_pct - spy_return_pct, RETURN_DECIMALS)


def is_trending(return_pct: Column, spy_return_pct: Column) -> Column:
    """return_pct > spy_return_pct AND return_pct > 0; equality is not trending (rules 3).

    >>> frame = spark.createDataFrame([(3.0, 1.0), (1.0, 1.0), (-1.0, -2.0)], "r double, spy double")
    >>> [row.t for row in frame.select(is_trending(F.col("r"), F.col("spy")).alias("t")).collect()]
    [True, False, False]
    """
    return (return_pct > spy_return_pct) & (return_pct > 0)


def measure_etfs(returns: DataFrame, universe: DataFrame, periods: DataFrame, *, benchmark: str) -> DataFrame:
    """One row per as_of_date, period_days and ETF of the universe, the ones without a return included (rules 3).

    `missing` is NULL, `no_return` or `in_doubt`; a row with a `missing` has NULL figures and is not stored.
    `spy_return_pct` is NULL where the benchmark itself has no return: nothing may be stored then.

    returns: as_of_date, period_days, ticker, return_pct, in_doubt; universe: ticker, etf_type, sector_name

    >>> returns = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, 5 AS period_days, * FROM VALUES
    ...     ("SPY", 1D, false), ("QQQ", 3D, false), ("XLF", 3D, false), ("XLV", null, true)
    ...     AS r (ticker, return_pct, in_doubt)''')
    >>> universe = spark.sql("SELECT ticker, 'sector' AS etf_type, ticker AS sector_name FROM VALUES ('SPY'), ('XLF'), "
    ...     "('QQQ'), ('XLV') AS u (ticker)")
    >>> periods = spark.sql("SELECT DATE'2026-01-23' AS as_of_date, 5 AS period_days, DATE'2026-01-15' AS start_date")
    >>> rows = measure_etfs(returns, universe, periods, benchmark="SPY").sort("etf_ticker").collect()
    >>> [(row.etf_ticker, row.outperformance, row.rank_by_outperformance, row.missing) for row in rows]
    [('QQQ', 2.0, 1, None), ('SPY', 0.0, None, None), ('XLF', 2.0, 2, None), ('XLV', None, None, 'in_doubt')]
    """
    key = ["as_of_date", "period_days"]
    spy = returns.where(F.col("ticker") == benchmark).select(*key, F.col("return_pct").alias("spy_return_pct"))
    ranked = F.col("return_pct").isNotNull() & (F.col("ticker") != benchmark)
    best_first = Window.partitionBy(*key, ranked).orderBy(F.col("outperformance").desc(), "ticker")
    return (
        universe.crossJoin(periods.select(*key))
        .join(returns, on=[*key, "ticker"], how="left")
        .join(spy, on=key, how="left")
        .withColumn("outperformance", outperformance(F.col("return_pct"), F.col("spy_return_pct")))
        .select(
            *key,
            F.col("ticker").alias("etf_ticker"),
            "etf_type",
            "sector_name",
            "return_pct",
            "spy_return_pct",
            "outperformance",
            F.when(ranked, F.row_number().over(best_first)).alias("rank_by_outperformance"),
            is_trending(F.col("return_pct"), F.col("spy_return_pct")).alias("is_trending"),
            missing(F.col("return_pct")),
        )
    )
