"""What a reader who followed the published portfolios would have earned (rules 8)."""

from datetime import date

from pydantic import Field

from api.schemas.choices import Origin, Strategy
from api.schemas.model import Dated, Model


class PerformanceDay(Model):
    """One session of one series. Equity starts at 1 on started_on; equity_net after the cost of the first purchase, or
    at 1 where the range begins within the series: that day's cost is left out of it.
    """

    origin: Origin = Field(description="live: as published; simulated: calculated afterwards, drawn apart")
    started_on: date = Field(description="First session of the series: names it")
    trade_date: date = Field(description="Session")
    daily_return: float | None = Field(description="Percent, USD, before cost; null on the first day")
    daily_return_net: float | None = Field(description="Percent, USD, after the day's cost; null on the first day")
    benchmark_return: float | None = Field(description="SPY's, percent, dividends reinvested; null on the first day")
    equity: float = Field(description="Before cost, 1 at the start", ge=0)
    equity_net: float = Field(description="After cost at cost_bps, from 1 before the first cost: the headline", ge=0)
    benchmark_equity: float = Field(description="SPY, bought once, no cost, 1 at the start", ge=0)
    drawdown_pct: float = Field(description="equity_net against its highest value so far (1 at least), percent", le=0)
    benchmark_drawdown_pct: float = Field(
        description="benchmark_equity against its highest value so far, percent", le=0
    )
    turnover: float = Field(description="½ Σ|Δw| of the day's purchase, fraction; 0 without one", ge=0, le=1)
    cost: float = Field(description="cost_bps / 10,000 × Σ|Δw| of the day's purchase, fraction of equity", ge=0)
    positions: int = Field(description="Stocks held after the day's purchase; 0 is cash", ge=0)
    incomplete: bool = Field(description="A stock held had no bar for more than 5 sessions, then or earlier")
    without_bar: list[str] = Field(description="Stocks held without a bar for more than 5 sessions that day")


class Metric(Model):
    """One figure of a series, with what it means and how much data it has."""

    name: str = Field(description="Its name; `_pct` is percent", examples=["sharpe_ratio"])
    value: float | None = Field(description="After cost; null: not enough data, or not defined")
    value_before_cost: float | None = Field(description="The same at cost 0")
    has_enough_data: bool = Field(description='n ≥ needed; else say "not enough data (n/needed)"')
    n: int = Field(description="How many of `counted` there are", ge=0)
    needed: int = Field(description="From how many on there is a figure", ge=0)
    counted: str = Field(description="What n counts", examples=["daily returns"])
    definition: str = Field(description="What the figure is (rules 8; empyrical, 252 periods, risk-free rate 0)")


class Rebalance(Model):
    """One purchase: a portfolio is bought and held until the next."""

    origin: Origin = Field(description="Of the series it belongs to")
    started_on: date = Field(description="The series it belongs to")
    as_of_date: date = Field(description="Date of the portfolio")
    revision: int = Field(description="Its revision when it was bought")
    bought_on: date = Field(description="Session at whose close it was bought")
    held_to: date = Field(description="Session at whose close the next was bought, or the newest session")
    is_completed: bool = Field(description="The next portfolio of the series has been bought")
    positions: int = Field(description="Stocks bought; 0 is cash", ge=0)
    turnover: float = Field(
        description="½ Σ|Δw|, fraction, cash counted as a position; the first purchase is 1", ge=0, le=1
    )
    cost: float = Field(description="cost_bps / 10,000 × Σ|Δw|, fraction of equity", ge=0)
    return_pct: float = Field(description="Earned from bought_on to held_to after its own purchase's cost, percent")
    benchmark_return_pct: float = Field(description="SPY's over the same sessions, percent")
    weights: dict[str, float] = Field(
        description="What was bought: ticker → fraction, largest first; ties by ticker",
        examples=[{"NVDA": 0.6, "JNJ": 0.4}],
    )


class PerformanceSeries(Model):
    """One stretch of sessions in which each portfolio was followed."""

    origin: Origin = Field(description="live, or simulated: calculated afterwards")
    started_on: date = Field(description="First session: the first purchase, or start_date")
    ended_on: date = Field(description="Last session")
    sessions: int = Field(description="Sessions in it", ge=1)
    incomplete: bool = Field(description="Figures are incomplete: a stock held had no bar for more than 5 sessions")
    flagged: list[date] = Field(description="Sessions with a stock held without a bar for more than 5 sessions")
    turnover_mean: float | None = Field(
        description="Mean turnover of the purchases, fraction, the first left out; null without"
    )
    cost_total_pp: float = Field(description="Cumulative return before cost − after cost, percentage points")
    metrics: list[Metric] = Field(description="Of equity_net")
    benchmark_metrics: list[Metric] = Field(description="The same of SPY, without cost; no hit rate")


class Performance(Dated):
    """Realised performance of one strategy. Figures and returns of purchases are net of cost; daily_return and equity
    are before cost.
    """

    strategy: Strategy = Field(description="The strategy")
    start_date: date = Field(description="First session in the answer")
    end_date: date = Field(description="Last session in the answer")
    oldest_as_of_date: date = Field(description="First session that the strategy has, whatever the range")
    newest_as_of_date: date = Field(description="Last session that the strategy has, whatever the range")
    cost_bps: float = Field(description="Cost each way, basis points of what is bought and sold")
    series: list[PerformanceSeries] = Field(description="The live one first; then simulated ones, oldest first")
    days: list[PerformanceDay] = Field(description="Of all series, in their order, oldest session first")
    rebalances: list[Rebalance] = Field(description="Purchases in the answer's sessions, newest first")
