"""Mistakes a calculation could make, one for each thing the rules decide: each a small change of the reference.

The comparison has to notice every one of them; a mistake it does not notice is a rule that nothing checks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pytest

from config.universe import UNKNOWN_SECTOR
from test.reference import (
    allocation,
    holdings,
    market_caps,
    months,
    performance,
    rebalance,
    returns,
    top_holdings,
    trending,
    weights,
)
from test.reference.market import EQUITY, Floats, Ints, Market, Quote, Series, Snapshot
from test.reference.performance import Published, Purchase
from test.reference.storage import rounded
from utils.sessions import close_of, next_session

Part = Literal["daily", "monthly", "of_etfs", "of_months", "realised"]
Days: TypeAlias = tuple[date, date]


class Change(NamedTuple):
    """Put this in the place of that name."""

    where: ModuleType | type
    name: str
    what: Any


@dataclass(frozen=True)
class Fault:
    """A mistake and where it would show. days: from, to; None: some of all sessions."""

    name: str
    part: Part
    changes: tuple[Change, ...]
    days: Days | None = None

    def make(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Calculate wrongly from now on."""
        for change in self.changes:
            monkeypatch.setattr(change.where, change.name, change.what)


def fault(part: Part, name: str, where: ModuleType | type, attribute: str, what: Any, *days: date) -> Fault:
    """A mistake of one change."""
    return Fault(name, part, (Change(where, attribute, what),), (days[0], days[-1]) if days else None)


def backwards(ticker: str) -> tuple[int, ...]:
    """Sorts tickers from Z to A."""
    return tuple(-ord(letter) for letter in ticker)


_between, _newest, _doubt_between, _chosen = (
    returns.between,
    holdings.newest,
    returns.doubt_between,
    market_caps.chosen,
)
_ends, _drifted, _usd_per_unit = months.ends, performance.drifted, performance.usd_per_unit


# Returns


def _between_rows(series: Series, starts: Ints, ends: Ints) -> returns.Returns:
    """As if a session without a bar did not count: five rows of its own table back."""
    found = _between(series, starts, ends)
    back = np.array(
        [np.count_nonzero((series.day > start) & (series.day <= end)) for start, end in zip(starts, ends, strict=True)]
    )
    count = int(np.bincount(back[back > 0]).argmax()) if (back > 0).any() else 0
    start = np.where(found.end - count >= 0, found.end - count, -1)
    values = 100 * (series.adj_close[np.maximum(found.end, 0)] / series.adj_close[np.maximum(start, 0)] - 1)
    there = (found.end >= 0) & (start >= 0) & (found.end != start)
    return found._replace(return_pct=rounded(np.where(there, values, np.nan), 6), start=start)


def _has_return_on_one_bar(start: Ints, end: Ints) -> Any:
    return (start >= 0) & (end >= 0)


def _doubt_inside(series: Series, first: Ints, last: Ints) -> Any:
    return _doubt_between(series, first + 1, last - 1)


def _doubt_after_start(series: Series, first: Ints, last: Ints) -> Any:
    return _doubt_between(series, first + 1, last)


def _doubt_before_end(series: Series, first: Ints, last: Ints) -> Any:
    return _doubt_between(series, first, last - 1)


def _no_doubt(series: Series) -> Any:
    return np.zeros(len(series.day), dtype=np.bool_)


# Holdings


def _newest_of_all(market: Market, etf: str, day: int, *, before: int | None = None) -> Snapshot | None:
    found = market.snapshots.get(etf, ())
    return found[-1] if found else None


def _newest_of_next_month(market: Market, etf: str, day: int, *, before: int | None = None) -> Snapshot | None:
    return _newest(market, etf, day, before=day + 10)


def _usable_top(market: Market, snapshot: Snapshot) -> list[holdings.Holding]:
    return _usable(market, snapshot)[: holdings.TOP_HOLDINGS]


_usable = holdings.usable


# Market caps


def _chosen_scaled_first(quotes: tuple[Quote, ...], day: int) -> tuple[Quote, str] | None:
    found = _chosen(quotes, day)
    later = [quote for quote in quotes if quote.day > day]
    return (later[0], "scaled") if found and found[1] == "carried" and later else found


