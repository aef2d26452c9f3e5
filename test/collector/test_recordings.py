"""Answers in the shape of the source's, invented and small, through the real client: the messages they become.

PNX.L is a stock of London: prices in pence, no price on the 21st, a dividend on the 22nd, a 4:1 split on the 23rd. The
answers have more in them than is asked for, as the source's do.
"""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from collector import kafka_03_producer_trending_etf_holdings as trending_holdings
from collector import kafka_04_producer_stock_daily as stock_daily
from test.collector.conftest import Platform, trend
from utils.messages import Bar, BarsMessage, HoldingsMessage, ProfileMessage, QuotesMessage


def at(day: int, hour: int = 8, minute: int = 0) -> int:
    """Seconds of an instant in January 2026; London opens at 8:00."""
    return int(datetime(2026, 1, day, hour, minute, tzinfo=UTC).timestamp())


def period(opens: tuple[int, int], closes: tuple[int, int]) -> dict[str, Any]:
    """A part of Friday's trading."""
    return {"timezone": "GMT", "start": at(23, *opens), "end": at(23, *closes), "gmtoffset": 0}


CHART = {
    "chart": {
        "result": [
            {
                "meta": {
                    "currency": "GBp",
                    "symbol": "PNX.L",
                    "exchangeName": "LSE",
                    "fullExchangeName": "LSE",
                    "instrumentType": "EQUITY",
                    "firstTradeDate": at(20),
                    "regularMarketTime": at(23, 16, 35),
                    "hasPrePostMarketData": False,
                    "gmtoffset": 0,
                    "timezone": "GMT",
                    "exchangeTimezoneName": "Europe/London",
                    "regularMarketPrice": 250.5,
                    "fiftyTwoWeekHigh": 260.0,
                    "regularMarketVolume": 4000,
                    "longName": "Pinnix plc",
                    "chartPreviousClose": None,
                    "priceHint": 2,
                    "currentTradingPeriod": {
                        "pre": period((7, 15), (8, 0)),
                        "regular": period((8, 0), (16, 30)),
                        "post": period((16, 30), (17, 15)),
                    },
                    "dataGranularity": "1d",
                    "range": "",
                    "validRanges": ["1d", "5d", "max"],
                },
                "timestamp": [at(20), at(21), at(22), at(23, 16, 35)],
                "events": {
                    "dividends": {str(at(22)): {"amount": 2.5, "date": at(22)}},
                    "splits": {
                        str(at(23)): {"date": at(23), "numerator": 4.0, "denominator": 1.0, "splitRatio": "4:1"}
                    },
                },
                "indicators": {
                    "quote": [
                        {
                            "open": [240.0, None, 245.0, 248.0],
                            "high": [242.0, None, 249.00001525878906, 251.0],
                            "low": [239.0, None, 244.0, 247.0],
                            "close": [241.0, None, 248.0, 250.5],
                            "volume": [1000, None, 3000, 4000],
                        }
                    ],
                    "adjclose": [{"adjclose": [238.5, None, 248.0, 250.5]}],
                },
            }
        ],
        "error": None,
    }
}
QUOTE = {
    "quoteResponse": {
        "result": [
            {
                "language": "en-US",
                "quoteType": "EQUITY",
                "currency": "GBp",
                "exchange": "LSE",
                "longName": "Pinnix plc",
                "shortName": "PINNIX PLC ORD 1P",
                "marketCap": 5010000384,
                "sharesOutstanding": 2000000000,
                "regularMarketPrice": 250.5,
                "regularMarketTime": at(23, 16, 35),
                "symbol": "PNX.L",
            }
        ],
        "error": None,
    }
}
PROFILE = {
    "quoteSummary": {
        "result": [
            {
                "assetProfile": {"sector": "Financial Services", "industry": "Asset Management", "companyOfficers": []},
                "quoteType": {"exchange": "LSE", "quoteType": "EQUITY", "longName": "Pinnix plc", "symbol": "PNX.L"},
                "price": {"maxAge": 1, "currency": "GBp", "exchange": "LSE", "marketCap": 5010000384},
            }
        ],
        "error": None,
    }
}
LIST = {
    "quoteSummary": {
        "result": [
            {
                "quoteType": {"exchange": "PCX", "quoteType": "ETF", "symbol": "XLF"},
                "topHoldings": {
                    "maxAge": 1,
                    "stockPosition": 0.9986,
                    "holdings": [
                        {"symbol": "PNX.L", "holdingName": "Pinnix plc", "holdingPercent": 0.0741},
                        {"symbol": "", "holdingName": "Cash", "holdingPercent": 0.01},
                        {"symbol": "AAA", "holdingName": "A & Sons Inc Class A", "holdingPercent": 0.0502},
                    ],
                    "sectorWeightings": [{"realestate": 0.0}, {"financial_services": 0.99}],
                },
            }
        ],
        "error": None,
    }
}


