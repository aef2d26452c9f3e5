"""A market small enough for an evening of seconds: the ETFs, a few dozen stocks, a third of a year."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from test.collector.conftest import ETFS, closes
from test.replay.market import write_market
from utils.sessions import sessions_until

LAST = date(2026, 1, 23)
STOCKS = [f"S{number:02}" for number in range(30)]
KOREAN = "900010.KS"
HELD_BY_EACH, SESSIONS = 4, 80


def write(directory: Path) -> Path:
    """Each ETF holds four stocks, one of them Korean; every tenth stock pays on the last day: history is restated."""
    bars = [row for at, symbol in enumerate((*ETFS, *STOCKS)) for row in closes(symbol, LAST, SESSIONS, 50 + at)]
    bars += closes(KOREAN, LAST, SESSIONS, 1000)
    for row in bars:
        if row["symbol"] in STOCKS[::10] and row["date"] == LAST:
            row["dividend"] = 0.5
    return write_market(
        directory,
        bars=bars,
        holdings=[
            {"etf": etf, "as_of": "2025-06-02", "symbol": symbol, "name": symbol, "weight": 0.1 - place / 100}
            for at, etf in enumerate(ETFS)
            for place, symbol in enumerate((*_held(at), KOREAN))
        ],
        profiles=[
            *({"symbol": etf, "quote_type": "ETF", "exchange": "PCX"} for etf in ETFS),
            *({"symbol": stock, "sector": "Technology", "industry": "Tools"} for stock in STOCKS),
            {"symbol": KOREAN, "currency": "KRW", "exchange": "KSC", "timezone": "Asia/Seoul"},
        ],
        market_caps=[
            {"symbol": symbol, "date": day, "market_cap": 1e10 * (at + 1)}
            for at, symbol in enumerate((*STOCKS, KOREAN))
            for day in sessions_until(LAST, SESSIONS)
        ],
        fx=[{"currency": "KRW", "date": day, "usd_per_unit": 0.0007} for day in sessions_until(LAST, SESSIONS, "24/5")],
    )


def evenings(count: int) -> list[str]:
    """Instants after the last so many sessions, oldest first."""
    return [f"{session}T23:30:00Z" for session in sessions_until(LAST, count)]


def _held(at: int) -> Sequence[str]:
    return [STOCKS[(at * 2 + place) % len(STOCKS)] for place in range(HELD_BY_EACH - 1)]
