"""Sectors by calendar month (rules 7). Returns and volatilities are percent; unknown is NULL."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from batch.transforms.months import year_and_month
from batch.transforms.returns import RETURN_DECIMALS
from batch.transforms.trending import is_trending

SECTOR = ["as_of_date", "sector"]
LEAST_STOCKS = 3  # a sector of fewer never trends


def sector_means(stocks: DataFrame) -> DataFrame:
    """as_of_date, sector, stock_count, avg_monthly_return: over the stocks that have a return (rules 7).

    The mean is that of the stored returns, exactly, and is rounded once: flags and differences can be checked from the
    stored rows, whatever the order in which floats would have been summed.

    stocks: see monthly_stocks

    >>> stocks = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, "Energy" AS sector, *
    ...     FROM VALUES (1D), (2D), (2D), (null) AS s (avg_monthly_return)''')
    >>> [(row.stock_count, row.avg_monthly_return) for row in sector_means(stocks).collect()]
    [(3, 1.666667)]
    """
    stored = F.col("avg_monthly_return").cast(f"decimal(14,{RETURN_DECIMALS})")
    return (
        stocks.where(F.col("avg_monthly_return").isNotNull())
        .groupBy(*SECTOR)
        .agg(
            F.count("avg_monthly_return").alias("stock_count"),
            F.round(F.avg(stored), RETURN_DECIMALS).cast("double").alias("avg_monthly_return"),
        )
        .select(*SECTOR, "stock_count", "avg_monthly_return")
    )


def sector_days(stocks: DataFrame, bars: DataFrame) -> DataFrame:
    """as_of_date, sector, trade_date, mean_return: of the stocks with a monthly return that have a bar (rules 7).

    stocks: see monthly_stocks; bars: see bars_of_months

    >>> stocks = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, "Energy" AS sector, *
    ...     FROM VALUES ("XOM", 1D), ("CVX", 1D), ("NEW", null) AS s (ticker, avg_monthly_return)''')
    >>> bars = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, to_date(day) AS trade_date, ticker, daily_return_pct
    ...     FROM VALUES ("2026-01-22", "XOM", 1D), ("2026-01-22", "CVX", 2D), ("2026-01-23", "XOM", 4D),
    ...     ("2026-01-23", "NEW", 9D) AS b (day, ticker, daily_return_pct)''')
    >>> [(row.trade_date.day, row.mean_return) for row in sector_days(stocks, bars).sort("trade_date").collect()]
    [(22, 1.5), (23, 4.0)]
    """
    counted = stocks.where(F.col("avg_monthly_return").isNotNull()).select(*SECTOR, "ticker")
    return (
        bars.where(F.col("daily_return_pct").isNotNull())
        .join(F.broadcast(counted), on=["as_of_date", "ticker"], how="inner")
        .groupBy(*SECTOR, "trade_date")
        .agg(F.avg("daily_return_pct").alias("mean_return"))
        .select(*SECTOR, "trade_date", "mean_return")
    )


def sector_months(means: DataFrame, days: DataFrame, benchmark: DataFrame, *, unknown_sector: str) -> DataFrame:
    """One row per month and sector that has a stock with a return (rules 7).

    `volatility` is the sample standard deviation of the sector's daily means, `positive_rate` the percentage of its
    days with a mean above 0, as shown: rounded noise is no gain.

    means: see sector_means; days: see sector_days; benchmark: as_of_date, spy_return_pct

    >>> means = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, *
    ...     FROM VALUES ("Energy", 3, 2D), ("Utilities", 2, 2D), ("Unknown", 3, 2D)
    ...     AS m (sector, stock_count, avg_monthly_return)''')
    >>> days = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, "Energy" AS sector, *
    ...     FROM VALUES (DATE'2026-01-22', 1D), (DATE'2026-01-23', -1D) AS d (trade_date, mean_return)''')
    >>> benchmark = spark.sql("SELECT DATE'2026-01-23' AS as_of_date, 1D AS spy_return_pct")
    >>> rows = sector_months(means, days, benchmark, unknown_sector="Unknown").sort("sector").collect()
    >>> [(row.sector, row.is_trending) for row in rows]
    [('Energy', True), ('Unknown', False), ('Utilities', False)]
    >>> row = rows[0]
    >>> round(row.volatility, 6), row.positive_days, row.total_trading_days, row.positive_rate, row.best_day
    (1.414214, 1, 2, 50.0, 1.0)
    """
    shown = F.round("mean_return", RETURN_DECIMALS)
    of_days = days.groupBy(*SECTOR).agg(
        F.stddev_samp("mean_return").alias("volatility"),
        F.count_if(shown > 0).alias("positive_days"),
        F.count("mean_return").alias("total_trading_days"),
        F.max("mean_return").alias("best_day"),
        F.min("mean_return").alias("worst_day"),
    )
    may_trend = (F.col("sector") != unknown_sector) & (F.col("stock_count") >= LEAST_STOCKS)
    return (
        means.join(of_days, on=SECTOR, how="left")
        .join(F.broadcast(benchmark), on="as_of_date", how="left")
        .select(
            "as_of_date",
            *year_and_month("as_of_date"),
            "sector",
            "stock_count",
            "avg_monthly_return",
            "volatility",
            F.coalesce("positive_days", F.lit(0)).alias("positive_days"),
            F.coalesce("total_trading_days", F.lit(0)).alias("total_trading_days"),
            (100 * F.col("positive_days") / F.col("total_trading_days")).alias("positive_rate"),
            "best_day",
            "worst_day",
            (may_trend & is_trending(F.col("avg_monthly_return"), F.col("spy_return_pct"))).alias("is_trending"),
        )
    )
