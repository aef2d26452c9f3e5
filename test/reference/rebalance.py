"""The monthly portfolio (rules 5)."""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from test.reference import weights
from test.reference.allocation import LeftOut, Portfolio, status
from test.reference.market import Market
from test.reference.returns import PeriodReturns
from test.reference.trending import ordinals

LONGEST_FIRST = (20, 10, 5)
SCORES: dict[frozenset[int], float] = {
    frozenset({20}): 1.0,
    frozenset({20, 10}): 2.0,
    frozenset({20, 5}): 2.0,
    frozenset({20, 10, 5}): 3.0,
    frozenset({10, 5}): 2.0,
    frozenset({10}): 0.5,
    frozenset({5}): 0.3,
}
FIRST_NEW_RANK = 20
VALID_SESSIONS = 20
# Calendar days: how old the session whose portfolios are merged may be.
INPUT_REACH_DAYS = 7
SUNDAY = 6


def rebalance_dates(first: date, last: date) -> list[date]:
    """The last Sunday of every month, from first to last."""
    found = []
    for year, month in sorted({(day.year, day.month) for day in _days(first, last)}):
        end = date(year, month, monthrange(year, month)[1])
        sunday = end - timedelta(days=(end.weekday() - SUNDAY) % 7)
        if first <= sunday <= last:
            found.append(sunday)
    return found


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=at) for at in range((last - first).days + 1))


def input_session(sessions: Sequence[date], rebalance_date: date) -> date | None:
    """The newest session with all three headers at or before the day; None when it is too old."""
    known = [session for session in sessions if session <= rebalance_date]
    if not known or (rebalance_date - max(known)).days > INPUT_REACH_DAYS:
        return None
    return max(known)


def valid_until(market: Market, rebalance_date: date) -> date:
    """The 20th session after the day."""
    after = int(np.searchsorted(market.sessions, rebalance_date.toordinal(), side="right"))
    return date.fromordinal(int(market.sessions[after + VALID_SESSIONS - 1]))


def first_new_rank(existing: int) -> int:
    """New stocks are told by their rank."""
    return max(FIRST_NEW_RANK, existing + 1)


def order(entry: dict[str, Any]) -> tuple[Any, ...]:
    """By score, then the weight in the longest period that holds it, then ticker."""
    return (-entry["score"], -entry["weight"], entry["ticker"])


def rebalance(
    market: Market, portfolios: Iterable[Portfolio], dates: Iterable[date]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Frames of analytics_08_monthly_portfolio and of the monthly headers; a date without input has neither."""
    by_session: dict[date, dict[int, Portfolio]] = {}
    for portfolio in portfolios:
        by_session.setdefault(portfolio.as_of_date, {})[portfolio.period_days] = portfolio
    whole = [session for session, found in by_session.items() if len(found) == len(LONGEST_FIRST)]
    rows: list[dict[str, Any]] = []
    headers: list[dict[str, Any]] = []
    for rebalance_date in dates:
        session = input_session(whole, rebalance_date)
        if session is None:
            continue
        merged = _merged(by_session[session])
        returns = PeriodReturns(market, ordinals([session]))
        portions = weights.shares({entry["ticker"]: entry["score"] for entry in merged})
        rows += [
            {
                "rebalance_date": rebalance_date,
                "ticker": entry["ticker"],
                "valid_until": valid_until(market, rebalance_date),
                "company_name": entry["position"]["company_name"],
                "sector": entry["position"]["sector"],
                "final_rank": entry["rank"],
                "final_weight": portions[entry["ticker"]],
                "score": entry["score"],
                "source_periods": ",".join(f"{period}d" for period in entry["periods"]),
                "return_20d": return_20d(returns, entry["ticker"]),
                "market_cap": entry["position"]["market_cap"],
            }
            for entry in merged
        ]
        headers.append(_header(by_session[session], rebalance_date, session, len(merged)))
    return pd.DataFrame(rows), pd.DataFrame(headers)


def _merged(portfolios: dict[int, Portfolio]) -> list[dict[str, Any]]:
    """Every stock of the three portfolios with its score and rank."""
    held = {
        period: {position["ticker"]: position for position in portfolio.positions}
        for period, portfolio in portfolios.items()
    }
    entries = []
    for ticker in sorted({ticker for positions in held.values() for ticker in positions}):
        periods = [period for period in LONGEST_FIRST if ticker in held[period]]
        position = held[periods[0]][ticker]
        entries.append(
            {
                "ticker": ticker,
                "periods": periods,
                "score": SCORES[frozenset(periods)],
                "position": position,
                "weight": position["portfolio_weight"],
            }
        )
    existing = sorted((entry for entry in entries if 20 in entry["periods"]), key=order)
    new = sorted((entry for entry in entries if 20 not in entry["periods"]), key=order)
    first_new = first_new_rank(len(existing))
    return [entry | {"rank": rank} for rank, entry in enumerate(existing, start=1)] + [
        entry | {"rank": rank} for rank, entry in enumerate(new, start=first_new)
    ]


def return_20d(returns: PeriodReturns, ticker: str) -> float | None:
    """Also of a stock that is not in the 20-session portfolio; None if it has none."""
    found = returns.of(ticker, 20, etf=False)
    if found is None or np.isnan(found.return_pct[0]) or found.in_doubt[0]:
        return None
    return float(found.return_pct[0])


def _header(portfolios: dict[int, Portfolio], rebalance_date: date, session: date, positions: int) -> dict[str, Any]:
    left_out: list[LeftOut] = sorted(
        {entry for portfolio in portfolios.values() for entry in portfolio.left_out},
        key=lambda entry: (entry.etf, entry.ticker or "", entry.reason),
    )
    oldest = [portfolio.holdings_oldest for portfolio in portfolios.values() if portfolio.holdings_oldest]
    return {
        "strategy": "monthly",
        "as_of_date": rebalance_date,
        "status": status(left_out, positions),
        "positions": positions,
        "trending_etfs": None,
        "holdings_oldest": min(oldest) if oldest else None,
        "input_as_of_date": session,
        "left_out": tuple(left_out),
    }
