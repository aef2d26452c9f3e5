"""Every variable of .env.example is read by something: one that is not says what is not so. An empty one is none."""

import re

import pytest
from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from config.settings import variables
from test.conftest import REPO
from utils.stack.folder import SECRETS, operator_settings

ROOMS = ("airflow", "api", "batch", "collector", "config", "consumer", "dashboard", "database", "utils")
FILES = [
    file.read_text(encoding="utf-8")
    for room in ROOMS
    for file in (REPO / room).rglob("*")
    if file.suffix in {".py", ".sh"} and file.name != "settings.py"
]
COMPOSE = [file.read_text(encoding="utf-8") for file in REPO.glob("docker-compose*.yml")]
FIELDS = {name: (kind.__name__, field) for name, (kind, field) in variables().items()}


def is_read(name: str) -> bool:
    """As a variable; or as the field of a settings class, where the class or its object is named."""
    if name in SECRETS or any(re.search(rf"\b{name}\b", text) for text in FILES):
        return True
    if name not in FIELDS:
        return any(re.search(rf"\b{name}\b", text) for text in COMPOSE)
    kind, field = FIELDS[name]
    known_by = rf"\b{kind}\b|\b{kind.removesuffix('Settings').lower()}\.{field}\b"
    # A field that a rule names by its text (database/retention.py) is read, too.
    return any(re.search(known_by, text) and re.search(rf"[.\"]{field}\b", text) for text in FILES)


def test_every_variable_of_the_example_is_read() -> None:
    listed = dotenv_values(REPO / ".env.example")
    assert len(listed) > 80
    assert [name for name in listed if not is_read(name)] == []
    assert not is_read("YAHOO_NO_SUCH_SETTING")


def test_the_example_shows_the_defaults() -> None:
    listed = dotenv_values(REPO / ".env.example")
    shown = [name for name in variables().keys() & operator_settings() if listed[name]]
    assert len(shown) > 30
    for name in shown:
        kind, field = variables()[name]
        read = kind.model_construct()
        kind.__pydantic_validator__.validate_assignment(read, field, listed[name])
        assert getattr(read, field) == kind.model_fields[field].default, name


@pytest.mark.parametrize("kind", dict.fromkeys(kind for kind, _ in variables().values()))
def test_a_variable_that_is_empty_is_one_that_is_not_there(
    kind: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in variables():
        monkeypatch.setenv(name, "")
    lacks: list[object] = []
    try:
        kind()
    except ValidationError as error:
        lacks = [(each["loc"], each["type"]) for each in error.errors()]
    assert lacks == [((name,), "missing") for name, field in kind.model_fields.items() if field.is_required()]


def test_a_field_that_only_another_class_has_read_of_it_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FIELDS, "ALERT_HOST", ("AlertSettings", "host"))
    assert not is_read("ALERT_HOST")
