"""A market small enough to check by hand, and the real yfinance in front of it.

ACME splits 2:1 on Friday 2026-01-23 and goes ex a dividend of 1.06 on Monday 2026-01-26, so as known at the end its
closes were 50 52 51 53 52, and 1 − 1.06 / 53 = 0.98 of them adjusted. New York trades from 14:30 to 21:00 UTC, Seoul
from 0:00 to 6:30.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import curl_cffi
import pytest
import yfinance as yf
import yfinance.base
import yfinance.cache
from yfinance.data import SingletonMeta, YfData

from test.replay.market import write_market
from test.replay.server import ReplayServer

DAYS = [date(2026, 1, day) for day in (20, 21, 22, 23, 26)]


def _bars(symbol: str, closes: list[float], **more: list[float]) -> list[dict[str, Any]]:
    rows = zip(DAYS[-len(closes) :], closes, strict=True)
    return [
        {"symbol": symbol, "date": day, "close": close} | {name: values[at] for name, values in more.items()}
        for at, (day, close) in enumerate(rows)
    ]


@pytest.fixture
def market_dir(tmp_path: Path) -> Path:
    """The market as a directory of CSV files."""
    acme = _bars(
        "ACME",
        [50, 52, 51, 53, 52],
        open=[50, 52, 51, 51, 52],
        high=[50, 52, 51, 54, 52],
        low=[50, 52, 51, 50, 52],
        adj_close=[49, 50.96, 49.98, 51.94, 52],
        volume=[2000] * 5,
        dividend=[0, 0, 0, 0, 1.06],
        split=[0, 0, 0, 2, 0],
    )
    nothing: list[Any] = [None] * 5
    korean = _bars("999010.KS", [1000, 1100, 1200, 1300, 1400], open=nothing, high=nothing, low=nothing)
    spy = _bars("SPY", [600, 601, 602, 603, 604], volume=[10] * 5)
    new = _bars("NEW", [10, 11])  # listed on the 23rd
    letters = "ABCDEFGHIJKL"
    return write_market(
        tmp_path / "market",
        bars=acme + korean + spy + new,
        holdings=[
            {"etf": "SPY", "as_of": "2026-01-01", "symbol": "ACME", "name": "Acme", "weight": 1},
            *(
                {
                    "etf": "SPY",
                    "as_of": "2026-01-23",
                    "symbol": letter,
                    "name": f"Company {letter}",
                    "weight": 0.12 - at / 100,
                }
                for at, letter in enumerate(letters)
            ),
        ],
        profiles=[
            {"symbol": "ACME", "name": "Acme Works, Inc.", "sector": "Industrials", "industry": "Tools"},
            {"symbol": "999010.KS", "currency": "KRW", "exchange": "KSC", "timezone": "Asia/Seoul"},
            {"symbol": "SPY", "quote_type": "ETF", "exchange": "PCX"},
            {"symbol": "NEW"},
            {"symbol": "FUND", "quote_type": "ETF"},
        ],
        market_caps=[
            {"symbol": "ACME", "date": "2026-01-22", "market_cap": 1000},
            {"symbol": "ACME", "date": "2026-01-23", "market_cap": 1100},
        ],
        fx=[
            {"currency": "KRW", "date": "2026-01-22", "usd_per_unit": 0.0008},
            {"currency": "KRW", "date": "2026-01-23", "usd_per_unit": 0.000625},
        ],
    )


@pytest.fixture
def yahoo(market_dir: Path, tmp_path: Path) -> Iterator[ReplayServer]:
    """The market, served; its clock stands at Friday evening."""
    with ReplayServer(market_dir, state=tmp_path / "state", now="2026-01-24T01:00:00Z") as server:
        yield server


@pytest.fixture
def session(
    yahoo: ReplayServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator["curl_cffi.requests.Session[Any]"]:
    """A session of a yfinance that has never run: its singletons and caches are this test's own."""
    yf.set_tz_cache_location(str(tmp_path / "cache"))
    for holder, name in (("_TzCacheManager", "_tz_cache"), ("_CookieCacheManager", "_Cookie_cache")):
        monkeypatch.setattr(getattr(yfinance.cache, holder), name, None)
    monkeypatch.setattr(yfinance.base, "_tz_info_fetch_ctr", 0)
    yf.config.debug.hide_exceptions = False
    SingletonMeta._instances.pop(YfData, None)
    YfData.cache_get.cache_clear()
    replayed: dict[str, Any] = {"proxy": yahoo.proxy_url, "verify": str(yahoo.ca_file)}
    with curl_cffi.requests.Session(impersonate="chrome", **replayed) as made:
        YfData(session=made)
        yield made
    yf.config.debug.hide_exceptions = True
    SingletonMeta._instances.pop(YfData, None)
