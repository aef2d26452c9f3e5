"""Stocks: which count, their quotes, profiles, bars and rates, and those that nobody knows (stage 4)."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from collector import kafka_02_producer_etf_holdings as all_holdings
from collector import kafka_03_producer_trending_etf_holdings as trending_holdings
from collector import kafka_04_producer_stock_daily as stock_daily
from collector.answers import Quote
from collector.yahoo import Yahoo
from test.collector.conftest import (
    ETFS,
    FRIDAY,
    MONDAY,
    MONDAY_EVENING,
    TUESDAY,
    TUESDAY_EVENING,
    D,
    Platform,
    findings,
    stored_sessions,
    trend,
)
from utils.program import AlreadyComplete, RunAgain, UsageError


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ('"marketCap": Infinity, "currency": "USD"', "no market cap"),
        ('"marketCap": 900, "currency": "USD"', "makes no message: market_cap"),
        ('"marketCap": 9000000, "currency": "USDX"', "makes no message: currency"),
    ],
)
def test_one_odd_quote_fails_alone_and_for_good(platform: Platform, odd: str, reason: str) -> None:
    quote = '{"symbol": "%s", "quoteType": "EQUITY", "exchange": "NYQ", "regularMarketPrice": 1.5, %s}'
    good = quote % ("AAA", '"marketCap": 9000000, "currency": "USD"')
    body = '{"quoteResponse": {"result": [' + f"{good}, {quote % ('BBB', odd)}" + '], "error": null}}'
    platform.yahoo.faults({"match": "finance/quote", "times": 1, "status": 200, "body": body})
    assert stock_daily.main(["--tickers", "AAA,BBB"]) == 0
    assert platform.items()["AAA", "quotes"] == "stored"
    assert platform.items()["BBB", "quotes"] == "failed"
    assert platform.items()["BBB", "bars"] == "stored"
    assert reason in platform.run()["error"]


def test_stage_4_brings_caps_profiles_bars_and_rates_and_then_nothing(platform: Platform) -> None:
    trend(platform, ["XLF", "QQQ"])
    trending_holdings.main([])
    platform.yahoo.clear_requests()
    assert stock_daily.main([]) == 0
    assert len(platform.asked("/v7/finance/quote")) == 1
    assert len(platform.asked("/quoteSummary/")) == 3  # a profile a new stock
    assert sorted(each.path.rpartition("/")[2] for each in platform.asked("/chart/")) == [
        "900010.KS",
        "AAA",
        "KRW=X",
        "NEW",
    ]
    caps = platform.rows("SELECT ticker, market_cap, currency, session_date FROM collected_00_market_cap ORDER BY 1")
    assert [(ticker, float(cap), currency, day) for ticker, cap, currency, day in caps] == [
        ("900010.KS", 4e14, "KRW", D),
        ("AAA", 2e12, "USD", D),
        ("NEW", 1e9, "USD", D),
    ]
    assert platform.rows("SELECT ticker, quote_type, sector, currency FROM collected_00_meta_stock ORDER BY 1") == [
        ("900010.KS", "EQUITY", "Industrial", "KRW"),
        ("AAA", "EQUITY", "Technology", "USD"),
        ("FUND", "ETF", None, "USD"),
        ("NEW", "EQUITY", "Technology", "USD"),
    ]
    assert platform.rows("SELECT max(rate_date), max(usd_per_unit)::float8 FROM collected_00_fx_rate") == [
        (date(2026, 1, 22), pytest.approx(0.0007, rel=1e-6))
    ]
    assert platform.run()["status"] == "success"
    assert findings(platform, "first bar") == [("NEW", stored_sessions(platform, "NEW")[0])]
    platform.yahoo.clear_requests()
    with pytest.raises(AlreadyComplete):
        stock_daily.main([])
    assert platform.yahoo.requests() == []
    assert stock_daily.main(["--force"]) == 0
    assert len(platform.asked("/v7/finance/quote")) == 1
    assert len(platform.asked("/chart/")) == 4
    assert platform.asked("/quoteSummary/") == []  # a profile is asked for once


def test_a_profile_that_fails_is_told_apart_from_what_the_quote_said_of_the_stock(platform: Platform) -> None:
    platform.yahoo.faults({"match": "quoteSummary/NEW", "times": None, "status": 500})
    with pytest.raises(RunAgain):
        stock_daily.main(["--tickers", "NEW"])
    items = platform.items()
    assert (items["NEW", "quoted_profile"], items["NEW", "profile"]) == ("stored", "failed")
    assert platform.run()["status"] == "partial"


NO_SECTOR = """{"quoteSummary": {"result": [{"quoteType": {"quoteType": "EQUITY", "exchange": "NYQ"},
    "assetProfile": {}, "price": {"currency": "USD"}}], "error": null}}"""


def test_a_sector_that_the_source_did_not_know_is_asked_for_again_in_the_next_week(platform: Platform) -> None:
    platform.yahoo.faults({"match": "quoteSummary/NEW", "times": 1, "status": 200, "body": NO_SECTOR})
    sectors = "SELECT sector FROM collected_00_meta_stock WHERE ticker = 'NEW'"
    stock_daily.main(["--tickers", "AAA,NEW"])
    assert platform.rows(sectors) == [("Unknown",)]
    with pytest.raises(AlreadyComplete):  # no request of its own
        stock_daily.main(["--tickers", "AAA,NEW"])
    for evening in (MONDAY_EVENING, TUESDAY_EVENING):
        platform.yahoo.move_clock(evening)
        assert stock_daily.main(["--tickers", "AAA,NEW"]) == 0
        assert platform.rows(sectors) == [("Technology",)]
    asked = [each.path.rpartition("/")[2] for each in platform.asked("/quoteSummary/")]
    assert sorted(asked) == ["AAA", "NEW", "NEW"]


def test_a_sector_that_the_source_never_knows_is_asked_for_once_a_week(platform: Platform) -> None:
    platform.yahoo.faults({"match": "quoteSummary/NEW", "times": None, "status": 200, "body": NO_SECTOR})
    stock_daily.main(["--tickers", "NEW"])
    for evening in (MONDAY_EVENING, TUESDAY_EVENING):
        platform.yahoo.move_clock(evening)
        assert stock_daily.main(["--tickers", "NEW"]) == 0
    assert len(platform.asked("/quoteSummary/NEW")) == 2


def test_what_is_no_stock_is_asked_for_its_sector_once(platform: Platform) -> None:
    for evening in (None, MONDAY_EVENING):
        if evening:
            platform.yahoo.move_clock(evening)
        stock_daily.main(["--tickers", "FUND"])  # of which there are no bars, so that they are due each time
    assert len(platform.asked("/chart/FUND")) == 2
    assert len(platform.asked("/quoteSummary/FUND")) == 1


def test_a_stock_without_a_first_bar_misses_no_session_and_its_failure_says_so(platform: Platform) -> None:
    no_bar = {"match": "chart/NEW", "status": 200, "body": '{"chart": {"result": null, "error": null}}'}
    platform.yahoo.faults({**no_bar, "times": 1})
    with pytest.raises(RunAgain):
        stock_daily.main(["--tickers", "AAA,NEW"])
    assert platform.run()["error"] == "NEW bars: no data: no bar of 2024-11-11 to 2026-01-23"
    assert findings(platform, "missing session") == []
    assert stock_daily.main(["--tickers", "AAA,NEW"]) == 0
    assert stored_sessions(platform, "NEW")[-1] == D


def test_market_caps_that_come_after_another_session_has_closed_are_of_that_session(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Yahoo.quotes

    def late(source: Yahoo, tickers: Sequence[str]) -> dict[str, Quote]:
        platform.yahoo.move_clock(MONDAY_EVENING)
        return ask(source, tickers)

    monkeypatch.setattr(Yahoo, "quotes", late)
    stock_daily.main(["--tickers", "AAA"])
    assert platform.rows("SELECT ticker, session_date FROM collected_00_market_cap") == [("AAA", MONDAY)]


def test_rates_that_begin_later_than_they_were_asked_for_are_complete(platform: Platform) -> None:
    stamps = [int(datetime(2026, 1, day, tzinfo=UTC).timestamp()) for day in (20, 21, 22)]
    meta: dict[str, Any] = {"currency": "KRW", "exchangeTimezoneName": "Europe/London", "exchangeName": "CCY"}
    meta |= {"instrumentType": "CURRENCY", "gmtoffset": 0, "validRanges": ["1d", "max"]}
    close = [1400.0] * 3
    quote = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": [0] * 3}
    result = {"meta": meta, "timestamp": stamps, "indicators": {"quote": [quote], "adjclose": [{"adjclose": close}]}}
    body = json.dumps({"chart": {"result": [result], "error": None}})
    platform.yahoo.faults({"match": "chart/KRW=X", "times": None, "status": 200, "body": body})
    assert stock_daily.main(["--tickers", "900010.KS"]) == 0
    assert ("KRW", date(2026, 1, 20)) in findings(platform, "first bar")
    assert "KRW" not in {ticker for ticker, _ in findings(platform, "missing session")}
    with pytest.raises(AlreadyComplete):
        stock_daily.main(["--tickers", "900010.KS"])


def test_a_normal_day_costs_the_least_possible(platform: Platform) -> None:
    for evening, session in ((None, FRIDAY), (MONDAY_EVENING, MONDAY)):
        if evening:
            platform.yahoo.move_clock(evening)
        trend(platform, ["XLF", "QQQ"], session)
        platform.yahoo.clear_requests()
        etf_daily.main(["--group", "all"])
        trending_holdings.main([])
        assert stock_daily.main([]) == 0
    # The ETFs, 3 stocks and a currency; a list an ETF; one batch of quotes. The cookie is the process's.
    assert len(platform.asked("/chart/")) == len(ETFS) + 4
    assert len(platform.asked("/quoteSummary/")) == 2
    assert len(platform.asked("/v7/finance/quote")) == 1
    assert len(platform.asked()) == len(ETFS) + 4 + 2 + 1


NO_CAPS = "market caps of 2026-01-23 can't be had: the source knows today's only"


def test_a_past_session_brings_bars_but_no_market_caps_and_that_is_no_success(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    trend(platform, ["XLF"])
    trending_holdings.main([])
    platform.yahoo.move_clock(MONDAY_EVENING)
    assert stock_daily.main(["--as-of", D.isoformat(), "--plan"]) == 0
    assert capsys.readouterr().out.endswith(f" requests and two for the cookie; {NO_CAPS}\n")
    assert stock_daily.main(["--as-of", D.isoformat()]) == 0
    run = platform.run()
    assert (run["status"], run["usable"], run["error"]) == ("partial", True, NO_CAPS)  # what follows need not wait
    assert NO_CAPS in capsys.readouterr().out
    with pytest.raises(AlreadyComplete, match=NO_CAPS):
        stock_daily.main(["--as-of", D.isoformat()])
    assert (platform.run()["status"], platform.run()["error"]) == ("skipped", NO_CAPS)
    assert platform.asked("/v7/finance/quote") == []
    assert platform.rows("SELECT count(*) FROM collected_00_market_cap") == [(0,)]
    assert stored_sessions(platform, "AAA")[-1] == FRIDAY


def test_caps_that_never_came_stay_named_when_their_session_has_passed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "0")
    trend(platform, ["XLF"])
    trending_holdings.main([])
    assert stock_daily.main(["--tickers", "AAA,NEW,900010.KS"]) == 0  # bars, profiles and rates are there
    platform.rows("DELETE FROM collected_00_market_cap")
    platform.yahoo.faults({"match": "v7/finance/quote", "times": 1, "status": 503})
    with pytest.raises(RunAgain):
        stock_daily.main([])
    platform.yahoo.move_clock(MONDAY_EVENING)
    with pytest.raises(AlreadyComplete, match=NO_CAPS):
        stock_daily.main(["--as-of", D.isoformat()])
    run = platform.run()
    assert (run["process"], run["status"], run["usable"], run["error"]) == ("needed_stocks", "partial", True, NO_CAPS)


@pytest.mark.parametrize("more", [[], ["--force"]])
def test_a_past_session_whose_caps_are_all_stored_lacks_nothing(
    platform: Platform, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    trend(platform, ["XLF"])
    trending_holdings.main([])
    assert stock_daily.main([]) == 0
    platform.yahoo.move_clock(MONDAY_EVENING)
    for main in (trending_holdings.main, stock_daily.main):
        assert main(["--as-of", D.isoformat(), "--plan", *more]) == 0
    assert "can't be had" not in capsys.readouterr().out


def test_what_is_held_stays_priced(platform: Platform) -> None:
    trend(platform, [])
    platform.rows(
        """INSERT INTO analytics_portfolios (strategy, as_of_date, revision, status, origin, positions,
               first_published_at, published_at, computed_at, run_id)
           VALUES ('20d', '2026-01-20', 1, 'complete', 'live', 1, now(), now(), now(), 'test')"""
    )
    platform.rows(
        """INSERT INTO analytics_05_portfolio_allocation (as_of_date, ticker, period_days, sector, market_cap,
               return_pct, portfolio_weight, rank, allocation_score, source_etfs, allocation_reason,
               market_cap_source, run_id)
           VALUES ('2026-01-20', 'BBB', 20, 'Technology', 1, 1, 1, 1, 1, 'XLF', 'x', 'quote', 'test')"""
    )
    assert stock_daily.main([]) == 0
    assert stored_sessions(platform, "BBB")[-1] == D


def test_every_known_holding(platform: Platform) -> None:
    all_holdings.main([])
    assert stock_daily.main(["--scope", "known"]) == 0
    assert platform.run()["process"] == "known_stocks"
    assert platform.rows("SELECT DISTINCT ticker FROM collected_06_daily_stock_history ORDER BY 1") == [
        ("900010.KS",),
        ("AAA",),
        ("NEW",),
    ]


@pytest.mark.parametrize(("session", "asked"), [(FRIDAY, "/v7/finance/quote"), (date(2026, 1, 22), "/quoteSummary/")])
def test_a_ticker_that_nobody_knows_is_named_before_any_bar_is_asked_for(
    platform: Platform, session: date, asked: str
) -> None:
    with pytest.raises(UsageError, match=r"^NOPE: the source knows no such symbol"):
        stock_daily.main(["--tickers", "AAA,NOPE", "--as-of", session.isoformat()])
    run = platform.run()
    assert (run["process"], run["status"], run["usable"]) == ("chosen_stocks", "failed", False)
    assert run["error"] == "NOPE: the source knows no such symbol; no bars were asked for"
    assert platform.asked("/chart/") == []
    assert platform.asked(asked) != []
    assert platform.rows("SELECT count(*) FROM collected_06_daily_stock_history") == [(0,)]


def test_a_symbol_that_is_no_longer_anything_is_unknown(platform: Platform) -> None:
    body = """{"quoteResponse": {"result": [{"symbol": "AAA", "quoteType": "NONE"}], "error": null}}"""
    platform.yahoo.faults({"match": "v7/finance/quote", "times": 1, "status": 200, "body": body})
    with pytest.raises(UsageError, match="AAA"):
        stock_daily.main(["--tickers", "AAA"])
    assert platform.items()["AAA", "quotes"] == "failed"


def test_a_dead_symbol_that_is_shown_as_a_fund_stays_the_stock_it_was(platform: Platform) -> None:
    stock_daily.main(["--tickers", "AAA"])
    known = platform.rows("SELECT quote_type, exchange, company_name FROM collected_00_meta_stock")
    assert known[0][0] == "EQUITY"
    platform.yahoo.move_clock(MONDAY_EVENING)
    body = """{"quoteResponse": {"result": [{"symbol": "AAA", "quoteType": "MUTUALFUND", "typeDisp": "Fund",
        "shortName": "54688", "exchange": "YHD", "fullExchangeName": "YHD", "market": "us_market",
        "regularMarketTime": 1561759658, "tradeable": false}], "error": null}}"""
    platform.yahoo.faults({"match": "v7/finance/quote", "times": 1, "status": 200, "body": body})
    assert stock_daily.main(["--tickers", "AAA"]) == 0
    assert platform.run()["error"] == "AAA quotes: the source doesn't know it"
    assert platform.items() == {("AAA", "quotes"): "failed", ("AAA", "bars"): "stored"}
    assert platform.rows("SELECT quote_type, exchange, company_name FROM collected_00_meta_stock") == known


@pytest.mark.parametrize("odd", [{"body": '{"quoteResponse": {"result": [], "error": null}}'}, {"status": 404}])
def test_one_batch_without_a_quote_is_no_word_on_its_stocks(platform: Platform, odd: dict[str, Any]) -> None:
    platform.yahoo.faults({"match": "v7/finance/quote", "times": 1, "status": 200, **odd})
    assert stock_daily.main(["--tickers", "AAA,NEW"]) == 0
    assert (platform.items()["AAA", "quotes"], platform.items()["NEW", "quotes"]) == ("stored", "stored")
    assert len(platform.asked("v7/finance/quote")) == 2


def test_stocks_without_a_quote_are_asked_for_again_and_no_strike(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "0")
    platform.yahoo.faults({"match": "v7/finance/quote", "kind": "unknown_symbol"})
    with pytest.raises(RunAgain):
        stock_daily.main(["--tickers", "AAA,NEW"])
    assert "AAA quotes: a quote of none of them" in platform.run()["error"]
    assert platform.rows("SELECT max(consecutive_failures) FROM asset_processing_state") == [(0,)]


@pytest.mark.parametrize("tickers", ["AAA", "AAA,NEW"])
def test_a_dead_symbol_is_a_strike_whether_or_not_it_is_alone_in_its_request(platform: Platform, tickers: str) -> None:
    stock_daily.main(["--tickers", tickers])
    platform.yahoo.move_clock(MONDAY_EVENING)
    platform.yahoo.faults({"match": "v7/finance/quote", "times": None, "kind": "unknown_symbol", "symbols": ["AAA"]})
    for _ in range(2):  # the second time, nothing else is due
        assert stock_daily.main(["--tickers", tickers]) == 0
    assert len(platform.asked("v7/finance/quote")) == 3
    assert platform.run()["error"] == "AAA quotes: the source doesn't know it"
    assert platform.run()["usable"]
    struck = "SELECT ticker, operation, consecutive_failures FROM asset_processing_state WHERE consecutive_failures > 0"
    assert platform.rows(struck) == [("AAA", "quotes", 1)]


def test_a_lone_ticker_that_nobody_knows_is_named(platform: Platform) -> None:
    with pytest.raises(UsageError, match=r"^NOPE: the source knows no such symbol"):
        stock_daily.main(["--tickers", "NOPE"])
    assert platform.asked("/chart/") == []


def test_a_stock_without_the_runs_own_session_is_named_until_and_after_the_deadline(platform: Platform) -> None:
    stock_daily.main(["--tickers", "AAA,NEW"])
    platform.yahoo.move_clock(MONDAY_EVENING)
    days = {"match": "chart/NEW", "times": None, "kind": "missing_days"}
    platform.yahoo.faults({**days, "days": [MONDAY.isoformat(), TUESDAY.isoformat()]})
    for _ in range(7):  # the bar may be late
        with pytest.raises(RunAgain):
            stock_daily.main(["--tickers", "AAA,NEW"])
    platform.rows("UPDATE process_executions SET started_at = started_at - interval '90 minutes'")
    assert stock_daily.main(["--tickers", "AAA,NEW"]) == 0
    assert (platform.run()["status"], platform.run()["usable"]) == ("partial", True)
    assert "NEW bars: no data: no bar of 2026-01-26" in platform.run()["error"]
    platform.yahoo.move_clock(TUESDAY_EVENING)
    assert stock_daily.main(["--tickers", "AAA,NEW"]) == 0  # two sessions: it has stopped, for good
    assert (platform.run()["status"], platform.run()["usable"]) == ("partial", True)
    assert "NEW bars: no data: no bar of 2026-01-26 to 2026-01-27" in platform.run()["error"]


def test_an_etf_of_the_universe_is_no_stock(platform: Platform) -> None:
    with pytest.raises(UsageError, match="SPY"):
        stock_daily.main(["--tickers", "SPY"])
