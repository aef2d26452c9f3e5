"""What must hold before anything is started: each failure is a CheckFailed with one line, expected against found."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import psutil
from pydantic import TypeAdapter, ValidationError
from pydantic_settings import BaseSettings

from config.settings import Port, variables
from utils.stack.environment import INHERITED
from utils.stack.folder import REPO, Folder, Market, downloads, operator_settings
from utils.stack.ports import ALL_PORTS, PORTS, holder, is_taken

GIBIBYTE = 2**30
MEMORY = 3 * GIBIBYTE  # the peak of the whole stack with a Spark job
DISK = 2 * GIBIBYTE


class CheckFailed(Exception):
    """Something is missing or in the way."""


UNKEEPABLE = frozenset("'\\\n\r")


def settings(given: Mapping[str, str], kept_in: Path | None = None) -> None:
    """What the operator sets has the right form: it is kept, so a wrong value must not come in. Raises CheckFailed.

    kept_in: the file that keeps these, in which somebody may have written
    """
    problems = []
    for name, (kind, field) in variables().items():
        if given.get(name) and name in operator_settings():  # an empty one means the default
            problems += _problems(name, partial(_assign, kind, field), given[name])
    # The file that keeps them is read here and by compose, which escape otherwise.
    for name in operator_settings() & given.keys():
        if UNKEEPABLE & set(given[name]):
            problems.append(f"{name}: expected no quote ('), backslash or line break, found one")
    for name in ALL_PORTS.keys() & given.keys():
        problems += _problems(name, TypeAdapter(Port).validate_python, given[name])
    if problems:
        found = "; ".join(sorted(set(problems)))
        raise CheckFailed(f"{kept_in}: {found}" if kept_in else found)


def _assign(kind: type[BaseSettings], field: str, text: str) -> None:
    kind.__pydantic_validator__.validate_assignment(kind.model_construct(), field, text)


def _problems(name: str, validate: Callable[[str], object], text: str) -> list[str]:
    try:
        validate(text)
    except ValidationError as error:
        return [f"{name}: {error.errors()[0]['msg'].lower()}, found {text!r}"]
    return []


def market(wanted: Market, path: Path, now: str | None) -> None:
    """The market directory is one, and the clock may be set so. Raises CheckFailed."""
    if wanted.directory is None:
        if now is not None:
            raise CheckFailed(f"--now: expected with --replay only, found the market {wanted}")
        return
    if not wanted.directory.is_dir():
        raise CheckFailed(f"--replay: expected a market directory, found none at {wanted.directory}")
    command = [sys.executable, "-m", "test.replay", str(wanted.directory), "--check", "--state", str(path / "replay")]
    command += ["--now", now] if now is not None else []
    given = {name: value for name, value in os.environ.items() if name in INHERITED} | {"PYTHONPATH": str(REPO)}
    checked = subprocess.run(command, cwd=REPO, env=given, capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        raise CheckFailed(checked.stderr.strip().splitlines()[-1].removeprefix("replay: "))


def places(path: Path) -> None:
    """No path has what the settings of the supervisor or of Spark read otherwise. Raises CheckFailed."""
    for place in (REPO, path, downloads()):
        if re.search(r"[\s%]", str(place)):
            raise CheckFailed(f"{place}: expected a path without a space or %, found one")


def resources(path: Path) -> None:
    """Enough memory and disk for the whole stack. Raises CheckFailed."""
    available = psutil.virtual_memory().available
    if available < MEMORY:
        raise CheckFailed(
            f"memory: expected {MEMORY / GIBIBYTE:.1f} GiB available, found {available / GIBIBYTE:.1f} GiB"
        )
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < DISK:
        raise CheckFailed(
            f"disk: expected {DISK / GIBIBYTE:.1f} GiB free at {existing}, found {free / GIBIBYTE:.1f} GiB"
        )


def ports(folder: Folder, names: Iterable[str] = PORTS) -> None:
    """No other program listens where this stack will: on the ports of these settings; of a replay's if it is one.

    Raises CheckFailed.
    """
    wanted = {name: folder.port(name) for name in names if folder.market.is_replayed or not name.startswith("REPLAY_")}
    twice = {port for port in wanted.values() if list(wanted.values()).count(port) > 1}
    if twice:
        names = ", ".join(name for name, port in wanted.items() if port in twice)
        raise CheckFailed(
            f"ports: expected a port of its own for each, found {names} the same in {folder.settings_file}"
        )
    taken = {name: port for name, port in wanted.items() if is_taken(port)}
    if taken:
        found = "; ".join(f"{name}={port} by {holder(port)}" for name, port in taken.items())
        raise CheckFailed(f"ports: expected free, found taken: {found}. Another: {next(iter(taken))}=PORT ./start.sh …")
