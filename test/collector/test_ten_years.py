"""The whole history of every ETF: a request each, and after a kill only for the rest."""

from pathlib import Path
from typing import Any

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from test.collector.conftest import ETFS, D, Platform, closes, forget_yfinance
from test.collector.test_kills import Executioner, Killed
from test.replay.market import write_market
from utils.sessions import sessions_until

pytestmark = pytest.mark.long
TEN_YEARS = 2520


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Two months more than is asked for."""
    return write_market(
        tmp_path / "market",
        bars=[row for at, etf in enumerate(ETFS) for row in closes(etf, D, TEN_YEARS + 42, 100 + at)],
        profiles=[{"symbol": etf, "quote_type": "ETF", "exchange": "PCX"} for etf in ETFS],
    )


def stored(platform: Platform) -> list[tuple[Any, ...]]:
    """Per ETF: how many sessions, the first and the last."""
    return platform.rows(
        """SELECT ticker, count(*), min(trade_date), max(trade_date)
           FROM collected_01_daily_etf_ohlc GROUP BY 1 ORDER BY 1"""
    )


def test_ten_years_of_every_etf_cost_a_request_each_and_go_on_after_a_kill(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    executioner = Executioner(monkeypatch)
    executioner.kill_at(60)
    asked = ["--group", "all", "--sessions", f"{TEN_YEARS}"]
    with pytest.raises(Killed):
        etf_daily.main(asked)
    before = len(stored(platform))
    assert 3 < before < len(ETFS)
    executioner.kill_at(0)
    forget_yfinance(monkeypatch)
    assert etf_daily.main(asked) == 0
    first = sessions_until(D, TEN_YEARS)[0]
    assert stored(platform) == [(etf, TEN_YEARS, first, D) for etf in sorted(ETFS)]
    assert len(platform.asked("/chart/")) <= len(ETFS) + 2  # two answers may have died with the program
