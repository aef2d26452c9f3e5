"""What a company is worth on a day, US dollars (rules 4, Market cap)."""

from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from test.reference.market import US_DOLLAR, Market, Quote, Series
from test.reference.returns import bar_at
from test.reference.storage import rounded

# Calendar days.
CARRIED_REACH_DAYS = 30
RATE_REACH_DAYS = 7


class MarketCap(NamedTuple):
    """usd: None when not known or in doubt. source: quote, carried or scaled; None without a quote."""

    usd: float | None
    source: str | None
    in_doubt: bool


def chosen(quotes: tuple[Quote, ...], day: int) -> tuple[Quote, str] | None:
    """Which quote: the day's; else the newest earlier one in reach; else the nearest later one."""
    until = bisect_right(quotes, day, key=lambda quote: quote.day)
    if until and quotes[until - 1].day == day:
        return quotes[until - 1], "quote"
    if until and day - quotes[until - 1].day <= CARRIED_REACH_DAYS:
        return quotes[until - 1], "carried"
    return (quotes[until], "scaled") if until < len(quotes) else None


def splits_after(series: Series, day: int) -> float:
    """New shares for one share of that day: stored closes are adjusted for these, the quote's price is not."""
    ratios = series.split_ratio[series.day > day]
    return float(np.prod(ratios[ratios > 0]))


def close_on(series: Series, day: int) -> float | None:
    """The close a holding's return ends with."""
    at = int(bar_at(series, np.array([day], dtype=np.int64))[0])
    return float(series.close[at]) if at >= 0 else None


def rate_days(day: int) -> tuple[int, int]:
    """First and last day that a rate may have: before the day, and not too old."""
    return day - RATE_REACH_DAYS, day - 1


def usd_per_unit(market: Market, currency: str, day: int) -> float | None:
    """The newest rate dated before the day."""
    if currency == US_DOLLAR:
        return 1.0
    rates = market.rates.get(currency)
    if rates is None:
        return None
    first, last = rate_days(day)
    at = int(np.searchsorted(rates.day, last, side="right")) - 1
    return float(rates.usd_per_unit[at]) if at >= 0 and rates.day[at] >= first else None


def is_doubted(quote: Quote) -> bool:
    """A quote in doubt gives no market cap; it is not passed over for another."""
    return quote.in_doubt


def moved(quote: Quote, close: float, splits: float) -> float:
    """The quoted market cap at the day's close, in the quote's currency."""
    return quote.market_cap * close / (quote.quote_price / splits)


def market_cap(market: Market, ticker: str, day: int) -> MarketCap:
    """The market cap on a day, rounded to whole dollars when computed."""
    found = chosen(market.quotes.get(ticker, ()), day)
    series = market.stocks.get(ticker)
    if found is None or series is None:
        return MarketCap(None, None, False)
    quote, source = found
    if is_doubted(quote):
        return MarketCap(None, source, True)
    close, rate = close_on(series, day), usd_per_unit(market, quote.currency, day)
    if close is None or rate is None:
        return MarketCap(None, source, False)
    usd = moved(quote, close, splits_after(series, quote.knows)) * rate
    return MarketCap(float(rounded(np.array([usd]), 0)[0]), source, False)
