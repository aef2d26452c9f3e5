"""A split and a dividend overnight: the whole history is fetched once and replaced (rules 2)."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from test.collector.conftest import ETFS, Platform, closes
from test.replay.market import write_market
from utils.program import AlreadyComplete, RunAgain

MONDAY = date(2026, 1, 26)


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """On Monday IWM splits 2:1 and DIA pays 1 % of Friday's close."""
    last = date(2026, 1, 27)
    rows: list[dict[str, Any]] = [row for etf in ETFS for row in closes(etf, last, 320, 100)]
    for row in rows:
        if row["symbol"] == "IWM":
            row["split"] = 2 if row["date"] == MONDAY else 0
        if row["symbol"] == "DIA":
            row["dividend"] = 1.317 if row["date"] == MONDAY else 0
            if row["date"] < MONDAY:
                row["adj_close"] = row["close"] * 0.99
    return write_market(
        tmp_path / "market",
        bars=rows,
        profiles=[{"symbol": etf, "quote_type": "ETF", "exchange": "PCX"} for etf in ETFS],
    )


def test_a_split_and_a_dividend_replace_the_history_with_one_request_more_each(platform: Platform) -> None:
    etf_daily.main(["--group", "benchmark"])
    ((before,),) = platform.rows(
        "SELECT close_price::float8 FROM collected_01_daily_etf_ohlc WHERE ticker = 'IWM' AND trade_date = '2025-06-02'"
    )
    platform.yahoo.clear_requests()
    platform.yahoo.move_clock("2026-01-26T22:30:00Z")
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert len(platform.asked("/chart/")) == 8
    counts = platform.rows("SELECT DISTINCT count(*) FROM collected_01_daily_etf_ohlc GROUP BY ticker")
    assert counts == [(301,)]
    ((after, adjusted),) = platform.rows(
        """SELECT close_price::float8, adj_close_price::float8 / close_price::float8
           FROM collected_01_daily_etf_ohlc WHERE ticker = 'IWM' AND trade_date = '2025-06-02'"""
    )
    assert after == pytest.approx(before / 2)
    assert adjusted == pytest.approx(1)
    ((ratio,),) = platform.rows(
        """SELECT adj_close_price::float8 / close_price::float8
           FROM collected_01_daily_etf_ohlc WHERE ticker = 'DIA' AND trade_date = '2025-06-02'"""
    )
    assert ratio == pytest.approx(0.99, rel=1e-5)
    found = platform.rows(
        """SELECT ticker, session, detail FROM data_quality_findings
           WHERE check_name = 'restated' AND session IS NOT NULL ORDER BY 1"""
    )
    assert found == [
        ("DIA", MONDAY, "dividend 1.317, split 0"),
        ("IWM", MONDAY, "dividend 0, split 2"),
    ]
    with pytest.raises(AlreadyComplete):
        etf_daily.main(["--group", "benchmark"])


def test_a_whole_history_that_is_not_whole_replaces_nothing(platform: Platform) -> None:
    etf_daily.main(["--group", "benchmark"])
    platform.yahoo.move_clock("2026-01-26T22:30:00Z")
    stored = platform.rows("SELECT trade_date::text FROM collected_01_daily_etf_ohlc WHERE ticker = 'IWM'")
    half = sorted(row[0] for row in stored)[:150]
    platform.yahoo.faults({"match": "chart/IWM", "times": 2, "kind": "missing_days", "days": half})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    assert "lacks 150 of 300 stored sessions" in platform.run()["error"]
    assert platform.rows("SELECT count(*) FROM collected_01_daily_etf_ohlc WHERE ticker = 'IWM'") == [(300,)]
