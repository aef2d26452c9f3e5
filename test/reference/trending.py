"""Which ETFs beat SPY (rules 3)."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from config.universe import BENCHMARK, ETFS, PERIODS
from test.reference.market import Ints, Market
from test.reference.returns import PeriodReturns
from test.reference.storage import rounded

COLUMNS = (
    "as_of_date",
    "period_days",
    "etf_ticker",
    "etf_type",
    "sector_name",
    "return_pct",
    "spy_return_pct",
    "outperformance",
    "rank_by_outperformance",
    "is_trending",
)


def ordinals(sessions: Sequence[date]) -> Ints:
    """Dates as days."""
    return np.array([session.toordinal() for session in sessions], dtype=np.int64)


def is_trending(return_pct: float, spy_return_pct: float) -> bool:
    """Above SPY and above 0, strictly."""
    return return_pct > spy_return_pct and return_pct > 0


def order(outperformance: float, etf: str) -> tuple[Any, ...]:
    """Highest outperformance first; ties by ticker."""
    return (-outperformance, etf)


def outperformance(return_pct: float, spy_return_pct: float) -> float:
    """Percentage points between two returns of 6 decimals, so of 6 decimals itself."""
    return float(rounded(np.array([return_pct - spy_return_pct]), 6)[0])


def etf_returns(returns: PeriodReturns, at: int, period: int) -> dict[str, tuple[float, bool]]:
    """ETF → its return to the session (NaN: none) and whether it is in doubt."""
    result = {}
    for etf in ETFS:
        found = returns.of(etf.ticker, period, etf=True)
        result[etf.ticker] = (
            (float("nan"), False) if found is None else (float(found.return_pct[at]), bool(found.in_doubt[at]))
        )
    return result


def has_result(periods: Sequence[int]) -> bool:
    """Whether a session has a result, from the periods over which SPY has a return."""
    return len(periods) == len(PERIODS)


def trending(market: Market, sessions: Sequence[date]) -> pd.DataFrame:
    """Rows of analytics_03_trending_etfs. A session whose SPY lacks a return in any period has none."""
    returns = PeriodReturns(market, ordinals(sessions))
    rows: list[tuple[Any, ...]] = []
    for at, session in enumerate(sessions):
        found = {period: etf_returns(returns, at, period) for period in PERIODS}
        told = [
            period for period in PERIODS if not (np.isnan(found[period][BENCHMARK][0]) or found[period][BENCHMARK][1])
        ]
        if not has_result(told):
            continue
        for period in told:
            rows += _rows(session, period, found[period])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(session: date, period: int, found: dict[str, tuple[float, bool]]) -> list[tuple[Any, ...]]:
    spy = found[BENCHMARK][0]
    counted = {etf: value for etf, (value, in_doubt) in found.items() if not (np.isnan(value) or in_doubt)}
    ahead = {etf: outperformance(value, spy) for etf, value in counted.items()}
    ranked = sorted((etf for etf in counted if etf != BENCHMARK), key=lambda etf: order(ahead[etf], etf))
    rank = {etf: at for at, etf in enumerate(ranked, start=1)}
    return [
        (
            session,
            period,
            etf.ticker,
            etf.etf_type,
            etf.sector_name,
            counted[etf.ticker],
            spy,
            ahead[etf.ticker],
            rank.get(etf.ticker),
            etf.ticker != BENCHMARK and is_trending(counted[etf.ticker], spy),
        )
        for etf in ETFS
        if etf.ticker in counted
    ]
