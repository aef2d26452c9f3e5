"""Special things in a generated market, so that every rule has something to decide.

The market ends on 2026-01-23 and has 150 sessions or more; what is planted lies in its last 130, by date, so that it
can be read beside a calendar. Stocks are named by their place in an ETF's list, as the generator draws their tickers.
"""

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import pandas as pd

from config.universe import BENCHMARK
from test.reference.loading import LINES, Tables, day
from test.replay.generator import ESCROW
from utils.sessions import session_offset, sessions_between

LAST_SESSION = date(2026, 1, 23)
SESSIONS = 150
EQUITY = "EQUITY"
PRICES = ["open_price", "high_price", "low_price", "close_price", "adj_close_price"]
BAR_VALUES = [*PRICES, "volume", "dividend", "split_ratio"]

SPY_IN_DOUBT = date(2025, 7, 10)
SPY_WITHOUT_BAR = date(2025, 9, 26)  # the Friday before September's last Sunday, and 20 sessions before October's
SPY_SPIKE = date(2025, 11, 28)  # the input of November's rebalance: nothing trends
FIRST_QUOTES = date(2025, 8, 11)
LAST_QUOTE = date(2025, 10, 21)  # before a gap: 30 days later is 20 November
SPLIT = date(2025, 11, 13)
CORRECTED = date(2025, 12, 10)  # published live, then again with another market cap


def plant(tables: Tables) -> None:
    """Change the frames in place."""
    _etf_bars(tables)
    _lists(tables)
    _stock_bars(tables)
    _types_and_sectors(tables)
    _caps_and_rates(tables)
    for frame in (tables.etf_bars, tables.stock_bars):
        frame[PRICES] = frame[PRICES].round(6)


def held(tables: Tables, etf: str, on: date, place: int) -> str:
    """The company in that place of the list (1 = largest) that stands on a day."""
    lists = tables.holdings[(tables.holdings["etf_ticker"] == etf) & (tables.holdings["as_of_date"] <= day(on))]
    newest = lists[lists["as_of_date"] == lists["as_of_date"].max()]
    companies = set(tables.stocks[tables.stocks["quote_type"] == EQUITY]["ticker"])
    newest = newest[newest["holding_ticker"].isin(companies)]
    ordered = newest.sort_values(["holding_percent", "holding_ticker"], ascending=[False, True])
    return str(ordered["holding_ticker"].iloc[place - 1])


def grow(bars: pd.DataFrame, tickers: Iterable[str], first: date, last: date, daily: float) -> None:
    """Let prices rise by a fraction more each session from first to last; what follows keeps the level."""
    sessions = np.array([day(session) for session in sessions_between(first, last)], dtype="datetime64[ns]")
    for ticker in tickers:
        rows = bars["ticker"] == ticker
        times = np.searchsorted(sessions, bars.loc[rows, "trade_date"].to_numpy("datetime64[ns]"), side="right")
        factor = (1 + daily) ** times
        bars.loc[rows, PRICES] = bars.loc[rows, PRICES].to_numpy() * factor[:, None]


def copy_bars(bars: pd.DataFrame, source: str, target: str, first: date, last: date) -> None:
    """Give one instrument the other's bars over a while."""
    window = bars["trade_date"].between(day(first), day(last))
    given = bars[window & (bars["ticker"] == source)].set_index("trade_date")[BAR_VALUES]
    rows = bars.index[window & (bars["ticker"] == target) & bars["trade_date"].isin(given.index)]
    bars.loc[rows, BAR_VALUES] = given.loc[bars.loc[rows, "trade_date"]].to_numpy()


def without(bars: pd.DataFrame, ticker: str, days: Iterable[date]) -> pd.DataFrame:
    """The bars but these."""
    return bars[~((bars["ticker"] == ticker) & bars["trade_date"].isin([day(each) for each in days]))]


def doubted(bars: pd.DataFrame, ticker: str, on: date, *, confirmed: bool = False) -> None:
    """Put a bar in doubt."""
    rows = (bars["ticker"] == ticker) & (bars["trade_date"] == day(on))
    assert rows.any(), f"{ticker} has no bar on {on}"
    bars.loc[rows, "doubt"] = "planted"
    bars.loc[rows, "doubt_value"] = bars.loc[rows, "close_price"]
    bars.loc[rows, "doubt_session"] = on
    if confirmed:
        bars.loc[rows, "confirmed_at"] = "2026-01-01T00:00:00Z"


