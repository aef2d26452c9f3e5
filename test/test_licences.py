"""LICENSES.md is of the packages that are locked."""

import re

from test.conftest import REPO


def test_every_locked_package_states_its_licence() -> None:
    locked = re.findall(r"^([\w.-]+)==", (REPO / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    listed = re.findall(r"^\| ([\w.-]+) \| .+ \|$", (REPO / "LICENSES.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(locked) > 100
    assert {_as_one(name) for name in listed[1:]} == {_as_one(name) for name in locked}, "made by bash test/audit.sh"


def _as_one(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
