"""The 5/10/20-session portfolios (rules 4)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from config.universe import BENCHMARK, ETFS, PERIODS, UNKNOWN_SECTOR
from test.reference import holdings, weights
from test.reference.market import Market, Profile
from test.reference.market_caps import MarketCap, market_cap
from test.reference.returns import PeriodReturns
from test.reference.storage import day_of
from test.reference.trending import etf_returns, ordinals

TRILLION = 1e12
# Outcomes that are named in the header: something was left out that could have given a position.
NAMED = ("no_profile", "in_doubt", "no_return", "no_market_cap")


class LeftOut(NamedTuple):
    """What a header names: a holding of an ETF, or (ticker None) the ETF itself."""

    ticker: str | None
    etf: str
    reason: str


@dataclass
class Candidate:
    """One (ETF, holding) that was looked at."""

    as_of_date: date
    period_days: int
    etf_ticker: str
    ticker: str
    holding_rank: int
    holding_percent: float
    holdings_as_of: date
    return_pct: float | None
    market_cap: float | None
    outcome: str
    cap: MarketCap
    name: str


@dataclass
class Portfolio:
    """One period's portfolio of a session."""

    as_of_date: date
    period_days: int
    trending_etfs: list[str]
    candidates: list[Candidate] = field(default_factory=list)
    positions: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    holdings_oldest: date | None = None


@dataclass(frozen=True)
class Allocation:
    """Frames of analytics_05_candidates, analytics_05_portfolio_allocation and the headers."""

    candidates: pd.DataFrame
    positions: pd.DataFrame
    headers: pd.DataFrame
    portfolios: list[Portfolio]


def allocate(market: Market, trends: pd.DataFrame) -> Allocation:
    """Portfolios of every session that has a result of stage 3."""
    sessions: list[date] = sorted(set(trends["as_of_date"]))
    returns = PeriodReturns(market, ordinals(sessions))
    chosen = trends[trends["is_trending"].astype(bool)]
    trending: dict[tuple[date, int], list[str]] = {}
    for session, period, etf in zip(chosen["as_of_date"], chosen["period_days"], chosen["etf_ticker"], strict=True):
        trending.setdefault((session, int(period)), []).append(etf)
    caps: dict[tuple[str, int], MarketCap] = {}
    portfolios = [
        _portfolio(market, returns, caps, at, session, period, sorted(trending.get((session, period), [])))
        for at, session in enumerate(sessions)
        for period in PERIODS
    ]
    hidden = {"cap", "name"}
    return Allocation(
        candidates=pd.DataFrame(
            [
                {name: value for name, value in vars(candidate).items() if name not in hidden}
                for portfolio in portfolios
                for candidate in portfolio.candidates
            ]
        ),
        positions=pd.DataFrame([position for portfolio in portfolios for position in portfolio.positions]),
        headers=pd.DataFrame([header(portfolio) for portfolio in portfolios]),
        portfolios=portfolios,
    )


def _portfolio(
    market: Market,
    returns: PeriodReturns,
    caps: dict[tuple[str, int], MarketCap],
    at: int,
    session: date,
    period: int,
    trending: list[str],
) -> Portfolio:
    portfolio = Portfolio(session, period, trending)
    day = session.toordinal()
    oldest: list[int] = []
    for etf in trending:
        snapshot = holdings.newest(market, etf, day)
        looked_at = holdings.top(market, snapshot) if snapshot else []
        if snapshot is None or not looked_at:
            portfolio.left_out.append(LeftOut(None, etf, "no_holdings"))
            continue
        oldest.append(snapshot.day)
        found = []
        for holding in looked_at:
            if (holding.ticker, day) not in caps:
                caps[holding.ticker, day] = market_cap(market, holding.ticker, day)
            cap = caps[holding.ticker, day]
            measured = returns.of(holding.ticker, period, etf=False)
            value = float("nan") if measured is None else float(measured.return_pct[at])
            in_doubt = measured is not None and bool(measured.in_doubt[at])
            found.append(
                Candidate(
                    session,
                    period,
                    etf,
                    holding.ticker,
                    holding.rank,
                    holding.percent,
                    day_of(snapshot.day),
                    known_return(value, in_doubt),
                    cap.usd,
                    judge(market.profile(holding.ticker), value, in_doubt, cap),
                    cap,
                    market.profile(holding.ticker).company_name or holding.name,
                )
            )
        pick(found)
        portfolio.candidates += found
    portfolio.holdings_oldest = day_of(oldest_of(oldest)) if oldest else None
    name_what_is_missing(portfolio, etf_returns(returns, at, period))
    portfolio.positions = _positions(market, portfolio)
    return portfolio


def known_return(return_pct: float, in_doubt: bool) -> float | None:
    """What is shown beside the outcome: nothing where a bar on the way is in doubt."""
    return None if in_doubt or np.isnan(return_pct) else return_pct


def oldest_of(days: list[int]) -> int:
    """The date a header shows for its holdings."""
    return min(days)


