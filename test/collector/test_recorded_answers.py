"""Answers that the source once gave, through the real client: the messages they become.

The answers are the source's own and not part of the project: ACTSTOCK_YAHOO_RECORDINGS names a folder that has them, a
file each (the body, or an envelope with `response.bodyJson`). Without it these tests are skipped.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import curl_cffi.requests
import pytest

from collector.answers import NoData, NoSessions, SourceUnavailable
from collector.bars import bars_of
from collector.holdings import holdings_message
from collector.profiles import cap_message, profile_message
from collector.yahoo import Yahoo
from config.settings import YahooSettings
from config.universe import exchange_calendar
from database import budget
from database.connection import Connection
from test.collector.conftest import forget_yfinance
from utils.messages import Bar
from utils.sessions import timezone_of

FOLDER = os.environ.get("ACTSTOCK_YAHOO_RECORDINGS")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="ACTSTOCK_YAHOO_RECORDINGS names no folder of recorded answers")
NODE, RUST = "node-yahoo-finance2", "yfinance-rs"
NOW = datetime(2026, 10, 5, 22, tzinfo=UTC)
Recorded = Callable[[str], Yahoo]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recorded:
    """The source, which answers whatever it is asked for with the file."""
    forget_yfinance(monkeypatch)
    monkeypatch.setattr(budget, "reserve", lambda *_, **__: None)
    monkeypatch.setattr(budget, "settle", lambda *_, **__: None)

    def source(name: str) -> Yahoo:
        kept = json.loads((Path(FOLDER or "") / name).read_text(encoding="utf-8"))
        envelope = kept.get("response", {"status": 200, "bodyJson": kept})

        def request(_session: object, _method: str, url: str, **_: object) -> Any:
            is_data = "/finance/" in urlsplit(url).path
            status, text = (envelope["status"], json.dumps(envelope["bodyJson"])) if is_data else (200, "crumb")
            return SimpleNamespace(
                status_code=status,
                text=text,
                json=lambda: json.loads(text),
                headers={},
                url=url,
                raise_for_status=lambda: None,
            )

        monkeypatch.setattr(curl_cffi.requests.Session, "request", request)
        settings = YahooSettings(cache_dir=tmp_path, pace_seconds=0, slow_pace_seconds=0, max_retries=0)
        return Yahoo(settings, cast(Connection, None))

    return source


def bars(source: Yahoo, ticker: str, first: date, last: date, now: datetime = NOW) -> tuple[list[Bar], str | None]:
    """The bars of an instrument and their currency."""
    history = source.history(ticker, first, last, timezone=timezone_of())
    calendar = exchange_calendar(history.exchange)
    return bars_of(history, calendar=calendar, now=now, settle_minutes=20), history.currency


@pytest.mark.parametrize(
    ("name", "ticker", "span", "count", "currency", "events"),
    [
        (
            f"{NODE}/chart/chart-AAPL-2020-08-31-to-2020-11-07.json",
            "AAPL",
            ("2020-08-31", "2020-11-06"),
            49,
            "USD",
            [("2020-08-31", 0.0, 4.0), ("2020-11-06", 0.205, 0.0)],
        ),
        (
            f"{NODE}/chart/historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.json",
            "MSFT",
            ("2021-02-01", "2022-01-28"),
            252,
            "USD",
            [
                ("2021-02-17", 0.56, 0.0),
                ("2021-05-19", 0.56, 0.0),
                ("2021-08-18", 0.56, 0.0),
                ("2021-11-17", 0.62, 0.0),
            ],
        ),
        (
            f"{RUST}/history_chart_AAPL.json",
            "AAPL",
            ("2025-12-01", "2026-05-29"),
            124,
            "USD",
            [("2026-02-09", 0.26, 0.0), ("2026-05-11", 0.27, 0.0)],
        ),
        (f"{RUST}/history_chart_GS2C.DE.json", "GS2C.DE", ("2026-05-25", "2026-05-29"), 5, "EUR", []),
        (f"{RUST}/history_chart_TSCO.L.json", "TSCO.L", ("2026-06-04", "2026-06-10"), 5, "GBp", []),
    ],
)
def test_bars_and_what_was_paid_and_split(
    recorded: Recorded,
    name: str,
    ticker: str,
    span: tuple[str, str],
    count: int,
    currency: str,
    events: list[tuple[str, float, float]],
) -> None:
    first, last = map(date.fromisoformat, span)
    found, unit = bars(recorded(name), ticker, first, last)
    assert (len(found), found[0].trade_date, found[-1].trade_date, unit) == (count, first, last, currency)
    told = [(f"{bar.trade_date}", bar.dividend, bar.split_ratio) for bar in found if bar.dividend or bar.split_ratio]
    assert told == events


def test_a_session_that_was_recorded_while_it_went_on_is_left_out(recorded: Recorded) -> None:
    noon = datetime(2026, 6, 10, 12, tzinfo=UTC)
    found, _ = bars(recorded(f"{RUST}/history_chart_TSCO.L.json"), "TSCO.L", date(2026, 6, 4), date(2026, 6, 10), noon)
    assert found[-1].trade_date == date(2026, 6, 9)


@pytest.mark.parametrize(
    "name",
    [
        f"{NODE}/chart/chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json",
        "yahoo-finance2/chart/chart-LUCYW-null-currency-2025-06-15.json",
        "scheb-yahoo-finance-api/noData.json",
    ],
)
def test_an_answer_without_a_bar(recorded: Recorded, name: str) -> None:
    with pytest.raises(NoSessions):
        bars(recorded(name), "AAPL", date(2025, 2, 1), date(2025, 2, 2))


def test_quotes_of_a_batch(recorded: Recorded) -> None:
    quotes = recorded(f"{NODE}/quote/quote-AAPL-BABA.json").quotes(["AAPL", "BABA"])
    caps = [cap_message(quote, session=NOW.date(), quoted_at=NOW) for quote in quotes.values()]
    assert [(cap.ticker, cap.market_cap, cap.currency, cap.quote_price) for cap in caps] == [
        ("AAPL", 3674405863424, "USD", 244.6),
        ("BABA", 302870626304, "USD", 124.73),
    ]


@pytest.mark.parametrize("symbol", ["ADH", "BRKS"])
def test_a_dead_symbol_that_is_answered_for_is_unknown(recorded: Recorded, symbol: str) -> None:
    assert recorded(f"{NODE}/quote/quote-{symbol}.json").quotes([symbol]) == {}
    with pytest.raises(NoData):
        recorded(f"{NODE}/quoteSummary/quoteSummary-assetProfile-ADH.json").profile("ADH")


def test_an_answer_without_a_quote(recorded: Recorded) -> None:
    with pytest.raises(SourceUnavailable):
        recorded(f"{RUST}/quote_v7_GS2C.json").quotes(["GS2C"])


@pytest.mark.parametrize(
    ("name", "largest"),
    [
        (f"{NODE}/quoteSummary-2021/quoteSummary-all-QQQ.json", ("AAPL", 12.1400006)),
        (f"{NODE}/quoteSummary/quoteSummary-all-QQQ.json", ("AAPL", 9.0070695)),
        ("yahoo-finance2/quoteSummary/quoteSummary-QQQ-2026-10-03.trimmed.json", ("NVDA", 8.50652)),
    ],
)
def test_ten_holdings_of_five_years(recorded: Recorded, name: str, largest: tuple[str, float]) -> None:
    listed = recorded(name).top_holdings("QQQ")
    rows = holdings_message(listed, as_of_date=NOW.date(), observed_at=NOW).holdings
    assert len(rows) == 10
    assert (rows[0].holding_ticker, rows[0].holding_percent) == (largest[0], round(largest[1], 6))


def test_a_list_of_cash_is_no_list(recorded: Recorded) -> None:
    listed = recorded(f"{NODE}/quoteSummary/quoteSummary-all-HISU-U.TO.json").top_holdings("HISU-U.TO")
    with pytest.raises(NoData):
        holdings_message(listed, as_of_date=NOW.date(), observed_at=NOW)


def test_profiles(recorded: Recorded) -> None:
    found = []
    for stock in ("AAPL", "AMZN"):
        profile = recorded(f"{NODE}/quoteSummary/quoteSummary-all-{stock}.json").profile(stock)
        message = profile_message(profile, observed_at=NOW)
        found.append((message.company_name, message.quote_type, message.sector, message.industry, message.currency))
    assert found == [
        ("Apple Inc.", "EQUITY", "Technology", "Consumer Electronics", "USD"),
        ("Amazon.com, Inc.", "EQUITY", "Consumer Cyclical", "Internet Retail", "USD"),
    ]