def answer(platform: Platform, match: str, body: dict[str, Any]) -> None:
    """From now on the source says so."""
    platform.yahoo.faults({"match": match, "times": None, "status": 200, "body": json.dumps(body)})


def test_a_stock_of_london(platform: Platform) -> None:
    for match, body in (("chart/PNX.L", CHART), ("v7/finance/quote", QUOTE), ("quoteSummary/PNX.L", PROFILE)):
        answer(platform, match, body)
    stock_daily.main(["--tickers", "PNX.L"])
    told = {type(message): message for message in platform.broker.messages if message.ticker == "PNX.L"}
    bars = told[BarsMessage]
    assert isinstance(bars, BarsMessage)
    assert (bars.currency, bars.mode, bars.observed_session) == ("GBp", "merge", date(2026, 1, 23))
    assert bars.bars == (
        bar(20, 19, (240.0, 242.0, 239.0, 241.0), 238.5, 1000),
        bar(22, 21, (245.0, 249.000015, 244.0, 248.0), 248.0, 3000, dividend=2.5),
        bar(23, 22, (248.0, 251.0, 247.0, 250.5), 250.5, 4000, split_ratio=4.0),
    )
    cap = told[QuotesMessage]
    assert isinstance(cap, QuotesMessage)
    assert (cap.market_cap, cap.currency, cap.quote_price) == (5010000384, "GBP", 250.5)
    profile = told[ProfileMessage]
    assert isinstance(profile, ProfileMessage)
    assert (profile.company_name, profile.sector, profile.source_sector) == (
        "Pinnix plc",
        "Financial",
        "Financial Services",
    )
    assert (profile.industry, profile.currency, profile.exchange) == ("Asset Management", "GBp", "LSE")
    found = platform.rows("SELECT check_name, session FROM data_quality_findings WHERE ticker = 'PNX.L' ORDER BY 1, 2")
    assert found == [("first bar", date(2026, 1, 20)), ("missing session", date(2026, 1, 21))]


def bar(
    day: int, before: int, prices: tuple[float, float, float, float], adjusted: float, volume: int, **more: float
) -> Bar:
    """A bar of January 2026; prices are open, high, low and close."""
    opening, high, low, close = prices
    return Bar(
        trade_date=date(2026, 1, day),
        previous_session=date(2026, 1, before),
        open_price=opening,
        high_price=high,
        low_price=low,
        close_price=close,
        adj_close_price=adjusted,
        volume=volume,
        **more,
    )


def test_a_list_with_a_line_of_cash(platform: Platform) -> None:
    trend(platform, ["XLF"])
    answer(platform, "quoteSummary/XLF", LIST)
    trending_holdings.main([])
    (message,) = platform.broker.messages
    assert isinstance(message, HoldingsMessage)
    rows = [(each.holding_rank, each.holding_ticker, each.holding_percent) for each in message.holdings]
    assert rows == [(1, "PNX.L", 7.41), (2, "AAA", 5.02)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("Will be right back...", "an unreadable answer: *** YAHOO! FINANCE IS CURRENTLY DOWN! ***"),
        ("<html>Edge</html>", "an unreadable answer"),
        ("", "an unreadable answer"),
        ('{"chart": {"result": [{"meta": {"currency": "GBp"}}], "error": null}}', "an answer of another shape"),
        ('{"chart": {"result": null, "error": null}}', "no data: no bar of"),
        (
            """{"chart": {"result": [{"meta": {"currency": "USD", "exchangeTimezoneName": "America/New_York",
            "instrumentType": "EQUITY", "exchangeName": "NYQ", "gmtoffset": -18000},
            "timestamp": [1769092200, 1769178600], "indicators": {"quote": [{"open": [1], "high": [1], "low": [1],
            "close": [1], "volume": [1]}], "adjclose": [{"adjclose": [1]}]}}], "error": null}}""",
            "an answer of another shape: ValueError",
        ),
    ],
)
def test_what_is_no_answer_has_a_name_and_stores_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "0")
    platform.yahoo.faults({"match": "chart/AAA", "times": None, "status": 200, "body": body})
    with pytest.raises(Exception, match="to be run again"):
        stock_daily.main(["--tickers", "AAA"])
    assert f"AAA bars: {reason}" in platform.run()["error"]
    assert platform.rows("SELECT count(*) FROM collected_06_daily_stock_history") == [(0,)]
