"""Bars of ETFs, from the first evening on: what is asked for, what is stored, what lacks (stages 1 and 2)."""

from datetime import date

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from collector import kafka_04_producer_stock_daily as stock_daily
from collector.answers import History
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
)
from utils.program import AlreadyComplete, RunAgain
from utils.sessions import sessions_until


def test_the_first_evening_brings_300_sessions_of_each_benchmark_with_one_request_each(platform: Platform) -> None:
    assert etf_daily.main(["--group", "benchmark"]) == 0
    stored = platform.rows(
        "SELECT ticker, count(*), max(trade_date) FROM collected_01_daily_etf_ohlc GROUP BY 1 ORDER BY 1"
    )
    assert stored == [(etf, 300, D) for etf in ("DIA", "EWY", "IWM", "QQQ", "SCHD", "SPY")]
    assert len(platform.asked("/v8/finance/chart")) == 6
    assert len(platform.yahoo.requests()) == 8  # and two for the cookie
    run = platform.run()
    assert (run["process"], run["status"], run["usable"]) == ("benchmark_etf_bars", "success", True)
    assert (run["requested"], run["stored"], run["api_calls"]) == (6, 6, 8)
    assert platform.rows("SELECT used, reserved FROM source_budget") == [(8, 0)]


def test_a_rerun_asks_for_nothing_and_is_skipped(platform: Platform) -> None:
    etf_daily.main(["--group", "all"])
    before = len(platform.yahoo.requests())
    with pytest.raises(AlreadyComplete):
        etf_daily.main(["--group", "all"])
    assert len(platform.yahoo.requests()) == before
    assert platform.run()["status"] == "skipped"


def test_a_forced_rerun_asks_for_every_etf_again_and_finds_nothing_new(platform: Platform) -> None:
    etf_daily.main(["--group", "benchmark"])
    platform.yahoo.clear_requests()
    assert etf_daily.main(["--group", "benchmark", "--force"]) == 0
    assert len(platform.asked("/chart/")) == 6
    run = platform.run()
    assert (run["status"], run["requested"], run["unchanged"]) == ("success", 6, 6)


def test_the_next_evening_costs_one_request_an_etf_and_brings_one_session(platform: Platform) -> None:
    etf_daily.main(["--group", "all"])
    assert len(platform.asked("/chart/")) == len(ETFS)  # QQQ is in both groups
    platform.yahoo.clear_requests()
    platform.yahoo.move_clock(MONDAY_EVENING)
    assert etf_daily.main(["--group", "all"]) == 0
    assert len(platform.asked("/chart/")) == len(ETFS)
    assert stored_sessions(platform, "SPY")[-2:] == [FRIDAY, MONDAY]


def test_two_days_of_outage_leave_no_hole(platform: Platform) -> None:
    etf_daily.main(["--group", "benchmark"])
    platform.yahoo.move_clock(TUESDAY_EVENING)
    etf_daily.main(["--group", "benchmark"])
    assert stored_sessions(platform, "SPY")[-3:] == [FRIDAY, MONDAY, TUESDAY]


def test_the_running_session_is_never_stored(platform: Platform) -> None:
    platform.yahoo.move_clock("2026-01-26T16:00:00Z")
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert stored_sessions(platform, "SPY")[-1] == FRIDAY


def test_a_newest_bar_that_is_late_is_asked_for_again_and_nothing_is_called_success(platform: Platform) -> None:
    etf_daily.main(["--group", "benchmark"])
    platform.yahoo.move_clock(MONDAY_EVENING)
    platform.yahoo.faults({"match": "chart/SPY", "times": 1, "kind": "missing_days", "days": [MONDAY.isoformat()]})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    assert (platform.run()["status"], platform.run()["usable"]) == ("partial", False)
    assert platform.items()["SPY", "bars"] == "failed"
    assert findings(platform, "missing session") == [("SPY", MONDAY)]
    before = len(platform.asked("/chart/"))
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert len(platform.asked("/chart/")) == before + 1  # only what is missing
    assert stored_sessions(platform, "SPY")[-1] == MONDAY


def test_an_etf_that_lacks_two_sessions_is_late_and_has_not_stopped_trading(platform: Platform) -> None:
    etf_daily.main(["--group", "benchmark"])
    platform.yahoo.move_clock(TUESDAY_EVENING)
    days = [MONDAY.isoformat(), TUESDAY.isoformat()]
    platform.yahoo.faults({"match": "chart/DIA", "times": 1, "kind": "missing_days", "days": days})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert stored_sessions(platform, "DIA")[-2:] == [MONDAY, TUESDAY]


