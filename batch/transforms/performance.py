"""What a reader who followed the published portfolios would have earned (rules 8).

Units: weights, returns and costs are fractions until `realised_series`, which gives returns in percent; prices are US
dollars. A day is a session of New York. A stock without a price earns 0, and says so by name; nothing is NULL but the
returns of the day on which a series begins.

    published revisions → purchases → holding_intervals → positions_held → usd_prices → interval_values → traded_days
    → realised_series

A series is one strategy's `live` or `simulated` portfolios. The simulated ones come in stretches, each named by the
day of its first purchase; a live series is one stretch. Every session of a stretch is kept apart from what follows it.
"""

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

STRETCH = ["strategy", "origin", "stretch"]
INTERVAL = [*STRETCH, "bought_on", "held_to", "is_replaced"]
SO_FAR = (Window.unboundedPreceding, Window.currentRow)
BASIS_POINTS = 10_000
LIVE, SIMULATED = "live", "simulated"


def realised_performance(
    *,
    published: DataFrame,
    weights: DataFrame,
    bars: DataFrame,
    rates: DataFrame,
    benchmark_bars: DataFrame,
    calendar: DataFrame,
    last: date,
    cost_bps: float,
    stale_after: int,
) -> DataFrame:
    """Every series up to the session `last`: the steps of this module in their order; each says what it takes.

    >>> published = spark.sql("SELECT '5d' AS strategy, DATE'2026-01-22' AS as_of_date, 'live' AS origin, "
    ...     "1 AS revision, TIMESTAMP'2026-01-23 01:00:00Z' AS published_at")
    >>> weights = published.selectExpr("strategy", "as_of_date", "revision", "'JNJ' AS ticker",
    ...     "1D AS portfolio_weight")
    >>> bars = spark.sql('''SELECT "JNJ" AS ticker, to_date(day) AS trade_date, close AS adj_close_price,
    ...     "USD" AS currency FROM VALUES ("2026-01-23", 200D), ("2026-01-26", 210D) AS b (day, close)''')
    >>> rates = spark.sql("SELECT 'KRW' AS currency, DATE'2026-01-22' AS rate_date, 7e-4D AS usd_per_unit")
    >>> calendar = spark.sql('''SELECT day, day AS session, CAST(day AS TIMESTAMP) + INTERVAL 21 HOURS AS closes_at,
    ...     next AS next_session, number AS session_number FROM VALUES (DATE'2026-01-22', DATE'2026-01-23', 1),
    ...     (DATE'2026-01-23', DATE'2026-01-26', 2), (DATE'2026-01-26', DATE'2026-01-27', 3)
    ...     AS c (day, next, number)''')
    >>> spy = bars.selectExpr("'SPY' AS ticker", "trade_date", "500D AS adj_close_price")
    >>> found = realised_performance(published=published, weights=weights, bars=bars, rates=rates, benchmark_bars=spy,
    ...     calendar=calendar, last=date(2026, 1, 26), cost_bps=10, stale_after=5)
    >>> for row in found.sort("trade_date").collect():
    ...     print(row.trade_date.day, row.equity, round(row.equity_net, 6), row.positions)
    23 1.0 0.999 1
    26 1.05 1.04895 1
    """
    intervals = holding_intervals(purchases(published, calendar, last=last), last=last)
    held = positions_held(intervals, weights, calendar)
    values = interval_values(usd_prices(held, bars, rates, calendar, last=last), stale_after=stale_after)
    spy = each_day(benchmark_bars, by="ticker", since="trade_date", last=last)
    return realised_series(traded_days(values, cost_bps=cost_bps), spy)


