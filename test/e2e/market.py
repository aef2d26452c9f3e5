"""A market small enough to compute by hand: prices move at three sessions only, so that every return is a quotient.

A row of LEVELS is an instrument's close until 20 sessions before D, then until 10, then until 5, then up to D.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from config.universe import ETFS, exchange_calendar
from utils.sessions import session_offset, sessions_between, sessions_until

D = date(2025, 12, 30)
HISTORY = 80
KRW_RATE = 0.0007

LEVELS: dict[str, tuple[float, float, float, float]] = {
    "SPY": (100, 101, 102, 103),  # 5: 0.980392, 10: 1.980198, 20: 3.000000 %
    "QQQ": (100, 100, 105, 110),  # 5: 4.761905, 10: 10, 20: 10: trends in all three
    "XLF": (100, 104, 104, 104),  # 5: 0, 10: 0, 20: 4: trends over 20 only
    "XLV": (100, 100, 100, 103),  # 3 in each: over 20 it equals SPY, which is not trending
    "EWY": (100, 100, 100, 102),  # 2 in each: trends over 5 and 10, below SPY over 20
    "XLU": (100, 90, 90, 91),  # 5 and 10: 1.111111, 20: -9: trends over 5 only, and holds a falling stock
    "AAA": (50, 50, 52, 55),  # 5: 5.769231, 10: 10, 20: 10
    "BBB": (20, 20, 20, 20.5),  # 2.5 in each
    "CCC": (30, 33, 33, 33),  # 5: 0, 10: 0, 20: 10
    "DDD": (40, 40, 40, 38),  # -5 in each
    "900010.KS": (100_000, 100_000, 100_000, 104_000),  # 4 in each, in won
}
CAPS = {"AAA": 1.0e12, "BBB": 0.5e12, "CCC": 0.25e12, "DDD": 0.3e12, "900010.KS": 400e12}
SECTORS = {
    "AAA": "Technology",
    "BBB": "Technology",
    "CCC": "Financial Services",
    "DDD": "Utilities",
    "900010.KS": "Industrials",
}
HOLDINGS = [  # etf, symbol, weight
    ("QQQ", "MONEY", 0.30),  # a fund: goes before the five largest are taken
    ("QQQ", "AAA", 0.10),
    ("QQQ", "BBB", 0.08),
    ("XLF", "CCC", 0.12),
    ("XLV", "AAA", 0.05),
    ("EWY", "900010.KS", 0.20),
    ("XLU", "DDD", 0.15),
]


def _level(day: date, levels: Sequence[float], starts: Sequence[date]) -> float:
    return levels[sum(day > start for start in starts)]


def _write(path: Path, header: str, rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)


def write_market(folder: Path, *, until: date = D, caps_of: int = 5) -> None:
    """The market directory (contracts 9). After D nothing moves; the newest sessions have market caps."""
    folder.mkdir(parents=True)
    sessions = [*sessions_until(D, HISTORY), *sessions_between(session_offset(D, 1), until)]
    starts = [session_offset(D, -20), session_offset(D, -10), session_offset(D, -5)]
    everything = {etf.ticker: (100.0, 100.0, 100.0, 100.0) for etf in ETFS} | LEVELS
    bars = []
    for symbol, levels in everything.items():
        exchange = "KSC" if symbol.endswith(".KS") else "NYQ"
        for day in sessions_between(sessions[0], until, exchange_calendar(exchange)):
            close = _level(day, levels, starts)
            bars.append((symbol, day, close, close, close, close, close, 1000))
    _write(folder / "bars.csv", "symbol,date,open,high,low,close,adj_close,volume", bars)
    _write(
        folder / "holdings.csv",
        "etf,as_of,symbol,name,weight",
        [(etf, date(2025, 12, 1), symbol, f"{symbol} Inc", weight) for etf, symbol, weight in HOLDINGS],
    )
    profiles = [(e.ticker, "ETF", e.description, "", "", "USD", "PCX", "America/New_York") for e in ETFS] + [
        ("MONEY", "ETF", "Money Market", "", "", "USD", "NYQ", "America/New_York")
    ]
    for symbol, sector in SECTORS.items():
        won = symbol.endswith(".KS")
        place = ("KRW", "KSC", "Asia/Seoul") if won else ("USD", "NYQ", "America/New_York")
        profiles.append((symbol, "EQUITY", f"{symbol} Inc", sector, "Widgets", *place))
    _write(folder / "profiles.csv", "symbol,quote_type,name,sector,industry,currency,exchange,timezone", profiles)
    _write(
        folder / "market_caps.csv",
        "symbol,date,market_cap",
        [(symbol, day, cap) for symbol, cap in CAPS.items() for day in sessions[-caps_of:]],
    )
    _write(folder / "fx.csv", "currency,date,usd_per_unit", [("KRW", day, KRW_RATE) for day in sessions])
