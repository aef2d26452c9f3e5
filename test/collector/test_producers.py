"""The four producers against the replayed market: what they ask for, what is stored, and how they end."""

import logging
import random
import re
import sqlite3
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yfinance
from peewee import OperationalError
from tenacity import Retrying

import collector.yahoo
from collector import kafka_01_producer_etf_daily as etf_daily
from collector import kafka_02_producer_etf_holdings as all_holdings
from collector import kafka_03_producer_trending_etf_holdings as trending_holdings
from collector import kafka_04_producer_stock_daily as stock_daily
from collector.arguments import run
from collector.pace import Pace
from config.universe import tickers_of
from database.connection import connect
from database.ledger import last_usable
from test.collector.conftest import ETFS, D, Platform, trend
from utils.program import FAILED, AlreadyComplete, RunAgain, StageFailed, UsageError
from utils.sessions import sessions_until

pytestmark = pytest.mark.integration
FRIDAY, MONDAY, TUESDAY = D, date(2026, 1, 26), date(2026, 1, 27)
MONDAY_EVENING, TUESDAY_EVENING = "2026-01-26T22:30:00Z", "2026-01-27T22:30:00Z"


def stored_sessions(platform: Platform, ticker: str) -> list[date]:
    """Sessions that are stored of an ETF or stock, oldest first."""
    rows = platform.rows(
        """SELECT trade_date FROM collected_01_daily_etf_ohlc WHERE ticker = %(t)s
           UNION ALL SELECT trade_date FROM collected_06_daily_stock_history WHERE ticker = %(t)s ORDER BY 1""".replace(
            "%(t)s", f"'{ticker}'"
        )
    )
    return [row[0] for row in rows]


def findings(platform: Platform, check: str) -> list[tuple[Any, ...]]:
    """(ticker, session) of a check's findings."""
    query = "SELECT ticker, session FROM data_quality_findings WHERE check_name = %s ORDER BY 1, 2"
    return platform.rows(query, check)


# Bars of ETFs


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


# What goes wrong


def test_429_stops_the_run_as_partial_and_says_when_to_go_on(platform: Platform) -> None:
    platform.yahoo.faults({"match": "chart/IWM", "times": 1, "status": 429})
    with pytest.raises(RunAgain) as stopped:
        etf_daily.main(["--group", "benchmark"])
    run = platform.run()
    assert run["status"] == "partial"
    assert run["stored"] >= 1
    assert timedelta(minutes=4) < stopped.value.not_before - datetime.now(UTC) <= timedelta(minutes=5)
    assert abs(run["not_before"] - stopped.value.not_before) < timedelta(seconds=1)
    asked = len(platform.yahoo.requests())
    assert len([each for each in platform.yahoo.requests() if each.status == 429]) == 1
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    assert len(platform.yahoo.requests()) == asked  # blocked: nobody asks
    platform.write("UPDATE source_budget SET blocked_until = now()")
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert len([each for each in platform.asked("/chart/") if each.status == 200]) == 6