def purchases(published: DataFrame, calendar: DataFrame, *, last: date) -> DataFrame:
    """strategy, as_of_date, origin, revision, bought_on of every portfolio bought by the session `last` (rules 8).

    A live portfolio is bought at the first close that is both after its as_of_date's session and after its publication,
    in the revision that was the newest then; a simulated one as if it had been live, in the revision of today.

    published: strategy, as_of_date, origin, revision, published_at, one row per revision; calendar: see frames

    >>> published = spark.sql('''SELECT "5d" AS strategy, DATE'2026-01-22' AS as_of_date, "live" AS origin, *
    ...     FROM VALUES (1, TIMESTAMP'2026-01-23 01:00:00Z'), (2, TIMESTAMP'2026-01-23 20:59:00Z'),
    ...     (3, TIMESTAMP'2026-01-23 21:01:00Z') AS p (revision, published_at)''')
    >>> calendar = spark.sql('''SELECT *, day AS session, CAST(day AS TIMESTAMP) + INTERVAL 21 HOURS AS closes_at,
    ...     date_add(day, 1) AS next_session FROM VALUES (DATE'2026-01-22'), (DATE'2026-01-23') AS c (day)''')
    >>> found = purchases(published, calendar, last=date(2026, 1, 23)).collect()
    >>> [(row.revision, row.bought_on.isoformat()) for row in found]
    [(2, '2026-01-23')]
    """
    next_sessions = calendar.select(F.col("day").alias("as_of_date"), F.col("next_session").alias("first_day"))
    closes = calendar.select(F.col("day").alias("published_on"), "session", "closes_at", "next_session")
    tradable_on = F.when(F.col("published_at") < F.col("closes_at"), F.col("session")).otherwise(F.col("next_session"))
    first_tradable = F.min("tradable_on").over(Window.partitionBy("strategy", "as_of_date"))
    bought_on = F.when(F.col("origin") == SIMULATED, F.col("first_day")).when(
        first_tradable.isNotNull(), F.greatest("first_day", first_tradable)
    )
    return (
        # All that follows is by strategy: shuffled once, for a few thousand rows.
        published.repartition("strategy")
        .join(F.broadcast(next_sessions), on="as_of_date", how="inner")
        .withColumn("published_on", F.to_date("published_at"))
        .join(F.broadcast(closes), on="published_on", how="left")
        .withColumn("tradable_on", tradable_on)
        .withColumn("bought_on", bought_on)
        .where(F.col("bought_on") <= F.lit(last))
        .where((F.col("origin") == SIMULATED) | (F.col("tradable_on") <= F.col("bought_on")))
        .groupBy("strategy", "as_of_date", "origin", "bought_on")
        .agg(F.max("revision").alias("revision"))
        .select("strategy", "as_of_date", "origin", "revision", "bought_on")
    )


def holding_intervals(bought: DataFrame, *, last: date) -> DataFrame:
    """From which purchase to which session each portfolio is held, and in which stretch (rules 8).

    A live portfolio is held until the next live one is bought, a simulated one until the next of either origin; where
    that is a live one the stretch ends with its day. `is_replaced`: by another of its stretch, at the close of
    `held_to`. Of two portfolios for one day the newer as_of_date is bought.

    >>> bought = spark.sql('''SELECT "5d" AS strategy, date_sub(to_date(day), 1) AS as_of_date, origin, 1 AS revision,
    ...     to_date(day) AS bought_on FROM VALUES ("2026-01-12", "simulated"), ("2026-01-13", "simulated"),
    ...     ("2026-01-14", "live"), ("2026-01-15", "simulated"), ("2026-01-16", "live") AS b (day, origin)''')
    >>> intervals = holding_intervals(bought, last=date(2026, 1, 20)).sort("origin", "bought_on")
    >>> for row in intervals.collect():
    ...     print(row.origin, row.stretch.day, row.bought_on.day, row.held_to.day, row.is_replaced)
    live 14 14 16 True
    live 14 16 20 False
    simulated 12 12 13 True
    simulated 12 13 14 False
    simulated 15 15 16 False
    """
    # A live portfolio is one of the live series, and in that of the simulated ones where a stretch ends.
    series = F.when(F.col("origin") == LIVE, F.array(F.lit(LIVE), F.lit(SIMULATED))).otherwise(
        F.array(F.lit(SIMULATED))
    )
    same_day = Window.partitionBy("strategy", "series", "bought_on").orderBy(F.col("as_of_date").desc())
    in_order = Window.partitionBy("strategy", "series").orderBy("bought_on")
    is_own = F.col("origin") == F.col("series")
    begins = F.col("is_own") & ~F.coalesce(F.lag("is_own").over(in_order), F.lit(False))
    return (
        bought.withColumn("series", F.explode(series))
        .withColumns({"is_own": is_own, "place": F.row_number().over(same_day)})
        .where(F.col("place") == 1)
        .withColumns(
            {
                "begins_on": F.when(begins, F.col("bought_on")),
                "held_to": F.coalesce(F.lead("bought_on").over(in_order), F.lit(last)),
                "is_replaced": F.coalesce(F.lead("is_own").over(in_order), F.lit(False)),
            }
        )
        .withColumn("stretch", F.last("begins_on", ignorenulls=True).over(in_order.rowsBetween(*SO_FAR)))
        .where("is_own")
        .select(*INTERVAL, "as_of_date", "revision")
    )


