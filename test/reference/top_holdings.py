"""The best holdings of each ETF, its concentration and its overlap with the others (rules 6)."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from config.universe import ETFS, PERIODS, UNKNOWN_SECTOR
from test.reference import holdings
from test.reference.market import Floats, Ints, Market, Series
from test.reference.market_caps import MarketCap, market_cap
from test.reference.returns import PeriodReturns, price
from test.reference.storage import day_of, rounded
from test.reference.trending import ordinals

SESSIONS_A_YEAR = 252
LEAST_SHARE, FEWEST = 0.8, 4
BEST = 5
# Degrees of freedom of a sample's standard deviation.
DDOF = 1


class Daily(NamedTuple):
    """Figures of the daily returns of one instrument and period, one for each session; NaN: none."""

    average: Floats
    volatility: Floats
    sharpe: Floats
    observations: Ints
    volume: Floats


class InReach(NamedTuple):
    """One ETF's snapshot of a session: the usable lines and their weights, fractions."""

    day: int
    lines: list[holdings.Holding]
    weights: dict[str, float]


def snapshots(market: Market, session: date) -> dict[str, InReach]:
    """ETF → its newest snapshot dated before the next session, and in reach."""
    day = session.toordinal()
    following = int(market.sessions[np.searchsorted(market.sessions, day, side="right")])
    result = {}
    for etf in ETFS:
        snapshot = holdings.newest(market, etf.ticker, day, before=before(following, day))
        lines = holdings.usable(market, snapshot) if snapshot else []
        if snapshot and lines:
            result[etf.ticker] = InReach(snapshot.day, lines, {line.ticker: line.percent / 100 for line in lines})
    return result


def before(following: int, day: int) -> int:
    """The day that snapshots are older than: the next session, so that a Sunday's list serves Friday's evening."""
    return following


def daily_returns(series: Series) -> Floats:
    """Percent, each bar against the one before it; NaN for the first."""
    prices = price(series)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = 100 * (prices[1:] / prices[:-1] - 1)
    return np.concatenate([[np.nan], change])


def fewest_observations(period: int) -> float:
    """Below this nothing is said of the daily returns."""
    return max(LEAST_SHARE * period, FEWEST)


def daily(series: Series, start: Ints, end: Ints, period: int) -> Daily:
    """Figures over the bars after `start` up to `end` (places in the series, −1: none)."""
    returns = daily_returns(series)
    there = (start >= 0) & (end > start)
    observations = np.where(there, end - start, 0)
    average, volatility, volume = (np.full(len(start), np.nan) for _ in range(3))
    for count in np.unique(observations[there]):
        rows = np.flatnonzero(there & (observations == count))
        places = end[rows][:, None] - np.arange(count)[::-1]
        average[rows] = returns[places].mean(axis=1)
        if count > DDOF:
            volatility[rows] = returns[places].std(axis=1, ddof=DDOF)
        volume[rows] = series.volume[places].mean(axis=1)
    too_few = observations < fewest_observations(period)
    average[too_few] = volatility[too_few] = np.nan
    sharpe = np.full(len(start), np.nan)
    moved = volatility > 0
    sharpe[moved] = average[moved] / volatility[moved] * annualised()
    return Daily(average, volatility, sharpe, observations, rounded(volume, 0))


def annualised() -> float:
    """What a daily Sharpe ratio is multiplied by."""
    return float(np.sqrt(SESSIONS_A_YEAR))


def current_price(series: Series, at: int) -> float:
    """In its own currency, as it was traded."""
    return float(series.close[at])


def order(total_return: float, ticker: str) -> tuple[Any, ...]:
    """Best first; ties by ticker."""
    return (-total_return, ticker)


