"""How a program ends that a person stops."""

import sys
from collections.abc import Sequence

import pytest

from utils.program import INTERRUPTED, run_program


def test_who_stops_a_program_at_the_terminal_sees_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(_: Sequence[str] | None) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["collector/program.py"])
    assert run_program(main) == INTERRUPTED == 130
    assert capsys.readouterr().err == "program.py: stopped\n"