def positions_held(intervals: DataFrame, weights: DataFrame, calendar: DataFrame) -> DataFrame:
    """One row per interval, session from its purchase to its end, and stock; ticker is NULL for an empty portfolio.

    intervals: see holding_intervals; weights: strategy, as_of_date, revision, ticker, portfolio_weight

    >>> intervals = spark.sql('''SELECT "5d" AS strategy, "live" AS origin, DATE'2026-01-16' AS stretch,
    ...     DATE'2026-01-16' AS bought_on, DATE'2026-01-20' AS held_to, false AS is_replaced,
    ...     DATE'2026-01-15' AS as_of_date, 1 AS revision''')
    >>> weights = intervals.selectExpr("strategy", "as_of_date", "revision", "'JNJ' AS ticker",
    ...     "1D AS portfolio_weight")
    >>> calendar = spark.sql('''SELECT * FROM VALUES (DATE'2026-01-16', DATE'2026-01-16', 1),
    ...     (DATE'2026-01-17', DATE'2026-01-20', 1), (DATE'2026-01-20', DATE'2026-01-20', 2)
    ...     AS c (day, session, session_number)''')
    >>> [(row.trade_date.day, row.ticker) for row in positions_held(intervals, weights, calendar).collect()]
    [(16, 'JNJ'), (20, 'JNJ')]
    """
    sessions = calendar.where(F.col("day") == F.col("session")).select(
        F.col("day").alias("trade_date"), "session_number"
    )
    return (
        intervals.join(weights, on=["strategy", "as_of_date", "revision"], how="left")
        .withColumn("trade_date", F.explode(F.sequence("bought_on", "held_to")))
        .join(F.broadcast(sessions), on="trade_date", how="inner")
        .select(*INTERVAL, "trade_date", "session_number", "ticker", "portfolio_weight")
    )


def each_day(known: DataFrame, *, by: str, since: str, last: date) -> DataFrame:
    """`known` with a row on_date for every day it stands for: from its own until the next of the same `by`, or `last`.

    For small frames only. known: by, since, which is a date, …

    >>> rates = spark.sql("SELECT 'KRW' AS currency, to_date(day) AS rate_date, usd AS usd_per_unit "
    ...     "FROM VALUES ('2026-01-21', 7e-4), ('2026-01-23', 8e-4) AS r (day, usd)")
    >>> rows = each_day(rates, by="currency", since="rate_date", last=date(2026, 1, 24)).sort("on_date").collect()
    >>> [(row.on_date.day, float(row.usd_per_unit)) for row in rows]
    [(21, 0.0007), (22, 0.0007), (23, 0.0008), (24, 0.0008)]
    """
    following = F.lead(since).over(Window.partitionBy(by).orderBy(since))
    until = F.coalesce(F.date_sub(following, 1), F.lit(last))
    return (
        known.withColumn("until", until)
        .select("*", F.explode(F.sequence(since, "until")).alias("on_date"))
        .drop("until")
    )