def top_holdings(market: Market, sessions: Sequence[date]) -> pd.DataFrame:
    """Rows of analytics_09_etf_top_holdings: every usable holding with a return."""
    returns = PeriodReturns(market, ordinals(sessions))
    figures: dict[tuple[str, int], Daily] = {}
    caps: dict[tuple[str, int], MarketCap] = {}
    rows: list[dict[str, Any]] = []
    for at, session in enumerate(sessions):
        for etf, snapshot in snapshots(market, session).items():
            for period in PERIODS:
                counted = []
                for line in snapshot.lines:
                    found = returns.of(line.ticker, period, etf=False)
                    if found is None or np.isnan(found.return_pct[at]) or found.in_doubt[at]:
                        continue
                    series = market.stocks[line.ticker]
                    key = (line.ticker, period)
                    if key not in figures:
                        figures[key] = daily(series, found.start, found.end, period)
                    if (line.ticker, session.toordinal()) not in caps:
                        caps[line.ticker, session.toordinal()] = market_cap(market, line.ticker, session.toordinal())
                    profile = market.profile(line.ticker)
                    counted.append(
                        {
                            "as_of_date": session,
                            "etf_ticker": etf,
                            "period_days": period,
                            "holding_ticker": line.ticker,
                            "holding_name": profile.company_name or line.name,
                            "holding_sector": profile.sector or UNKNOWN_SECTOR,
                            "avg_return": figures[key].average[at],
                            "total_return": found.return_pct[at],
                            "volatility": figures[key].volatility[at],
                            "sharpe_ratio": figures[key].sharpe[at],
                            "observations": int(figures[key].observations[at]),
                            "avg_volume": figures[key].volume[at],
                            "current_price": current_price(series, int(found.end[at])),
                            "market_cap": caps[line.ticker, session.toordinal()].usd,
                        }
                    )
                counted.sort(key=lambda row: order(row["total_return"], row["holding_ticker"]))
                rows += [
                    row | {"rank_position": rank if rank <= BEST else None} for rank, row in enumerate(counted, start=1)
                ]
    return pd.DataFrame(rows)


def effective_holdings(weights: Sequence[float], herfindahl: float, covered: float) -> tuple[float, float]:
    """Fewest and most equal holdings that would be as concentrated, whatever the unknown ones are.

    Nothing is unknown in a list of more than the whole fund.
    """
    return 1 / (herfindahl + max(1 - covered, 0.0) * min(weights)), 1 / herfindahl


def herfindahl_index(weights: Sequence[float]) -> float:
    """Σ w² over the known holdings, fractions of the fund."""
    return sum(weight * weight for weight in weights)


def concentration(market: Market, sessions: Sequence[date]) -> pd.DataFrame:
    """Rows of analytics_09_etf_concentration."""
    rows = []
    for session in sessions:
        for etf, snapshot in snapshots(market, session).items():
            weights = [snapshot.weights[line.ticker] for line in snapshot.lines]
            herfindahl, covered = herfindahl_index(weights), sum(weights)
            fewest, most = effective_holdings(weights, herfindahl, covered)
            rows.append(
                {
                    "as_of_date": session,
                    "etf_ticker": etf,
                    "top_1_weight": weights[0],
                    "top_5_weight": sum(weights[:5]),
                    "top_10_weight": sum(weights[:10]),
                    "herfindahl_index": herfindahl,
                    "effective_holdings_min": fewest,
                    "effective_holdings_max": most,
                    "covered_weight": covered,
                    "holdings_as_of": day_of(snapshot.day),
                }
            )
    return pd.DataFrame(rows)


def shared_weight(one: float, other: float) -> float:
    """What two funds hold of the same company."""
    return min(one, other)


def overlap(market: Market, sessions: Sequence[date]) -> pd.DataFrame:
    """Rows of analytics_09_etf_overlap, for both orders of every pair."""
    rows = []
    for session in sessions:
        found = snapshots(market, session)
        for etf, one in found.items():
            for other_etf, other in found.items():
                if etf == other_etf:
                    continue
                shared = sorted(one.weights.keys() & other.weights.keys())
                rows.append(
                    {
                        "as_of_date": session,
                        "etf_ticker": etf,
                        "other_etf_ticker": other_etf,
                        "shared_count": len(shared),
                        "overlap_weight": float(
                            sum(shared_weight(one.weights[ticker], other.weights[ticker]) for ticker in shared)
                        ),
                        "covered_weight": sum(one.weights.values()),
                        "other_covered_weight": sum(other.weights.values()),
                        "holdings_as_of": day_of(one.day),
                        "other_holdings_as_of": day_of(other.day),
                    }
                )
    return pd.DataFrame(rows)