def test_429_after_the_deadline_holds_nothing_back_and_still_says_when_to_go_on(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    platform.yahoo.faults({"match": "chart/IWM", "times": 2, "status": 429})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    platform.write("UPDATE process_executions SET started_at = started_at - interval '2 hours'")
    platform.write("UPDATE source_budget SET blocked_until = now()")
    assert etf_daily.main(["--group", "benchmark"]) == 0
    run = platform.run()
    assert (run["status"], run["usable"], run["not_before"]) == ("partial", True, None)
    [(blocked,)] = platform.rows("SELECT blocked_until FROM source_budget")
    until = f"the source answered 429, until {blocked.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    assert until in capsys.readouterr().out
    assert until in run["error"]
    platform.write("UPDATE source_budget SET blocked_until = now()")
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert len([each for each in platform.asked("/chart/") if each.status == 200]) == 6


def test_a_source_that_limits_requests_again_is_left_alone_three_times_as_long(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    platform.yahoo.faults({"match": "finance/chart", "times": 2, "status": 429})
    for pause in (5, 15):
        with pytest.raises(RunAgain) as stopped:
            etf_daily.main(["--group", "benchmark"])
        # Stopped before anything was stored, but by the source's word: no failure of the run.
        assert (platform.run()["status"], platform.run()["usable"]) == ("partial", False)
        left = stopped.value.not_before - datetime.now(UTC)
        assert timedelta(minutes=pause - 1) < left <= timedelta(minutes=pause)
        platform.write("UPDATE source_budget SET blocked_until = now()")
    assert etf_daily.main(["--group", "benchmark"]) == 0


def test_nobody_asks_after_a_429_not_even_who_waits_for_a_slot(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_WORKERS", "4")
    monkeypatch.setenv("YAHOO_PACE_SECONDS", "0.2")
    platform.yahoo.faults({"match": "finance/chart", "times": None, "status": 429})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "sector"])
    assert len(platform.asked("/chart/")) == 1


def test_a_budget_that_is_used_up_stops_until_midnight(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAHOO_DAILY_BUDGET", "4")
    with pytest.raises(RunAgain) as stopped:
        etf_daily.main(["--group", "benchmark"])
    assert len(platform.yahoo.requests()) == 4
    assert stopped.value.not_before.hour == 0
    assert platform.rows("SELECT used, reserved FROM source_budget") == [(4, 0)]


@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"kind": "broken_json"}, {"kind": "timeout", "delay_seconds": 0.01}, {"delay_seconds": 3}],
)
def test_a_failure_that_passes_costs_one_request_more(
    platform: Platform, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_TIMEOUT_SECONDS", "1")
    platform.yahoo.faults({"match": "chart/SPY", "times": 1, **fault})
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert len(platform.asked("chart/SPY")) == 2
    assert platform.run()["api_calls"] == 9


def test_pauses_between_tries_grow_and_are_drawn_by_chance(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(collector.yahoo, "Retrying", partial(Retrying, sleep=slept.append))
    monkeypatch.setattr(random, "uniform", lambda low, high: low + 0.75 * (high - low))
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "3")
    platform.yahoo.faults({"match": "chart/SPY", "times": 3, "status": 503})
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert slept == [0.375, 0.75, 1.5]


def test_lists_and_profiles_take_longer_slots_than_bars_and_quotes(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots: list[float] = []
    monkeypatch.setattr(Pace, "wait", lambda _, seconds: slots.append(seconds))
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    monkeypatch.delenv("YAHOO_PACE_SECONDS")
    monkeypatch.delenv("YAHOO_SLOW_PACE_SECONDS")
    trend(platform, ["XLF"])
    trending_holdings.main([])
    stock_daily.main(["--tickers", "AAA"])
    paths = [each.path for each in platform.yahoo.requests()]
    kinds = {path.rpartition("/")[0]: slot for path, slot in zip(paths, slots, strict=True)}
    assert kinds == {
        "": 1.0,
        "/v1/test": 1.0,
        "/v7/finance": 1.0,
        "/v8/finance/chart": 1.0,
        "/v10/finance/quoteSummary": 2.5,
    }
    assert slots.count(2.5) == 2


def test_a_person_at_a_terminal_sees_a_bar(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    etf_daily.main(["--group", "benchmark"])
    assert re.search(r"benchmark_etf_bars: 100%.* 6/6 ", capsys.readouterr().err)


def test_elsewhere_a_line_tells_how_far_it_is(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    etf_daily.main(["--group", "benchmark"])
    assert "benchmark_etf_bars: 6 of 6 asked for" in caplog.messages


def test_a_source_that_is_tried_once_only(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "0")
    platform.yahoo.faults({"match": "chart/SPY", "times": 1, "status": 503})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    assert len(platform.asked("chart/SPY")) == 1


def test_an_etf_that_fails_is_named_and_the_others_go_on(platform: Platform) -> None:
    platform.yahoo.faults({"match": "chart/DIA", "times": None, "status": 500})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    assert platform.run()["error"] == "DIA bars: the source answered 500"
    assert [status for (ticker, _), status in platform.items().items() if ticker != "DIA"] == ["stored"] * 5


def test_a_source_that_does_not_answer_fails_the_run_and_is_left_alone(platform: Platform) -> None:
    platform.yahoo.faults({"match": "finance/chart", "times": None, "status": 503})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "sector"])
    assert platform.run()["status"] == "failed"
    assert set(platform.items().values()) == {"failed"}
    assert len(platform.asked("/chart/")) <= 3 * 8


def test_a_source_that_falls_silent_in_the_middle_of_a_run_is_left_alone(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "0")
    platform.yahoo.faults({"match": "chart/(?!QQQ|XLF)", "times": None, "status": 503})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "sector"])
    assert platform.run()["stored"] == 2
    assert len(platform.asked("/chart/")) <= 2 + 6  # five failed, and one was on its way
    assert "not asked for: the source does not answer (the source answered 503)" in platform.run()["error"]


