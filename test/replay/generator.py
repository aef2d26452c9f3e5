"""A synthetic market (contracts 9): the ETFs of the universe, invented companies they hold, and what happens to those.

    python -m test.replay.generator market/ --last-session 2026-01-23 --seed 7 --stocks 110 --years 3

The same seed gives the same market. Only the ETFs' tickers are real; every name and number is drawn. Prices are made as
total returns first (log returns: market + sector + own), shaped over the last 20 sessions so that the strategy has
something to show on the last one whatever the day, then turned into prices, dividends and splits as the source books
them. Units: prices in the instrument's currency, market caps likewise, weights as fractions.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from config.universe import BENCHMARK, ETFS, PERIODS, SECTORS, TOP_HOLDINGS, Etf
from test.replay.market import MARKER, Numbers
from utils.arguments import a_date
from utils.sessions import is_session, sessions_between, sessions_until

DEFAULT_STOCKS = 110
DEFAULT_SESSIONS = 756
SESSIONS_A_YEAR = 252
FEWEST_STOCKS, MOST_STOCKS, FEWEST_SESSIONS = 80, 880, 80

LISTED_SESSIONS_AGO = 15
STOPPED_SESSIONS_AGO = 60
HALTED_SESSIONS_AGO = 7  # between the ends of the periods, never on one
STOCK_SPLITS = ((3, 2.0), (45, 4.0), (70, 0.1), (200, 1.5), (400, 3.0))  # sessions before the last, new for old
ETF_SPLIT_SESSIONS_AGO, ETF_SPLIT = 90, 2.0

KOREA = "XKRX"
SMALL = "small"  # home of the companies that only IWM holds
FUND, CASH, ESCROW = "MMKTJ", "CASHJ", "ESCRJ"  # lines of holdings that are no company: a fund, money, nothing known

SOURCE_SECTORS = {name: source for source, name in reversed(SECTORS.items())}  # sector of the universe → the source's
_INDUSTRIES = {
    "Technology": ("Software - Application", "Semiconductors", "Systems", "Circuits"),
    "Financial Services": ("Banks - Diversified", "Insurance - Life", "Bancorp", "Assurance"),
    "Healthcare": ("Drug Manufacturers - General", "Medical Devices", "Therapeutics", "Medical"),
    "Consumer Cyclical": ("Specialty Retail", "Auto Manufacturers", "Stores", "Motors"),
    "Communication Services": ("Telecom Services", "Entertainment", "Networks", "Media"),
    "Industrials": ("Aerospace & Defense", "Railroads", "Aerospace", "Freight"),
    "Consumer Defensive": ("Packaged Foods", "Household & Personal Products", "Foods", "Brands"),
    "Utilities": ("Utilities - Regulated Electric", "Utilities - Regulated Gas", "Power", "Gas"),
    "Real Estate": ("REIT - Industrial", "REIT - Residential", "Properties", "Homes"),
    "Basic Materials": ("Specialty Chemicals", "Steel", "Chemicals", "Metals"),
    "Energy": ("Oil & Gas E&P", "Oil & Gas Midstream", "Petroleum", "Pipelines"),
}
_ONSETS = ("Br", "Dr", "Kr", "Tr", "Vr", "Zl", "Sk", "Pl", "Gl", "Fl", "Kl", "Sn", "Zw", "Vl", "Zr", "Gr")
_VOWELS, _CODAS = "aeiou", "bdfgklmnrsv"
_ENDINGS = ("en", "is", "or", "ara", "ium", "elle", "ott", "ane")
_KOREAN = ("Saebit", "Haedam", "Mirinae", "Dasom", "Garam", "Nuribom", "Onsae", "Byeolha", "Narae", "Chorok")


class Stock(NamedTuple):
    """An invented company."""

    symbol: str
    name: str
    sector: str
    industry: str
    home: str  # the ETF whose factor moves it, SMALL for the smallest
    cap_usd: float  # on the last session
    price: float  # close on the last session, in its currency
    beta: float
    volatility: float  # of its own daily log return
    dividend_yield: float  # a year, fraction of the price; 0 for none


class Line(NamedTuple):
    """One line of an ETF's holdings."""

    symbol: str
    name: str
    weight: float


