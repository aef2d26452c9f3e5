"""What is refused before anything is started, in one line: expected against found."""

import os
import socket
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from utils.sessions import sessions_between
from utils.stack import checks, jars
from utils.stack.__main__ import instant, parser
from utils.stack.folder import DEMO, YAHOO, Market, make, replayed
from utils.stack.past import chapters, month_ends


def test_a_taken_port_is_named_with_its_setting_and_who_has_it(tmp_path: Path) -> None:
    folder = make(tmp_path / "demo", DEMO, {"ACTSTOCK_PORTS": "free"})
    checks.ports(folder)
    with (
        socket.create_server(("127.0.0.1", folder.port("API_PORT"))),
        pytest.raises(
            checks.CheckFailed, match=rf"taken: API_PORT={folder.port('API_PORT')} by .+ \(pid {os.getpid()}\)"
        ),
    ):
        checks.ports(folder)
    checks.ports(folder)


def test_two_services_on_one_port_are_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "demo", DEMO, {"API_PORT": "8050"})
    with pytest.raises(checks.CheckFailed, match="found API_PORT, DASHBOARD_PORT the same"):
        checks.ports(folder)


@pytest.mark.parametrize("text", ["yesterday", "2026-01-24", "2026-01-24T02:00:00", ""])
def test_an_instant_needs_a_time_and_a_zone(text: str) -> None:
    with pytest.raises(checks.CheckFailed, match="--now: expected an instant such as"):
        instant(text)


def test_an_instant_is_told_in_utc() -> None:
    assert instant("2025-12-31T07:00:00+09:00") == "2025-12-30T22:00:00Z"


def test_a_setting_of_the_wrong_form_is_refused_by_name() -> None:
    checks.settings({"API_POOL_SIZE": "4", "KAFKA_PORT": "9092", "HOME": "x", "YAHOO_PACE_SECONDS": "0.5"})
    with pytest.raises(
        checks.CheckFailed, match=r"^API_POOL_SIZE: .*integer.*found 'abc'; KAFKA_PORT: .*found '99999'$"
    ):
        checks.settings({"API_POOL_SIZE": "abc", "KAFKA_PORT": "99999"})


@pytest.mark.parametrize("text", ["it's", "geheim\\", "two\nlines"])
def test_a_setting_that_the_settings_file_cannot_keep_is_refused_by_name(text: str) -> None:
    with pytest.raises(checks.CheckFailed, match=r"^AIRFLOW_ADMIN_PASSWORD: expected no quote"):
        checks.settings({"AIRFLOW_ADMIN_PASSWORD": text})


def test_a_market_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(checks.CheckFailed, match="expected a market directory, found none at /nowhere"):
        checks.market(replayed(Path("/nowhere")), tmp_path, None)


@pytest.mark.parametrize("market", [YAHOO, DEMO])
def test_a_clock_without_a_market_directory_is_refused(tmp_path: Path, market: Market) -> None:
    with pytest.raises(checks.CheckFailed, match=f"^--now: expected with --replay only, found the market {market}$"):
        checks.market(market, tmp_path, "2026-01-24T02:00:00Z")


def test_the_clock_of_a_demo_is_not_the_operators_to_set() -> None:
    """Its past is built from its beginning on: a clock that stood later would never go back there."""
    assert parser().parse_args(["demo"]).now is None
    with pytest.raises(SystemExit):
        parser().parse_args(["demo", "--now", "2026-01-24T02:00:00Z"])


def test_options_may_stand_before_and_after_a_command() -> None:
    assert parser().parse_args(["stop", "--data", "/x"]).data == "/x"
    assert parser().parse_args(["--data", "/x", "stop"]).data == "/x"
    asked = parser().parse_args(["run", "--data", "/x", "batch/spark_01.py", "--as-of", "2026-01-23"])
    assert (asked.data, asked.program, asked.arguments) == ("/x", "batch/spark_01.py", ["--as-of", "2026-01-23"])


def test_the_lock_of_jars_names_the_broker_and_the_driver_once() -> None:
    wanted = jars.locked()
    names = [jar.artifact for jar in wanted]
    assert {"kafka_2.13", "postgresql", "log4j-slf4j-impl"} <= set(names)
    assert len(names) == len(set(names)) == 48
    assert all(len(jar.sha256) == 64 for jar in wanted)


def test_the_repository_is_the_named_one_else_the_mirror_of_maven(tmp_path: Path) -> None:
    (tmp_path / ".m2").mkdir()
    (tmp_path / ".m2" / "settings.xml").write_text(
        '<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><mirrors><mirror><id>a</id><mirrorOf>spring</mirrorOf>'
        "<url>http://wrong.test</url></mirror><mirror><id>b</id><mirrorOf>central,x</mirrorOf>"
        "<url>http://mirror.test/maven</url></mirror></mirrors></settings>"
    )
    assert jars.repository({"HOME": str(tmp_path)}) == "http://mirror.test/maven"
    assert jars.repository({"HOME": str(tmp_path), "MAVEN_REPO_URL": "http://mine.test"}) == "http://mine.test"
    assert jars.repository({"HOME": str(tmp_path / "empty")}) is None
    assert jars.repository({}) is None


def test_a_jar_that_is_not_the_tested_one_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = jars.locked()[0]
    monkeypatch.setattr(jars, "locked", lambda: [wanted])
    monkeypatch.setattr(jars, "_fetch", lambda missing, _: fetched.extend(missing))
    fetched: list[jars.Jar] = []
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / wanted.file_name).write_bytes(b"cut off")
    (tmp_path / "jars" / "kafka_2.13-1.0.jar").write_bytes(b"of an older lock")
    jars.fetch(tmp_path)
    assert fetched == [wanted]
    assert [file.name for file in (tmp_path / "jars").iterdir()] == [wanted.file_name]


def test_the_past_ends_at_the_session_before_the_last() -> None:
    told = chapters(date(2026, 1, 23))
    assert [f"{chapter.session}" for chapter in told] == [
        *("2025-06-30", "2025-07-31", "2025-08-29", "2025-09-30", "2025-10-31", "2025-11-28", "2025-12-31"),
        "2026-01-22",
    ]
    assert told[0].instant == datetime(2025, 7, 1, 0, tzinfo=UTC)
    ranges = {program[1:] for program in told[-1].programs if "--from" in program}
    [(_, first, _, newest)] = ranges  # one for all stages
    assert newest == "2026-01-22"
    assert len(sessions_between(date.fromisoformat(first), date.fromisoformat(newest))) == 120
    assert month_ends(date(2026, 1, 1), 1) == [date(2025, 12, 31)]