def _etf_bars(tables: Tables) -> None:
    bars = tables.etf_bars
    # One is SPY for a while: equal is not trending. Two are the same: ranks tie.
    copy_bars(bars, BENCHMARK, "DIA", date(2025, 9, 15), date(2025, 12, 31))
    copy_bars(bars, "XLI", "IWM", date(2025, 9, 15), date(2025, 12, 31))
    # What holds the stocks that are planted below trends while it matters.
    for etf, first, last in (
        ("EWY", date(2025, 9, 22), date(2025, 12, 12)),
        ("XLV", date(2025, 9, 29), date(2025, 10, 31)),
        ("XLU", date(2025, 10, 13), date(2025, 11, 7)),
        ("XLB", date(2025, 9, 29), date(2025, 11, 14)),
        ("QQQ", date(2025, 10, 27), date(2025, 12, 19)),
        ("XLF", date(2025, 10, 27), date(2025, 12, 19)),
        ("XLC", date(2025, 11, 3), date(2025, 12, 5)),
        ("XLRE", date(2025, 11, 24), date(2026, 1, 9)),
        ("XLY", date(2025, 12, 1), date(2026, 1, 9)),
    ):
        grow(bars, [etf], first, last, 0.006)
    spike = (bars["ticker"] == BENCHMARK) & (bars["trade_date"] == day(SPY_SPIKE))
    bars.loc[spike, PRICES] *= 1.5
    doubted(bars, BENCHMARK, SPY_IN_DOUBT)
    doubted(bars, "XLP", date(2025, 10, 14))
    doubted(bars, "XLRE", date(2025, 12, 2), confirmed=True)
    for ticker, days in ((BENCHMARK, [SPY_WITHOUT_BAR]), ("XLY", [date(2025, 10, 7)]), ("XLP", [date(2025, 12, 31)])):
        bars = without(bars, ticker, days)
    tables.etf_bars = bars.reset_index(drop=True)


def _lists(tables: Tables) -> None:
    lists = tables.holdings
    # September's list of XLV is 45 days old on 16 October; XLU has none before November.
    months = (lists["as_of_date"] >= day(date(2025, 10, 1))) & (lists["as_of_date"] <= day(date(2025, 11, 1)))
    gone = ((lists["etf_ticker"] == "XLV") & months) | (
        (lists["etf_ticker"] == "XLU") & (lists["as_of_date"] < day(date(2025, 11, 1)))
    )
    lists = lists[~gone].reset_index(drop=True)
    tables.holdings = lists
    # A line of unknown kind among the largest.
    smallest = (lists["etf_ticker"] == "XLB") & (lists["holding_rank"] == LINES)
    escrow = (lists["etf_ticker"] == "XLB") & (lists["holding_ticker"] == ESCROW)
    listed = set(lists[escrow]["as_of_date"])
    lists.loc[smallest & ~lists["as_of_date"].isin(listed), ["holding_ticker", "holding_name"]] = ESCROW
    escrow = (lists["etf_ticker"] == "XLB") & (lists["holding_ticker"] == ESCROW)
    assert escrow.any()
    lists.loc[escrow, "holding_percent"] = 15.25
    # The fifth and the sixth company are as large; so are the first two of XLF.
    for etf, one, other in (("XLC", 5, 6), ("QQQ", 5, 6), ("XLF", 1, 2)):
        for listed in sorted(set(lists[lists["etf_ticker"] == etf]["as_of_date"])):
            level = held(tables, etf, listed.date(), one)
            equal = held(tables, etf, listed.date(), other)
            mine = (lists["etf_ticker"] == etf) & (lists["as_of_date"] == listed)
            percent = lists.loc[mine & (lists["holding_ticker"] == level), "holding_percent"].iloc[0]
            lists.loc[mine & (lists["holding_ticker"] == equal), "holding_percent"] = percent
    # Of QQQ's first two the larger one is the later one by ticker.
    for listed in sorted(set(lists[lists["etf_ticker"] == "QQQ"]["as_of_date"])):
        pair = [held(tables, "QQQ", listed.date(), place) for place in (1, 2)]
        rows = (lists["etf_ticker"] == "QQQ") & (lists["as_of_date"] == listed)
        percents = sorted(lists.loc[rows & lists["holding_ticker"].isin(pair), "holding_percent"])
        for ticker, percent in zip(sorted(pair), percents, strict=True):
            lists.loc[rows & (lists["holding_ticker"] == ticker), "holding_percent"] = percent


