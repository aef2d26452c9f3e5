"""What a reader who followed a published portfolio would have earned, in USD (rules 8).

What was published when, only a database knows: headers, revisions and positions come from there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from config.universe import BENCHMARK
from test.reference.market import US_DOLLAR, Bools, Connection, Floats, Ints, Market, Series
from test.reference.returns import open_doubt, price
from test.reference.storage import day_of
from utils.sessions import close_of, next_session

STRATEGIES = ("5d", "10d", "20d", "monthly")
BASIS_POINTS = 10
# Sessions that a held stock may go without a bar.
PATIENCE = 5


class Revision(NamedTuple):
    """One revision of a portfolio: fractions by ticker."""

    published_at: datetime
    weights: Mapping[str, float]


@dataclass(frozen=True)
class Published:
    """A portfolio with its revisions, oldest first."""

    strategy: str
    as_of_date: date
    origin: str
    revisions: Sequence[Revision]

    @property
    def bought(self) -> date:
        """E: the first session after its day."""
        return next_session(self.as_of_date)


class Purchase(NamedTuple):
    """What is held from the close of a session on."""

    session: int
    weights: Mapping[str, float]


def read_published(connection: Connection) -> list[Published]:
    """Every header with the positions of each of its revisions."""
    current: dict[tuple[str, date], dict[str, float]] = {}
    for strategy, day, ticker, weight in connection.execute(
        """SELECT period_days || 'd', as_of_date, ticker, portfolio_weight::float8
           FROM analytics_05_portfolio_allocation
           UNION ALL SELECT 'monthly', rebalance_date, ticker, final_weight::float8 FROM analytics_08_monthly_portfolio
           ORDER BY 1, 2, 3"""
    ).fetchall():
        current.setdefault((strategy, day), {})[ticker] = weight
    replaced: dict[tuple[str, date], list[Revision]] = {}
    for strategy, day, header, positions in connection.execute(
        "SELECT strategy, as_of_date, header, positions FROM analytics_portfolio_revisions ORDER BY 1, 2, revision"
    ).fetchall():
        name = "final_weight" if strategy == "monthly" else "portfolio_weight"
        weights = {position["ticker"]: float(position[name]) for position in positions}
        replaced.setdefault((strategy, day), []).append(
            Revision(datetime.fromisoformat(header["published_at"]), weights)
        )
    return [
        Published(
            strategy,
            day,
            origin,
            [*replaced.get((strategy, day), []), Revision(published_at, current.get((strategy, day), {}))],
        )
        for strategy, day, origin, published_at in connection.execute(
            "SELECT strategy, as_of_date, origin, published_at FROM analytics_portfolios ORDER BY 1, 2"
        ).fetchall()
    ]


def revision_bought(portfolio: Published) -> Revision:
    """Live: the newest that was published before the close at which it is bought. Simulated: the current one."""
    if portfolio.origin == "simulated":
        return portfolio.revisions[-1]
    close = close_of(portfolio.bought)
    return [revision for revision in portfolio.revisions if revision.published_at < close][-1]


def stretches(portfolios: Iterable[Published], origin: str, as_of: int) -> list[tuple[list[Purchase], int]]:
    """Runs of purchases of one origin, each with the last session of its figures.

    Live: one run, as only live portfolios count. Simulated: a run ends when a live portfolio is bought.
    """
    runs: list[tuple[list[Purchase], int]] = []
    current: list[Purchase] = []
    for portfolio in sorted(portfolios, key=lambda portfolio: portfolio.bought):
        session = portfolio.bought.toordinal()
        if session > as_of:
            continue
        if portfolio.origin == origin:
            current.append(Purchase(session, revision_bought(portfolio).weights))
        elif origin == "simulated" and current:
            runs.append((current, session))
            current = []
    return [*runs, (current, as_of)] if current else runs


@dataclass
class Worth:
    """What one unit of every instrument was worth in USD at each session."""

    market: Market
    known: dict[str, Floats] = field(default_factory=dict)

    def of(self, ticker: str, series: Series | None) -> Floats:
        if ticker not in self.known:
            self.known[ticker] = _worth(self.market, series)
        return self.known[ticker]

    def is_known(self, ticker: str, at: int) -> bool:
        """Whether there has been a price, and a rate."""
        return bool(np.isfinite(self.of(ticker, self.market.stocks.get(ticker))[at]))

    def return_on(self, ticker: str, at: int) -> float:
        """Fraction; 0 when it cannot be told."""
        worth = self.of(ticker, self.market.stocks.get(ticker))
        return _change(worth, at)


def _change(worth: Floats, at: int) -> float:
    change = worth[at] / worth[at - 1] - 1 if worth[at - 1] > 0 else float("nan")
    return float(change) if np.isfinite(change) else 0.0


def _worth(market: Market, series: Series | None) -> Floats:
    """Price × rate, each from the last one at or before the session."""
    known = np.array([], dtype=np.bool_) if series is None else counts(series)
    if series is None or not known.any():
        return np.full(len(market.sessions), np.nan)
    prices = _last(series.day[known], price(series)[known], market.sessions)
    return prices * usd_per_unit(market, series.currency)


def counts(series: Series) -> Bools:
    """Which bars have a price that a position may be valued by."""
    result: Bools = ~open_doubt(series) & (price(series) > 0)
    return result


def usd_per_unit(market: Market, currency: str) -> Floats:
    """The newest rate at or before each session."""
    if currency == US_DOLLAR:
        return np.ones(len(market.sessions))
    rates = market.rates.get(currency)
    if rates is None:
        return np.full(len(market.sessions), np.nan)
    return _last(rates.day, rates.usd_per_unit, market.sessions)


def _last(days: Ints, values: Floats, sessions: Ints) -> Floats:
    at = np.searchsorted(days, sessions, side="right") - 1
    return np.where(at >= 0, values[np.maximum(at, 0)], np.nan)


def turnover(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """½ Σ|Δw|, cash counted as a position."""
    cash = abs(sum(after.values()) - sum(before.values()))
    return (traded(before, after) + cash) / 2


def traded(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Σ|Δw| over what is sold and bought."""
    return sum(abs(after.get(ticker, 0.0) - before.get(ticker, 0.0)) for ticker in sorted({*before, *after}))


