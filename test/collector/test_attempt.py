"""A run at work: who fails is named, the others go on, and a source that is away is left alone."""

import logging
import re
import sys

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from collector import kafka_04_producer_stock_daily as stock_daily
from config.universe import tickers_of
from test.collector.conftest import MONDAY, TUESDAY, TUESDAY_EVENING, Platform, stored_sessions
from utils.program import RunAgain


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
