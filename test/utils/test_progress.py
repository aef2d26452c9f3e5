"""A service is healthy as long as it gets on, by its own account."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import ServiceSettings
from test.conftest import REPO
from utils import progress


def settings(file: Path | None, stuck_seconds: int = 60) -> ServiceSettings:
    return ServiceSettings(progress_file=file, stuck_seconds=stuck_seconds)


def noted_ago(file: Path, ago: timedelta, **other: int) -> None:
    """As if progress had been noted then."""
    progress.note(settings(file, **other))
    until = datetime.fromisoformat(file.read_text().strip())
    file.write_text((until - ago).isoformat())


def test_who_gets_on_is_healthy_and_who_stands_still_is_not(tmp_path: Path) -> None:
    file = tmp_path / "a.progress"
    assert progress.problem(file) == "has not got on with anything yet"
    noted_ago(file, timedelta(seconds=50))
    assert progress.problem(file) is None
    noted_ago(file, timedelta(seconds=61))
    assert str(progress.problem(file)).startswith("stuck: last got on with something at ")


def test_an_announced_pause_is_no_standstill(tmp_path: Path) -> None:
    file = tmp_path / "a.progress"
    progress.note(settings(file, stuck_seconds=1), pause=3600)
    assert progress.problem(file) is None


def test_what_was_noted_before_the_start_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.progress"
    progress.note(settings(file))
    now = datetime.now(UTC)
    assert progress.problem(file, now - timedelta(minutes=1)) is None
    assert progress.problem(file, now + timedelta(minutes=1)) == "has not got on with anything since its start"


def test_without_a_file_nothing_is_noted() -> None:
    progress.note(settings(None))


@pytest.mark.parametrize(
    ("ago", "code", "words"),
    [(0, 0, ""), (3600, 1, "stuck: last got on"), (None, 1, "has not got on with anything yet")],
)
def test_as_a_containers_health_check(tmp_path: Path, ago: int | None, code: int, words: str) -> None:
    file = tmp_path / "a.progress"
    if ago is not None:
        noted_ago(file, timedelta(seconds=ago))
    command = [sys.executable, "-m", "utils.stack.health", f"progress://{file}"]
    ended = subprocess.run(command, cwd=REPO, env={}, capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert words in ended.stderr
