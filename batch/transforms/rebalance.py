"""The monthly portfolio: three portfolios merged (rules 5). Unit: weights are fractions, in decimal(12,10)."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from batch.transforms.allocation import largest_remainder


def source_periods(period_days: Column) -> Column:
    """The periods that hold a stock, longest first, as they are stored: an aggregate (rules 5).

    >>> frame = spark.createDataFrame([(5,), (20,), (10,)], "period_days int")
    >>> frame.agg(source_periods(F.col("period_days")).alias("periods")).first().periods
    '20d,10d,5d'
    """
    longest_first = F.sort_array(F.collect_list(period_days), asc=False)
    return F.array_join(F.transform(longest_first, lambda days: F.concat(days.cast("string"), F.lit("d"))), ",")


def merge(held: DataFrame, scores: DataFrame) -> DataFrame:
    """One row per rebalance_date and ticker: what holds it, its score, what is known of it (rules 5).

    `longest_weight` is the weight in the longest period that holds it.

    held: rebalance_date, period_days, ticker, portfolio_weight, company_name, sector, market_cap;
    scores: source_periods, score

    >>> held = spark.sql('''SELECT DATE'2026-01-25' AS rebalance_date, *, ticker AS company_name, "Energy" AS sector,
    ...     1e12D AS market_cap FROM VALUES (20, "A", 0.6D), (5, "A", 1D), (10, "B", 1D), (20, "C", 0.4D)
    ...     AS h (period_days, ticker, portfolio_weight)''')
    >>> scores = spark.sql("SELECT * FROM VALUES ('20d', 1D), ('20d,5d', 2D), ('10d', 0.5D) "
    ...     "AS s (source_periods, score)")
    >>> for row in merge(held, scores).sort("ticker").collect():
    ...     print(row.ticker, row.source_periods, row.score, row.longest_weight)
    A 20d,5d 2.0 0.6
    B 10d 0.5 1.0
    C 20d 1.0 0.4
    """
    in_longest = {name: F.max_by(name, "period_days") for name in ("company_name", "sector", "market_cap")}
    return (
        held.groupBy("rebalance_date", "ticker")
        .agg(
            source_periods(F.col("period_days")).alias("source_periods"),
            F.max_by("portfolio_weight", "period_days").alias("longest_weight"),
            *(value.alias(name) for name, value in in_longest.items()),
        )
        .join(F.broadcast(scores), on="source_periods", how="inner")
        .select(
            "rebalance_date",
            "ticker",
            "company_name",
            "sector",
            "market_cap",
            "source_periods",
            "longest_weight",
            "score",
        )
    )


def rank_and_weigh(merged: DataFrame, *, longest: int, first_rank_of_new: int) -> DataFrame:
    """final_rank and final_weight of each stock (rules 5).

    Stocks of the longest period rank from 1; the others from `first_rank_of_new`, or after the last of the former
    where there are more. Within each: by score, then longest_weight, then ticker.

    merged: see merge

    >>> merged = spark.sql('''SELECT DATE'2026-01-25' AS rebalance_date, *, 0.5D AS longest_weight FROM VALUES
    ...     ("A", "20d", 1D), ("B", "20d,10d,5d", 3D), ("C", "10d,5d", 2D), ("D", "5d", 0.3D)
    ...     AS m (ticker, source_periods, score)''')
    >>> ranked = rank_and_weigh(merged, longest=20, first_rank_of_new=20)
    >>> [(row.ticker, row.final_rank, str(row.final_weight)) for row in ranked.sort("final_rank").collect()]
    [('B', 1, '0.4761904762'), ('A', 2, '0.1587301587'), ('C', 20, '0.3174603175'), ('D', 21, '0.0476190476')]
    """
    existing = F.col("source_periods").startswith(f"{longest}d")
    of_rebalance = Window.partitionBy("rebalance_date")
    best_first = Window.partitionBy("rebalance_date", existing).orderBy(
        F.col("score").desc(), F.col("longest_weight").desc(), "ticker"
    )
    existing_count = F.count(F.when(existing, 1)).over(of_rebalance)
    place = F.row_number().over(best_first)
    first_new = F.greatest(F.lit(first_rank_of_new), existing_count + 1)
    ranked = merged.withColumn("final_rank", F.when(existing, place).otherwise(first_new + place - 1).cast("int"))
    return largest_remainder(ranked, by=["rebalance_date"], score="score", weight="final_weight")


def monthly_reason(source_periods: Column, input_as_of_date: Column) -> Column:
    """Why it is held, in English (rules 5).

    >>> frame = spark.sql("SELECT '20d,5d' AS periods, DATE'2026-01-23' AS day")
    >>> frame.select(monthly_reason(F.col("periods"), F.col("day")).alias("reason")).first().reason
    'Held by the 20d, 5d portfolios of 2026-01-23.'
    """
    several = F.when(F.contains(source_periods, F.lit(",")), "portfolios").otherwise("portfolio")
    return F.format_string(
        "Held by the %s %s of %s.",
        F.replace(source_periods, F.lit(","), F.lit(", ")),
        several,
        input_as_of_date.cast("string"),
    )
