"""A market small enough to compute by hand: prices move at three sessions only, so that every return is a quotient.

A row of LEVELS is an instrument's close until 20 sessions before D, then until 10, then until 5, then up to D.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path

from config.universe import ETFS, exchange_calendar
from test.replay import market
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


# What follows from it for D: period, ETF, return, outperformance, rank.
TRENDING = [
    (5, "QQQ", Decimal("4.761905"), Decimal("3.781513"), 1),
    (5, "XLV", Decimal("3.000000"), Decimal("2.019608"), 2),
    (5, "EWY", Decimal("2.000000"), Decimal("1.019608"), 3),
    (5, "XLU", Decimal("1.111111"), Decimal("0.130719"), 4),
    (10, "QQQ", Decimal("10.000000"), Decimal("8.019802"), 1),
    (10, "XLV", Decimal("3.000000"), Decimal("1.019802"), 2),
    (10, "EWY", Decimal("2.000000"), Decimal("0.019802"), 3),
    (20, "QQQ", Decimal("10.000000"), Decimal("7.000000"), 1),
    (20, "XLF", Decimal("4.000000"), Decimal("1.000000"), 2),
]
_WON, _AAA, _CCC = Decimal(280_000_000_000), Decimal(10**12), Decimal(250_000_000_000)
# Scores, return per USD trillion: AAA 5.769231 / 1 and 10 / 1; the Korean stock 4 / (400e12 won × 0.0007 = 0.28);
# CCC 10 / 0.25 = 40. Weights: 14.2857142857 / 20.0549452857, 14.2857142857 / 24.2857142857, 40 / 50.
POSITIONS = [  # period, rank, ticker, return, market cap in USD, weight, ETFs, sector
    (5, 1, "900010.KS", Decimal("4.000000"), _WON, Decimal("0.7123287589"), "EWY", "Industrial"),
    (5, 2, "AAA", Decimal("5.769231"), _AAA, Decimal("0.2876712411"), "QQQ,XLV", "Technology"),
    (10, 1, "900010.KS", Decimal("4.000000"), _WON, Decimal("0.5882352941"), "EWY", "Industrial"),
    (10, 2, "AAA", Decimal("10.000000"), _AAA, Decimal("0.4117647059"), "QQQ,XLV", "Technology"),
    (20, 1, "CCC", Decimal("10.000000"), _CCC, Decimal("0.8000000000"), "XLF", "Financial"),
    (20, 2, "AAA", Decimal("10.000000"), _AAA, Decimal("0.2000000000"), "QQQ", "Technology"),
]


def write_market(folder: Path, *, until: date = D, caps_of: int = 5) -> None:
    """The market directory (contracts 9). After D nothing moves; the newest sessions have market caps."""
    sessions = [*sessions_until(D, HISTORY), *sessions_between(session_offset(D, 1), until)]
    starts = [session_offset(D, -20), session_offset(D, -10), session_offset(D, -5)]
    everything = {etf.ticker: (100.0, 100.0, 100.0, 100.0) for etf in ETFS} | LEVELS
    funds = {etf.ticker: (etf.description, "PCX") for etf in ETFS} | {"MONEY": ("Money Market", "NYQ")}
    market.write_market(
        folder,
        bars=[
            {"symbol": symbol, "date": day, "close": levels[sum(day > start for start in starts)], "volume": 1000}
            for symbol, levels in everything.items()
            for day in sessions_between(sessions[0], until, exchange_calendar(_exchange(symbol)))
        ],
        holdings=[
            {"etf": etf, "as_of": date(2025, 12, 1), "symbol": symbol, "name": f"{symbol} Inc", "weight": weight}
            for etf, symbol, weight in HOLDINGS
        ],
        profiles=[
            *(
                {"symbol": symbol, "quote_type": "ETF", "name": name, "exchange": exchange}
                for symbol, (name, exchange) in funds.items()
            ),
            *(
                {"symbol": symbol, "name": f"{symbol} Inc", "sector": sector, "industry": "Widgets"}
                | ({"currency": "KRW", "exchange": "KSC", "timezone": "Asia/Seoul"} if symbol.endswith(".KS") else {})
                for symbol, sector in SECTORS.items()
            ),
        ],
        market_caps=[
            {"symbol": symbol, "date": day, "market_cap": cap}
            for symbol, cap in CAPS.items()
            for day in sessions[-caps_of:]
        ],
        fx=[{"currency": "KRW", "date": day, "usd_per_unit": KRW_RATE} for day in sessions],
    )


def _exchange(symbol: str) -> str:
    return "KSC" if symbol.endswith(".KS") else "NYQ"
