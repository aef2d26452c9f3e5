"""Every variable of .env.example is read by something: one that is not says what is not so."""

import re

from dotenv import dotenv_values
from pydantic_settings import BaseSettings

from config import settings
from test.conftest import REPO
from utils.stack.folder import SECRETS

ROOMS = ("airflow", "api", "batch", "collector", "config", "consumer", "dashboard", "database", "utils")
# Fields that a rule names by its text (database/retention.py) are found as words, too.
CODE = "\n".join(
    file.read_text(encoding="utf-8")
    for room in ROOMS
    for file in (REPO / room).rglob("*")
    if file.suffix in {".py", ".sh"} and file.name != "settings.py"
) + "\n".join(file.read_text(encoding="utf-8") for file in REPO.glob("docker-compose*.yml"))


def is_read(name: str) -> bool:
    """As a variable, or as the field of a settings class that it fills."""
    if name in SECRETS or re.search(rf"\b{name}\b", CODE):
        return True
    fields = {
        f"{kind.model_config['env_prefix']}{field}".upper(): field
        for kind in vars(settings).values()
        if isinstance(kind, type) and issubclass(kind, BaseSettings) and kind is not BaseSettings
        for field in kind.model_fields
    }
    return name in fields and re.search(rf"[.\"]{fields[name]}\b", CODE) is not None


def test_every_variable_of_the_example_is_read() -> None:
    listed = dotenv_values(REPO / ".env.example")
    assert len(listed) > 80
    assert [name for name in listed if not is_read(name)] == []
    assert not is_read("YAHOO_NO_SUCH_SETTING")
