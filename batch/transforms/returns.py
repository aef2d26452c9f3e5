"""Returns between sessions. Unit: percent, in the instrument's own currency. A missing end bar gives NULL, never zero.

Bars come in as `ticker, trade_date, close_price, adj_close_price, in_doubt, reach_days`. Prices are double;
`reach_days` is how many calendar days old the bar may be that stands for a date, 0 in New York (rules 2).
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

RETURN_DECIMALS = 6


def change_pct(end: Column, start: Column) -> Column:
    """100 × (end / start − 1) of adjusted closes, percent, not rounded; NULL where start is no price.

    >>> frame = spark.createDataFrame([(12.5, 10.0), (5.0, 0.0), (5.0, None)], "close double, before double")
    >>> [row.r for row in frame.select(change_pct(F.col("close"), F.col("before")).alias("r")).collect()]
    [25.0, None, None]
    """
    # ANSI mode raises on a division by zero, and NaN is larger than every number.
    usable = (start > 0) & ~F.isnan(start) & ~F.isnan(end)
    return F.when(usable, 100 * (end / start - 1))


def total_return_pct(end: Column, start: Column) -> Column:
    """The change rounded once, to the stored decimals (rules 2).

    >>> frame = spark.createDataFrame([(110.0, 100.0), (95.0, 100.0), (5.0, 0.0)], "close double, before double")
    >>> [row.r for row in frame.select(total_return_pct(F.col("close"), F.col("before")).alias("r")).collect()]
    [10.0, -5.0, None]
    """
    return F.round(change_pct(end, start), RETURN_DECIMALS)


def missing(return_pct: Column) -> Column:
    """Why there is no return, as column `missing`: in_doubt, no_return, or NULL where there is one (rules 2).

    The frame has period_returns' `in_doubt`.

    >>> frame = spark.createDataFrame([(1.0, False), (None, True), (None, False)], "r double, in_doubt boolean")
    >>> [row.missing for row in frame.select(missing(F.col("r"))).collect()]
    [None, 'in_doubt', 'no_return']
    """
    return F.when(F.col("in_doubt"), "in_doubt").when(return_pct.isNull(), "no_return").alias("missing")


def daily_returns(bars: DataFrame) -> DataFrame:
    """The bars with `daily_return_pct`, each against the instrument's own bar before it; the first has NULL (rules 6).

    bars: ticker, trade_date, adj_close_price, …; the other columns stay

    >>> bars = spark.sql('''SELECT "QQQ" AS ticker, to_date(day) AS trade_date, close AS adj_close_price FROM VALUES
    ...     ("2026-01-20", 100D), ("2026-01-22", 110D), ("2026-01-23", 99D) AS b (day, close)''')
    >>> [round(row.daily_return_pct or 0, 9) for row in daily_returns(bars).sort("trade_date").collect()]
    [0, 10.0, -10.0]
    """
    before = F.lag("adj_close_price").over(Window.partitionBy("ticker").orderBy("trade_date"))
    return bars.withColumn("daily_return_pct", change_pct(F.col("adj_close_price"), before))


def with_reach(bars: DataFrame, exchanges: DataFrame, *, reach_days: int) -> DataFrame:
    """Bars of stocks with the age at which they may still stand for a date (rules 2).

    bars: also exchange, currency; exchanges: exchange, calendar, without New York's own.

    >>> bars = spark.sql('''SELECT * FROM VALUES ("JNJ", "NYQ", "USD"), ("005930.KS", "KSC", "KRW"), ("X", null, "USD")
    ...     AS b (ticker, exchange, currency)''').selectExpr("*", "DATE'2026-01-23' AS trade_date",
    ...     "1D AS close_price", "1D AS adj_close_price", "false AS in_doubt")
    >>> exchanges = spark.createDataFrame([("KSC", "XKRX")], "exchange string, calendar string")
    >>> [(row.ticker, row.reach_days) for row in with_reach(bars, exchanges, reach_days=10).sort("ticker").collect()]
    [('005930.KS', 10), ('JNJ', 0), ('X', 0)]
    """
    elsewhere = F.col("calendar").isNotNull() | (F.col("currency") != "USD")
    return bars.join(F.broadcast(exchanges), on="exchange", how="left").select(
        "ticker",
        "trade_date",
        "close_price",
        "adj_close_price",
        "in_doubt",
        F.when(elsewhere, reach_days).otherwise(0).alias("reach_days"),
    )


def period_returns(bars: DataFrame, wanted: DataFrame) -> DataFrame:
    """One row per wanted ticker, as_of_date and period_days whose end bar exists (rules 2).

    `return_pct` is NULL without a start bar, where both ends are the same bar, and where a bar between the ends, ends
    included, is in doubt; `in_doubt` says so. `close_price` is the end bar's close.

    wanted: ticker, as_of_date, period_days, start_date; the dates are the calendar's, never found in the bars

    >>> bars = spark.sql('''SELECT ticker, to_date(day) AS trade_date, close AS close_price, close AS adj_close_price,
    ...     false AS in_doubt, 0 AS reach_days FROM VALUES ("QQQ", "2026-01-15", 100D), ("QQQ", "2026-01-23", 105D),
    ...     ("XLF", "2026-01-23", 50D) AS b (ticker, day, close)''')
    >>> wanted = bars.select("ticker").distinct().selectExpr("*", "DATE'2026-01-23' AS as_of_date", "5 AS period_days",
    ...     "DATE'2026-01-15' AS start_date")
    >>> [(row.ticker, row.return_pct) for row in period_returns(bars, wanted).sort("ticker").collect()]
    [('QQQ', 5.0), ('XLF', None)]
    """
    ends = wanted.select(
        "ticker",
        "as_of_date",
        "period_days",
        F.inline(
            F.array(
                F.struct(F.col("as_of_date").alias("on_date"), F.lit(True).alias("is_end")),
                F.struct(F.col("start_date").alias("on_date"), F.lit(False).alias("is_end")),
            )
        ),
    )
    # A bar stands for its own day and, on other exchanges, for the days after it: this keeps the join on equality.
    standing = bars.withColumn(
        "on_date", F.explode(F.sequence("trade_date", F.expr("date_add(trade_date, reach_days)")))
    )
    at_end, at_start = F.when(F.col("is_end"), F.col("trade_date")), F.when(~F.col("is_end"), F.col("trade_date"))
    newest = (
        standing.join(F.broadcast(ends), on=["ticker", "on_date"], how="inner")
        .groupBy("ticker", "as_of_date", "period_days")
        .agg(
            F.max(at_end).alias("end_trade_date"),
            F.max_by("close_price", at_end).alias("close_price"),
            F.max_by("adj_close_price", at_end).alias("end_adj_close_price"),
            F.max(at_start).alias("start_trade_date"),
            F.max_by("adj_close_price", at_start).alias("start_adj_close_price"),
        )
        .where(F.col("end_trade_date").isNotNull())
    )
    doubts = bars.where("in_doubt").groupBy("ticker").agg(F.collect_set("trade_date").alias("doubtful_dates"))
    first = F.coalesce("start_trade_date", "end_trade_date")
    in_doubt = F.exists("doubtful_dates", lambda day: day.between(first, F.col("end_trade_date")))
    measured = total_return_pct(F.col("end_adj_close_price"), F.col("start_adj_close_price"))
    return (
        newest.join(F.broadcast(doubts), on="ticker", how="left")
        .withColumn("in_doubt", F.coalesce(in_doubt, F.lit(False)))
        .select(
            "as_of_date",
            "period_days",
            "ticker",
            F.when(~F.col("in_doubt") & (F.col("start_trade_date") < F.col("end_trade_date")), measured).alias(
                "return_pct"
            ),
            "in_doubt",
            "close_price",
        )
    )
