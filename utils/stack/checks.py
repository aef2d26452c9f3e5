"""What must hold before anything is started: each failure is one line, expected against found."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from utils.stack.environment import INHERITED
from utils.stack.folder import REPO, Folder, Market
from utils.stack.ports import PORTS, holder, is_taken

GIBIBYTE = 2**30
MEMORY = 3 * GIBIBYTE  # the peak of the whole stack with a Spark job
DISK = 2 * GIBIBYTE


class CheckFailed(Exception):
    """Something is missing or in the way."""


def market(wanted: Market, path: Path, now: str | None) -> None:
    """The market directory is one, and the clock may be set so."""
    if now is not None and not wanted.is_replayed:
        raise CheckFailed("--now: expected with --replay or demo only, found a start against Yahoo itself")
    if wanted.directory is None:
        return
    if not wanted.directory.is_dir():
        raise CheckFailed(f"--replay: expected a market directory, found none at {wanted.directory}")
    command = [sys.executable, "-m", "test.replay", str(wanted.directory), "--check", "--state", str(path / "replay")]
    command += ["--now", now] if now is not None else []
    given = {name: value for name, value in os.environ.items() if name in INHERITED} | {"PYTHONPATH": str(REPO)}
    checked = subprocess.run(command, cwd=REPO, env=given, capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        raise CheckFailed(checked.stderr.strip().splitlines()[-1].removeprefix("replay: "))


def resources(path: Path) -> None:
    """Enough memory and disk for the whole stack."""
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


def ports(folder: Folder) -> None:
    """No other program listens where this stack will."""
    wanted = {name: folder.port(name) for name in PORTS if folder.market.is_replayed or not name.startswith("REPLAY_")}
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
