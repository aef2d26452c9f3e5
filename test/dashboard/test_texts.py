"""Every text has both languages, and every key that the code names has a text."""

import ast
import importlib
import re
import string
from collections import Counter
from pathlib import Path

import pytest

import dashboard
from dashboard.site import PROCESSES
from dashboard.texts import TEXTS, Words
from database import check_data
from database.read_pipeline import TABLES
from test.conftest import REPO

CODE = Path(dashboard.__file__).parent


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_with_the_same_placeholders(key: str) -> None:
    ko, en = TEXTS[key]
    assert ko.strip() and en.strip()
    assert placeholders(ko) == placeholders(en)


def test_no_key_has_two_texts() -> None:
    files = [importlib.import_module(f"dashboard.texts.{file.stem}") for file in (CODE / "texts").glob("[a-z]*.py")]
    keys = Counter(key for file in files for key in file.TEXTS)
    assert [key for key, count in keys.items() if count > 1] == []


def used_keys() -> set[str]:
    """First arguments of t("…"); of t(f"prefix.{…}") only the prefix, marked with a star; both of t.count("…", n)."""
    found = set()
    for file in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(ast.Name("t"), [ast.Constant(str(key)), *_]):
                    found.add(key)
                case ast.Call(ast.Name("t"), [ast.JoinedStr([ast.Constant(str(prefix)), *_]), *_]):
                    found.add(f"{prefix}*")
                case ast.Call(ast.Attribute(ast.Name("t"), "count"), [ast.Constant(str(key)), *_]):
                    found |= {key, f"{key}.1"}
    return found


def test_every_key_in_use_has_a_text() -> None:
    keys = used_keys()
    assert len(keys) > 60
    missing = {
        key
        for key in keys
        if not (any(text.startswith(key[:-1]) for text in TEXTS) if key.endswith("*") else key in TEXTS)
    }
    assert missing == set()


def test_every_process_of_the_ledger_has_a_text() -> None:
    """The page Pipeline offers these, and no others, in its filter."""
    files = [file for room in ("batch", "collector", "test/backfill") for file in (REPO / room).glob("*.py")]
    stages = {name for file in files for name in re.findall(r'\bStage\("(\w+)"', file.read_text(encoding="utf-8"))}
    assert len(stages) > 10
    assert set(PROCESSES) == stages | {check_data.PROCESS}


def test_every_table_of_the_page_has_a_text() -> None:
    assert {f"about.{each.table}" for each in TABLES} == {key for key in TEXTS if key.startswith("about.")}


def test_an_unknown_name_reads_as_delivered() -> None:
    assert Words("ko").or_as_is("sector", "Technology") == "기술"
    assert Words("ko").or_as_is("sector", "Space Mining") == "Space Mining"
