"""Every worked example in a docstring runs. Those of batch/transforms/ need Spark: test/batch/test_examples.py."""

import doctest
import importlib
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
ROOMS = ("api", "batch", "collector", "config", "consumer", "dashboard", "database", "utils", "test")
WITH_EXAMPLES = sorted(
    path.relative_to(REPO).with_suffix("").as_posix().replace("/", ".")
    for room in ROOMS
    for path in (REPO / room).rglob("*.py")
    if path.parent.name != "transforms" and "\n    >>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name.removesuffix(".__init__")))
    assert result.attempted > 0
    assert result.failed == 0


def test_there_are_examples() -> None:
    assert len(WITH_EXAMPLES) > 10