def test_without_spy_for_good_the_program_fails_so_that_it_is_asked_for_again(platform: Platform) -> None:
    platform.yahoo.faults({"match": "chart/SPY", "kind": "unknown_symbol"})
    assert etf_daily.main(["--group", "benchmark"]) == 1
    assert (platform.run()["status"], platform.run()["usable"]) == ("partial", False)


def test_a_hole_in_the_answer_is_asked_for_again_with_the_next_request(platform: Platform) -> None:
    hole = date(2026, 1, 14)
    platform.yahoo.faults({"match": "chart/SPY", "times": 1, "kind": "missing_days", "days": [hole.isoformat()]})
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert hole not in stored_sessions(platform, "SPY")
    assert findings(platform, "missing session") == [("SPY", hole)]
    with pytest.raises(AlreadyComplete):  # no request of its own
        etf_daily.main(["--group", "benchmark"])
    platform.yahoo.move_clock(MONDAY_EVENING)
    etf_daily.main(["--group", "benchmark"])
    assert hole in stored_sessions(platform, "SPY")


def test_an_answer_that_is_cut_at_its_front_is_not_taken_for_the_whole_history(platform: Platform) -> None:
    sessions = sessions_until(FRIDAY, 300)
    front = [day.isoformat() for day in sessions[:240]]
    platform.yahoo.faults({"match": "chart/SPY|KRW=X", "times": 2, "kind": "missing_days", "days": front})
    assert etf_daily.main(["--group", "benchmark"]) == 0
    stock_daily.main(["--tickers", "900010.KS"])
    assert stored_sessions(platform, "SPY") == sessions[240:]
    assert findings(platform, "first bar") == []
    assert findings(platform, "missing session")[-240:] == [("SPY", day) for day in sessions[:240]]
    with pytest.raises(AlreadyComplete):  # no request of its own
        etf_daily.main(["--group", "benchmark"])
    platform.yahoo.move_clock(MONDAY_EVENING)
    platform.yahoo.clear_requests()
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert len(platform.asked("/chart/")) == 6
    assert stored_sessions(platform, "SPY") == sessions_until(MONDAY, 300)
    stock_daily.main(["--tickers", "900010.KS"])
    days = platform.rows("SELECT rate_date FROM collected_00_fx_rate WHERE currency = 'KRW' ORDER BY 1")
    assert [row[0] for row in days] == sessions_until(FRIDAY, 300, "24/5")


def test_a_past_session_is_a_run_of_its_own_and_cuts_nothing(platform: Platform) -> None:
    platform.yahoo.move_clock(TUESDAY_EVENING)
    etf_daily.main(["--group", "benchmark"])
    before = len(platform.yahoo.requests())
    assert etf_daily.main(["--group", "benchmark", "--as-of", "2026-01-23"]) == 0
    assert len(platform.yahoo.requests()) == before
    assert (platform.run()["as_of_date"], platform.run()["requested"]) == (FRIDAY, 0)
    assert stored_sessions(platform, "SPY")[-1] == TUESDAY


def test_a_bar_that_another_run_stores_meanwhile_is_not_missing_in_an_older_answer(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    etf_daily.main(["--group", "benchmark"])
    ask = Yahoo.history

    def late(source: Yahoo, ticker: str, start: date, end: date, *, timezone: str) -> History:
        platform.rows(
            """INSERT INTO collected_01_daily_etf_ohlc
                   (ticker, trade_date, close_price, adj_close_price, volume, fetched_at, changed_at, run_id)
               VALUES ('SPY', %s, 1, 1, 1, now(), now(), 'another') ON CONFLICT DO NOTHING""",
            MONDAY,
        )
        return ask(source, ticker, start, end, timezone=timezone)

    monkeypatch.setattr(Yahoo, "history", late)
    assert etf_daily.main(["--group", "benchmark", "--force"]) == 0
    assert findings(platform, "missing session") == []


def test_years_of_history_cost_one_request_an_instrument_and_then_none(platform: Platform) -> None:
    etf_daily.main(["--group", "benchmark"])
    platform.yahoo.clear_requests()
    assert etf_daily.main(["--group", "benchmark", "--sessions", "2520"]) == 0
    assert len(platform.asked("/chart/")) == 6
    assert len(stored_sessions(platform, "SPY")) == 318  # the market has no more up to D
    assert findings(platform, "first bar")[-1] == ("SPY", stored_sessions(platform, "SPY")[0])
    with pytest.raises(AlreadyComplete):
        etf_daily.main(["--group", "benchmark", "--sessions", "2520"])
    with pytest.raises(AlreadyComplete):
        etf_daily.main(["--group", "benchmark"])
    assert len(platform.asked("/chart/")) == 6
