"""Calendar months: ETFs, sectors and stocks (rules 7). Percent."""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from config.universe import BENCHMARK, ETFS, UNKNOWN_SECTOR
from test.reference import holdings
from test.reference.market import EQUITY, Floats, Ints, Market, Series
from test.reference.returns import between
from test.reference.top_holdings import daily_returns

FEWEST_STOCKS = 3
RETURN_DECIMALS = 6
# Degrees of freedom of a sample's standard deviation.
DDOF = 1

Month: TypeAlias = tuple[int, int]


class Ends(NamedTuple):
    """A month's two ends, its first day, and whether it is still running."""

    start: int
    end: int
    first_day: int
    is_partial: bool


@dataclass(frozen=True)
class Months:
    """Frames of analytics_etf_monthly, analytics_sector_trending and analytics_stock_trending."""

    etfs: pd.DataFrame
    sectors: pd.DataFrame
    stocks: pd.DataFrame


class InMonth(NamedTuple):
    """A stock of a month: its return and the bars dated in it."""

    ticker: str
    return_pct: float
    series: Series
    bars: Ints
    daily: Floats


def ends(market: Market, month: Month) -> Ends:
    """The last session of the month before and that of the month, or the newest closed one of a running month."""
    first = date(*month, 1).toordinal()
    last = date(*month, monthrange(*month)[1]).toordinal()
    last_session = _newest(market, last)
    return Ends(_newest(market, first - 1), min(last_session, market.as_of), first, last_session > market.as_of)


def _newest(market: Market, day: int) -> int:
    return int(market.sessions[np.searchsorted(market.sessions, day, side="right") - 1])


def monthly_return(series: Series | None, span: Ends) -> float | None:
    """Return of the month; None: an end without a bar, or a bar in doubt."""
    if series is None:
        return None
    found = between(series, np.array([span.start]), np.array([span.end]))
    value = float(found.return_pct[0])
    return None if np.isnan(value) or found.in_doubt[0] else value


def months(market: Market, items: Iterable[Month]) -> Months:
    """All rows of the months."""
    etfs: list[dict[str, Any]] = []
    sectors: list[dict[str, Any]] = []
    stocks: list[dict[str, Any]] = []
    for month in items:
        span = ends(market, month)
        spy = monthly_return(market.etfs.get(BENCHMARK), span)
        if spy is None:
            continue
        named = {"year": month[0], "month": month[1]}
        for etf in ETFS:
            value = monthly_return(market.etfs.get(etf.ticker), span)
            if value is not None:
                etfs.append(
                    named
                    | {
                        "etf_ticker": etf.ticker,
                        "return_pct": value,
                        "spy_return_pct": spy,
                        "is_partial": span.is_partial,
                    }
                )
        by_sector: dict[str, list[InMonth]] = {}
        names = equities(market, span.end)
        for ticker in names:
            stock = _in_month(market, ticker, span)
            if stock is not None:
                by_sector.setdefault(market.profile(ticker).sector or UNKNOWN_SECTOR, []).append(stock)
        for sector, members in by_sector.items():
            average = mean([stock.return_pct for stock in members])
            sectors.append(named | {"sector": sector} | _sector_row(sector, members, average, spy))
            stocks += [named | _stock_row(names[stock.ticker], sector, stock, average) for stock in members]
    return Months(pd.DataFrame(etfs), pd.DataFrame(sectors), pd.DataFrame(stocks))


def equities(market: Market, day: int) -> dict[str, str]:
    """The distinct companies in the snapshots in reach: ticker → name, the list's where the profile has none."""
    found: dict[str, str] = {}
    for etf in ETFS:
        snapshot = holdings.newest(market, etf.ticker, day)
        for line in snapshot.lines if snapshot else ():
            profile = market.profile(line.ticker)
            if is_equity(profile.quote_type):
                found[line.ticker] = profile.company_name or line.name
    return dict(sorted(found.items()))


def is_equity(quote_type: str | None) -> bool:
    """A line of unknown type is not counted."""
    return quote_type == EQUITY


def _in_month(market: Market, ticker: str, span: Ends) -> InMonth | None:
    series = market.stocks.get(ticker)
    value = monthly_return(series, span)
    if series is None or value is None:
        return None
    bars = bars_of(market, series, span)
    return InMonth(ticker, value, series, bars, daily_returns(series)[bars])


def bars_of(market: Market, series: Series, span: Ends) -> Ints:
    """Its bars dated in the month, also on days that are no session of New York."""
    return np.flatnonzero((series.day >= span.first_day) & (series.day <= span.end))


def mean(values: list[float]) -> float:
    """Mean of numbers of 6 decimals, to 6 decimals; in decimals, as half of such means are ties or near them."""
    total = sum((Decimal(repr(value)) for value in values), Decimal(0))
    return float((total / len(values)).quantize(Decimal(1).scaleb(-RETURN_DECIMALS), rounding=ROUND_HALF_UP))


def sector_trends(sector: str, count: int, average: float, spy: float) -> bool:
    """Above SPY and above 0, with enough stocks; Unknown never."""
    return sector != UNKNOWN_SECTOR and count >= FEWEST_STOCKS and average > spy and average > 0


def _sector_row(sector: str, members: list[InMonth], average: float, spy: float) -> dict[str, Any]:
    by_day: dict[int, list[float]] = {}
    for stock in members:
        for day, value in zip(stock.series.day[stock.bars], stock.daily, strict=True):
            if not np.isnan(value):
                by_day.setdefault(int(day), []).append(float(value))
    days = np.array([np.mean(values) for _, values in sorted(by_day.items())])
    positive = int((days > 0).sum())
    return {
        "stock_count": len(members),
        "avg_monthly_return": average,
        "volatility": deviation(days),
        "positive_days": positive,
        "total_trading_days": len(days),
        "positive_rate": 100 * positive / len(days) if len(days) else None,
        "best_day": days.max() if len(days) else None,
        "worst_day": days.min() if len(days) else None,
        "is_trending": sector_trends(sector, len(members), average, spy),
    }


def deviation(values: Floats) -> float | None:
    """Sample standard deviation; None for fewer than two."""
    return float(values.std(ddof=DDOF)) if len(values) > 1 else None


def vs_sector(value: float, average: float) -> float:
    """Percentage points between a stock and its sector."""
    return value - average


def stock_trends(value: float, average: float) -> bool:
    """Above its sector and above 0."""
    return value > average and value > 0


def _stock_row(name: str, sector: str, stock: InMonth, average: float) -> dict[str, Any]:
    series, bars = stock.series, stock.bars
    highs, lows = series.high[bars], series.low[bars]
    return {
        "ticker": stock.ticker,
        "company_name": name,
        "sector": sector,
        "avg_monthly_return": stock.return_pct,
        "vs_sector": vs_sector(stock.return_pct, average),
        "volatility": deviation(stock.daily[~np.isnan(stock.daily)]),
        "total_volume": float(series.volume[bars].sum()),
        "month_high": float(np.nanmax(highs)) if (~np.isnan(highs)).any() else None,
        "month_low": float(np.nanmin(lows)) if (~np.isnan(lows)).any() else None,
        "trading_days": len(bars),
        "is_trending": stock_trends(stock.return_pct, average),
    }
