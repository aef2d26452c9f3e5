"""Market caps of a past or present session, in whole US dollars (rules 4, Market cap). What is unknown is NULL."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


def market_cap_at(market_cap: Column, close_price: Column, quote_price: Column, split_factor: Column) -> Column:
    """marketCap × close[D] / (quote_price / splits after the quote), in the cap's currency; NULL without a price.

    Stored closes are adjusted for every split, quotes are as they were: a quote of 200 before a 4:1 split is 50 now.

    >>> frame = spark.sql("SELECT 1e12D AS cap, 55D AS close, 200D AS quote, 4D AS factor")
    >>> frame.select(market_cap_at(*map(F.col, frame.columns)).alias("cap")).first().cap
    1100000000000.0
    """
    usable = (quote_price > 0) & (split_factor > 0) & (close_price > 0) & (market_cap > 0)
    return F.when(usable, market_cap * close_price * split_factor / quote_price)


def rates_before(rates: DataFrame, sessions: DataFrame, *, reach_days: int) -> DataFrame:
    """as_of_date, currency, usd_per_unit: the newest rate dated before D and at most `reach_days` old (rules 4).

    >>> rates = spark.sql("SELECT 'KRW' AS currency, to_date(day) AS rate_date, usd AS usd_per_unit FROM VALUES "
    ...     "('2026-01-22', 7e-4), ('2026-01-23', 8e-4), ('2026-01-15', 9e-4) AS r (day, usd)")
    >>> sessions = spark.sql("SELECT DATE'2026-01-23' AS as_of_date")
    >>> [row.usd_per_unit for row in rates_before(rates, sessions, reach_days=7).collect()]
    [0.0007]
    """
    age = F.date_diff("as_of_date", "rate_date")
    return (
        rates.join(F.broadcast(sessions), on=age.between(1, reach_days), how="inner")
        .groupBy("as_of_date", "currency")
        .agg(F.max(F.struct("rate_date", "usd_per_unit")).alias("rate"))
        .select("as_of_date", "currency", F.col("rate.usd_per_unit").alias("usd_per_unit"))
    )


def serving_quotes(quotes: DataFrame, closes: DataFrame, *, carried_days: int) -> DataFrame:
    """The quote that serves each as_of_date and ticker: D's own, else the newest earlier one within `carried_days`,
    else the nearest later one (rules 4). No row where there is none.

    Quotes and dates are laid on one line per ticker, so that years of both cost no more than sorting them.

    >>> quotes = spark.sql('''SELECT "JNJ" AS ticker, to_date(day) AS session_date, cap AS market_cap,
    ...     "USD" AS currency, 100D AS quote_price, to_date(day) AS quoted_on, false AS in_doubt
    ...     FROM VALUES ("2026-01-05", 1D), ("2026-01-22", 2D), ("2026-03-02", 3D) AS q (day, cap)''')
    >>> closes = spark.sql('''SELECT to_date(day) AS as_of_date, "JNJ" AS ticker, 110D AS close_price
    ...     FROM VALUES ("2026-01-02"), ("2026-01-22"), ("2026-02-20"), ("2026-02-27") AS c (day)''')
    >>> [row.market_cap for row in serving_quotes(quotes, closes, carried_days=30).sort("as_of_date").collect()]
    [1.0, 2.0, 2.0, 3.0]
    """
    quote = F.struct("session_date", "market_cap", "currency", "quote_price", "quoted_on", "in_doubt")
    events = (
        quotes.select("ticker", F.col("session_date").alias("on_date"), quote.alias("quote"))
        .unionByName(
            closes.select("ticker", F.col("as_of_date").alias("on_date"), "close_price"), allowMissingColumns=True
        )
        .withColumn("is_quote", F.col("quote").isNotNull())
    )
    so_far = Window.unboundedPreceding, Window.currentRow
    up_to = Window.partitionBy("ticker").orderBy("on_date", F.col("is_quote").desc()).rowsBetween(*so_far)
    down_to = Window.partitionBy("ticker").orderBy(F.col("on_date").desc(), "is_quote").rowsBetween(*so_far)
    age = F.date_diff("on_date", "before.session_date")
    return (
        events.withColumns(
            {
                "before": F.last("quote", ignorenulls=True).over(up_to),
                "after": F.last("quote", ignorenulls=True).over(down_to),
            }
        )
        .where(~F.col("is_quote"))
        .withColumn("quote", F.when(age <= carried_days, F.col("before")).otherwise(F.col("after")))
        .where(F.col("quote").isNotNull())
        .select(F.col("on_date").alias("as_of_date"), "ticker", "close_price", "quote.*")
    )


def market_caps(
    quotes: DataFrame, closes: DataFrame, splits: DataFrame, rates: DataFrame, *, carried_days: int
) -> DataFrame:
    """One row per as_of_date and ticker that has a quote which may serve (rules 4).

    The quote: that of D (`quote`), else the newest earlier one (`carried`), else the nearest later one (`scaled`).
    `market_cap` is NULL where a price or the exchange rate is missing or the quote is `cap_in_doubt`; `without_rate`
    names the currency that has none.

    quotes: ticker, session_date, market_cap, currency, quote_price, quoted_on, in_doubt; closes: as_of_date, ticker,
    close_price; splits: ticker, trade_date, split_ratio; rates: as_of_date, currency, usd_per_unit

    >>> quotes = spark.sql('''SELECT ticker, to_date(day) AS session_date, 1e12D AS market_cap, currency,
    ...     100D AS quote_price, to_date(day) AS quoted_on, false AS in_doubt FROM VALUES ("JNJ", "2026-01-22", "USD"),
    ...     ("JNJ", "2026-02-02", "USD"), ("LATE", "2026-02-02", "USD"),
    ...     ("OLD", "2025-12-01", "USD"), ("WON", "2026-01-23", "KRW")
    ...     AS q (ticker, day, currency)''')
    >>> closes = spark.sql('''SELECT DATE'2026-01-23' AS as_of_date, ticker, 110D AS close_price
    ...     FROM VALUES ("JNJ"), ("LATE"), ("OLD"), ("WON") AS c (ticker)''')
    >>> splits = spark.sql("SELECT 'LATE' AS ticker, DATE'2026-02-10' AS trade_date, 2D AS split_ratio")
    >>> rates = spark.sql("SELECT DATE'2026-01-23' AS as_of_date, 'KRW' AS currency, 0.0007D AS usd_per_unit")
    >>> for row in market_caps(quotes, closes, splits, rates, carried_days=30).sort("ticker").collect():
    ...     print(row.ticker, row.market_cap_source, f"{row.market_cap:,.0f}")
    JNJ carried 1,100,000,000,000
    LATE scaled 2,200,000,000,000
    WON quote 770,000,000
    """
    serving = serving_quotes(quotes, closes, carried_days=carried_days)
    in_order = F.sort_array(F.collect_list(F.struct("trade_date", "split_ratio")))
    known_splits = splits.groupBy("ticker").agg(in_order.alias("splits"))
    since_quote = F.filter("splits", lambda split: split["trade_date"] > F.col("quoted_on"))
    split_factor = F.aggregate(since_quote, F.lit(1.0), lambda product, split: product * split["split_ratio"])
    rate = F.when(F.col("currency") == "USD", F.lit(1.0)).otherwise(F.col("usd_per_unit"))
    own = market_cap_at(
        F.col("market_cap"), F.col("close_price"), F.col("quote_price"), F.coalesce(split_factor, F.lit(1.0))
    )
    usd = F.round(own * rate, 0)
    return (
        serving.join(F.broadcast(known_splits), on="ticker", how="left")
        .join(F.broadcast(rates), on=["as_of_date", "currency"], how="left")
        .select(
            "as_of_date",
            "ticker",
            F.when(~F.col("in_doubt") & (usd > 0), usd).alias("market_cap"),
            F.when(F.col("session_date") == F.col("as_of_date"), "quote")
            .when(F.col("session_date") < F.col("as_of_date"), "carried")
            .otherwise("scaled")
            .alias("market_cap_source"),
            F.col("in_doubt").alias("cap_in_doubt"),
            F.when(rate.isNull(), F.col("currency")).alias("without_rate"),
        )
    )
