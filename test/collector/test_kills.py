"""A producer killed at each step it takes, one step after the other: the next run ends in the same truth."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

import collector.run
from collector import kafka_04_producer_stock_daily as stock_daily
from collector.yahoo import Yahoo
from database import budget, findings
from database.ledger import Run
from test.collector.conftest import D, Platform, StoringProducer, forget_yfinance
from utils.program import AlreadyComplete

# Whatever a run does to the outside world, in the order in which it comes to it.
STEPS: tuple[tuple[Any, str], ...] = (
    (collector.run, "open_run"),
    (Run, "plan"),
    (budget, "reserve"),
    (Yahoo, "quotes"),
    (Yahoo, "profile"),
    (Yahoo, "history"),
    (budget, "settle"),
    (findings, "record_all"),
    (StoringProducer, "send"),
    (Run, "sent"),
    (Run, "unchanged"),
    (Run, "open_items"),
    (Run, "close"),
    (collector.run, "update_state"),
)
TRUTH = {
    "bars": "SELECT ticker, count(*), max(trade_date) FROM collected_06_daily_stock_history GROUP BY 1",
    "caps": "SELECT ticker, session_date, market_cap::float8 FROM collected_00_market_cap",
    "stocks": "SELECT ticker, quote_type, sector FROM collected_00_meta_stock",
    "rates": "SELECT currency, count(*), max(rate_date) FROM collected_00_fx_rate GROUP BY 1",
    "failing": "SELECT ticker FROM asset_processing_state WHERE consecutive_failures > 0",
    "running": "SELECT run_id FROM process_executions WHERE status = 'running'",
    "open": "SELECT run_id FROM asset_processing_details WHERE status IN ('planned', 'sent')",
}


class Killed(BaseException):
    """As by kill -9: nothing of the program happens after it."""


class Executioner:
    """Kills before the step of that number, and every step after it: a dead program takes none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken, self.at = 0, 0
        for owner, name in STEPS:
            monkeypatch.setattr(owner, name, self._watched(getattr(owner, name)))

    def _watched(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            self.taken += 1
            if self.at and self.taken >= self.at:
                raise Killed
            return step(*arguments, **named)

        return watched

    def kill_at(self, number: int) -> None:
        """0: let it live."""
        self.taken, self.at = 0, number


def truth(platform: Platform) -> dict[str, list[tuple[Any, ...]]]:
    """What is stored and noted, but for times and names of runs."""
    return {name: sorted(platform.rows(query)) for name, query in TRUTH.items()}


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_killed_at_any_step_the_next_run_ends_in_the_same_truth(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    executioner = Executioner(monkeypatch)
    asked = ["--tickers", "900010.KS"]
    assert stock_daily.main(asked) == 0
    expected = truth(platform)
    assert expected["bars"] == [("900010.KS", 307, D)]
    assert (expected["running"], expected["open"], expected["failing"]) == ([], [], [])
    least = len(platform.asked())
    for number in count(1, every):
        platform.rows(
            """TRUNCATE collected_06_daily_stock_history, collected_00_market_cap, collected_00_meta_stock,
                   collected_00_fx_rate, process_executions, asset_processing_details, asset_processing_state,
                   data_quality_findings, source_budget"""
        )
        platform.yahoo.clear_requests()
        forget_yfinance(monkeypatch)
        executioner.kill_at(number)
        try:
            stock_daily.main(asked)
        except Killed:
            executioner.kill_at(0)
        else:
            assert number > 30
            break
        with suppress(AlreadyComplete):  # killed after the last row was stored
            assert stock_daily.main(asked) == 0, number
        assert truth(platform) == expected, number
        # At most those are asked for again whose answers died with the program: a worker has one task and one waits.
        assert len(platform.asked()) <= least + 2, number
        ((reserved,),) = platform.rows("SELECT reserved FROM source_budget")
        assert reserved <= 2, number