def test_a_source_that_answers_between_failures_is_asked_for_the_rest(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "0")
    platform.yahoo.faults({"match": "chart/XL[FVYCPURB]", "times": None, "status": 503})  # four, then XLI, then four
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "sector"])
    assert len(platform.asked("/chart/")) == len(tickers_of("sector"))


def test_what_is_never_stored_is_unconfirmed(platform: Platform) -> None:
    platform.broker.lose = True
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    assert "unconfirmed" in platform.run()["error"]
    assert platform.run()["failed"] == 6


@pytest.mark.parametrize(
    ("name", "value", "error", "line"),
    [
        ("YAHOO_PROXY", "http://127.0.0.1:1", StageFailed, "nobody answers"),
        ("YAHOO_PROXY", "http://127.0.0.1:99999", UsageError, "127.0.0.1:99999: expected http://host:port"),
        ("YAHOO_PROXY", "http://[::1", UsageError, r"\[::1: expected http://host:port"),
        ("YAHOO_CA_FILE", __file__, UsageError, "expected a PEM file"),
    ],
)
def test_a_wrong_way_to_the_source_is_one_line(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, name: str, value: str, error: type[Exception], line: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(error, match=line):
        etf_daily.main(["--group", "benchmark"])
    assert platform.run()["status"] == "failed"


def test_a_certificate_authority_that_only_looks_like_one_is_one_line(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n")
    monkeypatch.setenv("YAHOO_CA_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(UsageError, match=r"ca\.pem: expected a PEM file"):
        etf_daily.main(["--group", "benchmark"])


def test_a_cache_of_another_version_is_one_line(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    with sqlite3.connect(tmp_path / "cache" / "cookies.db") as older:
        older.execute("CREATE TABLE _cookieschema (another TEXT)")
    older.close()
    with pytest.raises(StageFailed, match=r"^YAHOO_CACHE_DIR .*: no such column.*remove them$"):
        etf_daily.main(["--group", "benchmark"])
    assert platform.run()["status"] == "failed"
    assert platform.rows("SELECT count(*) FROM collected_01_daily_etf_ohlc") == [(0,)]


def test_a_disk_that_is_full_under_the_cache_is_one_line_that_blames_no_file(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(yfinance.Ticker, "history", full)
    with pytest.raises(StageFailed, match=r"^YAHOO_CACHE_DIR .*: database or disk is full$"):
        etf_daily.main(["--group", "benchmark"])


def test_a_disk_that_is_full_while_fetching_stops_the_run_in_one_line(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(pace: Pace, seconds: float) -> float:
        if len(platform.asked("/chart/")) == 3:
            raise OSError(28, "No space left on device")
        return 0.0

    monkeypatch.setenv("YAHOO_PACE_SECONDS", "0.01")
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    monkeypatch.setattr(Pace, "_take", take)
    monkeypatch.setattr(sys, "argv", ["kafka_01_producer_etf_daily.py"])
    with pytest.raises(SystemExit) as ended:
        run(lambda _: etf_daily.main(["--group", "benchmark"]))
    assert ended.value.code == FAILED
    assert platform.run()["error"] == "OSError: [Errno 28] No space left on device"
    assert platform.rows("SELECT DISTINCT count(*) FROM collected_01_daily_etf_ohlc GROUP BY ticker") == [(300,)]


# Holdings


def test_lists_of_the_trending_etfs_are_dated_by_the_session_and_asked_for_once(platform: Platform) -> None:
    trend(platform, ["XLF", "QQQ"])
    assert trending_holdings.main([]) == 0
    rows = platform.rows(
        """SELECT etf_ticker, holding_ticker, holding_percent::float8, holding_rank, as_of_date
           FROM collected_04_etf_holdings WHERE etf_ticker = 'XLF' ORDER BY holding_rank"""
    )
    assert rows == [
        ("XLF", "AAA", 40.0, 1, D),
        ("XLF", "FUND", 20.0, 2, D),
        ("XLF", "900010.KS", 10.0, 3, D),
        ("XLF", "NEW", 5.0, 4, D),
    ]
    assert len(platform.asked("quoteSummary")) == 2
    with pytest.raises(AlreadyComplete):
        trending_holdings.main([])
    assert len(platform.asked("quoteSummary")) == 2


def test_without_a_result_of_stage_3_it_is_named(platform: Platform) -> None:
    with pytest.raises(StageFailed, match="stage 3"):
        trending_holdings.main([])


def test_holdings_of_a_past_session_are_not_asked_for_and_that_is_no_success(platform: Platform) -> None:
    trend(platform, ["XLF"])
    platform.yahoo.move_clock(MONDAY_EVENING)
    lacking = "holdings of 2026-01-23 can't be had: the source knows today's only"
    with pytest.raises(AlreadyComplete, match=lacking):
        trending_holdings.main(["--as-of", D.isoformat()])
    assert platform.yahoo.requests() == []
    run = platform.run()
    assert (run["status"], run["usable"], run["error"]) == ("partial", True, lacking)  # what follows need not wait
    with pytest.raises(AlreadyComplete, match=lacking):
        trending_holdings.main(["--as-of", D.isoformat()])
    assert (platform.run()["status"], platform.run()["error"]) == ("skipped", lacking)
    with pytest.raises(AlreadyComplete, match=lacking):
        all_holdings.main(["--as-of", D.isoformat()])


def test_what_lacked_of_a_session_that_has_passed_stays_named(platform: Platform) -> None:
    trend(platform, ["XLF", "QQQ"])
    platform.yahoo.faults({"match": "quoteSummary/XLF", "kind": "unknown_symbol"})
    assert trending_holdings.main([]) == 0
    run = platform.run()
    assert (run["status"], run["usable"], run["stored"]) == ("partial", True, 1)
    platform.yahoo.move_clock(MONDAY_EVENING)
    with pytest.raises(AlreadyComplete, match="can't be had"):
        trending_holdings.main(["--as-of", D.isoformat()])
    with connect(platform.database.settings("pipeline")) as connection:
        stands = last_usable(connection, "trending_etf_holdings", D)
    assert stands is not None
    assert stands.run_id == run["run_id"]


def test_a_past_session_whose_lists_are_all_stored_lacks_nothing(platform: Platform) -> None:
    trend(platform, ["XLF"])
    assert trending_holdings.main([]) == 0
    platform.yahoo.move_clock(MONDAY_EVENING)
    with pytest.raises(AlreadyComplete, match="2026-01-23 is already complete"):
        trending_holdings.main(["--as-of", D.isoformat()])


def test_on_a_sunday_the_lists_of_all_etfs_are_dated_by_the_sunday(platform: Platform) -> None:
    platform.yahoo.move_clock("2026-01-25T20:00:00Z")
    assert all_holdings.main([]) == 0
    dated = platform.rows("SELECT as_of_date, count(DISTINCT etf_ticker) FROM collected_04_etf_holdings GROUP BY 1")
    assert dated == [(date(2026, 1, 25), len(ETFS))]
    assert platform.run()["as_of_date"] == D


@pytest.mark.parametrize(
    ("fetched", "asked", "end"),
    [
        (MONDAY_EVENING, "2026-01-23", "holdings of 2026-01-23 can't be had"),
        (None, "2026-01-22", "holdings of 2026-01-22 can't be had"),
        (None, "2026-01-23", "2026-01-23 is already complete"),
        ("2026-01-25T20:00:00Z", "2026-01-23", "2026-01-23 is already complete"),  # on the Sunday after it
    ],
)
def test_lists_of_all_etfs_of_a_past_session_are_those_of_its_days(
    platform: Platform, fetched: str | None, asked: str, end: str
) -> None:
    if fetched:
        platform.yahoo.move_clock(fetched)
    assert all_holdings.main([]) == 0
    platform.yahoo.move_clock(MONDAY_EVENING)
    platform.yahoo.clear_requests()
    with pytest.raises(AlreadyComplete, match=f"^{end}"):
        all_holdings.main(["--as-of", asked])
    assert platform.yahoo.requests() == []


def test_a_list_with_odd_lines_keeps_the_others(platform: Platform) -> None:
    trend(platform, ["XLF"])
    body = """{"quoteSummary": {"result": [{"quoteType": {}, "topHoldings": {"holdings": [
        {"symbol": "AAA", "holdingName": "A", "holdingPercent": 0.05}, {"holdingName": "Cash", "holdingPercent": 0.2},
        {"symbol": "", "holdingPercent": 0.1}, {"symbol": "AAA", "holdingName": "A", "holdingPercent": 0.01},
        {"symbol": "BBB", "holdingName": "B", "holdingPercent": 0.0}]}}], "error": null}}"""
    platform.yahoo.faults({"match": "quoteSummary/XLF", "times": 1, "status": 200, "body": body})
    assert trending_holdings.main([]) == 0
    assert platform.rows("SELECT holding_ticker, holding_percent::float8 FROM collected_04_etf_holdings") == [
        ("AAA", 6.0)
    ]


def test_a_list_without_a_usable_row_is_a_failed_fetch(platform: Platform) -> None:
    trend(platform, ["XLF", "QQQ"])
    body = '{"quoteSummary": {"result": [{"topHoldings": {"holdings": []}}], "error": null}}'
    platform.yahoo.faults({"match": "quoteSummary/XLF", "times": 1, "status": 200, "body": body})
    assert trending_holdings.main([]) == 0
    assert (platform.run()["status"], platform.run()["usable"]) == ("partial", True)
    assert platform.items() == {("XLF", "holdings"): "failed", ("QQQ", "holdings"): "stored"}


@pytest.mark.parametrize("listed", ["null", '{"holdings": [null]}'])
def test_one_odd_list_does_not_keep_the_others_from_being_asked_for(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "0")
    trend(platform, ["XLF", "QQQ"])
    body = '{"quoteSummary": {"result": [{"topHoldings": ' + listed + '}], "error": null}}'
    platform.yahoo.faults({"match": "quoteSummary/XLF", "times": 1, "status": 200, "body": body})
    with pytest.raises(RunAgain):
        trending_holdings.main([])
    assert platform.items() == {("XLF", "holdings"): "failed", ("QQQ", "holdings"): "stored"}
    assert "XLF holdings: an answer of another shape" in platform.run()["error"]


# Stocks


@pytest.mark.parametrize(
    ("odd", "reason", "end"),
    [
        ('"marketCap": Infinity, "currency": "USD"', "no market cap", nullcontext()),
        ('"marketCap": 9000000, "currency": "USDX"', "makes no message: currency", pytest.raises(RunAgain)),
    ],
)
def test_one_odd_quote_fails_alone(
    platform: Platform, odd: str, reason: str, end: AbstractContextManager[object]
) -> None:
    quote = '{"symbol": "%s", "quoteType": "EQUITY", "exchange": "NYQ", "regularMarketPrice": 1.5, %s}'
    good = quote % ("AAA", '"marketCap": 9000000, "currency": "USD"')
    body = '{"quoteResponse": {"result": [' + f"{good}, {quote % ('BBB', odd)}" + '], "error": null}}'
    platform.yahoo.faults({"match": "finance/quote", "times": 1, "status": 200, "body": body})
    with end:
        assert stock_daily.main(["--tickers", "AAA,BBB"]) == 0
    assert platform.items()["AAA", "quotes"] == "stored"
    assert platform.items()["BBB", "quotes"] == "failed"
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
    platform.write("DELETE FROM collected_00_market_cap")
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
    platform.write(
        """INSERT INTO analytics_portfolios (strategy, as_of_date, revision, status, origin, positions,
               first_published_at, published_at, computed_at, run_id)
           VALUES ('20d', '2026-01-20', 1, 'complete', 'live', 1, now(), now(), now(), 'test')"""
    )
    platform.write(
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


def test_a_stock_that_was_missed_among_others_may_be_missed_alone(platform: Platform) -> None:
    stock_daily.main(["--tickers", "AAA,NEW"])
    platform.yahoo.move_clock(MONDAY_EVENING)
    platform.yahoo.faults({"match": "v7/finance/quote", "times": None, "kind": "unknown_symbol", "symbols": ["AAA"]})
    for _ in range(2):
        assert stock_daily.main(["--tickers", "AAA,NEW"]) == 0
    assert len(platform.asked("v7/finance/quote")) == 3
    assert platform.run()["error"] == "AAA quotes: the source doesn't know it"
    assert platform.run()["usable"]


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
    platform.write("UPDATE process_executions SET started_at = started_at - interval '90 minutes'")
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


def test_the_plan_is_shown_without_a_request(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    assert etf_daily.main(["--group", "benchmark", "--plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "benchmark_etf_bars 2026-01-23: SPY bars 2024-11-11 to 2026-01-23, lacks 300"
    assert lines[6:] == ["benchmark_etf_bars 2026-01-23: 6 requests and two for the cookie"]
    assert platform.yahoo.requests() == []
    assert platform.rows("SELECT count(*) FROM process_executions") == [(0,)]


def test_the_plan_of_new_stocks_is_what_is_asked_for(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    assert stock_daily.main(["--tickers", "AAA,NEW", "--plan"]) == 0
    planned = capsys.readouterr().out.splitlines()
    assert [line.removeprefix("chosen_stocks 2026-01-23: ") for line in planned] == [
        "quotes of 2: AAA, NEW",
        "AAA profile",
        "NEW profile",
        "AAA bars 2024-11-11 to 2026-01-23, lacks 300",
        "NEW bars 2024-11-11 to 2026-01-23, lacks 300",
        "5 requests and two for the cookie",
    ]
    stock_daily.main(["--tickers", "AAA,NEW"])
    assert len(platform.yahoo.requests()) == 5 + 2


# Whole history


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


def test_what_is_there_is_stored_and_what_lacks_is_no_success(platform: Platform) -> None:
    stock_daily.main(["--tickers", "AAA"])
    platform.yahoo.move_clock(TUESDAY_EVENING)
    platform.yahoo.faults({"match": "chart/AAA", "times": 1, "kind": "missing_days", "days": [TUESDAY.isoformat()]})
    with pytest.raises(RunAgain):
        stock_daily.main(["--tickers", "AAA"])
    assert platform.items()["AAA", "bars"] == "failed"
    assert "AAA bars: no data: no bar of 2026-01-27" in platform.run()["error"]
    assert stored_sessions(platform, "AAA")[-1] == MONDAY
    assert stock_daily.main(["--tickers", "AAA"]) == 0
    assert stored_sessions(platform, "AAA")[-1] == TUESDAY


def test_the_summary_tells_what_was_asked_sent_and_waited_for(
    platform: Platform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_PACE_SECONDS", "0.3")
    platform.yahoo.faults({"match": "chart/DIA", "times": None, "kind": "unknown_symbol"})
    etf_daily.main(["--group", "benchmark"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("benchmark")]
    told = re.fullmatch(
        r"benchmark_etf_bars 2026-01-23: partial: asked 6, stored 5, unchanged 0, failed 1, dead-lettered 0, "
        r"requests 8, sent 5, waited (\d\.\d) s for the pace "
        r"\(DIA bars: No data found, symbol may be delisted\)",
        line,
    )
    assert told is not None, line
    assert float(told[1]) > 0  # seven pauses of 0.3 s, less what passed between the requests


def test_how_an_instrument_stands_is_told_by_what_is_stored(platform: Platform) -> None:
    stock_daily.main(["--tickers", "AAA,900010.KS"])
    platform.yahoo.move_clock(MONDAY_EVENING)
    platform.yahoo.faults({"match": "chart/AAA", "times": None, "kind": "missing_days", "days": [MONDAY.isoformat()]})
    with pytest.raises(RunAgain):
        stock_daily.main(["--tickers", "AAA,900010.KS"])
    stands = platform.rows(
        """SELECT ticker, operation, first_stored_date, last_stored_date, last_error FROM v_asset_processing_state
           WHERE operation IN ('bars', 'fx') ORDER BY 1"""
    )
    first = stored_sessions(platform, "AAA")[0]
    lacks = "no data: no bar of 2026-01-26"
    assert [row[:2] + row[3:] for row in stands] == [
        ("900010.KS", "bars", MONDAY, None),
        ("AAA", "bars", FRIDAY, lacks),
        ("KRW", "fx", FRIDAY, None),
    ]
    assert stands[1][2] == first