def rises(return_pct: float) -> bool:
    """A falling stock is never bought."""
    return return_pct > 0


def judge(profile: Profile, return_pct: float, in_doubt: bool, cap: MarketCap) -> str:
    """Why a holding is no candidate, the first reason that applies; `candidate` when it is one."""
    if profile.quote_type is None:
        return "no_profile"
    if in_doubt:
        return "in_doubt"
    if np.isnan(return_pct):
        return "no_return"
    if not rises(return_pct):
        return "not_positive"
    if cap.in_doubt:
        return "in_doubt"
    if cap.usd is None or cap.usd <= 0:
        return "no_market_cap"
    return "candidate"


def order(candidate: Candidate) -> tuple[Any, ...]:
    """Highest return first; ties by larger holding_percent, then ticker."""
    return (-(candidate.return_pct or 0.0), -candidate.holding_percent, candidate.ticker)


def pick(found: list[Candidate]) -> None:
    """The best candidate of an ETF is selected, the others had a lower return."""
    candidates = sorted((candidate for candidate in found if candidate.outcome == "candidate"), key=order)
    for candidate in candidates:
        candidate.outcome = "selected" if candidate is candidates[0] else "lower_return"


def score(return_pct: float, usd: float) -> float:
    """Return in percent per USD trillion of market cap."""
    return return_pct / (usd / TRILLION)


def by_weight(position: dict[str, Any]) -> tuple[Any, ...]:
    """Highest stored weight first; ties by ticker."""
    return (-position["portfolio_weight"], position["ticker"])


def _positions(market: Market, portfolio: Portfolio) -> list[dict[str, Any]]:
    picked: dict[str, list[Candidate]] = {}
    for candidate in portfolio.candidates:
        if candidate.outcome == "selected":
            picked.setdefault(candidate.ticker, []).append(candidate)
    scores = {
        ticker: score(float(found[0].return_pct or 0.0), float(found[0].market_cap or 0.0))
        for ticker, found in picked.items()
    }
    portions = weights.shares(scores)
    positions = [
        {
            "as_of_date": portfolio.as_of_date,
            "period_days": portfolio.period_days,
            "ticker": ticker,
            "company_name": max(candidate.name for candidate in found),
            "sector": market.profile(ticker).sector or UNKNOWN_SECTOR,
            "market_cap": found[0].market_cap,
            "return_pct": found[0].return_pct,
            "portfolio_weight": portions[ticker],
            "allocation_score": scores[ticker],
            "source_etfs": source_etfs([candidate.etf_ticker for candidate in found]),
            "market_cap_source": found[0].cap.source,
            "passed_over": passed_over(portfolio, found),
        }
        for ticker, found in picked.items()
    ]
    ranked = sorted(positions, key=by_weight)
    return [position | {"rank": rank} for rank, position in enumerate(ranked, start=1)]


def source_etfs(etfs: list[str]) -> str:
    """All that picked it, in ticker order."""
    return ",".join(sorted(etfs))


def passed_over(portfolio: Portfolio, picks: list[Candidate]) -> tuple[str, ...]:
    """Higher returns in the ETFs that picked it that lacked a market cap: the reason says so."""
    return tuple(
        sorted(
            {
                other.ticker
                for pick in picks
                for other in portfolio.candidates
                if other.etf_ticker == pick.etf_ticker
                and other.outcome == "no_market_cap"
                and (other.return_pct or 0.0) > (pick.return_pct or 0.0)
            }
        )
    )


def name_what_is_missing(portfolio: Portfolio, etfs: dict[str, tuple[float, bool]]) -> None:
    """Beside trending ETFs without holdings: holdings, and ETFs without a return, that could have given a position."""
    portfolio.left_out += [
        LeftOut(candidate.ticker, candidate.etf_ticker, candidate.outcome)
        for candidate in portfolio.candidates
        if candidate.outcome in NAMED
    ]
    for etf in ETFS:
        value, in_doubt = etfs[etf.ticker]
        if etf.ticker != BENCHMARK and (in_doubt or np.isnan(value)):
            portfolio.left_out.append(LeftOut(None, etf.ticker, "in_doubt" if in_doubt else "no_return"))
    portfolio.left_out.sort(key=lambda entry: (entry.etf, entry.ticker or ""))


def status(left_out: Sequence[LeftOut], positions: int) -> str:
    """partial when something was left out; else complete, or empty without a position."""
    if left_out:
        return "partial"
    return "complete" if positions else "empty"


def header(portfolio: Portfolio) -> dict[str, Any]:
    """The fields of analytics_portfolios that follow from the data."""
    return {
        "strategy": f"{portfolio.period_days}d",
        "as_of_date": portfolio.as_of_date,
        "status": status(portfolio.left_out, len(portfolio.positions)),
        "positions": len(portfolio.positions),
        "trending_etfs": len(portfolio.trending_etfs),
        "holdings_oldest": portfolio.holdings_oldest,
        "input_as_of_date": None,
        "left_out": tuple(portfolio.left_out),
    }
