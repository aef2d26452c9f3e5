"""./start.sh as far as it goes before anything is started: what it may change, and how a mistake ends."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from test.conftest import REPO
from utils.program import FAILED, SUCCESS, USAGE
from utils.stack import __main__ as program
from utils.stack import checks, status
from utils.stack.folder import DEMO, YAHOO, Folder, make
from utils.stack.steps import Took


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A machine with room for all; what would be started is noted: the names of --only."""
    monkeypatch.setenv("ACTSTOCK_DATA", str(tmp_path))
    monkeypatch.delenv("ACTSTOCK_DOWNLOADS", raising=False)
    begun: list[list[str]] = []

    def up(folder: Folder, now: str | None, only: list[str]) -> list[Took]:
        begun.append(only)
        return []

    monkeypatch.setattr(program, "_up", up)
    monkeypatch.setattr(program, "bring_up_to_date", lambda folder, run: [])
    monkeypatch.setattr(status, "show_addresses", lambda folder: None)
    monkeypatch.setattr(checks, "resources", lambda path: None)
    return begun


def test_a_start_that_is_refused_changes_no_setting_of_the_one_that_is_busy(
    tmp_path: Path, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path / "yahoo", YAHOO, {})
    before = folder.settings_file.read_text()
    monkeypatch.setenv("API_PORT", "8123")
    with (folder.run / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert program.main([]) == USAGE
    assert "expected no other start, found one that is still busy" in capsys.readouterr().err
    assert folder.settings_file.read_text() == before
    assert program.main([]) == SUCCESS
    assert "API_PORT='8123'" in folder.settings_file.read_text()


def test_a_new_folder_takes_what_the_operator_sets(tmp_path: Path, begun: list[list[str]]) -> None:
    assert program.main(["demo", "--data", str(tmp_path / "new" / "demo")]) == SUCCESS
    assert begun == [[]]


# -- room ------------------------------------------------------------------------------------------------------------


def test_one_service_of_a_market_that_is_there_needs_no_room_for_all(
    tmp_path: Path, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk: room is made by a program that asks the database what is old."""

    def full(path: Path) -> None:
        raise checks.CheckFailed(f"disk: expected 2.0 GiB free at {path}, found 0.1 GiB")

    make(tmp_path / "yahoo", YAHOO, {})
    monkeypatch.setattr(checks, "resources", full)
    assert program.main(["--only", "postgres"]) == SUCCESS
    assert begun == [["postgres"]]
    assert program.main([]) == USAGE
    assert program.main(["demo", "--only", "postgres"]) == USAGE  # a new one
    assert capsys.readouterr().err.count("start: disk: expected") == 2
    assert begun == [["postgres"]]


# -- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["my data", "50%"])
def test_a_path_that_services_would_read_otherwise_is_refused(
    tmp_path: Path, begun: list[list[str]], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name / "demo"
    assert program.main(["demo", "--data", str(path)]) == USAGE
    assert capsys.readouterr().err == f"start: {path}: expected a path without a space or %, found one\n"
    assert not path.exists()


def test_a_file_in_the_place_of_a_folder_is_named(
    tmp_path: Path, begun: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x").touch()
    assert program.main(["--data", str(tmp_path / "x")]) == USAGE
    assert capsys.readouterr().err == f"start: {tmp_path}/x: expected a folder, found a file\n"


def test_a_folder_that_cannot_be_made_ends_in_one_line(
    begun: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["--data", "/dev/null/x"]) == FAILED
    assert capsys.readouterr().err == "start: [Errno 20] Not a directory: '/dev/null/x'\n"


@pytest.fixture
def spoilt(tmp_path: Path) -> Folder:
    """A demo's folder in whose settings somebody has written what is no port."""
    folder = make(tmp_path / "demo", DEMO, {})
    settings = folder.settings_file.read_text()
    assert "KAFKA_PORT='9092'" in settings
    folder.settings_file.write_text(settings.replace("KAFKA_PORT='9092'", "KAFKA_PORT='abc'"))
    return Folder(folder.path, DEMO)


def test_a_setting_of_the_folder_that_was_spoilt_is_named(
    spoilt: Folder, begun: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["demo"]) == USAGE
    said = capsys.readouterr().err
    assert said.startswith(f"start: {spoilt.settings_file}: KAFKA_PORT: ")
    assert said.endswith("found 'abc'\n")
    assert begun == []


def test_a_program_by_hand_names_it_too(spoilt: Folder) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "utils.stack.program", "collector/kafka_01_producer_etf_daily.py", "--plan"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPO), "ACTSTOCK_MARKET_DIR": str(spoilt.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == USAGE
    assert told.stderr == f"run: {spoilt.settings_file}: KAFKA_PORT: expected a port, found 'abc'\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied", "/srv/x"), "[Errno 13] Permission denied: '/srv/x'"),
        (
            TimeoutError("expected the supervisor to answer, found none"),
            "expected the supervisor to answer, found none",
        ),
        (httpx.ReadTimeout(""), "ReadTimeout"),
    ],
)
def test_what_the_machine_refuses_ends_in_one_line(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def action() -> int:
        raise error

    assert program.concluded(action) == FAILED
    assert capsys.readouterr().err == f"start: {line}\n"
