"""Returns between sessions (rules 2). Percent, in the instrument's own currency."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from test.reference.market import Bools, Floats, Ints, Market, Series
from test.reference.storage import rounded

RETURN_DECIMALS = 6
# Calendar days: an instrument of another exchange takes its last bar at or before each end, at most that old.
FOREIGN_REACH_DAYS = 10


class Returns(NamedTuple):
    """For each pair of ends: the return (NaN: none), whether a bar of the way is in doubt, and the bars at the ends
    (places in the series, −1: none)."""

    return_pct: Floats
    in_doubt: Bools
    start: Ints
    end: Ints


def start_days(market: Market, days: Ints, count: int) -> Ints:
    """The session `count` sessions of the calendar before each session (rules 1)."""
    result: Ints = market.sessions[market.place(days) - count]
    return result


def price(series: Series) -> Floats:
    """What a return is made of: the close adjusted for dividends and splits."""
    return series.adj_close


def reach(series: Series) -> int:
    """How old the bar of an end may be, in calendar days."""
    return FOREIGN_REACH_DAYS if series.foreign else 0


def bar_at(series: Series, days: Ints) -> Ints:
    """The place of the bar that stands for each day; −1 where there is none."""
    at = np.searchsorted(series.day, days, side="right").astype(np.int64) - 1
    near = (at >= 0) & (days - series.day[np.maximum(at, 0)] <= reach(series))
    return np.where(near, at, -1)


def open_doubt(series: Series) -> Bools:
    """Bars in doubt that nothing has confirmed."""
    return series.doubt & ~series.confirmed


def doubt_between(series: Series, first: Ints, last: Ints) -> Bools:
    """Whether a bar in doubt is dated from first to last, both included."""
    before = np.concatenate([[0], np.cumsum(open_doubt(series))])
    until = before[np.searchsorted(series.day, last, side="right")]
    result: Bools = until > before[np.searchsorted(series.day, first, side="left")]
    return result


def has_return(start: Ints, end: Ints) -> Bools:
    """Both ends have a bar, and not the same one."""
    result: Bools = (start >= 0) & (end >= 0) & (start != end)
    return result


def between(series: Series, starts: Ints, ends: Ints) -> Returns:
    """Total returns from the close of `starts` to that of `ends`, rounded once, when computed."""
    start, end = bar_at(series, starts), bar_at(series, ends)
    there = has_return(start, end)
    prices = price(series)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = 100 * (prices[np.maximum(end, 0)] / prices[np.maximum(start, 0)] - 1)
    change = np.where(there & np.isfinite(change), change, np.nan)
    first = np.where(start >= 0, series.day[np.maximum(start, 0)], starts)
    return Returns(rounded(change, RETURN_DECIMALS), doubt_between(series, first, ends), start, end)


@dataclass
class PeriodReturns:
    """Returns of every instrument over a period to each of the sessions, calculated when asked."""

    market: Market
    days: Ints
    known: dict[tuple[str, int], Returns] = field(default_factory=dict)

    def of(self, ticker: str, period: int, *, etf: bool) -> Returns | None:
        """None: there is no bar of it at all."""
        series = (self.market.etfs if etf else self.market.stocks).get(ticker)
        if series is None:
            return None
        key = (f"etf {ticker}" if etf else ticker, period)
        if key not in self.known:
            self.known[key] = between(series, start_days(self.market, self.days, period), self.days)
        return self.known[key]
