"""LICENSES.md is of the packages that are locked."""

import re

from test.conftest import REPO


def test_every_locked_package_states_its_licence() -> None:
    locked = re.findall(r"^([\w.-]+)==", (REPO / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    page = (REPO / "LICENSES.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| ([\w.-]+) \| (.+) \|$", page, re.MULTILINE)[1:])
    assert len(locked) > 100
    assert {_as_one(name) for name in listed} == {_as_one(name) for name in locked}, "made by bash test/audit.sh"
    assert "UNKNOWN" not in listed.values()


def test_what_the_browser_is_sent_is_listed() -> None:
    head, _, _ = (REPO / "LICENSES.md").read_text(encoding="utf-8").partition("| Name |")
    texts = [file.stem.removeprefix("LICENSE-") for file in (REPO / "dashboard" / "assets").glob("LICENSE-*.txt")]
    assert len(texts) == 3
    assert [name for name in texts if name not in head.lower()] == []


def _as_one(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