def usd_prices(held: DataFrame, bars: DataFrame, rates: DataFrame, calendar: DataFrame, *, last: date) -> DataFrame:
    """`held` with price_usd = adj_close × usd_per_unit, each the newest at or before the day, and sessions_without_bar
    (rules 8); both NULL before the first.

    Days and bars are laid on one line per ticker, so that years of both cost no more than sorting them.

    held: ticker, trade_date, session_number, …; bars: ticker, trade_date, adj_close_price, currency; rates: currency,
    rate_date, usd_per_unit; calendar: see frames

    >>> held = spark.sql("SELECT '900010.KS' AS ticker, to_date(day) AS trade_date, number AS session_number "
    ...     "FROM VALUES ('2026-01-22', 1), ('2026-01-23', 2) AS w (day, number)")
    >>> bars = spark.sql('''SELECT "900010.KS" AS ticker, DATE'2026-01-22' AS trade_date, 1e5D AS adj_close_price,
    ...     "KRW" AS currency''')
    >>> rates = spark.sql("SELECT 'KRW' AS currency, to_date(day) AS rate_date, usd AS usd_per_unit "
    ...     "FROM VALUES ('2026-01-21', 7e-4D), ('2026-01-23', 8e-4D) AS r (day, usd)")
    >>> calendar = spark.sql("SELECT DATE'2026-01-22' AS day, 1 AS session_number")
    >>> rows = usd_prices(held, bars, rates, calendar, last=date(2026, 1, 23)).sort("trade_date").collect()
    >>> [(row.trade_date.day, round(row.price_usd, 6), row.sessions_without_bar) for row in rows]
    [(22, 70.0, 0), (23, 80.0, 1)]
    """
    bar = F.struct(F.col("trade_date").alias("bar_date"), "adj_close_price", "currency")
    up_to = Window.partitionBy("ticker").orderBy("trade_date", "is_held").rowsBetween(*SO_FAR)
    known = bars.select("ticker", "trade_date", bar.alias("bar"))
    numbers = calendar.select(F.col("day").alias("bar_date"), F.col("session_number").alias("bar_number"))
    usd_rates = each_day(rates, by="currency", since="rate_date", last=last).select(
        "currency", F.col("on_date").alias("trade_date"), "usd_per_unit"
    )
    usd = F.when(F.col("currency") == "USD", F.lit(1.0)).otherwise(F.col("usd_per_unit"))
    return (
        held.withColumn("is_held", F.lit(True))
        .unionByName(known, allowMissingColumns=True)
        .withColumn("bar", F.last("bar", ignorenulls=True).over(up_to))
        .where("is_held")
        .select(*held.columns, "bar.*")
        .join(F.broadcast(usd_rates), on=["currency", "trade_date"], how="left")
        .join(F.broadcast(numbers), on="bar_date", how="left")
        .select(
            *held.columns,
            (F.col("adj_close_price") * usd).alias("price_usd"),
            (F.col("session_number") - F.col("bar_number")).alias("sessions_without_bar"),
        )
    )


def interval_values(priced: DataFrame, *, stale_after: int) -> DataFrame:
    """One row per interval and session: `value` of the portfolio, 1 at its purchase, and `daily_return` (rules 8).

    A position is worth its weight × P(t) / P(at the purchase), which is what drifting weights come to. Where no price
    was known then, it is worth its weight until the first one is, and earns from that one on. `holdings`: ticker,
    value, without_bar (for more than `stale_after` sessions, or no price yet), in ticker order. An empty portfolio is
    cash.

    priced: see positions_held and usd_prices

    >>> priced = spark.sql('''SELECT "5d" AS strategy, "live" AS origin, DATE'2026-01-22' AS stretch,
    ...     DATE'2026-01-22' AS bought_on, DATE'2026-01-23' AS held_to, false AS is_replaced,
    ...     to_date(day) AS trade_date, ticker, weight AS portfolio_weight, price AS price_usd,
    ...     0 AS sessions_without_bar FROM VALUES ("AAA", 0.75D, "2026-01-22", 50D), ("AAA", 0.75D, "2026-01-23", 54D),
    ...     ("BBB", 0.25D, "2026-01-22", 10D), ("BBB", 0.25D, "2026-01-23", 9D) AS p (ticker, weight, day, price)''')
    >>> for row in interval_values(priced, stale_after=5).sort("trade_date").collect():
    ...     print(row.trade_date.day, round(row.value, 6), [round(stock.value, 6) for stock in row.holdings])
    22 1.0 [0.75, 0.25]
    23 1.035 [0.81, 0.225]
    """
    so_far = Window.partitionBy(*INTERVAL, "ticker").orderBy("trade_date").rowsBetween(*SO_FAR)
    in_order = Window.partitionBy(*INTERVAL).orderBy("trade_date")
    is_stale = F.coalesce(F.col("sessions_without_bar") > stale_after, F.lit(True))
    stock = F.struct(
        "ticker",
        F.coalesce(
            F.col("portfolio_weight") * F.col("price_usd") / F.col("first_price"), F.col("portfolio_weight")
        ).alias("value"),
        (F.col("first_price").isNull() | is_stale).alias("without_bar"),
    )
    before = F.lag("value").over(in_order)
    return (
        # All that follows is by stretch: shuffled once.
        priced.repartition(*STRETCH)
        .withColumn("first_price", F.first("price_usd", ignorenulls=True).over(so_far))
        .groupBy(*INTERVAL, "trade_date")
        # Σ in ticker order: a sum of floats in another order may differ in its last bit.
        .agg(F.sort_array(F.collect_list(F.when(F.col("ticker").isNotNull(), stock))).alias("holdings"))
        .withColumn("value", F.when(F.size("holdings") == 0, 1.0).otherwise(_sum("holdings", "value")))
        .withColumn("daily_return", F.col("value") / before - 1)
        .select(*INTERVAL, "trade_date", "value", "daily_return", "holdings")
    )


