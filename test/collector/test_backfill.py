"""The backfill programs: what they ask for, keep and resume; how they stop."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from collector.answers import History
from collector.bars import bars_of
from collector.pace import Pace
from collector.run import Blocked
from test.backfill import arguments, benchmarks, cache, sectors
from test.collector.conftest import D, Platform
from test.conftest import REPO
from utils.program import AlreadyComplete, RunAgain, UsageError

MONDAY_EVENING = "2026-01-26T22:30:00Z"
NOW = datetime(2026, 1, 23, 22, 30, tzinfo=UTC)
COLUMNS = ["Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits"]
NAN, INF = float("nan"), float("inf")
ROWS = [
    [1.4, INF, 1.0, 1.5, -INF, 900, 0.0, 0.0],
    [1.5, 2.0, NAN, 1.75, 1.7, 1000, 0.0, 0.0],
    [1.75, INF, 1.0, 1.8, 1.8, 2000, 0.05, 2.0],
]
DAYS = [date(2026, 1, 21), date(2026, 1, 22), D]
ANSWER = History(
    pd.DataFrame(ROWS, columns=COLUMNS, index=pd.Index(DAYS, name="Date")),
    currency="USD",
    exchange="PCX",
    first_trade=date(1993, 1, 29),
    session_open=D,
    session_open_until=datetime(2026, 1, 23, 21, tzinfo=UTC),
    fetched_at=NOW,
)


# What is kept


def test_a_kept_answer_gives_the_same_bars_and_can_be_read_by_a_person(tmp_path: Path) -> None:
    file = tmp_path / "yahoo" / "SPY.json"
    cache.write(file, ANSWER)
    again = cache.read(file, now=NOW)
    assert again is not None
    kept = bars_of(again, calendar="XNYS", now=NOW, settle_minutes=20)
    assert kept == bars_of(ANSWER, calendar="XNYS", now=NOW, settle_minutes=20)
    assert [(bar.trade_date, bar.high_price) for bar in kept] == [(date(2026, 1, 22), 2.0), (D, None)]
    assert replace(again, frame=ANSWER.frame) == ANSWER
    assert '["2026-01-22", 1.5, 2.0, null, 1.75, 1.7, 1000, 0.0, 0.0],' in file.read_text().splitlines()
    assert [each.name for each in file.parent.iterdir()] == ["SPY.json"]


def test_an_answer_serves_for_a_day(tmp_path: Path) -> None:
    file = tmp_path / "SPY.json"
    assert cache.read(file, now=NOW) is None
    cache.write(file, ANSWER)
    assert cache.read(file, now=NOW + timedelta(hours=23, minutes=59)) is not None
    assert cache.read(file, now=NOW + timedelta(hours=24)) is None
    cache.remove_old(tmp_path, now=datetime.now(UTC))
    assert file.exists()
    cache.remove_old(tmp_path, now=datetime.now(UTC) + timedelta(hours=25))
    assert not file.exists()


@pytest.mark.parametrize("text", ['{"format": 1}', "[]", "{}", "not JSON", '{"format": 3, "rows": []}'])
def test_a_cache_of_another_version_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    file = tmp_path / "SPY.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"SPY\.json: not a cache of this version .*--no-cache"):
        cache.read(file, now=NOW)


def test_a_disk_that_is_full_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fills_up(self: Path, text: str, encoding: str) -> None:
        with self.open("w", encoding=encoding) as file:
            file.write(text[:50])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fills_up)
    with pytest.raises(OSError, match="No space left"):
        cache.write(tmp_path / "SPY.json", ANSWER)
    assert list(tmp_path.iterdir()) == []


# The programs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where answers of the market are kept."""
    monkeypatch.setattr(arguments, "CACHE", tmp_path / ".cache")
    return tmp_path / ".cache" / "yahoo"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds slept between ETFs."""
    slept: list[float] = []
    monkeypatch.setattr(sectors, "sleep", slept.append)
    yield slept


def forget_what_is_stored(platform: Platform) -> None:
    """As a developer who makes the database anew."""
    platform.rows("TRUNCATE collected_01_daily_etf_ohlc, process_executions, asset_processing_details")


def test_benchmarks_come_once_and_a_new_database_is_filled_from_the_cache(platform: Platform, folder: Path) -> None:
    assert benchmarks.main(["--days", "60", "--delay", "0"]) == 0
    stored = "SELECT ticker, count(*), max(trade_date) FROM collected_01_daily_etf_ohlc GROUP BY 1 ORDER BY 1"
    expected = [(etf, 300, D) for etf in ("DIA", "EWY", "IWM", "QQQ", "SCHD", "SPY")]
    assert platform.rows(stored) == expected
    assert len(platform.yahoo.requests()) == 6 + 2
    assert platform.run()["process"] == "benchmark_backfill"
    with pytest.raises(AlreadyComplete):
        benchmarks.main(["--days", "60", "--delay", "0"])
    forget_what_is_stored(platform)
    assert benchmarks.main(["--days", "60", "--delay", "0"]) == 0
    assert platform.rows(stored) == expected
    assert len(platform.yahoo.requests()) == 6 + 2
    assert len(list(folder.iterdir())) == 6
    forget_what_is_stored(platform)
    assert benchmarks.main(["--days", "60", "--delay", "0", "--no-cache"]) == 0
    assert len(platform.asked("/chart/")) == 12


def test_manners_are_the_persons_choice(platform: Platform, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slots: list[float] = []
    monkeypatch.setattr(Pace, "wait", lambda _, seconds: slots.append(seconds))
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    platform.yahoo.faults({"match": "chart/SPY", "times": 1, "status": 503}, {"match": "chart/QQQ", "status": 429})
    with pytest.raises(Blocked, match="the source answered 429") as stopped:
        benchmarks.main(["--days", "60", "--delay", "2.0", "--max-retries", "0", "--rate-limit-sleep", "600"])
    assert len(platform.asked("/chart/")) == 2
    assert set(slots) == {2.0}
    assert timedelta(minutes=9) < stopped.value.not_before - datetime.now(UTC) <= timedelta(minutes=10)
    platform.rows("UPDATE source_budget SET blocked_until = now()")
    platform.rows("UPDATE process_executions SET started_at = started_at - interval '1 day'")  # not for good, even then
    platform.yahoo.faults({"match": "chart/QQQ", "status": 429})
    with pytest.raises(Blocked):
        benchmarks.main(["--days", "60", "--delay", "0"])


def test_an_answer_is_whole_with_every_session_from_where_the_source_begins() -> None:
    tuesday, wednesday = date(2026, 1, 20), DAYS[0]
    young = replace(ANSWER, first_trade=wednesday)
    assert not cache.is_whole(young, wednesday, D)  # Wednesday's adjusted close is infinite
    whole = ANSWER.frame.assign(**{"Adj Close": 1.5})
    young, old = replace(young, frame=whole), replace(ANSWER, frame=whole)
    assert cache.is_whole(old, wednesday, D)
    assert cache.is_whole(young, tuesday, D)
    assert not cache.is_whole(old, tuesday, D)  # cut at its front
    assert not cache.is_whole(old, wednesday, date(2026, 1, 26))
    assert not cache.is_whole(replace(old, frame=whole.drop(DAYS[1])), wednesday, D)
    assert not cache.is_whole(replace(old, frame=whole.drop(DAYS)), wednesday, D)


def test_an_answer_with_a_hole_is_not_kept_and_the_next_run_asks_for_it(platform: Platform, folder: Path) -> None:
    hole = date(2026, 1, 14)
    platform.yahoo.faults({"match": "chart/XLB", "times": 1, "kind": "missing_days", "days": [hole.isoformat()]})
    stored = "SELECT count(*) FROM collected_01_daily_etf_ohlc WHERE trade_date = %s"
    for count in (0, 1):
        assert sectors.main(["--delay-minutes", "0", "--start-from", "XLB"]) == 0
        assert platform.rows(stored, hole) == [(count,)]
    assert len(platform.asked("chart/XLB")) == 2


def test_an_answer_that_lacks_its_last_session_is_not_kept(platform: Platform, folder: Path) -> None:
    platform.yahoo.faults({"match": "chart/SPY", "times": 1, "kind": "missing_days", "days": [D.isoformat()]})
    with pytest.raises(RunAgain):
        benchmarks.main(["--delay", "0"])
    assert benchmarks.main(["--delay", "0"]) == 0
    assert len(platform.asked("chart/SPY")) == 2


def test_a_cache_that_cannot_be_kept_is_one_line(platform: Platform, folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        benchmarks.main(["--delay", "0"])
    assert platform.run()["status"] == "failed"


def test_sectors_come_one_after_the_other_with_a_pause(
    platform: Platform,
    folder: Path,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def a_second(pace: Pace, _: float) -> None:
        pace.waited += 1

    monkeypatch.setattr(Pace, "wait", a_second)
    assert sectors.main(["--delay-minutes", "0.05", "--skip-existing"]) == 0
    assert [each.path.rpartition("/")[2] for each in platform.asked("/chart/")] == list(sectors.SECTORS)
    count = len(sectors.SECTORS)
    assert len(platform.yahoo.requests()) == count + 2
    told = re.findall(r"waited (\d+)\.0 s for the pace", capsys.readouterr().out)
    assert [int(seconds) for seconds in told] == [3] + [1] * (count - 1)  # the cookie's with the first
    assert pauses == [1] * (count - 1) * 3
    assert sectors.main(["--delay-minutes", "0.05", "--skip-existing"]) == 0
    # Nothing is missing: nothing is waited for.
    assert (len(platform.yahoo.requests()), len(pauses)) == (count + 2, (count - 1) * 3)
    assert sectors.main(["--delay-minutes", "0", "--start-from", "XLRE"]) == 0
    since = sectors.SECTORS[sectors.SECTORS.index("XLRE") :]
    assert len(platform.asked("/chart/")) == count + len(since)  # the newest are asked for again


def test_a_limit_stops_the_sectors_and_tells_when_and_where_to_go_on(
    platform: Platform, folder: Path, pauses: list[float]
) -> None:
    platform.yahoo.faults({"match": "chart/XLV", "status": 429}, {"match": "chart/XLF", "times": None, "status": 503})
    with pytest.raises(Blocked, match=r"until .* UTC; go on with --start-from XLF; to be run again not before"):
        sectors.main(["--delay-minutes", "0.05", "--skip-existing"])
    assert len(platform.asked("/chart/")) == 1 + 3 + 1  # QQQ, XLF with its tries, XLV
    assert len(pauses) == 2 * 3  # a pause also after the one that failed
    platform.rows("UPDATE source_budget SET blocked_until = now()")
    platform.yahoo.clear_faults()
    assert sectors.main(["--delay-minutes", "0", "--skip-existing", "--start-from", "XLF"]) == 0
    count = len(sectors.SECTORS)
    assert platform.rows("SELECT count(DISTINCT ticker), count(*) FROM collected_01_daily_etf_ohlc") == [
        (count, count * 300)
    ]


def test_the_plan_of_a_backfill_asks_for_nothing(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sectors.main(["--days", "310", "--plan", "--start-from", "XLB"]) == 0
    assert "XLB bars 2024-10-28 to 2026-01-23, lacks 310" in capsys.readouterr().out
    assert platform.yahoo.requests() == []


@pytest.mark.parametrize(
    ("program", "wrong", "line"),
    [
        ("1_backfill_etf_benchmarks", ("--days", "0"), "expected a number of sessions from 1 to 6500, got '0'"),
        ("1_backfill_etf_benchmarks", ("--days", "²"), "expected a number of sessions from 1 to 6500, got '²'"),
        ("1_backfill_etf_benchmarks", ("--delay", "soon"), "expected a number, 0 or more, got 'soon'"),
        ("2_staggered_sector_backfill", ("--start-from", "SPY"), "invalid choice: 'SPY'"),
        ("2_staggered_sector_backfill", (), "settings: DB_USER: field required; DB_PASSWORD: field required"),
    ],
)
def test_bad_input_is_one_line_from_whatever_folder(
    program: str, wrong: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, str(REPO / "test" / f"{program}.py"), *wrong],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert line in done.stderr.splitlines()[-1]


def test_a_kept_file_is_plain_json(tmp_path: Path) -> None:
    cache.write(tmp_path / "SPY.json", ANSWER)
    kept = json.loads((tmp_path / "SPY.json").read_text())
    assert (kept["format"], kept["columns"], len(kept["rows"])) == (3, COLUMNS, 3)
