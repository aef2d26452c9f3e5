"""A run from its plan to its summary, and what it leaves behind when the disk is full."""

import re
import sys
from unittest.mock import Mock

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from collector import kafka_04_producer_stock_daily as stock_daily
from collector.arguments import run
from collector.pace import Pace
from test.collector.conftest import FRIDAY, MONDAY, MONDAY_EVENING, Platform, stored_sessions
from utils.program import FAILED, RunAgain


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


def test_an_error_that_has_no_text_is_named_by_its_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kafka_01_producer_etf_daily.py"])
    with pytest.raises(SystemExit) as ended:
        run(Mock(side_effect=TimeoutError()))
    assert ended.value.code == FAILED
    assert capsys.readouterr().err.startswith("kafka_01_producer_etf_daily.py: TimeoutError")


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
