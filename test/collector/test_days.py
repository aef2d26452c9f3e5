"""Evenings in a row, in New York, London and Seoul: what each costs, and what is stored after it.

Every request of an evening is counted by its kind, those for the cookie too, and set against the least possible.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from collector import kafka_03_producer_trending_etf_holdings as trending_holdings
from collector import kafka_04_producer_stock_daily as stock_daily
from test.collector.conftest import ETFS, Platform, closes, findings, forget_yfinance, stored_sessions, trend
from test.replay.market import write_market
from utils.program import AlreadyComplete, RunAgain
from utils.sessions import sessions_between, sessions_until

Main = Callable[[Sequence[str]], int]
FRIDAY, MONDAY, TUESDAY = date(2026, 3, 6), date(2026, 3, 9), date(2026, 3, 10)
LAST = date(2026, 3, 31)
CALENDARS = {"AAA": "XNYS", "BBB": "XNYS", "PNC.L": "XLON", "900010.KS": "XKRX"}


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Up to March: IWM splits 2:1 on Monday the 9th, and on that day BBB comes into XLF's list, in PNC.L's place."""
    bars = [row for at, etf in enumerate(ETFS) for row in closes(etf, LAST, 340, 100 + at)]
    for stock, calendar in CALENDARS.items():
        bars += closes(stock, LAST, 340, 500, calendar)
    for row in bars:
        row["split"] = 2 if (row["symbol"], row["date"]) == ("IWM", MONDAY) else 0
    lists = {"2025-06-02": ("AAA", "PNC.L", "900010.KS"), MONDAY.isoformat(): ("AAA", "BBB", "900010.KS")}
    return write_market(
        tmp_path / "market",
        bars=bars,
        holdings=[
            {"etf": etf, "as_of": day, "symbol": symbol, "name": symbol, "weight": 0.1}
            for etf in ETFS
            for day, symbols in lists.items()
            for symbol in symbols
        ],
        profiles=[
            *({"symbol": etf, "quote_type": "ETF", "exchange": "PCX"} for etf in ETFS),
            *({"symbol": stock, "sector": "Technology"} for stock in ("AAA", "BBB")),
            profile("PNC.L", "GBp", "LSE", "Europe/London"),
            profile("900010.KS", "KRW", "KSC", "Asia/Seoul"),
        ],
        market_caps=[
            {"symbol": stock, "date": day, "market_cap": 1e11} for stock in CALENDARS for day in (FRIDAY, MONDAY)
        ],
        fx=[
            {"currency": currency, "date": day, "usd_per_unit": rate}
            for currency, rate in (("KRW", 0.0007), ("GBP", 1.25))
            for day in sessions_until(LAST, 340, "24/5")
        ],
    )


def profile(symbol: str, currency: str, exchange: str, timezone: str) -> dict[str, Any]:
    """A stock of another country."""
    return {
        "symbol": symbol,
        "sector": "Industrials",
        "currency": currency,
        "exchange": exchange,
        "timezone": timezone,
    }