def cost(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Fraction of equity."""
    return BASIS_POINTS / 10_000 * traded(before, after)


def drifted(weights: Mapping[str, float], returns: Mapping[str, float], total: float) -> dict[str, float]:
    """The weights at the end of a session."""
    return {ticker: weight * (1 + returns[ticker]) / (1 + total) for ticker, weight in weights.items()}


def sessions_without_bar(market: Market, ticker: str, at: int) -> int:
    """Sessions since its last bar, up to the one at that place."""
    series = market.stocks.get(ticker)
    days = np.array([], dtype=np.int64) if series is None else series.day[counts(series)]
    seen = int(np.searchsorted(days, market.sessions[at], side="right"))
    return at + 1 - (int(np.searchsorted(market.sessions, days[seen - 1], side="right")) if seen else 0)


def held_on(before: Mapping[str, float], after: Mapping[str, float]) -> Mapping[str, float]:
    """What is held on a day: what is held after that day's purchase, like the number of positions."""
    return after


def is_incomplete(before: bool, without_bar: Sequence[str]) -> bool:
    """Once a price was missing for too long, what follows is built on it."""
    return before or bool(without_bar)


def benchmark(worth: Worth, at: int) -> float:
    """SPY's return on a session, dividends reinvested; fraction."""
    return _change(worth.of(f"etf {BENCHMARK}", worth.market.etfs.get(BENCHMARK)), at)


def performance(market: Market, portfolios: Sequence[Published]) -> pd.DataFrame:
    """Rows of analytics_portfolio_performance."""
    worth = Worth(market)
    rows: list[dict[str, Any]] = []
    for strategy in STRATEGIES:
        mine = [portfolio for portfolio in portfolios if portfolio.strategy == strategy]
        for origin in ("live", "simulated"):
            for purchases, last in stretches(mine, origin, market.as_of):
                rows += [{"strategy": strategy, "origin": origin} | row for row in _rows(worth, purchases, last)]
    return pd.DataFrame(rows)


def _rows(worth: Worth, purchases: Sequence[Purchase], last: int) -> list[dict[str, Any]]:
    """The days of one run, from its first purchase to its last session."""
    market = worth.market
    bought = {purchase.session: purchase.weights for purchase in purchases}
    first = int(market.place(np.array([purchases[0].session]))[0])
    weights: dict[str, float] = {}
    equity = net = against = 1.0
    incomplete = False
    rows = []
    for at in range(first, int(market.place(np.array([last]))[0]) + 1):
        session = int(market.sessions[at])
        daily = spy = None
        held = dict(weights)
        if at > first:
            returns = {ticker: worth.return_on(ticker, at) for ticker in weights}
            daily = sum(weights[ticker] * returns[ticker] for ticker in sorted(weights))
            spy = benchmark(worth, at)
            equity, net, against = equity * (1 + daily), net * (1 + daily), against * (1 + spy)
            weights = drifted(weights, returns, daily)
        turned = paid = 0.0
        if session in bought:
            new = dict(bought[session])
            turned, paid = turnover(weights, new), cost(weights, new)
            net *= 1 - paid
            weights = new
        without = [
            ticker
            for ticker in sorted(held_on(held, weights))
            if sessions_without_bar(market, ticker, at) > PATIENCE or not worth.is_known(ticker, at)
        ]
        incomplete = is_incomplete(incomplete, without)
        rows.append(
            {
                "trade_date": day_of(session),
                "daily_return": None if daily is None else 100 * daily,
                "benchmark_return": None if spy is None else 100 * spy,
                "equity": equity,
                "equity_net": net,
                "benchmark_equity": against,
                "turnover": turned,
                "cost": paid,
                "positions": len(weights),
                "incomplete": incomplete,
                "without_bar": ",".join(without) or None,
            }
        )
    return rows