def _sum(stocks: str, name: str) -> Column:
    return F.aggregate(stocks, F.lit(0.0), lambda so_far, stock: so_far + stock[name])


def traded_days(values: DataFrame, *, cost_bps: float) -> DataFrame:
    """One row per stretch and session: its return, what was sold and bought at its close, what is held after it.

    `turnover` = ½ Σ|w_new − w_drifted| with cash as a position, `cost` = bps/10,000 × Σ|Δw| over stocks (rules 8).
    `daily_return` is NULL on a stretch's first day; `without_bar` joins tickers by commas, NULL when there are none.

    values: see interval_values

    >>> values = spark.sql('''SELECT "5d" AS strategy, "live" AS origin, DATE'2026-01-22' AS stretch,
    ...     to_date(bought) AS bought_on, to_date(until) AS held_to, bought = "2026-01-22" AS is_replaced,
    ...     DATE'2026-01-23' AS trade_date, value, r AS daily_return,
    ...     transform(stocks, s -> struct(s.col1 AS ticker, s.col2 AS value, false AS without_bar)) AS holdings
    ...     FROM VALUES ("2026-01-22", "2026-01-23", 1.25D, 0.25D, array(("AAA", 0.75D), ("BBB", 0.5D))),
    ...     ("2026-01-23", "2026-01-26", 1D, null, array(("BBB", 0.5D), ("CCC", 0.5D)))
    ...     AS v (bought, until, value, r, stocks)''')
    >>> for row in traded_days(values, cost_bps=10).collect():
    ...     print(row.daily_return, round(row.turnover, 6), round(row.cost, 6), row.positions)
    0.25 0.6 0.0012 2
    """
    is_bought = F.col("trade_date") == F.col("bought_on")
    is_sold = F.col("is_replaced") & (F.col("trade_date") == F.col("held_to"))
    weights = F.map_from_entries(
        F.transform("holdings", lambda stock: F.struct(stock["ticker"], stock["value"] / F.col("value")))
    )
    stale = F.filter("holdings", lambda stock: stock["without_bar"])
    names = F.array_join(F.transform(stale, lambda stock: stock["ticker"]), ",")
    traded = F.aggregate("changes", F.lit(0.0), lambda so_far, change: so_far + F.abs(change))
    to_cash = F.aggregate("changes", F.lit(0.0), lambda so_far, change: so_far - change)
    return (
        values.groupBy(*STRETCH, "trade_date")
        .agg(
            F.max("daily_return").alias("daily_return"),
            F.first(F.when(is_bought, weights), ignorenulls=True).alias("bought"),
            F.first(F.when(is_sold, weights), ignorenulls=True).alias("sold"),
            F.first(F.when(~is_sold, F.size("holdings")), ignorenulls=True).alias("positions"),
            F.first(F.when(~is_sold & (names != ""), names), ignorenulls=True).alias("without_bar"),
        )
        .withColumn("changes", _weight_changes(F.col("bought"), F.col("sold")))
        .withColumns({"traded": F.coalesce(traded, F.lit(0.0)), "to_cash": F.coalesce(to_cash, F.lit(0.0))})
        .select(
            *STRETCH,
            "trade_date",
            "daily_return",
            ((F.col("traded") + F.abs("to_cash")) / 2).alias("turnover"),
            (F.col("traded") * cost_bps / BASIS_POINTS).alias("cost"),
            "positions",
            "without_bar",
        )
    )


