"""Pace, budget and block: with a clock of the test's own, and as programs keep them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from collector import kafka_03_producer_trending_etf_holdings as trending_holdings
from collector import kafka_04_producer_stock_daily as stock_daily
from collector.pace import JITTER, STALE_SECONDS, Pace
from database import budget
from database.connection import connect
from test.collector.conftest import Platform, trend
from test.conftest import Database
from utils.program import RunAgain

NOON = datetime(2026, 1, 23, 12, tzinfo=UTC)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_requests_of_several_programs_keep_the_pace_together(tmp_path: Path) -> None:
    clock = Clock()
    programs = [Pace(tmp_path / "pace", now=lambda: clock.now, sleep=clock.sleep) for _ in range(3)]
    starts = []
    for at in range(12):
        programs[at % 3].wait(1.0)
        starts.append(clock.now)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert all(1.0 <= gap <= 1.0 + JITTER + 1e-3 for gap in gaps)
    assert max(gaps) - min(gaps) > 0.01  # never a beat that a server could hear
    assert sum(each.waited for each in programs) == pytest.approx(starts[-1] - 1000.0)


def test_programs_that_ask_at_the_same_instant_get_slots_of_their_own(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def program(_: int) -> list[float]:
        pace = Pace(tmp_path / "pace", now=lambda: 1000.0)
        together.wait()
        return [pace._take(0.5) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        slots = sorted(slot for taken in pool.map(program, range(8)) for slot in taken)
    assert len(slots) == 160
    assert min(later - earlier for earlier, later in pairwise(slots)) >= 0.5 - 1e-5


def test_slots_of_a_slow_program_hold_for_a_quick_one_however_far_away(tmp_path: Path) -> None:
    pace = Pace(tmp_path / "pace", now=lambda: 1000.0)
    slow, quick = [pace._take(60.0) for _ in range(3)], [pace._take(1.0) for _ in range(3)]
    assert quick[0] >= slow[-1] + 60 > 1000 + STALE_SECONDS
    assert all(later - earlier >= 1 for earlier, later in pairwise(quick))


def test_a_slow_request_makes_the_next_one_wait_longer(tmp_path: Path) -> None:
    clock = Clock()
    pace = Pace(tmp_path / "pace", now=lambda: clock.now, sleep=clock.sleep)
    pace.wait(2.5)
    assert clock.now == 1000.0
    pace.wait(1.0)
    assert clock.now >= 1002.5


def test_no_pace_takes_no_slot(tmp_path: Path) -> None:
    Pace(tmp_path / "pace").wait(0)
    assert not (tmp_path / "pace").exists()


@pytest.mark.parametrize("text", ["", "nonsense", f"{1000.0 + STALE_SECONDS + 1} 1"])
def test_a_slot_that_cannot_be_is_not_waited_for(tmp_path: Path, text: str) -> None:
    (tmp_path / "pace").write_text(text)
    clock = Clock()
    Pace(tmp_path / "pace", now=lambda: clock.now, sleep=clock.sleep).wait(1.0)
    assert clock.now == 1000.0


def test_parallel_programs_never_exceed_the_budget_together(database: Database) -> None:
    def program(_: int) -> int:
        with connect(database.settings("collector")) as connection:
            got = 0
            for _ in range(20):
                if budget.reserve(connection, "yahoo", daily_budget=50, now=NOON) is None:
                    got += 1
                    budget.settle(connection, "yahoo", reserved_at=NOON)
            return got

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(program, range(4))) == 50
    with connect(database.settings("collector")) as connection:
        assert connection.execute("SELECT used, reserved FROM source_budget").fetchall() == [(50, 0)]
        tomorrow = budget.reserve(connection, "yahoo", daily_budget=50, now=NOON)
        assert tomorrow == datetime(2026, 1, 24, tzinfo=UTC)
        assert budget.reserve(connection, "yahoo", daily_budget=50, now=tomorrow) is None


def minutes(*values: float) -> list[timedelta]:
    """Pauses."""
    return [timedelta(minutes=value) for value in values]


def test_a_block_holds_for_all_and_over_midnight(database: Database) -> None:
    late = datetime(2026, 1, 23, 23, 58, tzinfo=UTC)
    until = late + timedelta(minutes=5)
    with connect(database.settings("collector")) as connection:
        assert budget.block(connection, "yahoo", pauses=minutes(5), at_least=timedelta(), now=late) == until
        after_midnight = late + timedelta(minutes=3)
        assert budget.reserve(connection, "yahoo", daily_budget=50, now=after_midnight) == until
        assert budget.reserve(connection, "yahoo", daily_budget=50, now=until) is None
        assert budget.reserve(connection, "other", daily_budget=50, now=after_midnight) is None


def test_each_further_block_of_a_day_lasts_longer(database: Database) -> None:
    pauses = minutes(5, 15, 30)
    with connect(database.settings("collector")) as connection:

        def block(now: datetime, at_least: float = 0) -> float:
            """Minutes from now on."""
            until = budget.block(connection, "yahoo", pauses=pauses, at_least=timedelta(minutes=at_least), now=now)
            return (until - now) / timedelta(minutes=1)

        assert block(NOON) == 5
        assert block(NOON + timedelta(minutes=1)) == 4  # was on its way already: the same block
        assert block(NOON + timedelta(minutes=5)) == 15
        assert block(NOON + timedelta(minutes=30)) == 30
        assert block(NOON + timedelta(hours=2)) == 30  # the last one over and over
        assert block(NOON + timedelta(hours=3), at_least=45) == 45  # what the source asks for
        assert block(NOON + timedelta(days=1)) == 5  # a new day


# Programs that keep them


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
    platform.rows("UPDATE source_budget SET blocked_until = now()")
    assert etf_daily.main(["--group", "benchmark"]) == 0
    assert len([each for each in platform.asked("/chart/") if each.status == 200]) == 6


def test_429_after_the_deadline_holds_nothing_back_and_still_says_when_to_go_on(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    platform.yahoo.faults({"match": "chart/IWM", "times": 2, "status": 429})
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    platform.rows("UPDATE process_executions SET started_at = started_at - interval '2 hours'")
    platform.rows("UPDATE source_budget SET blocked_until = now()")
    assert etf_daily.main(["--group", "benchmark"]) == 0
    run = platform.run()
    assert (run["status"], run["usable"], run["not_before"]) == ("partial", True, None)
    [(blocked,)] = platform.rows("SELECT blocked_until FROM source_budget")
    until = f"the source answered 429, until {blocked.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    assert until in capsys.readouterr().out
    assert until in run["error"]
    platform.rows("UPDATE source_budget SET blocked_until = now()")
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
        platform.rows("UPDATE source_budget SET blocked_until = now()")
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