@dataclass(frozen=True)
class Paths:
    """Instruments of one calendar: a row each, a column a session. Log total returns; the first column is 0."""

    symbols: list[str]
    sessions: list[date]
    returns: Numbers

    def row(self, symbol: str) -> int:
        return self.symbols.index(symbol)


@dataclass(frozen=True)
class Story:
    """What the last session is to look like."""

    trending: tuple[str, ...]  # in every period, with a rising stock among the top holdings
    without_candidate: str  # trending in every period, all its top holdings fell


def generate(
    directory: Path | str,
    *,
    last_session: date,
    seed: int,
    sessions: int = DEFAULT_SESSIONS,
    stocks: int = DEFAULT_STOCKS,
    etfs: Sequence[Etf] = ETFS,
) -> Story:
    """Write a market directory whose newest session is `last_session`.

    Raises ValueError, one line, for a day that is no session or a market too small to hold what it promises.
    """
    if not is_session(last_session):
        raise ValueError(f"expected a session of the New York Stock Exchange, found {last_session}")
    if not FEWEST_STOCKS <= stocks <= MOST_STOCKS:
        raise ValueError(f"expected {FEWEST_STOCKS} to {MOST_STOCKS} stocks, found {stocks}")
    if sessions < FEWEST_SESSIONS:
        raise ValueError(f"expected at least {FEWEST_SESSIONS} sessions, found {sessions}")
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARKER).unlink(missing_ok=True)  # written last: a market without it is not whole
    rng = np.random.default_rng(seed)
    days = sessions_until(last_session, sessions)
    korean_days = sessions_between(days[0], last_session, KOREA)

    companies = _companies(rng, stocks, etfs)
    listed_late = max((stock for stock in companies if stock.home == SMALL), key=lambda stock: stock.cap_usd)
    stopped = sorted((stock for stock in companies if stock.home == "XLI"), key=lambda stock: stock.cap_usd)[0]
    absences = {listed_late.symbol: slice(0, -LISTED_SESSIONS_AGO), stopped.symbol: slice(-STOPPED_SESSIONS_AGO, None)}
    snapshots = _snapshots(rng, etfs, companies, days, absences)
    story = _story(rng, etfs)

    american = [stock for stock in companies if not stock.symbol.endswith(".KS")]
    korean = [stock for stock in companies if stock.symbol.endswith(".KS")]
    factors = _factors(rng, etfs, len(days))
    funds = Paths([etf.ticker for etf in etfs], days, np.stack([factors[etf.ticker] for etf in etfs]))
    us_paths = _stock_paths(rng, american, days, factors)
    korea_factor = _drawn(rng, len(korean_days), 0.010, 0.0004)
    kr_paths = _stock_paths(rng, korean, korean_days, {"EWY": korea_factor})
    _shape(rng, story, funds, us_paths, kr_paths, {etf: lists[-1][1] for etf, lists in snapshots.items()})

    splits = _splits(american, story, etfs, len(days), snapshots)
    halted = next(
        line.symbol
        for line in snapshots[story.trending[0]][-1][1]
        if line.symbol in us_paths.symbols and line.symbol not in splits
    )
    absences[halted] = slice(-HALTED_SESSIONS_AGO - 1, -HALTED_SESSIONS_AGO)
    fund_prices = {etf.ticker: float(rng.uniform(35, 650)) for etf in etfs}
    fund_yields = {etf.ticker: float(rng.uniform(0.004, 0.035)) for etf in etfs}
    by_symbol = {stock.symbol: stock for stock in companies}
    prices = {stock.symbol: stock.price for stock in companies} | fund_prices
    yields = {stock.symbol: stock.dividend_yield for stock in companies} | fund_yields
    yields |= dict.fromkeys(absences, 0.0)  # nothing is paid on a day without a bar
    tables, caps = [], []
    rates = _rates(rng, days[0], last_session)
    for paths, tick in ((funds, 0.01), (us_paths, 0.01), (kr_paths, 100.0)):
        bars = _bars(rng, paths, prices, yields, splits, tick)
        kept = _kept(paths, absences)
        tables.append(_bar_table(paths, bars, kept))
        if paths is not funds:
            caps.append(_cap_table(paths, bars["close"], kept, by_symbol, rates))

    pyarrow.parquet.write_table(pa.concat_tables(tables), directory / "bars.parquet", compression="zstd")
    pyarrow.parquet.write_table(pa.concat_tables(caps), directory / "market_caps.parquet", compression="zstd")
    pyarrow.csv.write_csv(_holdings_table(snapshots), directory / "holdings.csv")
    pyarrow.csv.write_csv(_profile_table(rng, etfs, companies), directory / "profiles.csv")
    rate_days, rate_values = rates
    fx = {"currency": ["KRW"] * len(rate_days), "date": pa.array(rate_days, pa.date32()), "usd_per_unit": rate_values}
    pyarrow.csv.write_csv(pa.table(fx), directory / "fx.csv")
    marker = {"name": "demo", "synthetic": True, "seed": seed, "last_session": last_session.isoformat()}
    (directory / MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")
    return story


# Companies and what the ETFs hold


def _companies(rng: np.random.Generator, count: int, etfs: Sequence[Etf]) -> list[Stock]:
    """Invented companies: about a tenth Korean, an eighth small, the rest by sector; the largest worth 3 trillion."""
    homes = [etf.ticker for etf in etfs if etf.etf_type == "sector"]
    korean, small = max(10, count // 10), max(10, count // 8)
    where = ["EWY"] * korean + [SMALL] * small
    where += [homes[at % len(homes)] for at in range(count - len(where))]
    sector_of = {etf.ticker: SOURCE_SECTORS[etf.sector_name] for etf in etfs if etf.sector_name}
    sectors = list(_INDUSTRIES)
    stems = [f"{onset}{vowel}{coda}" for onset in _ONSETS for vowel in _VOWELS for coda in _CODAS]
    stems = [str(stem) for stem in rng.permutation(stems)]
    companies = []
    for at, home in enumerate(where):
        sector = sector_of.get(home) or sectors[at % len(sectors)]
        industries, words = _INDUSTRIES[sector][:2], _INDUSTRIES[sector][2:]
        kind = int(rng.integers(2))
        stem = stems[at]
        name = f"{stem}{_ENDINGS[int(rng.integers(len(_ENDINGS)))]} {words[kind]}"
        symbol, price = f"{stem.upper()}J", float(np.exp(rng.uniform(np.log(18), np.log(520))))
        low, high = (2.2e9, 8e9) if home == SMALL else (9e9, 9e11)
        cap = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        if home == "EWY":
            symbol, name = f"{999010 + 10 * at}.KS", f"{_KOREAN[at % len(_KOREAN)]} {words[kind]}"
            name += f" {at // len(_KOREAN) + 1}" if at >= len(_KOREAN) else ""
            price, cap = float(np.exp(rng.uniform(np.log(2e4), np.log(6e5)))), float(min(cap, 4e11))
        pays = float(rng.uniform(0.006, 0.045)) if rng.random() < 0.6 else 0.0
        companies.append(
            Stock(
                symbol=symbol,
                name=name,
                sector=sector,
                industry=industries[kind],
                home=home,
                cap_usd=cap,
                price=price,
                beta=float(rng.uniform(0.7, 1.3)),
                volatility=float(rng.uniform(0.009, 0.019)),
                dividend_yield=pays,
            )
        )
    first_tech = next(at for at, stock in enumerate(companies) if stock.home == "QQQ")
    companies[first_tech] = companies[first_tech]._replace(cap_usd=3.0e12)
    return companies


def _members(etf: Etf, companies: Sequence[Stock]) -> list[Stock]:
    """The companies an ETF holds, largest first."""

    def largest(home: str, count: int) -> list[Stock]:
        pool = sorted((stock for stock in companies if stock.home == home), key=lambda stock: -stock.cap_usd)
        return pool[:count]

    homes = sorted({stock.home for stock in companies if stock.home not in (SMALL, "EWY")})
    everyone = len(companies)
    if etf.ticker == "IWM":
        chosen = largest(SMALL, everyone)
    elif etf.ticker == "EWY":
        chosen = largest("EWY", everyone)
    elif etf.ticker == "DIA":
        chosen = [stock for home in homes for stock in largest(home, 4)[1::2]]
    elif etf.ticker == "SCHD":
        chosen = [stock for home in homes for stock in largest(home, everyone) if stock.dividend_yield > 0.02][:25]
    elif etf.etf_type == "benchmark":
        chosen = [stock for home in homes for stock in largest(home, max(3, everyone // 25))]
    else:
        chosen = largest(etf.ticker, everyone)
        if etf.ticker == "QQQ":  # as the real one, it holds more than its sector
            chosen += largest("XLC", 2) + largest("XLY", 2)
    return sorted(chosen, key=lambda stock: -stock.cap_usd)


def _snapshots(
    rng: np.random.Generator,
    etfs: Sequence[Etf],
    companies: Sequence[Stock],
    days: Sequence[date],
    absences: dict[str, slice],
) -> dict[str, list[tuple[date, list[Line]]]]:
    """Holdings of the first of each month and of the last session, heaviest first; weights drift slowly."""
    months = sorted({day.replace(day=1) for day in days[1:] if day.replace(day=1) >= days[0]})
    dates = [*(day for day in months if day != days[-1]), days[-1]]
    present = {symbol: np.ones(len(days), dtype=bool) for symbol in absences}
    for symbol, rows in absences.items():
        present[symbol][rows] = False
    result: dict[str, list[tuple[date, list[Line]]]] = {}
    for etf in etfs:
        members = _members(etf, companies)
        extras = [Line(CASH, "U.S. Dollar", 0.004)]
        if etf.ticker in ("XLF", "XLB"):
            extras.append(Line(FUND, "Invented Money Market Fund", 0.11))
        if etf.ticker == "XLB":
            extras.append(Line(ESCROW, "Escrow line", 0.02))
        room = 1.0 - sum(line.weight for line in extras)
        base = np.log([stock.cap_usd for stock in members]) * 0.6
        drift = rng.normal(0, 0.015, (len(dates), len(members))).cumsum(axis=0)
        heavy = np.exp(base + drift)
        result[etf.ticker] = []
        for at, day in enumerate(dates):
            session = int(np.searchsorted(np.array(days, dtype="datetime64[D]"), np.datetime64(day), side="right")) - 1
            there = np.array([symbol not in present or present[symbol][session] for symbol, *_ in members])
            weights = np.where(there, heavy[at], 0.0)
            weights = weights / weights.sum() * room
            lines = [
                Line(stock.symbol, stock.name, round(float(weight), 6))
                for stock, weight in zip(members, weights, strict=True)
                if weight > 0
            ]
            lines = sorted([*lines, *extras], key=lambda line: (-line.weight, line.symbol))
            result[etf.ticker].append((day, lines))
    return result


def _top_stocks(lines: Sequence[Line], symbols: Sequence[str]) -> list[str]:
    """The holdings the strategy looks at: the largest that are companies (rules 4.2)."""
    known = set(symbols)
    return [line.symbol for line in lines if line.symbol in known][:TOP_HOLDINGS]


# Returns


def _story(rng: np.random.Generator, etfs: Sequence[Etf]) -> Story:
    sectors = [str(ticker) for ticker in rng.permutation([etf.ticker for etf in etfs if etf.etf_type == "sector"])]
    silent = next(ticker for ticker in sectors if ticker != "QQQ")  # QQQ's stocks are others' top holdings, too
    return Story(tuple(ticker for ticker in sectors if ticker != silent)[:3], silent)


def _drawn(rng: np.random.Generator, count: int, volatility: float, drift: float = 0.0) -> Numbers:
    """Daily log returns without wild days; the first session has none."""
    drawn: Numbers = drift + volatility * np.clip(rng.standard_normal(count), -4, 4)
    drawn[0] = 0.0
    return drawn


def _factors(rng: np.random.Generator, etfs: Sequence[Etf], count: int) -> dict[str, Numbers]:
    """Log returns of the ETFs: the market, more or less of it, and their own."""
    market = _drawn(rng, count, 0.0075, 0.00035)
    loads = {"IWM": (1.15, 0.005), "DIA": (0.9, 0.002), "SCHD": (0.8, 0.003), "EWY": (0.7, 0.009)}
    factors = {BENCHMARK: market}
    for etf in etfs:
        if etf.ticker != BENCHMARK:
            load, own = loads.get(etf.ticker, (1.0, 0.005))
            factors[etf.ticker] = load * market + _drawn(rng, count, own)
    factors[SMALL] = factors["IWM"]
    return factors


def _stock_paths(
    rng: np.random.Generator, stocks: Sequence[Stock], days: list[date], factors: dict[str, Numbers]
) -> Paths:
    returns = np.stack([stock.beta * factors[stock.home] for stock in stocks])
    own = np.clip(rng.standard_normal(returns.shape), -4, 4) * np.array([[stock.volatility] for stock in stocks])
    own[:, 0] = 0.0
    return Paths([stock.symbol for stock in stocks], days, returns + own)


def _shape(
    rng: np.random.Generator,
    story: Story,
    funds: Paths,
    us_paths: Paths,
    kr_paths: Paths,
    newest: dict[str, list[Line]],
) -> None:
    """Bend the last 20 sessions so that the story holds: cumulative returns in percent over 5, 10 and 20 sessions."""
    spy = np.cumsum(rng.uniform((0.3, 0.1, 0.3), (0.8, 0.5, 0.9)))
    _bend(funds, BENCHMARK, spy)
    for ticker in funds.symbols:
        if ticker == BENCHMARK:
            continue
        ahead = np.cumsum(rng.uniform((0.5, 0.4, 0.5), (1.6, 1.2, 2.0)))
        if ticker not in (*story.trending, story.without_candidate):
            ahead = np.where(rng.random(3) < 0.3, ahead, -ahead - rng.uniform(0, 0.6, 3))
        _bend(funds, ticker, spy + ahead)
    falling = _top_stocks(newest[story.without_candidate], us_paths.symbols)
    for symbol in falling:
        _bend(us_paths, symbol, -np.cumsum(rng.uniform((0.6, 0.5, 0.6), (2.5, 2.0, 3.0))))
    for ticker in story.trending:
        leader = next(symbol for symbol in _top_stocks(newest[ticker], us_paths.symbols) if symbol not in falling)
        _bend(us_paths, leader, np.cumsum(rng.uniform((2.0, 1.0, 1.0), (5.0, 3.0, 4.0))))
    for symbol in _top_stocks(newest["EWY"], kr_paths.symbols)[:2]:
        _bend(kr_paths, symbol, np.cumsum(rng.uniform((1.5, 1.0, 1.5), (4.0, 3.0, 4.0))))


def _bend(paths: Paths, symbol: str, returns_pct: Numbers) -> None:
    """Spread what is missing to the wanted returns of the last 5, 10 and 20 sessions evenly over their sessions."""
    row = paths.returns[paths.row(symbol)]
    wanted = np.diff(np.log1p(returns_pct / 100), prepend=0.0)
    newer = 0
    for period, total in zip(PERIODS, wanted, strict=True):
        rows = slice(len(row) - period, len(row) - newer)
        row[rows] += (total - row[rows].sum()) / (period - newer)
        newer = period


# Prices, dividends and splits as the source books them


def _splits(
    american: Sequence[Stock],
    story: Story,
    etfs: Sequence[Etf],
    count: int,
    snapshots: dict[str, list[tuple[date, list[Line]]]],
) -> dict[str, tuple[int, float]]:
    """symbol → (column, new shares for an old one). The newest split hits a company that is looked at."""
    leader = _top_stocks(snapshots[story.trending[1]][-1][1], [stock.symbol for stock in american])[0]
    others = [stock.symbol for stock in american if stock.home not in (SMALL, "XLI") and stock.symbol != leader]
    symbols = [leader, *others[:: max(1, len(others) // len(STOCK_SPLITS))]]
    splits = {
        symbol: (count - 1 - ago, ratio)
        for symbol, (ago, ratio) in zip(symbols, STOCK_SPLITS, strict=False)
        if ago < count - 1
    }
    fund = next((etf.ticker for etf in reversed(etfs) if etf.etf_type == "sector"), None)
    if fund and count - 1 > ETF_SPLIT_SESSIONS_AGO:
        splits[fund] = (count - 1 - ETF_SPLIT_SESSIONS_AGO, ETF_SPLIT)
    return splits


def _bars(
    rng: np.random.Generator,
    paths: Paths,
    prices: dict[str, float],
    yields: dict[str, float],
    splits: dict[str, tuple[int, float]],
    tick: float,
) -> dict[str, Numbers]:
    """Bars of all paths, instruments × sessions; prices rounded as they were traded, then divided by later splits."""
    count, length = paths.returns.shape
    last = np.array([[prices[symbol]] for symbol in paths.symbols])
    total = last * np.exp(np.cumsum(paths.returns, axis=1) - paths.returns.sum(axis=1, keepdims=True))
    paid = _dividend_rates(paths, yields)
    unadjusted = np.cumprod(1 - paid[:, ::-1], axis=1)[:, ::-1]
    later = np.concatenate([unadjusted[:, 1:], np.ones((count, 1))], axis=1)
    close = total / later

    split = np.zeros((count, length))
    factor = np.ones((count, length))
    for row, symbol in enumerate(paths.symbols):
        if symbol in splits:
            column, ratio = splits[symbol]
            split[row, column] = ratio
            factor[row, :column] = ratio

    def traded(price: Numbers) -> Numbers:
        rounded: Numbers = np.maximum(np.round(price * factor / tick), 1.0) * tick / factor
        return rounded

    close = traded(close)
    before = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    opening = traded(before * (close / before) ** 0.4 * np.exp(rng.normal(0, 0.003, close.shape)))
    reach = np.abs(rng.normal(0, 0.006, (2, *close.shape)))
    high = traded(np.maximum(opening, close) * np.exp(reach[0]))
    low = traded(np.minimum(opening, close) * np.exp(-reach[1]))
    dividend = np.round(paid * before, 4)
    ratio = 1 - dividend / before
    adjusted = np.concatenate([np.cumprod(ratio[:, ::-1], axis=1)[:, ::-1][:, 1:], np.ones((count, 1))], axis=1)
    busy = np.exp(rng.normal(14.5, 0.8, (count, 1)) + rng.normal(0, 0.25, close.shape))
    return {
        "open": opening,
        "high": high,
        "low": low,
        "close": close,
        "adj_close": close * adjusted,
        "volume": np.floor(busy),
        "dividend": dividend,
        "split": split,
    }


def _dividend_rates(paths: Paths, yields: dict[str, float]) -> Numbers:
    """What is paid per session, as a fraction of the close before: a quarter of the yield, once a quarter."""
    months = np.array([day.month for day in paths.sessions])
    weeks = np.array([(day.day - 1) // 7 for day in paths.sessions])
    rates = np.zeros(paths.returns.shape)
    for row, symbol in enumerate(paths.symbols):
        season, week = row % 3, row % 4
        due = (months % 3 == season) & (weeks == week)
        first = due & ~np.concatenate([[True], due[:-1]])
        rates[row, first] = yields[symbol] / 4
    return rates


def _kept(paths: Paths, absences: dict[str, slice]) -> npt.NDArray[np.bool_]:
    kept = np.ones(paths.returns.shape, dtype=bool)
    for symbol, rows in absences.items():
        if symbol in paths.symbols:
            kept[paths.row(symbol), rows] = False
    return kept


def _rates(rng: np.random.Generator, first: date, last: date) -> tuple[list[date], Numbers]:
    """US dollars for one won, every weekday."""
    days = np.arange(np.datetime64(first), np.datetime64(last) + 1)
    weekdays: list[date] = days[np.is_busday(days)].tolist()
    won = np.round(1380 * np.exp(np.cumsum(_drawn(rng, len(weekdays), 0.0035))), 2)
    return weekdays, 1 / won


# Tables


def _labels(paths: Paths, kept: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
    rows, columns = np.nonzero(kept)
    days = np.array(paths.sessions, dtype="datetime64[D]")[columns]
    names = pa.DictionaryArray.from_arrays(pa.array(rows.astype(np.int32)), pa.array(paths.symbols))
    return {"symbol": names.cast(pa.string()), "date": pa.array(days, pa.date32())}


def _bar_table(paths: Paths, bars: dict[str, Numbers], kept: npt.NDArray[np.bool_]) -> pa.Table:
    return pa.table(_labels(paths, kept) | {name: pa.array(values[kept]) for name, values in bars.items()})


def _cap_table(
    paths: Paths,
    close: Numbers,
    kept: npt.NDArray[np.bool_],
    stocks: dict[str, Stock],
    rates: tuple[list[date], Numbers],
) -> pa.Table:
    """Market caps of every session: the same shares at that session's (split-adjusted) close."""
    in_dollars = np.array([[stocks[symbol].cap_usd] for symbol in paths.symbols])
    korean = np.array([[symbol.endswith(".KS")] for symbol in paths.symbols])
    own = np.where(korean, in_dollars / rates[1][-1], in_dollars)
    caps = np.round(own / close[:, -1:] * close)
    return pa.table(_labels(paths, kept) | {"market_cap": pa.array(caps[kept].astype(np.int64))})


def _holdings_table(snapshots: dict[str, list[tuple[date, list[Line]]]]) -> pa.Table:
    rows = [
        {"etf": etf, "as_of": day, "symbol": line.symbol, "name": line.name, "weight": line.weight}
        for etf, lists in snapshots.items()
        for day, lines in lists
        for line in lines
    ]
    return pa.Table.from_pylist(rows)


def _profile_table(rng: np.random.Generator, etfs: Sequence[Etf], companies: Sequence[Stock]) -> pa.Table:
    def row(
        symbol: str, kind: str, name: str, sector: str | None = None, industry: str | None = None
    ) -> dict[str, object]:
        currency, exchange, timezone = ("USD", "NYQ", "America/New_York")
        if symbol.endswith(".KS"):
            currency, exchange, timezone = ("KRW", "KSC", "Asia/Seoul")
        elif kind == "ETF":
            exchange = "PCX"
        elif kind == "CURRENCY":
            exchange, timezone = "CCY", "Europe/London"
        elif rng.random() < 0.5:
            exchange = "NMS"
        return {
            "symbol": symbol,
            "quote_type": kind,
            "name": name,
            "sector": sector,
            "industry": industry,
            "currency": currency,
            "exchange": exchange,
            "timezone": timezone,
        }

    rows = [row(etf.ticker, "ETF", f"Invented {etf.description} Fund") for etf in etfs]
    rows += [row(stock.symbol, "EQUITY", stock.name, stock.sector, stock.industry) for stock in companies]
    rows += [row(FUND, "ETF", "Invented Money Market Fund"), row(CASH, "CURRENCY", "U.S. Dollar")]
    rows += [row("KRW=X", "CURRENCY", "USD/KRW") | {"currency": "KRW"}]
    return pa.Table.from_pylist(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line for bad usage."""
    parser = argparse.ArgumentParser(
        prog="python -m test.replay.generator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--last-session", type=a_date, required=True, help="newest session, such as 2026-01-23")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--stocks", type=int, default=DEFAULT_STOCKS, help=f"companies (default {DEFAULT_STOCKS})")
    parser.add_argument(
        "--years", type=float, default=DEFAULT_SESSIONS / SESSIONS_A_YEAR, help="of 252 sessions (default 3)"
    )
    arguments = parser.parse_args(argv)
    sessions = round(arguments.years * SESSIONS_A_YEAR)
    last_session: date = arguments.last_session
    try:
        story = generate(
            arguments.directory,
            last_session=last_session,
            seed=arguments.seed,
            sessions=sessions,
            stocks=arguments.stocks,
        )
    except ValueError as error:
        print(f"generator: {error}", file=sys.stderr)
        return 2
    print(
        f"generator: {arguments.directory}: {len(ETFS)} ETFs, {arguments.stocks} stocks, "
        f"{sessions} sessions to {last_session}; trending {', '.join(story.trending)}, "
        f"without a candidate {story.without_candidate}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
