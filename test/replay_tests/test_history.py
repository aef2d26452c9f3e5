"""Bars as the real yfinance gets them, at several instants of one market."""

from datetime import date
from typing import Any

import pandas as pd
import pytest
import yfinance as yf
from curl_cffi.requests import exceptions
from yfinance.data import YfData
from yfinance.exceptions import YFPricesMissingError, YFRateLimitError

from test.replay.server import ReplayServer


def history(symbol: str, session: Any, start: str = "2026-01-20", end: str = "2026-01-30", **more: Any) -> pd.DataFrame:
    YfData.cache_get.cache_clear()
    frame: pd.DataFrame = yf.Ticker(symbol, session=session).history(
        start=start, end=end, auto_adjust=False, actions=True, **more
    )
    return frame


def column(frame: pd.DataFrame, name: str) -> list[float]:
    return [round(float(value), 6) for value in frame[name]]


def test_a_split_restates_the_bars_before_it(yahoo: ReplayServer, session: Any) -> None:
    yahoo.move_clock("2026-01-22T22:00:00Z")
    before = history("ACME", session)
    assert column(before, "Close") == [100, 104, 102]
    assert column(before, "Adj Close") == [100, 104, 102]
    assert column(before, "Volume") == [1000, 1000, 1000]
    assert column(before, "Stock Splits") == [0, 0, 0]
    yahoo.move_clock("2026-01-23T22:00:00Z")
    after = history("ACME", session)
    assert column(after, "Close") == [50, 52, 51, 53]
    assert column(after, "Volume") == [2000] * 4
    assert column(after, "Stock Splits") == [0, 0, 0, 2]
    assert [stamp.date() for stamp in after.index] == [date(2026, 1, day) for day in (20, 21, 22, 23)]


def test_a_dividend_restates_the_adjusted_closes_before_it(yahoo: ReplayServer, session: Any) -> None:
    before = history("ACME", session)
    assert column(before, "Adj Close") == [50, 52, 51, 53]  # the dividend of Monday is not known on Friday
    yahoo.move_clock("2026-01-27T01:00:00Z")
    after = history("ACME", session)
    assert column(after, "Adj Close") == [49, 50.96, 49.98, 51.94, 52]
    assert column(after, "Dividends") == [0, 0, 0, 0, 1.06]


def test_a_session_in_progress_is_an_unfinished_bar(yahoo: ReplayServer, session: Any) -> None:
    yahoo.move_clock("2026-01-23T17:45:00Z")  # half of the session: midway from the low 50 to the high 54
    ticker = yf.Ticker("ACME", session=session)
    frame = ticker.history(start="2026-01-22", end="2026-01-30", auto_adjust=False)
    assert column(frame, "Close") == [51, 52]
    assert column(frame, "High") == [51, 52]
    assert column(frame, "Low") == [51, 50]
    assert column(frame, "Volume") == [2000, 1000]
    assert column(frame, "Adj Close") == [51, 52]
    meta = ticker.history_metadata
    regular = meta["currentTradingPeriod"]["regular"]
    assert regular["start"].isoformat() == "2026-01-23T09:30:00-05:00"
    assert meta["regularMarketTime"] < regular["end"]
    yahoo.move_clock("2026-01-23T14:29:59Z")
    assert column(history("ACME", session), "Close") == [100, 104, 102]


def test_an_exchange_has_its_own_hours(yahoo: ReplayServer, session: Any) -> None:
    yahoo.move_clock("2026-01-23T03:15:00Z")  # half of Friday's session in Seoul, Thursday night in New York
    frame = history("999010.KS", session)
    assert column(frame, "Close") == [1000, 1100, 1200, 1250]
    assert frame["Open"].isna().all()
    assert str(frame.index[0].tzinfo) == "Asia/Seoul"
    assert len(history("SPY", session)) == 3


def test_a_currency_is_quoted_per_dollar(yahoo: ReplayServer, session: Any) -> None:
    frame = history("KRW=X", session)
    assert column(frame, "Close") == [1250, 1600]
    assert [stamp.date() for stamp in frame.index] == [date(2026, 1, 22), date(2026, 1, 23)]


def test_ranges_end_at_the_clock(yahoo: ReplayServer, session: Any) -> None:
    ticker = yf.Ticker("SPY", session=session)
    assert column(ticker.history(period="5d", auto_adjust=False), "Close") == [600, 601, 602, 603]
    assert column(ticker.history(period="1d", auto_adjust=False), "Close") == [603]
    assert [len(ticker.history(period=period)) for period in ("1mo", "1y", "ytd", "max")] == [4, 4, 4, 4]
    yahoo.move_clock("2026-02-21T12:00:00Z")
    assert len(ticker.history(period="1mo")) == 4  # from the 21st of January on
    assert "Capital Gains" in ticker.history(period="1mo")


def test_a_range_without_sessions_and_one_before_the_listing(yahoo: ReplayServer, session: Any) -> None:
    with pytest.raises(YFPricesMissingError, match="possibly delisted"):
        history("ACME", session, "2026-01-24", "2026-01-26")
    with pytest.raises(YFPricesMissingError, match="Data doesn't exist for startDate"):
        history("NEW", session, "2026-01-20", "2026-01-22")


def test_what_is_not_listed_yet_is_unknown(yahoo: ReplayServer, session: Any) -> None:
    history("SPY", session)
    yahoo.move_clock("2026-01-22T22:00:00Z")
    assert _status(yahoo, session, "NEW") == 404
    yahoo.move_clock("2026-01-23T22:00:00Z")
    assert _status(yahoo, session, "NEW") == 200
    assert _status(yahoo, session, "NOPE") == 404


def _status(yahoo: ReplayServer, session: Any, symbol: str) -> int:
    return int(session.get(f"https://query2.finance.yahoo.com/v8/finance/chart/{symbol}?range=5d").status_code)


def test_faults_reach_yfinance_as_its_own_errors(yahoo: ReplayServer, session: Any) -> None:
    history("SPY", session)
    yahoo.faults({"match": "chart/SPY", "times": 2, "status": 429})
    with pytest.raises(YFRateLimitError):
        history("SPY", session)
    assert yahoo.faults() == []
    yahoo.faults({"match": "chart/SPY", "times": 1, "kind": "broken_json"})
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        history("SPY", session)
    yahoo.faults({"match": "chart/SPY", "times": 1, "kind": "timeout", "delay_seconds": 0.05})
    with pytest.raises(exceptions.RequestException):
        history("SPY", session)
    yahoo.faults({"match": "chart/SPY", "kind": "missing_days", "days": ["2026-01-21"]})
    assert column(history("SPY", session), "Close") == [600, 602, 603]
    yahoo.faults({"match": "chart/SPY", "times": 2, "kind": "unknown_symbol"})
    with pytest.raises(YFPricesMissingError, match="delisted"):
        history("SPY", session)
    assert column(history("SPY", session), "Close") == [600, 601, 602, 603]


def test_a_time_out_is_one_for_the_client(yahoo: ReplayServer, session: Any) -> None:
    history("SPY", session)
    yahoo.faults({"match": "chart/SPY", "kind": "timeout"})
    with pytest.raises(exceptions.RequestException):
        history("SPY", session, timeout=0.2)
    assert yahoo.requests()[-1].status is None