def _stock_bars(tables: Tables) -> None:
    bars = tables.stock_bars
    autumn = date(2025, 11, 10)
    # The two best of QQQ and of XLF are the same: the larger one is picked, or the first by ticker.
    for etf in ("QQQ", "XLF"):
        best, same = held(tables, etf, autumn, 1), held(tables, etf, autumn, 2)
        copy_bars(bars, best, same, date(2025, 10, 1), date(2026, 1, 23))
        grow(bars, [best, same], date(2025, 10, 27), date(2025, 12, 19), 0.012)
    # The best of XLRE and of XLY are the same, and worth the same: equal weights.
    best, same = held(tables, "XLRE", date(2025, 12, 8), 1), held(tables, "XLY", date(2025, 12, 8), 1)
    copy_bars(bars, best, same, date(2025, 10, 20), date(2026, 1, 23))
    grow(bars, [best, same], date(2025, 11, 24), date(2026, 1, 9), 0.012)
    # XLC: the fifth and sixth are as large, and the better of them is its best; its fourth moves without a pause.
    fifth = held(tables, "XLC", autumn, 5)
    grow(bars, [fifth], date(2025, 11, 3), date(2025, 12, 5), 0.01)
    # XLB's largest is held when it stops for five weeks.
    leaving = held(tables, "XLB", date(2025, 10, 20), 1)
    grow(bars, [leaving], date(2025, 9, 15), date(2025, 10, 24), 0.02)
    bars = without(bars, leaving, sessions_between(date(2025, 11, 3), date(2025, 12, 5)))
    # EWY's largest has no bar for three weeks; its second leads, over Korea's holidays of October, too.
    grow(bars, [held(tables, "EWY", autumn, 2)], date(2025, 9, 22), date(2025, 12, 12), 0.008)
    # Its last bar, after a good week, serves for ten days: it is bought when it has had none for six sessions.
    grow(bars, [held(tables, "EWY", autumn, 1)], date(2025, 11, 10), date(2025, 11, 14), 0.06)
    bars = without(
        bars, held(tables, "EWY", autumn, 1), sessions_between(date(2025, 11, 17), date(2025, 12, 5), "XKRX")
    )
    # Bars that are missing at an end, between the ends (one, then too many), and ones in doubt.
    third, fourth, sixth = (held(tables, "QQQ", autumn, place) for place in (3, 4, 6))
    bars = without(bars, third, [date(2025, 11, 12)])
    bars = without(bars, fourth, [date(2025, 11, 4), date(2025, 11, 6), date(2025, 11, 18)])
    bars = without(bars, sixth, sessions_between(date(2025, 12, 8), date(2025, 12, 16)))
    doubted(bars, held(tables, "XLF", autumn, 3), date(2025, 11, 14))
    doubted(bars, held(tables, "XLF", autumn, 4), date(2025, 11, 13), confirmed=True)
    doubted(bars, held(tables, "XLF", autumn, 1), date(2025, 12, 15))
    doubted(bars, held(tables, "EWY", autumn, 3), date(2025, 10, 15))
    # In doubt over 20 sessions, but not over 10: held in December's rebalance without a 20-session return.
    doubted(bars, best, date(2025, 12, 8))
    # One that is split: stored prices know it, what was quoted before does not.
    split = (bars["ticker"] == third) & (bars["trade_date"] == day(SPLIT))
    assert split.any()
    bars.loc[split, "split_ratio"] = 4.0
    # One that does not move: no Sharpe ratio.
    still = (bars["ticker"] == held(tables, "XLI", autumn, 4)) & (bars["trade_date"] >= day(date(2025, 10, 1)))
    bars.loc[still, PRICES] = 50.0
    bars.loc[still, ["dividend", "split_ratio"]] = 0.0
    tables.stock_bars = bars.reset_index(drop=True)


def _types_and_sectors(tables: Tables) -> None:
    autumn = date(2025, 11, 10)
    stocks = tables.stocks
    sectors: dict[str, str | None] = {held(tables, "XLC", autumn, place): None for place in (5, 7, 8)}
    sectors |= {held(tables, "XLC", autumn, 6): "Unknown"}
    untyped = held(tables, "XLC", autumn, 2)
    nameless = held(tables, "XLF", autumn, 4)
    for ticker, sector in sectors.items():
        stocks.loc[stocks["ticker"] == ticker, "sector"] = sector
    stocks.loc[stocks["ticker"] == untyped, "quote_type"] = None
    stocks.loc[stocks["ticker"] == nameless, "company_name"] = None


