"""The client: what may pass is tried again after a pause, and a cache that can't be used is one line."""

import random
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yfinance
from peewee import OperationalError
from tenacity import Retrying

import collector.yahoo
from collector import kafka_01_producer_etf_daily as etf_daily
from test.collector.conftest import Platform
from utils.program import RunAgain, StageFailed


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


def test_a_source_that_is_tried_once_only(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "0")
    platform.yahoo.faults({"match": "chart/SPY", "times": 1, "status": 503})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    assert len(platform.asked("chart/SPY")) == 1


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