def _chosen_never_scaled(quotes: tuple[Quote, ...], day: int) -> tuple[Quote, str] | None:
    found = _chosen(quotes, day)
    return None if found and found[1] == "scaled" else found


def _chosen_day_before(quotes: tuple[Quote, ...], day: int) -> tuple[Quote, str] | None:
    return _chosen(quotes, day - 1)


def _chosen_undoubted(quotes: tuple[Quote, ...], day: int) -> tuple[Quote, str] | None:
    return _chosen(tuple(quote for quote in quotes if not quote.in_doubt), day)


_splits_after = market_caps.splits_after


# Allocation


def _judge_size_first(profile: Any, return_pct: float, in_doubt: bool, cap: market_caps.MarketCap) -> str:
    if profile.quote_type is not None and not in_doubt and not np.isnan(return_pct):
        if cap.in_doubt:
            return "in_doubt"
        if cap.usd is None:
            return "no_market_cap"
    return _judge(profile, return_pct, in_doubt, cap)


def _judge_without_type(profile: Any, return_pct: float, in_doubt: bool, cap: market_caps.MarketCap) -> str:
    return _judge(profile._replace(quote_type=EQUITY), return_pct, in_doubt, cap)


_judge = allocation.judge


def _shares_each_rounded(scores: Mapping[str, float]) -> dict[str, Decimal]:
    total = sum(scores.values())
    return {ticker: Decimal(repr(round(score / total, 10))) for ticker, score in scores.items()}


def _shares_equal(scores: Mapping[str, float]) -> dict[str, Decimal]:
    return _shares(dict.fromkeys(scores, 1.0))


def _shares_ties_backwards(scores: Mapping[str, float]) -> dict[str, Decimal]:
    """Leftover units go to the last tickers of a tie."""
    names = {ticker: "".join(chr(0x10FFF - ord(letter)) for letter in ticker) for ticker in scores}
    found = _shares({names[ticker]: score for ticker, score in scores.items()})
    return {ticker: found[name] for ticker, name in names.items()}


_shares = weights.shares


def _only_holdings_named(portfolio: allocation.Portfolio, etfs: Mapping[str, Any]) -> None:
    _name_what_is_missing(portfolio, dict.fromkeys(etfs, (0.0, False)))


_name_what_is_missing = allocation.name_what_is_missing


def _status_without_partial(left_out: Sequence[Any], positions: int) -> str:
    return "complete" if positions else "empty"


def _return_in_doubt(measured: returns.PeriodReturns, ticker: str) -> float | None:
    found = measured.of(ticker, 20, etf=False)
    return None if found is None or np.isnan(found.return_pct[0]) else float(found.return_pct[0])


# Months


def _starts_in_the_month(market: Market, month: months.Month) -> months.Ends:
    span = _ends(market, month)
    first = int(market.sessions[np.searchsorted(market.sessions, span.first_day)])
    return span._replace(start=first)


def _never_partial(market: Market, month: months.Month) -> months.Ends:
    return _ends(market, month)._replace(is_partial=False)


def _bars_of_sessions(market: Market, series: Series, span: months.Ends) -> Ints:
    found = _bars_of(market, series, span)
    return found[np.isin(series.day[found], market.sessions)]


_bars_of = months.bars_of


def _mean_of_floats(values: list[float]) -> float:
    return float(np.median(values))


# Performance


def _not_drifted(weights: Mapping[str, float], returns: Mapping[str, float], total: float) -> dict[str, float]:
    return dict(weights)


