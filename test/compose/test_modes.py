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
    "info --format") echo 8000000000 ;;
    "info ") exit {0 if version else 1} ;;
    "version --format") echo {version} ;;
    "compose version") ;;
    *) echo "$@" >>{place}/asked; exit 1 ;;
esac
"""
    )
    docker.chmod(0o755)


def market(place: Path, name: str, *, with_docker: bool) -> Path:
    """A market's folder, as either way leaves it."""
    folder = place / "var" / name
    folder.mkdir(parents=True)
    (folder / "market.json").write_text(f'{{"market": "{name}"}}')
    (folder / ".env").write_text(f"ACTSTOCK_MODE='{'compose' if with_docker else 'local'}'\n")
    if not with_docker:
        (folder / "pg").mkdir()
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


def test_an_engine_that_answers_is_used(place: Path) -> None:
    assert "build" in start(place, "demo")


def test_without_an_engine_everything_runs_without(place: Path) -> None:
    engine(place, None)
    assert LOCAL in start(place, "status")
    assert "expected a Docker engine to answer" in start(place, "status", ACTSTOCK_MODE="compose")
    # A market with its data in Docker's volumes does not begin again without them.
    market(place, "demo", with_docker=True)
    assert "expected a Docker engine to answer" in start(place, "demo")
    assert "expected a Docker engine to answer" in start(place, "stop")


def test_the_way_without_docker_can_be_forced(place: Path) -> None:
    market(place, "demo", with_docker=True)
    assert LOCAL in start(place, "--local", "status")
    assert LOCAL in start(place, "status", "--local")
    assert LOCAL in start(place, "status", ACTSTOCK_MODE="local")


def test_a_market_that_was_begun_without_docker_goes_on_without(place: Path) -> None:
    folder = market(place, "demo", with_docker=False)
    assert LOCAL in start(place, "status")
    assert LOCAL in start(place, "stop", "--data", str(folder))
    # The first thing that set-up without Docker looks at.
    assert "expected to write to /dev/null/x" in start(place, "demo", ACTSTOCK_DOWNLOADS="/dev/null/x")
    market(place, "yahoo", with_docker=True)
    assert "build" in start(place)


def test_commands_mean_what_runs_without_docker_now(place: Path) -> None:
    market(place, "demo", with_docker=True)
    (market(place, "yahoo", with_docker=False) / "run").mkdir()
    (place / "var" / "yahoo" / "run" / "supervisord.pid").write_text(str(os.getpid()))
    assert LOCAL in start(place, "status")


def test_commands_mean_the_market_that_was_started_with_docker(place: Path) -> None:
    folder = market(place, "yahoo", with_docker=True)
    assert f"--env-file {folder}/.env ps" in start(place, "status")
    assert f"--env-file {folder}/.env --profile * logs --tail 5 api" in start(place, "logs", "api", "-n", "5")
    other = market(place, "demo", with_docker=True)
    assert "expected one market" in start(place, "status")
    assert f"--env-file {other}/.env ps" in start(place, "status", "--data", str(other))


def test_an_engine_that_is_too_old_is_named(place: Path) -> None:
    engine(place, "20.10.24")
    assert "expected Docker Engine 25 or newer, found 20.10.24" in start(place, "demo")


def test_an_engine_with_too_little_memory_is_named(place: Path) -> None:
    docker = place / "bin" / "docker"
    docker.write_text(docker.read_text().replace("8000000000", "2000000000"))
    assert "memory: expected 3 GiB for Docker's engine, found 1 GiB" in start(place, "demo")


def test_a_mode_that_is_none_is_refused(place: Path) -> None:
    assert "expected local, compose or nothing, found docker" in start(place, "demo", ACTSTOCK_MODE="docker")
