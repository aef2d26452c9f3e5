"""Quotes, profiles and holdings as the real yfinance gets them; cookies; hosts that may not be reached."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yfinance as yf
from curl_cffi.requests import exceptions
from yfinance.data import YfData

from test.replay.market import load_market
from test.replay.server import ReplayServer
from test.replay.yahoo import Request, Yahoo

QUOTE = "https://query1.finance.yahoo.com/v7/finance/quote"


def quotes(session: Any, *symbols: str) -> dict[str, dict[str, Any]]:
    asked = {"symbols": ",".join(symbols), "formatted": "false"}
    answer = YfData(session=session).get_raw_json(QUOTE, params=asked)
    return {quote["symbol"]: quote for quote in answer["quoteResponse"]["result"]}


def test_a_batch_quote(yahoo: ReplayServer, session: Any) -> None:
    found = quotes(session, "ACME", "SPY", "999010.KS", "KRW=X", "FUND", "NOPE")
    assert list(found) == ["ACME", "SPY", "999010.KS", "KRW=X", "FUND"]
    acme = found["ACME"]
    assert (acme["marketCap"], acme["regularMarketPrice"], acme["currency"], acme["quoteType"]) == (
        1100,
        53,
        "USD",
        "EQUITY",
    )
    assert (acme["exchange"], acme["fullExchangeName"], acme["longName"]) == ("NYQ", "NYSE", "Acme Works, Inc.")
    assert acme["regularMarketTime"] == 1769202000  # Friday, 21:00 UTC
    assert "marketCap" not in found["SPY"]
    assert found["KRW=X"]["regularMarketPrice"] == 1600
    assert "regularMarketPrice" not in found["FUND"]


def test_a_market_cap_of_a_session_in_progress_is_the_one_before(yahoo: ReplayServer, session: Any) -> None:
    yahoo.move_clock("2026-01-23T17:45:00Z")
    acme = quotes(session, "ACME")["ACME"]
    assert (acme["marketCap"], acme["regularMarketPrice"]) == (1000, 52)
    yahoo.move_clock("2026-01-21T22:00:00Z")
    assert "marketCap" not in quotes(session, "ACME")["ACME"]


def test_more_than_fifty_symbols_at_once_are_too_many(yahoo: ReplayServer, session: Any) -> None:
    quotes(session, *["ACME"] * 50)
    with pytest.raises(Exception, match="Too Many Requests"):
        quotes(session, *["ACME"] * 51)


def test_the_ten_largest_holdings_of_the_newest_snapshot(yahoo: ReplayServer, session: Any) -> None:
    holdings = yf.Ticker("SPY", session=session).funds_data.top_holdings
    assert list(holdings.index) == list("ABCDEFGHIJ")
    assert holdings.loc["A", "Name"] == "Company A"
    assert holdings["Holding Percent"].tolist() == pytest.approx([0.12 - at / 100 for at in range(10)])
    yahoo.move_clock("2026-01-22T22:00:00Z")  # the list of the 23rd is not known yet
    assert list(yf.Ticker("SPY", session=session).funds_data.top_holdings.index) == ["ACME"]
    yahoo.move_clock("2026-01-23T05:30:00Z")  # the 23rd in New York
    assert len(yf.Ticker("SPY", session=session).funds_data.top_holdings) == 10


def test_a_profile(yahoo: ReplayServer, session: Any) -> None:
    info = yf.Ticker("ACME", session=session).info
    assert (info["sector"], info["industry"], info["marketCap"]) == ("Industrials", "Tools", 1100)
    assert (info["quoteType"], info["longName"], info["currency"]) == ("EQUITY", "Acme Works, Inc.", "USD")


def test_bars_without_a_profile_are_a_chart_and_nothing_else(market_dir: Path, tmp_path: Path) -> None:
    profiles = (market_dir / "profiles.csv").read_text().splitlines(keepends=True)
    (market_dir / "profiles.csv").write_text("".join(line for line in profiles if "ACME" not in line))
    source = Yahoo(load_market(market_dir))
    now = datetime(2026, 1, 24, tzinfo=UTC)
    door = source.answer(Request("query1.finance.yahoo.com", "/v1/test/getcrumb", {}, {"A3": "x"}), now)
    asked = {"symbols": "ACME,SPY", "modules": "quoteType", "crumb": door.body.decode()}

    def status_and_body(path: str) -> tuple[int, str]:
        answer = source.answer(Request("query2.finance.yahoo.com", path, asked, {"A3": "x"}), now)
        return answer.status, answer.body.decode()

    assert status_and_body("/v8/finance/chart/ACME")[0] == 200
    assert status_and_body("/v10/finance/quoteSummary/ACME")[0] == 404
    status, body = status_and_body("/v7/finance/quote")
    assert (status, '"SPY"' in body, '"ACME"' in body) == (200, True, False)


def test_quotes_need_the_cookie_and_its_crumb(yahoo: ReplayServer, session: Any) -> None:
    assert session.get(f"{QUOTE}?symbols=ACME").status_code == 401
    assert session.get("https://query1.finance.yahoo.com/v1/test/getcrumb").status_code == 401
    session.get("https://fc.yahoo.com/")
    crumb = session.get("https://query2.finance.yahoo.com/v1/test/getcrumb").text
    assert session.get(f"{QUOTE}?symbols=ACME&crumb={crumb}x").status_code == 401
    assert session.get(f"{QUOTE}?symbols=ACME&crumb={crumb}").status_code == 200


def test_the_consent_of_europe_gives_a_crumb_too(yahoo: ReplayServer, session: Any) -> None:
    data = YfData(session=session)
    data._cookie_strategy = "csrf"
    assert quotes(session, "ACME")["ACME"]["regularMarketPrice"] == 53
    paths = [entry.path for entry in yahoo.requests()]
    assert paths[:4] == ["/consent", "/v2/collectConsent", "/copyConsent", "/v1/test/getcrumb"]


def test_no_other_host_can_be_reached(yahoo: ReplayServer, session: Any) -> None:
    with pytest.raises(exceptions.RequestException, match="403"):
        session.get("https://example.com/")
    assert [(entry.host, entry.status) for entry in yahoo.requests()] == [("example.com", 403)]
