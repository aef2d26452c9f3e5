"""The producers in front of a replayed market, a real database, and a broker that stores at once what it is sent."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yfinance.base
import yfinance.cache
from yfinance.data import SingletonMeta, YfData

import collector.run
from config.universe import tickers_of
from consumer.routes import ROUTES
from database import items, staging
from database.connection import connect
from test.conftest import Database
from test.replay.faults import LoggedRequest
from test.replay.market import write_market
from test.replay.server import ReplayServer
from utils.messages import Envelope, Message, decode
from utils.sessions import sessions_until

FIRST, D = date(2026, 1, 22), date(2026, 1, 23)
FRIDAY, MONDAY, TUESDAY = D, date(2026, 1, 26), date(2026, 1, 27)
EVENING, MONDAY_EVENING, TUESDAY_EVENING = (f"{day}T22:30:00Z" for day in (FRIDAY, MONDAY, TUESDAY))
ETFS = tickers_of("all")


class Sent:
    """What the broker answers: it is stored already."""

    def get(self, timeout: float | None) -> None:
        """Nothing to wait for."""


@dataclass
class StoringProducer:
    """A broker and its consumers in one: a message is stored before `send` returns. `lose` keeps nothing."""

    database: Database
    messages: list[Message] = field(default_factory=list)
    lose: bool = False
    _opened: ExitStack = field(default_factory=ExitStack)
    _connection: Any = None

    def send(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> Sent:
        envelope = decode(key, value, headers)
        self.messages.append(envelope.message)
        if not self.lose:
            self._store(envelope)
        return Sent()

    def _store(self, envelope: Envelope) -> None:
        if self._connection is None:
            self._connection = self._opened.enter_context(connect(self.database.settings("consumer")))
            staging.prepare(self._connection)
        with self._connection.transaction():
            message, run_id = envelope.message, envelope.run_id
            rows = ROUTES[message.kind](self._connection, message, run_id)
            items.stored(
                self._connection, run_id=run_id, ticker=message.ticker, operation=envelope.operation, rows=rows
            )

    def close(self, timeout: float = 0) -> None:
        self._opened.close()
        self._connection = None


@dataclass
class Platform:
    """What a test looks at: the market's server, the tables, what was sent."""

    yahoo: ReplayServer
    database: Database
    broker: StoringProducer

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """As superuser."""
        return self.database.rows(query, *values)

    def asked(self, path: str = "/v") -> list[LoggedRequest]:
        """The requests for data so far, cookie and crumb left out."""
        return [each for each in self.yahoo.requests() if path in each.path and "getcrumb" not in each.path]

    def items(self) -> dict[tuple[str, str], str]:
        """Of the newest run: (ticker, operation) → status."""
        found = self.rows(
            """SELECT ticker, operation, status FROM asset_processing_details WHERE run_id =
               (SELECT run_id FROM process_executions ORDER BY started_at DESC LIMIT 1)"""
        )
        return {(ticker, operation): status for ticker, operation, status in found}

    def run(self) -> dict[str, Any]:
        """The newest run."""
        with self.database.server.connect(self.database.name) as connection:
            cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
            found = cursor.execute("SELECT * FROM process_executions ORDER BY started_at DESC LIMIT 1").fetchone()
        assert found is not None
        return found


def closes(symbol: str, last: date, count: int, start: float, calendar: str = "XNYS") -> list[dict[str, Any]]:
    """Bars whose close rises by 0.1 each session; no dividend, no split."""
    sessions = sessions_until(last, count, calendar)
    return [
        {
            "symbol": symbol,
            "date": day,
            "open": round(start + at / 10, 2),
            "high": round(start + 1 + at / 10, 2),
            "low": round(start - 1 + at / 10, 2),
            "close": round(start + at / 10, 2),
            "adj_close": round(start + at / 10, 2),
            "volume": 1000 + at,
        }
        for at, day in enumerate(sessions)
    ]


@pytest.fixture
def bars() -> list[dict[str, Any]]:
    """320 sessions up to two after D for the ETFs and three stocks; NEW is listed 30 sessions before."""
    last = TUESDAY
    found = [row for at, etf in enumerate(ETFS) for row in closes(etf, last, 320, 100 + at)]
    found += [row for at, stock in enumerate(("AAA", "BBB")) for row in closes(stock, last, 320, 50 + at)]
    found += closes("NEW", last, 30, 10)
    found += closes("900010.KS", last, 320, 1000)
    return found


