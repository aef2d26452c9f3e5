"""How each holding of an ETF did over a period (rules 6). Returns and volatilities are percent; unknown is NULL."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from batch.transforms.returns import RETURN_DECIMALS, missing

SESSIONS_A_YEAR = 252
LEAST_SHARE = 0.8  # of a period's sessions, below which daily returns say nothing
LEAST_OBSERVATIONS = 4


def enough_observations(observations: Column, period_days: Column) -> Column:
    """At least 0.8 × N daily returns, and four (rules 6).

    >>> frame = spark.sql("SELECT * FROM VALUES (4, 5), (3, 5), (15, 20), (16, 20) AS o (observations, days)")
    >>> [row.e for row in frame.select(enough_observations(F.col("observations"), F.col("days")).alias("e")).collect()]
    [True, False, False, True]
    """
    return (observations >= LEAST_SHARE * period_days) & (observations >= LEAST_OBSERVATIONS)


def sharpe_ratio(avg_return: Column, volatility: Column) -> Column:
    """avg_return / volatility × √252, risk-free rate 0; NULL when the volatility, as stored, is 0 (rules 6).

    >>> frame = spark.sql("SELECT * FROM VALUES (0.1D, 1.5D), (0.1D, 1e-15D), (0.1D, null) AS s (mean, volatility)")
    >>> ratios = frame.select(sharpe_ratio(F.col("mean"), F.col("volatility")).alias("sharpe")).collect()
    >>> [row.sharpe and round(row.sharpe, 6) for row in ratios]  # 15.874508 / 15
    [1.058301, None, None]
    """
    # Equal returns differ in their last bit: their deviation is noise, and a quotient by it would be any number.
    varies = F.round(volatility, RETURN_DECIMALS) > 0
    return F.when(varies, avg_return / volatility * SESSIONS_A_YEAR**0.5)


def daily_statistics(daily: DataFrame, wanted: DataFrame, numbers: DataFrame, *, periods: Sequence[int]) -> DataFrame:
    """One row per wanted ticker, as_of_date and period: over its own bars after the start, up to D (rules 6).

    `observations`: daily returns; `avg_return`, `volatility` (sample standard deviation): percent; `avg_volume`:
    shares. Each date looks back over the sessions of the longest period once, for all periods together.

    daily: see daily_returns, with volume; wanted: ticker, as_of_date; numbers: on_date, session_number, from the first
    session after the earliest start on

    >>> daily = spark.sql('''SELECT "QQQ" AS ticker, to_date(day) AS trade_date, r AS daily_return_pct, v AS volume
    ...     FROM VALUES ("2026-01-20", 9D, 9), ("2026-01-21", 1D, 10), ("2026-01-23", 3D, 20) AS b (day, r, v)''')
    >>> wanted = spark.sql("SELECT 'QQQ' AS ticker, DATE'2026-01-23' AS as_of_date")
    >>> numbers = spark.sql('''SELECT to_date(day) AS on_date, n AS session_number FROM VALUES ("2026-01-20", 1),
    ...     ("2026-01-21", 2), ("2026-01-22", 3), ("2026-01-23", 4) AS s (day, n)''')
    >>> row = daily_statistics(daily, wanted, numbers, periods=[3]).first()
    >>> row.observations, row.avg_return, round(row.volatility, 6), row.avg_volume
    (2, 2.0, 1.414214, 15.0)
    """

    def over_the_last(days: int) -> Column:
        daily_return = F.when(F.col("sessions_ago") < days, F.col("daily_return_pct"))
        return F.struct(
            F.lit(days).alias("period_days"),
            F.count(daily_return).alias("observations"),
            F.avg(daily_return).alias("avg_return"),
            F.stddev_samp(daily_return).alias("volatility"),
            F.avg(F.when(F.col("sessions_ago") < days, F.col("volume"))).alias("avg_volume"),
        )

    numbers = F.broadcast(numbers)
    looked_at = (
        wanted.select("ticker", "as_of_date")
        .distinct()
        .join(numbers.withColumnRenamed("on_date", "as_of_date"), on="as_of_date", how="inner")
        .withColumn("sessions_ago", F.explode(F.sequence(F.lit(0), F.lit(max(periods) - 1))))
        .withColumn("session_number", F.col("session_number") - F.col("sessions_ago"))
    )
    numbered = daily.select("ticker", F.col("trade_date").alias("on_date"), "daily_return_pct", "volume").join(
        numbers, on="on_date", how="inner"
    )
    return (
        looked_at.join(numbered, on=["ticker", "session_number"], how="inner")
        .groupBy("ticker", "as_of_date")
        .agg(F.array(*map(over_the_last, periods)).alias("periods"))
        .select("ticker", "as_of_date", F.inline("periods"))
    )


def measure_holdings(
    holdings: DataFrame,
    periods: DataFrame,
    returns: DataFrame,
    statistics: DataFrame,
    caps: DataFrame,
    *,
    ranked: int,
    unknown_sector: str,
) -> DataFrame:
    """One row per ETF, period and holding, the ones without a return included (rules 6).

    `missing` is NULL, `no_return` or `in_doubt`; a row with a `missing` is not stored. The `ranked` best by
    `total_return`, ties by ticker, have a `rank_position`.

    holdings: as_of_date, etf_ticker, ticker, company_name, sector; periods: as_of_date, period_days; the others: see
    the functions that make them

    >>> day = "DATE'2026-01-23' AS as_of_date"
    >>> holdings = spark.sql(f"SELECT {day}, 'QQQ' AS etf_ticker, ticker, ticker AS company_name, null AS sector "
    ...     "FROM VALUES ('NVDA'), ('AAPL'), ('NEW') AS h (ticker)")
    >>> periods = spark.sql(f"SELECT {day}, 5 AS period_days")
    >>> returns = spark.sql(f"SELECT {day}, 5 AS period_days, *, false AS in_doubt, 50D AS close_price FROM VALUES "
    ...     "('NVDA', 2D), ('AAPL', 3D) AS r (ticker, return_pct)")
    >>> statistics = returns.selectExpr("as_of_date", "period_days", "ticker", "5L AS observations",
    ...     "0.5D AS avg_return", "1D AS volatility", "10.5D AS avg_volume")
    >>> caps = spark.sql(f"SELECT {day}, 'NVDA' AS ticker, 4e12D AS market_cap, null AS without_rate")
    >>> found = measure_holdings(holdings, periods, returns, statistics, caps, ranked=5, unknown_sector="Unknown")
    >>> for row in found.sort("rank_position").collect():
    ...     print(row.holding_ticker, row.rank_position, row.total_return, row.avg_volume, row.market_cap, row.missing)
    NEW None None None None no_return
    AAPL 1 3.0 11 None None
    NVDA 2 2.0 11 4000000000000.0 None
    """
    key = ["as_of_date", "period_days"]
    known = F.col("return_pct").isNotNull()
    best_first = Window.partitionBy(*key, "etf_ticker", known).orderBy(F.col("return_pct").desc(), "ticker")
    enough = enough_observations(F.col("observations"), F.col("period_days"))
    return (
        holdings.join(F.broadcast(periods.select(*key)), on="as_of_date", how="inner")
        .join(returns, on=[*key, "ticker"], how="left")
        .join(statistics, on=[*key, "ticker"], how="left")
        .join(caps, on=["as_of_date", "ticker"], how="left")
        .withColumn("place", F.when(known, F.row_number().over(best_first)))
        .select(
            *key,
            "etf_ticker",
            F.col("ticker").alias("holding_ticker"),
            F.col("company_name").alias("holding_name"),
            F.coalesce("sector", F.lit(unknown_sector)).alias("holding_sector"),
            F.when(F.col("place") <= ranked, F.col("place")).alias("rank_position"),
            F.when(enough, F.col("avg_return")).alias("avg_return"),
            F.col("return_pct").alias("total_return"),
            F.when(enough, F.col("volatility")).alias("volatility"),
            F.when(enough, sharpe_ratio(F.col("avg_return"), F.col("volatility"))).alias("sharpe_ratio"),
            "observations",
            F.round("avg_volume").cast("long").alias("avg_volume"),
            F.col("close_price").alias("current_price"),
            "market_cap",
            "without_rate",
            missing(F.col("return_pct")),
        )
    )
