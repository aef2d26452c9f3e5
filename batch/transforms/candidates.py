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
    """
    days = periods.select("as_of_date").distinct()
    snapshots = snapshots_in_reach(listed, days, reach_days=SNAPSHOT_REACH_DAYS)
    largest = largest_holdings(listed, snapshots, count=TOP_HOLDINGS)
    looked_at = trends.join(largest, on=["as_of_date", "etf_ticker"], how="inner").cache()
    wanted = looked_at.select("ticker", "as_of_date", "period_days").distinct()
    returns = period_returns(
        with_reach(bars, exchanges, reach_days=FOREIGN_BAR_REACH_DAYS),
        wanted.join(F.broadcast(periods), on=["as_of_date", "period_days"], how="inner"),
    ).cache()
    closes = returns.select("as_of_date", "ticker", "close_price").distinct()
    usd_rates = rates_before(rates, days, reach_days=FX_REACH_DAYS)
    caps = market_caps(quotes, closes, splits, usd_rates, carried_days=CARRIED_CAP_REACH_DAYS)
    return judge_candidates(looked_at, returns, caps)