def _weight_changes(bought: Column, sold: Column) -> Column:
    """New weight − old weight of every stock in either; NULL on a day without a purchase."""
    nothing = F.map_filter(bought, lambda _, __: F.lit(False))
    return F.map_values(
        F.map_zip_with(
            bought,
            F.coalesce(sold, nothing),
            lambda _, new, old: F.coalesce(new, F.lit(0.0)) - F.coalesce(old, F.lit(0.0)),
        )
    )


def realised_series(days: DataFrame, benchmark: DataFrame) -> DataFrame:
    """The rows of analytics_portfolio_performance: returns in percent, equity chained from 1 (rules 8).

    Of the benchmark the price at or before each day counts, too; before its first it earns 0. `incomplete` from the
    first day on which a stock held has been without a bar for too long, to the end of the stretch.

    days: see traded_days; benchmark: on_date, adj_close_price, one row per day in US dollars

    >>> days = spark.sql('''SELECT "5d" AS strategy, "live" AS origin, DATE'2026-01-22' AS stretch, * FROM VALUES
    ...     (DATE'2026-01-22', null, 1D, 0.001D, 2, null), (DATE'2026-01-23', 0.1D, 0.6D, 0.0012D, 2, null),
    ...     (DATE'2026-01-26', -0.5D, 0D, 0D, 2, "BBB")
    ...     AS d (trade_date, daily_return, turnover, cost, positions, without_bar)''')
    >>> benchmark = spark.sql('''SELECT * FROM VALUES (DATE'2026-01-22', 500D), (DATE'2026-01-23', 510D),
    ...     (DATE'2026-01-26', 510D) AS b (on_date, adj_close_price)''')
    >>> for row in realised_series(days, benchmark).sort("trade_date").collect():
    ...     print(row.daily_return, row.equity, round(row.equity_net, 9), row.benchmark_equity, row.incomplete)
    None 1.0 0.999 1.0 False
    10.0 1.1 1.09758132 1.02 False
    -50.0 0.55 0.54879066 1.02 True
    """
    so_far = Window.partitionBy(*STRETCH).orderBy("trade_date").rowsBetween(*SO_FAR)
    in_order = Window.partitionBy(*STRETCH).orderBy("trade_date")
    spy = benchmark.select(F.col("on_date").alias("trade_date"), F.col("adj_close_price").alias("spy"))
    growth = 1 + F.coalesce(F.col("daily_return"), F.lit(0.0))
    since_start = F.coalesce(F.col("spy") / F.first("spy", ignorenulls=True).over(so_far), F.lit(1.0))
    benchmark_return = 100 * (F.col("benchmark_equity") / F.lag("benchmark_equity").over(in_order) - 1)
    return (
        days.join(F.broadcast(spy), on="trade_date", how="left")
        .withColumns(
            {
                "equity": F.product(growth).over(so_far),
                "kept": F.product(1 - F.col("cost")).over(so_far),
                "benchmark_equity": since_start,
            }
        )
        .withColumn("benchmark_return", benchmark_return)
        .select(
            "strategy",
            "origin",
            "trade_date",
            (100 * F.col("daily_return")).alias("daily_return"),
            "benchmark_return",
            "equity",
            (F.col("equity") * F.col("kept")).alias("equity_net"),
            "benchmark_equity",
            "turnover",
            "cost",
            "positions",
            F.max(F.col("without_bar").isNotNull()).over(so_far).alias("incomplete"),
            "without_bar",
        )
    )
