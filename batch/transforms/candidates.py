"""From lists, bars, quotes and rates to every holding looked at, with its outcome (rules 4.1 to 4.4): the whole way."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from batch.transforms.allocation import judge_candidates
from batch.transforms.holdings import largest_holdings, snapshots_in_reach
from batch.transforms.market_caps import market_caps, rates_before
from batch.transforms.returns import period_returns, with_reach
from config.universe import (
    CARRIED_CAP_REACH_DAYS,
    FOREIGN_BAR_REACH_DAYS,
    FX_REACH_DAYS,
    SNAPSHOT_REACH_DAYS,
    TOP_HOLDINGS,
)
from utils.spark import cached


def judged_candidates(
    *,
    trends: DataFrame,
    listed: DataFrame,
    bars: DataFrame,
    quotes: DataFrame,
    splits: DataFrame,
    rates: DataFrame,
    periods: DataFrame,
    exchanges: DataFrame,
) -> DataFrame:
    """Every holding looked at in each period, with its outcome; what is left to do is to weigh the selected ones.

    trends: as_of_date, period_days, etf_ticker; periods: as_of_date, period_days, start_date; exchanges: exchange,
    calendar; the others as the functions that take them say. Computed once, kept for the pick and the weights.

    >>> day = "DATE'2026-01-23' AS as_of_date"
    >>> periods = spark.sql(f"SELECT {day}, 5 AS period_days, DATE'2026-01-15' AS start_date")
    >>> trends = periods.selectExpr("as_of_date", "period_days", "'XLV' AS etf_ticker")
    >>> listed = spark.sql('''SELECT "XLV" AS etf_ticker, DATE'2026-01-22' AS holdings_as_of, *, "EQUITY" AS quote_type,
    ...     ticker AS company_name, null AS sector FROM VALUES ("JNJ", 9D), ("LLY", 8D)
    ...     AS h (ticker, holding_percent)''')
    >>> bars = spark.sql('''SELECT ticker, to_date(day) AS trade_date, close AS close_price, close AS adj_close_price,
    ...     false AS in_doubt, "USD" AS currency, "NYQ" AS exchange FROM VALUES ("JNJ", "2026-01-15", 100D),
    ...     ("JNJ", "2026-01-23", 105D), ("LLY", "2026-01-15", 100D), ("LLY", "2026-01-23", 90D)
    ...     AS b (ticker, day, close)''')
    >>> quotes = spark.sql('''SELECT "JNJ" AS ticker, DATE'2026-01-22' AS session_date, 4e11D AS market_cap,
    ...     "USD" AS currency, 100D AS quote_price, DATE'2026-01-22' AS quoted_on, false AS in_doubt''')
    >>> found = judged_candidates(trends=trends, listed=listed, bars=bars, quotes=quotes, periods=periods,
    ...     splits=spark.sql("SELECT 'JNJ' AS ticker, DATE'2020-01-02' AS trade_date, 2D AS split_ratio"),
    ...     rates=spark.sql("SELECT 'KRW' AS currency, DATE'2026-01-22' AS rate_date, 7e-4D AS usd_per_unit"),
    ...     exchanges=spark.sql("SELECT 'KSC' AS exchange, 'XKRX' AS calendar"))
    >>> for row in found.sort("ticker").collect():
    ...     print(row.ticker, row.return_pct, row.market_cap, row.outcome)
    JNJ 5.0 420000000000.0 selected
    LLY -10.0 None not_positive
    """
    days = periods.select("as_of_date").distinct()
    snapshots = snapshots_in_reach(listed, days, reach_days=SNAPSHOT_REACH_DAYS)
    largest = largest_holdings(listed, snapshots, count=TOP_HOLDINGS)
    looked_at = cached(trends.join(largest, on=["as_of_date", "etf_ticker"], how="inner"))
    wanted = looked_at.select("ticker", "as_of_date", "period_days").distinct()
    returns = cached(
        period_returns(
            with_reach(bars, exchanges, reach_days=FOREIGN_BAR_REACH_DAYS),
            wanted.join(F.broadcast(periods), on=["as_of_date", "period_days"], how="inner"),
        )
    )
    closes = returns.select("as_of_date", "ticker", "close_price").distinct()
    usd_rates = rates_before(rates, days, reach_days=FX_REACH_DAYS)
    caps = market_caps(quotes, closes, splits, usd_rates, carried_days=CARRIED_CAP_REACH_DAYS)
    return judge_candidates(looked_at, returns, caps)
