"""The four producers against the replayed market: what they ask for, what is stored, and how they end."""

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from test.collector.conftest import D, Platform
from utils.program import AlreadyComplete

pytestmark = pytest.mark.integration


def test_the_first_evening_brings_300_sessions_of_each_benchmark_with_one_request_each(platform: Platform) -> None:
    assert etf_daily.main(["--group", "benchmark"]) == 0
    stored = platform.rows(
        "SELECT ticker, count(*), max(trade_date) FROM collected_01_daily_etf_ohlc GROUP BY 1 ORDER BY 1"
    )
    assert stored == [(etf, 300, D) for etf in ("DIA", "EWY", "IWM", "QQQ", "SCHD", "SPY")]
    assert len(platform.asked("/v8/finance/chart")) == 6
    assert len(platform.yahoo.requests()) == 8  # and two for the cookie
    run = platform.run()
    assert (run["process"], run["status"], run["usable"], run["requested"], run["stored"], run["api_calls"]) == (
        "benchmark_etf_bars",
        "success",
        True,
        6,
        6,
        8,
    )


def test_a_rerun_asks_for_nothing_and_is_skipped(platform: Platform) -> None:
    etf_daily.main(["--group", "all"])
    before = len(platform.yahoo.requests())
    with pytest.raises(AlreadyComplete):
        etf_daily.main(["--group", "all"])
    assert len(platform.yahoo.requests()) == before
    assert platform.run()["status"] == "skipped"
