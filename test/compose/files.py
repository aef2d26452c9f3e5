"""docker-compose.yml and the Dockerfiles as data, read without an engine."""

import re
from pathlib import Path
from typing import Any

import yaml

REPO = Path(__file__).resolve().parents[2]
COMPOSE_FILE = REPO / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?:(?P<kind>:?[-?+])(?P<text>[^}]*))?\}")
ONE_SHOTS = {"migrate", "topics", "airflow-init", "market", "tools"}


def composition() -> dict[str, Any]:
    """The file, with its merges."""
    return dict(yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8")))


def services() -> dict[str, dict[str, Any]]:
    """Its services."""
    return dict(composition()["services"])


def variables() -> list[re.Match[str]]:
    """What compose fills in: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${NAME:+text}`."""
    lines = [
        line for line in COMPOSE_FILE.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")
    ]
    return list(VARIABLE.finditer("\n".join(lines)))


def filled(text: object, settings: dict[str, str]) -> str:
    """A value as compose would fill it in."""

    def value(found: re.Match[str]) -> str:
        given = settings.get(found["name"], "")
        match found["kind"]:
            case ":+":
                return (found["text"] or "") if given else ""
            case ":-":
                return given or found["text"] or ""
            case "-":
                return settings.get(found["name"], found["text"] or "")
            case _:
                return given

    return VARIABLE.sub(value, str(text))


def environment_of(service: str, settings: dict[str, str]) -> dict[str, str]:
    """What a container is handed: a name without a value only when it is set."""
    given = services()[service].get("environment") or {}
    return {
        name: settings[name] if text is None else filled(text, settings)
        for name, text in given.items()
        if text is not None or name in settings
    }