def _caps_and_rates(tables: Tables) -> None:
    autumn = date(2025, 11, 10)
    caps = tables.caps
    equal, same = held(tables, "XLRE", date(2025, 12, 8), 1), held(tables, "XLY", date(2025, 12, 8), 1)
    given = caps[caps["ticker"] == equal].set_index("session_date")[["market_cap", "quote_price"]]
    caps.loc[caps["ticker"] == same, ["market_cap", "quote_price"]] = given.loc[
        caps.loc[caps["ticker"] == same, "session_date"]
    ].to_numpy()
    caps["market_cap"] = caps["market_cap"].astype(np.int64)

    split = caps["ticker"] == held(tables, "QQQ", autumn, 3)
    before = split & (caps["session_date"] < day(SPLIT))
    caps.loc[before, "quote_price"] *= 4.0
    # The last one before it was asked for on the day of the split, and knows it; there is none of the day itself.
    late = split & (caps["session_date"] == day(session_offset(SPLIT, -1)))
    assert late.any()
    caps.loc[late, "quote_price"] /= 4.0
    caps.loc[late, "quoted_at"] = f"{SPLIT}T18:00:00Z"

    # Quotes are asked for from August on, then not every session; some companies have a gap, or none.
    ages = caps["session_date"].rank(method="dense").astype(int)
    kept = (ages % 4 != 1) | (caps["session_date"] == day(LAST_QUOTE))
    kept = (kept | late) & ~(split & (caps["session_date"] == day(SPLIT)))
    caps = caps[(caps["session_date"] >= day(FIRST_QUOTES)) & kept]
    gaps = {
        held(tables, "XLF", autumn, 1): (session_offset(LAST_QUOTE, 1), date(2025, 12, 5)),
        held(tables, "EWY", autumn, 2): (date(2025, 10, 1), date(2025, 11, 14)),
        held(tables, "QQQ", autumn, 1): (date(2025, 11, 20), date(2025, 12, 2)),
    }
    for ticker, (first, last) in gaps.items():
        caps = caps[~((caps["ticker"] == ticker) & caps["session_date"].between(day(first), day(last)))]
    for ticker in (held(tables, "XLC", autumn, 5), held(tables, "XLV", date(2025, 9, 15), 1)):
        caps = caps[caps["ticker"] != ticker]
    caps = caps.reset_index(drop=True)
    _cap_in_doubt(caps, held(tables, "XLRE", date(2025, 12, 8), 2), date(2025, 12, 8), date(2025, 12, 19))
    _cap_in_doubt(caps, held(tables, "QQQ", autumn, 1), date(2025, 11, 11), date(2025, 11, 13))
    _cap_in_doubt(caps, held(tables, "XLY", date(2025, 12, 8), 1), date(2025, 12, 9), date(2025, 12, 9), confirmed=True)
    tables.caps = caps
    # No rate from Wednesday 22 October to the end of the month: the one of the 21st serves until the 28th.
    rates = tables.rates
    unknown = rates["rate_date"].between(day(date(2025, 10, 22)), day(date(2025, 10, 31)))
    tables.rates = rates[~unknown].reset_index(drop=True)


def _cap_in_doubt(caps: pd.DataFrame, ticker: str, first: date, last: date, *, confirmed: bool = False) -> None:
    rows = (caps["ticker"] == ticker) & caps["session_date"].between(day(first), day(last))
    assert rows.any(), f"{ticker} has no quote from {first} to {last}"
    caps.loc[rows, "doubt"] = "planted"
    caps.loc[rows, "doubt_value"] = caps.loc[rows, "market_cap"]
    if confirmed:
        caps.loc[rows, "confirmed_at"] = "2026-01-01T00:00:00Z"


def computed(sessions: Sequence[date]) -> list[date]:
    """Sessions that have 20 sessions of history."""
    return [session for session in sessions if session_offset(session, -20) >= sessions[0]]


def corrected_stock(tables: Tables) -> str:
    """Held on the day of CORRECTED; its market cap is corrected afterwards."""
    return held(tables, "QQQ", date(2025, 11, 10), 1)