def _half_of_traded(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    return performance.traded(before, after) / 2


def _only_bought(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    return 0.001 * sum(max(after.get(ticker, 0.0) - before.get(ticker, 0.0), 0.0) for ticker in after)


def _in_own_currency(market: Market, currency: str) -> Floats:
    return np.ones(len(market.sessions))


def _rate_of_the_day_before(market: Market, currency: str) -> Floats:
    return np.concatenate([[np.nan], _usd_per_unit(market, currency)[:-1]])


def _benchmark_without_dividends(worth: performance.Worth, at: int) -> float:
    series = worth.market.etfs["SPY"]
    return performance._change(performance._last(series.day, series.close, worth.market.sessions), at)


def _current_revision(portfolio: Published) -> performance.Revision:
    return portfolio.revisions[-1]


def _first_revision(portfolio: Published) -> performance.Revision:
    return portfolio.revisions[0]


def _one_run(portfolios: Any, origin: str, as_of: int) -> list[tuple[list[Purchase], int]]:
    """Simulated portfolios are held on when a live one is bought."""
    mine = [portfolio for portfolio in portfolios if portfolio.origin == origin]
    bought = [
        Purchase(portfolio.bought.toordinal(), performance.revision_bought(portfolio).weights)
        for portfolio in sorted(mine, key=lambda portfolio: portfolio.bought)
        if portfolio.bought.toordinal() <= as_of
    ]
    return [(bought, as_of)] if bought else []


def _any_origin(portfolios: Any, origin: str, as_of: int) -> list[tuple[list[Purchase], int]]:
    """Simulated portfolios count among the live ones."""
    runs = _stretches(portfolios, origin, as_of)
    if origin == "live" and runs:
        first = runs[0][0][0].session
        every = [
            Purchase(portfolio.bought.toordinal(), performance.revision_bought(portfolio).weights)
            for portfolio in sorted(portfolios, key=lambda portfolio: portfolio.bought)
            if first <= portfolio.bought.toordinal() <= as_of
        ]
        return [(every, as_of)]
    return runs


def _empty_passed_over(portfolios: Any, origin: str, as_of: int) -> list[tuple[list[Purchase], int]]:
    runs = _stretches(portfolios, origin, as_of)
    return [([run[0], *(each for each in run[1:] if each.weights)], last) for run, last in runs]


_stretches = performance.stretches


def _bought_a_session_later(portfolio: Published) -> date:
    return next_session(next_session(portfolio.as_of_date))


def _bought_at_once(portfolio: Published) -> date:
    return next_session(portfolio.as_of_date - timedelta(days=1))


def _revision_in_time(portfolio: Published) -> performance.Revision:
    close = close_of(next_session(portfolio.as_of_date))
    in_time = [revision for revision in portfolio.revisions if revision.published_at < close]
    return (in_time if portfolio.origin == "live" else portfolio.revisions)[-1]


FRIDAY = date(2025, 10, 31)  # the lists of 1 November are of a Saturday
OCTOBER = (date(2025, 10, 1), date(2025, 10, 31))
NOVEMBER = (date(2025, 11, 3), date(2025, 11, 28))
DECEMBER = (date(2025, 12, 1), date(2025, 12, 31))

FAULTS: tuple[Fault, ...] = (
    # 1, 2: sessions and returns
    fault(
        "daily", "calendar days instead of sessions", returns, "start_days", lambda market, days, count: days - count
    ),
    fault("daily", "rows of the table instead of sessions", returns, "between", _between_rows, *NOVEMBER),
    fault("daily", "unadjusted closes", returns, "price", lambda series: series.close),
    fault("daily", "returns not rounded when computed", returns, "RETURN_DECIMALS", 9),
    fault("daily", "a bar of the days before serves in New York", returns, "reach", lambda series: 10, *NOVEMBER),
    fault("daily", "a Korean bar must be of the very day", returns, "FOREIGN_REACH_DAYS", 0, *OCTOBER),
    fault("daily", "a Korean bar of eleven days ago", returns, "FOREIGN_REACH_DAYS", 11, *NOVEMBER),
    fault("daily", "a Korean bar of nine days ago at most", returns, "FOREIGN_REACH_DAYS", 9, *NOVEMBER),
    fault("daily", "one bar at both ends is no change", returns, "has_return", _has_return_on_one_bar, *OCTOBER),
    fault("daily", "doubt ignored", returns, "open_doubt", _no_doubt, *NOVEMBER),
    fault("daily", "doubt that was confirmed", returns, "open_doubt", lambda series: series.doubt, *NOVEMBER),
    fault("daily", "doubt at neither end", returns, "doubt_between", _doubt_inside, *NOVEMBER),
    fault("daily", "no doubt at the start", returns, "doubt_between", _doubt_after_start, *NOVEMBER, *DECEMBER),
    fault("daily", "no doubt at the end", returns, "doubt_between", _doubt_before_end, *NOVEMBER),
    # 3: trending
    fault("daily", "as good as SPY is trending", trending, "is_trending", lambda own, spy: own >= spy and own > 0),
    fault("daily", "trending while falling", trending, "is_trending", lambda own, spy: own > spy),
    fault("daily", "trending without SPY", trending, "is_trending", lambda own, spy: own > 0),
    fault("daily", "ranks tie the other way", trending, "order", lambda ahead, etf: (-ahead, backwards(etf))),
    fault("daily", "worst ranked first", trending, "order", lambda ahead, etf: (ahead, etf)),
    fault("daily", "a session without SPY in one period", trending, "has_result", bool, *OCTOBER),
    # 4.2: holdings
    fault("daily", "a snapshot of 46 days", holdings, "SNAPSHOT_REACH_DAYS", 46, *OCTOBER),
    fault("daily", "a snapshot of 44 days at most", holdings, "SNAPSHOT_REACH_DAYS", 44, *OCTOBER),
    fault("daily", "today's snapshot for the past", holdings, "newest", _newest_of_all, *OCTOBER),
    fault("daily", "six largest holdings", holdings, "TOP_HOLDINGS", 6),
    fault("daily", "four largest holdings", holdings, "TOP_HOLDINGS", 4),
    fault("daily", "funds and cash are holdings", holdings, "is_usable", lambda quote_type: True),
    fault("daily", "a line of unknown type goes", holdings, "is_usable", lambda quote_type: quote_type == EQUITY),
    fault("daily", "a line of unknown type is bought", allocation, "judge", _judge_without_type, *NOVEMBER),
    fault(
        "daily",
        "equal holdings tie the other way",
        holdings,
        "order",
        lambda line: (-line.percent, backwards(line.ticker)),
    ),
    # 4.3, 4.4: candidates
    fault("daily", "falling stock bought", allocation, "rises", lambda return_pct: True),
    fault("daily", "a stock that stands still bought", allocation, "rises", lambda return_pct: return_pct >= 0),
    fault(
        "daily",
        "the largest holding instead of the best",
        allocation,
        "order",
        lambda candidate: (-candidate.holding_percent, candidate.ticker),
    ),
    fault(
        "daily",
        "equal returns tie by ticker alone",
        allocation,
        "order",
        lambda candidate: (-(candidate.return_pct or 0), candidate.ticker),
        *NOVEMBER,
    ),
    fault(
        "daily",
        "equal returns tie by the smaller holding",
        allocation,
        "order",
        lambda candidate: (-(candidate.return_pct or 0), candidate.holding_percent, candidate.ticker),
        *NOVEMBER,
    ),
    fault(
        "daily",
        "equal holdings with equal returns tie the other way",
        allocation,
        "order",
        lambda each: (-(each.return_pct or 0), -each.holding_percent, backwards(each.ticker)),
        *NOVEMBER,
    ),
    fault("daily", "size judged before the return", allocation, "judge", _judge_size_first),
    # 4, Market cap
    fault("daily", "cap of the session before", market_caps, "chosen", _chosen_day_before),
    fault("daily", "scaled before carried", market_caps, "chosen", _chosen_scaled_first),
    fault("daily", "never scaled", market_caps, "chosen", _chosen_never_scaled),
    fault("daily", "carried for 31 days", market_caps, "CARRIED_REACH_DAYS", 31, *NOVEMBER),
    fault("daily", "carried for 29 days", market_caps, "CARRIED_REACH_DAYS", 29, *NOVEMBER),
    fault("daily", "cap not moved with the price", market_caps, "moved", lambda quote, close, splits: quote.market_cap),
    fault("daily", "split factor ignored", market_caps, "splits_after", lambda series, day: 1.0, *NOVEMBER),
    fault(
        "daily",
        "a split of the quote's own day counted twice",
        market_caps,
        "splits_after",
        lambda series, day: _splits_after(series, day - 1),
        *NOVEMBER,
    ),
    fault("daily", "rate of the same day", market_caps, "rate_days", lambda day: (day - 7, day), *OCTOBER),
    fault("daily", "a rate of eight days ago", market_caps, "RATE_REACH_DAYS", 8, *OCTOBER),
    fault("daily", "a rate of six days ago at most", market_caps, "RATE_REACH_DAYS", 6, *OCTOBER),
    fault("daily", "won taken for dollars", market_caps, "usd_per_unit", lambda market, currency, day: 1.0, *OCTOBER),
    fault("daily", "cap in doubt used", market_caps, "is_doubted", lambda quote: False, *DECEMBER),
    fault("daily", "cap in doubt passed over for another", market_caps, "chosen", _chosen_undoubted, *DECEMBER),
    fault("daily", "caps not in whole dollars", market_caps, "rounded", lambda values, decimals: values),
    # 4.6, 4.7: weights
    fault("daily", "score per billion", allocation, "TRILLION", 1e9),
    fault("daily", "weights rounded without largest remainder", weights, "shares", _shares_each_rounded),
    fault("daily", "equal weights", weights, "shares", _shares_equal),
    fault("daily", "remainders tie the other way", weights, "shares", _shares_ties_backwards, *DECEMBER),
    fault("daily", "rank by return", allocation, "by_weight", lambda position: (-position["return_pct"],)),
    fault(
        "daily",
        "equal weights rank the other way",
        allocation,
        "by_weight",
        lambda position: (-position["portfolio_weight"], backwards(position["ticker"])),
        *DECEMBER,
    ),
    # 4, Header
    fault("daily", "complete in spite of what is left out", allocation, "status", _status_without_partial),
    fault("daily", "doubt not named", allocation, "NAMED", ("no_profile", "no_return", "no_market_cap"), *NOVEMBER),
    fault("daily", "missing types not named", allocation, "NAMED", ("in_doubt", "no_return", "no_market_cap")),
    fault(
        "daily", "an ETF without a return not named", allocation, "name_what_is_missing", _only_holdings_named, *OCTOBER
    ),
    fault("daily", "the newest snapshot's date shown", allocation, "oldest_of", max, *OCTOBER),
    fault("daily", "one source of several", allocation, "source_etfs", lambda etfs: sorted(etfs)[0]),
    fault("daily", "silent on what was passed over", allocation, "passed_over", lambda portfolio, picks: (), *OCTOBER),
    # 5: the monthly portfolio
    fault("monthly", "20d and 10d score 1.5", rebalance, "SCORES", rebalance.SCORES | {frozenset({20, 10}): 1.5}),
    fault("monthly", "10d and 5d score 0.8", rebalance, "SCORES", rebalance.SCORES | {frozenset({10, 5}): 0.8}),
    fault("monthly", "new stocks from the next rank", rebalance, "first_new_rank", lambda existing: existing + 1),
    fault("monthly", "equal scores tie by ticker", rebalance, "order", lambda each: (-each["score"], each["ticker"])),
    fault("monthly", "input of two days before at most", rebalance, "INPUT_REACH_DAYS", 2),
    fault("monthly", "valid for 21 sessions", rebalance, "VALID_SESSIONS", 21),
    fault("monthly", "a 20-session return in doubt", rebalance, "return_20d", _return_in_doubt),
    fault("monthly", "no 20-session return", rebalance, "return_20d", lambda returns, ticker: None),
    # 6: top holdings
    fault("of_etfs", "population instead of sample deviation", top_holdings, "DDOF", 0),
    fault("of_etfs", "Sharpe without √252", top_holdings, "annualised", lambda: 1.0),
    fault("of_etfs", "half the observations are enough", top_holdings, "LEAST_SHARE", 0.5, *NOVEMBER),
    fault("of_etfs", "unadjusted daily returns", top_holdings, "price", lambda series: series.close),
    fault("of_etfs", "volume rounded down", top_holdings, "rounded", lambda values, decimals: np.floor(values)),
    fault("of_etfs", "adjusted price shown", top_holdings, "current_price", lambda series, at: series.adj_close[at]),
    fault("of_etfs", "ten ranks", top_holdings, "BEST", 10),
    fault(
        "of_etfs",
        "ranks tie the other way",
        top_holdings,
        "order",
        lambda own, ticker: (-own, backwards(ticker)),
        *NOVEMBER,
    ),
    fault("of_etfs", "five holdings only", holdings, "usable", _usable_top),
    fault(
        "of_etfs", "a list of the weekend is not read", top_holdings, "before", lambda following, day: day + 1, FRIDAY
    ),
    fault(
        "of_etfs",
        "herfindahl renormalised",
        top_holdings,
        "herfindahl_index",
        lambda own: sum(w * w for w in own) / sum(own) ** 2,
    ),
    fault(
        "of_etfs",
        "all holdings taken for known",
        top_holdings,
        "effective_holdings",
        lambda own, herfindahl, covered: (1 / herfindahl, 1 / herfindahl),
    ),
    fault("of_etfs", "overlap by the larger weight", top_holdings, "shared_weight", max),
    # 7: months
    fault("of_months", "month from its first session", months, "ends", _starts_in_the_month),
    fault("of_months", "running month not marked", months, "ends", _never_partial),
    fault("of_months", "sector of fewer than 3 stocks trending", months, "FEWEST_STOCKS", 1),
    fault(
        "of_months",
        "Unknown trending",
        months,
        "sector_trends",
        lambda sector, count, average, spy: count >= 3 and average > spy and average > 0,
    ),
    fault(
        "of_months",
        "sector trending while falling",
        months,
        "sector_trends",
        lambda sector, count, average, spy: sector != UNKNOWN_SECTOR and count >= 3 and average > spy,
    ),
    fault(
        "of_months",
        "sector trending without SPY",
        months,
        "sector_trends",
        lambda sector, count, average, spy: sector != UNKNOWN_SECTOR and count >= 3 and average > 0,
    ),
    fault("of_months", "stock trending without its sector", months, "stock_trends", lambda value, average: value > 0),
    fault("of_months", "stock trending while falling", months, "stock_trends", lambda value, average: value > average),
    fault("of_months", "population instead of sample deviation", months, "DDOF", 0),
    fault("of_months", "median of the stocks", months, "mean", _mean_of_floats),
    fault("of_months", "sessions of New York only", months, "bars_of", _bars_of_sessions),
    fault("of_months", "lines of unknown type counted", months, "is_equity", holdings.is_usable),
    fault("of_months", "lists of the next month", holdings, "newest", _newest_of_next_month),
    fault("of_months", "doubt ignored", returns, "open_doubt", _no_doubt),
    fault("of_months", "unadjusted closes", returns, "price", lambda series: series.close),
    fault("of_months", "past months from today's lists", holdings, "newest", _newest_of_all),
    # 8: performance
    fault("realised", "drift ignored", performance, "drifted", _not_drifted),
    fault("realised", "turnover without cash", performance, "turnover", _half_of_traded),
    fault("realised", "cost of what is bought only", performance, "cost", _only_bought),
    fault("realised", "five basis points", performance, "BASIS_POINTS", 5),
    fault("realised", "benchmark without dividends", performance, "benchmark", _benchmark_without_dividends),
    fault("realised", "stocks without dividends", performance, "price", lambda series: series.close),
    fault("realised", "bars in doubt counted", performance, "open_doubt", _no_doubt),
    fault("realised", "returns in won", performance, "usd_per_unit", _in_own_currency),
    fault("realised", "rate of the day before", performance, "usd_per_unit", _rate_of_the_day_before),
    fault("realised", "bought a session later", Published, "bought", property(_bought_a_session_later)),
    Fault(
        "bought on its own day",
        "realised",
        (
            Change(Published, "bought", property(_bought_at_once)),
            Change(performance, "revision_bought", _revision_in_time),
        ),
    ),
    fault("realised", "a revision published too late", performance, "revision_bought", _current_revision),
    fault("realised", "simulated by the first revision", performance, "revision_bought", _first_revision),
    fault("realised", "simulated held on through live", performance, "stretches", _one_run),
    fault("realised", "simulated counted as live", performance, "stretches", _any_origin),
    fault("realised", "an empty portfolio changes nothing", performance, "stretches", _empty_passed_over),
    fault(
        "realised", "incomplete until the next bar only", performance, "is_incomplete", lambda before, now: bool(now)
    ),
    fault("realised", "what is sold that day without a bar", performance, "held_on", lambda before, after: before),
    fault("realised", "incomplete after 4 sessions", performance, "PATIENCE", 4),
    fault("realised", "incomplete after 6 sessions", performance, "PATIENCE", 6),
)
