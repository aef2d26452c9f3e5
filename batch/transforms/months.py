"""Calendar months of ETFs and stocks (rules 7). Returns and volatilities are percent; unknown is NULL.

A month is named by its as_of_date: its last session, or the newest one of the running month. `months` come in as
`as_of_date, period_days, start_date, is_partial`; start_date is the last session of the month before.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from batch.transforms.returns import RETURN_DECIMALS, missing
from batch.transforms.trending import is_trending, measure_etfs

MONTH = ["as_of_date", "year", "month"]


def year_and_month(day: str) -> list[Column]:
    """The calendar year and month (1-12) of a date.

    >>> tuple(spark.sql("SELECT DATE'2026-01-23' AS trade_date").select(*year_and_month("trade_date")).first())
    (2026, 1)
    """
    return [F.year(day).alias("year"), F.month(day).alias("month")]


def etf_months(returns: DataFrame, universe: DataFrame, months: DataFrame, *, benchmark: str) -> DataFrame:
    """One row per month and ETF of the universe, the ones without a return included (`missing`, see measure_etfs).

    returns: period_returns over the months; universe: ticker, etf_type, sector_name

    >>> months = spark.sql("SELECT DATE'2026-01-23' AS as_of_date, 15 AS period_days, true AS is_partial")
    >>> returns = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, 15 AS period_days, *, false AS in_doubt
    ...     FROM VALUES ("SPY", 1D), ("QQQ", 3D) AS r (ticker, return_pct)''')
    >>> universe = spark.sql("SELECT ticker, 'sector' AS etf_type, ticker AS sector_name FROM VALUES ('SPY'), ('QQQ'), "
    ...     "('XLF') AS u (ticker)")
    >>> for row in etf_months(returns, universe, months, benchmark="SPY").sort("etf_ticker").collect():
    ...     print(row.year, row.month, row.etf_ticker, row.return_pct, row.spy_return_pct, row.is_partial, row.missing)
    2026 1 QQQ 3.0 1.0 True None
    2026 1 SPY 1.0 1.0 True None
    2026 1 XLF None 1.0 True no_return
    """
    measured = measure_etfs(returns, universe, months, benchmark=benchmark)
    return measured.join(F.broadcast(months.select("as_of_date", "is_partial")), on="as_of_date", how="inner").select(
        "as_of_date",
        *year_and_month("as_of_date"),
        "etf_ticker",
        "return_pct",
        "spy_return_pct",
        "is_partial",
        "missing",
    )


def stocks_of_months(holdings: DataFrame, *, unknown_sector: str) -> DataFrame:
    """as_of_date, ticker, company_name, sector: the distinct equities of the lists in reach (rules 7).

    A holding of unknown type is none: nobody knows yet whether it is a stock.

    holdings: as_of_date and the columns of usable_holdings

    >>> holdings = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, *, ticker AS company_name, null AS sector
    ...     FROM VALUES ("NVDA", true), ("NVDA", true), ("NEW", false) AS h (ticker, has_profile)''')
    >>> [(row.ticker, row.sector) for row in stocks_of_months(holdings, unknown_sector="Unknown").collect()]
    [('NVDA', 'Unknown')]
    """
    return (
        holdings.where("has_profile")
        .groupBy("as_of_date", "ticker")
        .agg(
            F.max("company_name").alias("company_name"),
            F.coalesce(F.max("sector"), F.lit(unknown_sector)).alias("sector"),
        )
        .select("as_of_date", "ticker", "company_name", "sector")
    )


def monthly_stocks(stocks: DataFrame, returns: DataFrame) -> DataFrame:
    """The stocks with `avg_monthly_return`, NULL where `missing` says why: no_return or in_doubt (rules 7).

    stocks: see stocks_of_months; returns: period_returns over the months

    >>> stocks = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, *, ticker AS company_name, "Energy" AS sector
    ...     FROM VALUES ("XOM"), ("CVX") AS s (ticker)''')
    >>> returns = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, "XOM" AS ticker, 2D AS return_pct,
    ...     false AS in_doubt''')
    >>> for row in monthly_stocks(stocks, returns).sort("ticker").collect():
    ...     print(row.ticker, row.avg_monthly_return, row.missing)
    CVX None no_return
    XOM 2.0 None
    """
    measured = returns.select("as_of_date", "ticker", "return_pct", "in_doubt")
    return stocks.join(measured, on=["as_of_date", "ticker"], how="left").select(
        "as_of_date",
        "ticker",
        "company_name",
        "sector",
        F.col("return_pct").alias("avg_monthly_return"),
        missing(F.col("return_pct")),
    )


def bars_of_months(daily: DataFrame, months: DataFrame) -> DataFrame:
    """as_of_date and the bars dated in its month, up to it (rules 7).

    daily: see daily_returns, with volume, high_price, low_price

    >>> daily = spark.sql('''SELECT "XOM" AS ticker, to_date(day) AS trade_date, 1D AS daily_return_pct, 10L AS volume,
    ...     9D AS high_price, 8D AS low_price FROM VALUES ("2025-12-31"), ("2026-01-02"), ("2026-01-26") AS b (day)''')
    >>> months = spark.sql("SELECT DATE'2026-01-23' AS as_of_date")
    >>> [str(row.trade_date) for row in bars_of_months(daily, months).collect()]
    ['2026-01-02']
    """
    of_month = months.select("as_of_date", *year_and_month("as_of_date"))
    return (
        daily.withColumns(dict(zip(["year", "month"], year_and_month("trade_date"), strict=True)))
        .join(F.broadcast(of_month), on=["year", "month"], how="inner")
        .where(F.col("trade_date") <= F.col("as_of_date"))
        .select("as_of_date", "ticker", "trade_date", "daily_return_pct", "volume", "high_price", "low_price")
    )


def stock_months(stocks: DataFrame, bars: DataFrame, sectors: DataFrame) -> DataFrame:
    """One row per month and stock, the ones without a return included (`missing`) (rules 7).

    `vs_sector`: percentage points; `volatility`: sample standard deviation of the month's daily returns; `month_high`,
    `month_low`: in its own currency.

    stocks: see monthly_stocks; bars: see bars_of_months; sectors: as_of_date, sector, and its avg_monthly_return

    >>> stocks = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, "XOM" AS ticker, "Exxon" AS company_name,
    ...     "Energy" AS sector, 2.5D AS avg_monthly_return, null AS missing''')
    >>> sectors = spark.sql("SELECT DATE'2026-01-23' AS as_of_date, 'Energy' AS sector, 2D AS avg_monthly_return")
    >>> bars = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, "XOM" AS ticker, * FROM VALUES (1D, 10L, 9D, 8D),
    ...     (3D, 20L, 8.5D, 7D) AS b (daily_return_pct, volume, high_price, low_price)''')
    >>> row = stock_months(stocks, bars, sectors).first()
    >>> row.vs_sector, round(row.volatility, 6), row.total_volume, row.month_high, row.month_low, row.trading_days
    (0.5, 1.414214, 30, 9.0, 7.0, 2)
    >>> row.is_trending
    True
    """
    over_the_month = bars.groupBy("as_of_date", "ticker").agg(
        F.stddev_samp("daily_return_pct").alias("volatility"),
        F.sum("volume").alias("total_volume"),
        F.max("high_price").alias("month_high"),
        F.min("low_price").alias("month_low"),
        F.count(F.lit(1)).alias("trading_days"),
    )
    means = sectors.select("as_of_date", "sector", F.col("avg_monthly_return").alias("sector_mean"))
    own, mean = F.col("avg_monthly_return"), F.col("sector_mean")
    return (
        stocks.join(over_the_month, on=["as_of_date", "ticker"], how="left")
        .join(F.broadcast(means), on=["as_of_date", "sector"], how="left")
        .select(
            "as_of_date",
            *year_and_month("as_of_date"),
            "ticker",
            "company_name",
            "sector",
            "avg_monthly_return",
            F.round(own - mean, RETURN_DECIMALS).alias("vs_sector"),
            "volatility",
            F.coalesce("total_volume", F.lit(0)).alias("total_volume"),
            "month_high",
            "month_low",
            F.coalesce("trading_days", F.lit(0)).alias("trading_days"),
            is_trending(own, mean).alias("is_trending"),
            "missing",
        )
    )