@pytest.fixture
def market(bars: list[dict[str, Any]], tmp_path: Path) -> Path:
    """The market's directory."""
    return write_market(
        tmp_path / "market",
        bars=bars,
        holdings=[
            {"etf": etf, "as_of": "2025-06-02", "symbol": symbol, "name": symbol, "weight": weight}
            for etf in ETFS
            for symbol, weight in (("AAA", 0.4), ("FUND", 0.2), ("900010.KS", 0.1), ("NEW", 0.05))
        ],
        profiles=[
            *({"symbol": etf, "quote_type": "ETF", "exchange": "PCX"} for etf in (*ETFS, "FUND")),
            *({"symbol": stock, "sector": "Technology", "industry": "Tools"} for stock in ("AAA", "BBB", "NEW")),
            {
                "symbol": "900010.KS",
                "sector": "Industrials",
                "currency": "KRW",
                "exchange": "KSC",
                "timezone": "Asia/Seoul",
            },
        ],
        market_caps=[
            {"symbol": symbol, "date": day, "market_cap": cap}
            for symbol, cap in (("AAA", 2e12), ("NEW", 1e9), ("900010.KS", 4e14))
            for day in (date(2026, 1, 12), FIRST, D)
        ],
        fx=[
            {"currency": "KRW", "date": day, "usd_per_unit": 0.0007}
            for day in sessions_until(date(2026, 1, 27), 320, "24/5")
        ],
    )


@pytest.fixture
def platform(market: Path, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """Everything the producers need, at the evening of D."""
    forget_yfinance(monkeypatch)
    with ReplayServer(market, state=tmp_path / "state", now=EVENING) as yahoo:
        broker = StoringProducer(database)
        environment = database.environment("collector") | {
            "YAHOO_PROXY": yahoo.proxy_url,
            "YAHOO_CA_FILE": str(yahoo.ca_file),
            "YAHOO_CACHE_DIR": str(tmp_path / "cache"),
            "YAHOO_PACE_SECONDS": "0",
            "YAHOO_SLOW_PACE_SECONDS": "0",
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "KAFKA_STORE_TIMEOUT_S": "1",
            "PLATFORM_NOW_URL": yahoo.now_url,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(collector.run, "producer", lambda _: broker)
        yield Platform(yahoo, database, broker)
    SingletonMeta._instances.pop(YfData, None)


def forget_yfinance(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process that has never run: yfinance keeps one session, cookie and crumb a process."""
    for holder, name in (("_TzCacheManager", "_tz_cache"), ("_CookieCacheManager", "_Cookie_cache")):
        monkeypatch.setattr(getattr(yfinance.cache, holder), name, None)
    SingletonMeta._instances.pop(YfData, None)
    YfData.cache_get.cache_clear()


def trend(platform: Platform, etfs: Sequence[str], session: date = D) -> None:
    """What stage 3 would have written: these ETFs trend over 5 sessions, SPY doesn't."""
    for etf in ("SPY", *etfs):
        above = 0 if etf == "SPY" else 1
        platform.rows(
            """INSERT INTO analytics_03_trending_etfs (as_of_date, etf_ticker, period_days, etf_type, return_pct,
                   spy_return_pct, outperformance, rank_by_outperformance, is_trending, run_id)
               VALUES (%s, %s, 5, 'benchmark', %s, 1, %s, %s, %s, 'test')""",
            session,
            etf,
            1 + above,
            above,
            None if etf == "SPY" else 1,
            etf != "SPY",
        )


def stored_sessions(platform: Platform, ticker: str) -> list[date]:
    """Sessions that are stored of an ETF or stock, oldest first."""
    rows = platform.rows(
        """SELECT trade_date FROM collected_01_daily_etf_ohlc WHERE ticker = %s
           UNION ALL SELECT trade_date FROM collected_06_daily_stock_history WHERE ticker = %s ORDER BY 1""",
        ticker,
        ticker,
    )
    return [row[0] for row in rows]


def findings(platform: Platform, check: str) -> list[tuple[Any, ...]]:
    """(ticker, session) of a check's findings."""
    query = "SELECT ticker, session FROM data_quality_findings WHERE check_name = %s ORDER BY 1, 2"
    return platform.rows(query, check)
