"""Performance metrics: a daily series → its figures, by empyrical (rules 8).

Equity and cost are fractions; a figure is percent where its name says `_pct`, else a plain number. A figure that cannot
be computed is None, never NaN or infinite: too few data, or a ratio whose divisor does not move. 252 periods a year,
risk-free rate 0. A series begins on the day of its first purchase; simulated stretches are series of their own.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, pairwise
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from config.universe import COST_BPS

# empyrical looks for sources of prices, which nobody here asks for: they would cost every worker of the API 22 MB.
if _hidden := "yfinance" not in sys.modules:
    sys.modules["yfinance"] = None  # type: ignore[assignment]
import empyrical

if _hidden:
    del sys.modules["yfinance"]

# The stored equity has ten decimals: what moves less than this a day stands still.
STILL = 1e-8


class Day(NamedTuple):
    """One session, as stored: `cost` of its purchase at COST_BPS, equity before cost."""

    trade_date: date
    equity: float
    benchmark_equity: float
    cost: float


class Definition(NamedTuple):
    """What a figure is, in words, and from how many of `counted` on there is one."""

    needed: int
    counted: str
    text: str


RETURNS, INTERVALS = "daily returns", "completed holding intervals"
DEFINITIONS: Mapping[str, Definition] = {
    "cumulative_return_pct": Definition(
        0, RETURNS, "Equity of the last session over the 1 of the first day, before its purchase was paid for, − 1."
    ),
    "max_drawdown_pct": Definition(
        0, RETURNS, "Largest fall of the equity from its highest value so far, the 1 of the first day included."
    ),
    "annual_volatility_pct": Definition(60, RETURNS, "Sample standard deviation of the daily returns × √252."),
    "sharpe_ratio": Definition(
        60, RETURNS, "Mean / sample standard deviation of the daily returns × √252, risk-free rate 0."
    ),
    "sortino_ratio": Definition(
        60,
        RETURNS,
        "Mean of the daily returns × 252 over the downside risk, √(mean of min(daily return, 0)²) × √252.",
    ),
    "beta": Definition(60, RETURNS, "Covariance of the daily returns with SPY's over the variance of SPY's."),
    "alpha_pct": Definition(
        60, RETURNS, "(1 + mean of daily return − beta × SPY's daily return)^252 − 1: what SPY's moves leave, a year."
    ),
    "annual_return_pct": Definition(252, RETURNS, "(1 + cumulative return)^(252 / number of daily returns) − 1."),
    "hit_rate_pct": Definition(
        20,
        INTERVALS,
        "Share of the completed holding intervals, from a purchase to the next, that earned more than SPY after the "
        "cost of their own purchase.",
    ),
}


@dataclass(frozen=True)
class Figure:
    """`value` is None below `needed` of what is counted ("not enough data (n)"), and where it is not defined."""

    value: float | None
    n: int
    needed: int
    counted: str
    definition: str

    @property
    def has_enough_data(self) -> bool:
        """Whether a missing value means something else than too few data."""
        return self.n >= self.needed


@dataclass(frozen=True)
class Figures:
    """All figures of a series, net of cost."""

    cumulative_return_pct: Figure
    max_drawdown_pct: Figure
    annual_volatility_pct: Figure
    sharpe_ratio: Figure
    sortino_ratio: Figure
    beta: Figure
    alpha_pct: Figure
    annual_return_pct: Figure
    hit_rate_pct: Figure


def net_equity(equity: Sequence[float], cost: Sequence[float], *, cost_bps: float = COST_BPS) -> list[float]:
    """Equity after cost at `cost_bps` each way, from the stored equity and the cost stored at COST_BPS.

    >>> net_equity([1.0, 1.5], [0.125, 0.0], cost_bps=20)
    [0.75, 1.125]
    """
    kept = accumulate((1 - _at(cost_bps, each) for each in cost), lambda product, factor: product * factor)
    return [before * factor for before, factor in zip(equity, kept, strict=True)]


def figures(days: Sequence[Day], *, purchases: Collection[date], cost_bps: float = COST_BPS) -> Figures:
    """The figures of one series, net of cost at `cost_bps`; at 0 they are those before cost.

    purchases: the sessions on which a portfolio was bought, empty ones too. Raises ValueError without any day.
    """
    if not days:
        raise ValueError("expected the day of the first purchase at least, found no day")
    net = net_equity([day.equity for day in days], [day.cost for day in days], cost_bps=cost_bps)
    daily, spy = _returns(net), _returns([day.benchmark_equity for day in days])
    # The cost of the first purchase is lost before the first return.
    since_start = np.concatenate(([net[0] - 1], daily))
    beaten = _beaten(days, purchases, cost_bps=cost_bps)
    moves, spy_moves = _moves(daily), _moves(spy)
    falls = bool((daily < -STILL).any())
    cumulative = float(empyrical.cum_returns_final(since_start))
    values: dict[str, float | None] = {
        "cumulative_return_pct": 100 * cumulative,
        "max_drawdown_pct": 100 * empyrical.max_drawdown(since_start),
        "annual_volatility_pct": 100 * empyrical.annual_volatility(daily),
        "sharpe_ratio": empyrical.sharpe_ratio(daily) if moves else None,
        "sortino_ratio": empyrical.sortino_ratio(daily) if falls else None,
        "beta": empyrical.beta_aligned(daily, spy) if spy_moves else None,
        "alpha_pct": 100 * empyrical.alpha_aligned(daily, spy) if spy_moves else None,
        "annual_return_pct": 100 * empyrical.annual_return(_from_start(since_start)),
        "hit_rate_pct": 100 * sum(beaten) / len(beaten) if beaten else None,
    }
    counted = {RETURNS: len(daily), INTERVALS: len(beaten)}
    return Figures(**{name: _figure(name, value, counted) for name, value in values.items()})


def _figure(name: str, value: float | None, counted: Mapping[str, int]) -> Figure:
    definition = DEFINITIONS[name]
    n = counted[definition.counted]
    known = n >= definition.needed and value is not None and isfinite(value)
    return Figure(float(value) if known else None, n, definition.needed, definition.counted, definition.text)  # type: ignore[arg-type]


def _at(cost_bps: float, stored_cost: float) -> float:
    return stored_cost * cost_bps / COST_BPS


def _returns(equity: Sequence[float]) -> Any:
    """Daily returns, fractions; after a total loss there is nothing to earn on."""
    return np.array([after / before - 1 if before > 0 else 0.0 for before, after in pairwise(equity)])


def _moves(returns: Any) -> bool:
    return len(returns) > 1 and float(np.ptp(returns)) > STILL


def _from_start(since_start: Any) -> Any:
    """As many returns as days were earned on: the first bears the cost of the first purchase."""
    if len(since_start) < 2:
        return since_start[1:]
    first = (1 + since_start[0]) * (1 + since_start[1]) - 1
    return np.concatenate(([first], since_start[2:]))


def _beaten(days: Sequence[Day], purchases: Collection[date], *, cost_bps: float) -> list[bool]:
    """Of each completed holding interval, whether it earned more than the benchmark."""
    bought = [day for day in days if day.trade_date in purchases]
    return [
        end.equity * (1 - _at(cost_bps, start.cost)) * start.benchmark_equity > end.benchmark_equity * start.equity
        for start, end in pairwise(bought)
    ]
