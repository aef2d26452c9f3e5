"""How a program begins and ends, as a person at the terminal sees it."""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from test.conftest import REPO
from utils.program import INTERRUPTED, USAGE, run_program


def test_who_stops_a_program_at_the_terminal_sees_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(_: Sequence[str] | None) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["collector/program.py"])
    assert run_program(main) == INTERRUPTED == 130
    assert capsys.readouterr().err == "program.py: stopped\n"


# What sets its log up at LOG_LEVEL: every program of ours, and the API.
LOGGING = (
    "from utils.program import run_program; run_program(lambda _: 0)",
    "from api import logs; logs.configure()",
)


def begun(setup: str, log_level: str) -> subprocess.CompletedProcess[str]:
    """A program that sets its log up so and tells its level."""
    tell = "import logging; print(logging.getLevelName(logging.getLogger().level))"
    return subprocess.run(
        [sys.executable, "-c", f"{setup}; {tell}"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPO), "LOG_LEVEL": log_level},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("setup", LOGGING)
@pytest.mark.parametrize(("given", "level"), [("debug", "DEBUG"), ("WARNING", "WARNING"), ("", "INFO")])
def test_the_level_of_a_log_is_known_however_it_is_written(setup: str, given: str, level: str) -> None:
    told = begun(setup, given)
    assert (told.stdout.strip(), told.stderr) == (level, "")


@pytest.mark.parametrize("setup", LOGGING)
def test_a_level_of_a_log_that_is_none_ends_in_one_line(setup: str) -> None:
    told = begun(setup, "loud")
    assert told.returncode == USAGE
    assert told.stderr.splitlines() == [
        "settings: LOG_LEVEL: input should be 'debug', 'info', 'warning', 'error' or 'critical'",
    ]