@pytest.fixture
def programs(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Callable[[date], list[str]]:
    """Runs the programs of stages 1, 2 and 4 for an evening, each as a process of its own; how each run ended."""
    each: Sequence[tuple[Main, Sequence[str]]] = (
        (etf_daily.main, ["--group", "benchmark"]),
        (etf_daily.main, ["--group", "sector"]),
        (trending_holdings.main, []),
        (stock_daily.main, []),
    )

    def run(session: date) -> list[str]:
        platform.yahoo.move_clock(f"{session}T22:30:00Z")
        platform.yahoo.clear_requests()
        trend(platform, ["XLF", "QQQ"], session)
        ended = []
        for main, arguments in each:
            forget_yfinance(monkeypatch)
            try:
                main(arguments)
            except (AlreadyComplete, RunAgain) as end:
                ended.append(type(end).__name__)
            else:
                ended.append(platform.run()["status"])
        platform.rows("DELETE FROM analytics_03_trending_etfs")
        return ended

    return run


def cost(platform: Platform) -> dict[str, int]:
    """Every request since the log was cleared, by kind; a list and a profile are told apart by who they are of."""
    kinds: Counter[str] = Counter()
    for request in platform.yahoo.requests():
        path, _, symbol = request.path.rpartition("/")
        if path.endswith("quoteSummary"):
            kinds["list" if symbol in ETFS else "profile"] += 1
        elif path.endswith("chart"):
            kinds["rates" if symbol.endswith("=X") else "bars"] += 1
        else:
            kinds["quotes" if symbol == "quote" else "cookie"] += 1
    return dict(kinds)


SUCCESS = ["success"] * 4


def test_an_evening_costs_what_it_must_and_a_rerun_nothing(
    platform: Platform, programs: Callable[[date], list[str]]
) -> None:
    assert programs(FRIDAY) == SUCCESS
    assert cost(platform) == {
        "cookie": 1 + 4,  # the cookie is kept, its crumb is of a process: less than two a process
        "bars": len(ETFS) + 3,
        "list": 2,
        "quotes": 1,
        "profile": 3,
        "rates": 2,  # of pounds and pence together, of won
    }
    assert programs(MONDAY) == SUCCESS
    assert cost(platform) == {
        "cookie": 4,
        "bars": len(ETFS) + 1 + 3,  # IWM is restated: its whole history; PNC.L is in no list any more
        "list": 2,
        "quotes": 1,
        "profile": 1,  # BBB is new
        "rates": 1,
    }
    assert programs(MONDAY) == ["AlreadyComplete"] * 4
    assert platform.yahoo.requests() == []
    assert platform.rows("SELECT used, reserved FROM source_budget") == [(len(ETFS) + 16 + len(ETFS) + 13, 0)]


def test_after_two_evenings_without_a_source_no_session_is_missing(
    platform: Platform, programs: Callable[[date], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "0")
    assert programs(FRIDAY) == SUCCESS
    platform.yahoo.faults({"match": "chart|quote", "times": None, "status": 503})
    assert programs(MONDAY) == ["RunAgain"] * 4
    assert platform.rows("SELECT max(trade_date) FROM collected_01_daily_etf_ohlc") == [(FRIDAY,)]
    assert programs(TUESDAY) == ["RunAgain"] * 4
    platform.yahoo.clear_faults()
    wednesday = date(2026, 3, 11)
    assert programs(wednesday) == SUCCESS
    assert cost(platform)["bars"] == len(ETFS) + 1 + 3
    for ticker in ("SPY", "IWM", "XLB", "AAA", "900010.KS"):
        calendar = CALENDARS.get(ticker, "XNYS")
        assert stored_sessions(platform, ticker)[-4:] == sessions_between(FRIDAY, wednesday, calendar), ticker
    rates = platform.rows("SELECT rate_date FROM collected_00_fx_rate WHERE currency = 'KRW' ORDER BY 1 DESC LIMIT 4")
    assert [row[0] for row in rates[::-1]] == sessions_between(date(2026, 3, 5), TUESDAY, "24/5")


def test_pence_have_rates_of_their_own(platform: Platform, programs: Callable[[date], list[str]]) -> None:
    programs(FRIDAY)
    rates = platform.rows(
        "SELECT currency, usd_per_unit::float8, count(*) OVER () FROM collected_00_fx_rate WHERE rate_date = %s",
        date(2026, 3, 5),
    )
    assert sorted(rates) == [
        ("GBP", pytest.approx(1.25, rel=1e-6), 3),
        ("GBp", pytest.approx(0.0125, rel=1e-6), 3),
        ("KRW", pytest.approx(0.0007, rel=1e-6), 3),
    ]
    assert platform.rows(
        """SELECT b.currency, c.currency FROM collected_06_daily_stock_history b
           JOIN collected_00_market_cap c USING (ticker) WHERE ticker = 'PNC.L' AND trade_date = %s""",
        FRIDAY,
    ) == [("GBp", "GBP")]


# New York's clocks go forward on Sunday, March 8, London's on the 29th; Seoul's never do, and it rests on March 2.
EVENINGS = {
    "2026-02-27T21:30:00Z": date(2026, 2, 27),
    "2026-03-02T21:30:00Z": date(2026, 3, 2),
    "2026-03-06T20:59:00Z": date(2026, 3, 5),  # not over yet
    "2026-03-09T20:30:00Z": date(2026, 3, 9),  # over an hour earlier now
    "2026-03-27T20:30:00Z": date(2026, 3, 27),
    "2026-03-30T20:30:00Z": date(2026, 3, 30),
    "2026-03-31T15:00:00Z": date(2026, 3, 30),  # London and New York are open
}


def test_weeks_in_which_clocks_change_and_a_holiday_of_one_country_only(platform: Platform) -> None:
    for instant, session in EVENINGS.items():
        platform.yahoo.move_clock(instant)
        platform.yahoo.clear_requests()
        for main, arguments in (
            (etf_daily.main, ["--group", "benchmark"]),
            (stock_daily.main, ["--tickers", "AAA,PNC.L,900010.KS"]),
        ):
            try:
                main(arguments)
            except AlreadyComplete:
                continue
            assert platform.run()["as_of_date"] == session
        asked = {each.path.rpartition("/")[2] for each in platform.asked("/chart/")}
        assert ("900010.KS" in asked) == (instant[:10] not in ("2026-03-02", "2026-03-31")), instant
        for ticker in ("SPY", "AAA", "PNC.L", "900010.KS"):
            calendar = CALENDARS.get(ticker, "XNYS")
            expected = sessions_between(stored_sessions(platform, ticker)[0], session, calendar)
            assert stored_sessions(platform, ticker) == expected, (instant, ticker)
    assert date(2026, 3, 2) not in stored_sessions(platform, "900010.KS")
    assert findings(platform, "missing session") == []


def test_a_stock_that_is_renamed_is_named_once_and_the_new_name_is_fetched(
    platform: Platform, programs: Callable[[date], list[str]]
) -> None:
    assert programs(FRIDAY) == SUCCESS
    platform.rows(  # PNC.L is held, so it is asked for although it is in no list any more
        """INSERT INTO analytics_portfolios (strategy, as_of_date, revision, status, origin, positions,
               first_published_at, published_at, computed_at, run_id)
           VALUES ('20d', '2026-03-06', 1, 'complete', 'live', 1, now(), now(), now(), 'test')"""
    )
    platform.rows(
        """INSERT INTO analytics_05_portfolio_allocation (as_of_date, ticker, period_days, sector, market_cap,
               return_pct, portfolio_weight, rank, allocation_score, source_etfs, allocation_reason,
               market_cap_source, run_id)
           VALUES ('2026-03-06', 'PNC.L', 20, 'Industrial', 1, 1, 1, 1, 1, 'XLF', 'x', 'quote', 'test')"""
    )
    gone = {"times": None, "kind": "unknown_symbol"}
    platform.yahoo.faults({"match": "chart/PNC.L", **gone}, {"match": "v7/finance/quote", **gone, "symbols": ["PNC.L"]})
    assert programs(MONDAY) == ["success", "success", "success", "partial"]
    assert platform.run()["error"] == "PNC.L bars: No data found, symbol may be delisted"
    assert platform.run()["usable"]
    assert stored_sessions(platform, "PNC.L")[-1] == FRIDAY  # what is stored stays
    assert stored_sessions(platform, "BBB")[-1] == MONDAY


def test_a_stock_that_is_halted_for_a_day_goes_on_with_a_finding(
    platform: Platform, programs: Callable[[date], list[str]]
) -> None:
    assert programs(FRIDAY) == SUCCESS
    halt = {"match": "chart/AAA", "times": None, "kind": "missing_days", "days": [MONDAY.isoformat()]}
    platform.yahoo.faults(halt)
    assert programs(MONDAY) == ["success", "success", "success", "RunAgain"]
    assert platform.run()["error"] == "AAA bars: no data: no bar of 2026-03-09"
    assert programs(TUESDAY) == SUCCESS
    assert stored_sessions(platform, "AAA")[-2:] == [FRIDAY, TUESDAY]
    assert platform.rows(
        "SELECT ticker, session, count(*) FROM data_quality_findings WHERE check_name = 'missing session' GROUP BY 1, 2"
    ) == [("AAA", MONDAY, 2)]
    platform.yahoo.clear_faults()
    assert programs(date(2026, 3, 11)) == SUCCESS
    # It came late, and came.
    assert stored_sessions(platform, "AAA")[-4:] == sessions_between(FRIDAY, date(2026, 3, 11))
