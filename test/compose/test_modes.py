"""Which of both ways ./start.sh takes: told by a Docker that only writes down what it is asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from test.compose.files import REPO

LOCAL = "nothing is set up yet"  # what the way without Docker says here, where there are no packages


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository with the scripts alone, and a Docker engine that answers and can do nothing else."""
    shutil.copy(REPO / "start.sh", tmp_path)
    (tmp_path / "utils" / "stack").mkdir(parents=True)
    for script in ("setup.sh", "compose.sh"):
        shutil.copy(REPO / "utils" / "stack" / script, tmp_path / "utils" / "stack")
    (tmp_path / "docker-compose.yml").touch()
    engine(tmp_path, "28.5.2")
    return tmp_path


def engine(place: Path, version: str | None) -> None:
    """Have an engine of that version answer, or none."""
    (place / "bin").mkdir(exist_ok=True)
    docker = place / "bin" / "docker"
    docker.write_text(
        f"""#!/bin/sh
case "$1 $2" in
    "info ") exit {0 if version else 1} ;;
    "version --format") echo {version} ;;
    "compose version") ;;
    *) echo "$@" >>{place}/asked; exit 1 ;;
esac
"""
    )
    docker.chmod(0o755)


def market(place: Path, name: str) -> Path:
    """A market's folder, as compose leaves it."""
    folder = place / "var" / name
    folder.mkdir(parents=True)
    (folder / "market.json").write_text(f'{{"market": "{name}"}}')
    (folder / ".env").write_text(f"COMPOSE_PROJECT_NAME='actstock-{name}'\n")
    return folder


def start(place: Path, *arguments: str, **environment: str) -> str:
    """What start.sh said, and what it asked Docker for."""
    given = {name: text for name, text in os.environ.items() if not name.startswith("ACTSTOCK_")}
    given |= {"PATH": f"{place / 'bin'}:{os.environ['PATH']}", **environment}
    done = subprocess.run(
        [str(place / "start.sh"), *arguments], env=given, capture_output=True, text=True, timeout=30, check=False
    )
    asked = place / "asked"
    return done.stdout + done.stderr + (asked.read_text() if asked.exists() else "")


def test_without_being_told_nothing_runs_in_containers(place: Path) -> None:
    market(place, "demo")
    assert LOCAL in start(place, "status")
    assert not (place / "asked").exists()


def test_containers_need_an_engine_that_answers(place: Path) -> None:
    engine(place, None)
    assert "expected a Docker engine to answer" in start(place, "demo", ACTSTOCK_MODE="compose")


def test_images_come_first(place: Path) -> None:
    assert "build" in start(place, "demo", ACTSTOCK_MODE="compose")


def test_commands_mean_the_only_market_or_the_one_that_is_named(place: Path) -> None:
    folder = market(place, "yahoo")
    assert f"--env-file {folder}/.env ps" in start(place, "status", ACTSTOCK_MODE="compose")
    asked = start(place, "logs", "api", "-n", "5", ACTSTOCK_MODE="compose")
    assert f"--env-file {folder}/.env --profile * logs --tail 5 api" in asked
    other = market(place, "demo")
    assert "expected one market" in start(place, "status", ACTSTOCK_MODE="compose")
    assert f"--env-file {other}/.env ps" in start(place, "status", "--data", str(other), ACTSTOCK_MODE="compose")


def test_an_engine_that_is_too_old_is_named(place: Path) -> None:
    engine(place, "20.10.24")
    assert "expected Docker Engine 25 or newer, found 20.10.24" in start(place, "demo", ACTSTOCK_MODE="compose")


def test_a_mode_that_is_none_is_refused(place: Path) -> None:
    assert "expected local or compose, found docker" in start(place, "demo", ACTSTOCK_MODE="docker")
