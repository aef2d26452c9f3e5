"""How a bench runs as a program, and what it starts: that ends with it, whoever stops it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import httpx
import psutil
from tenacity import retry, stop_after_delay, wait_fixed

from test.conftest import REPO
from utils.program import terminable
from utils.stack.status import pss

MEBIBYTE = 2**20


def run_bench(main: Callable[[], int | None]) -> NoReturn:
    """Run a bench's main and exit as it says. SIGTERM unwinds it as Ctrl-C does."""
    with terminable():
        raise SystemExit(main())


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Python with these arguments, told to stop at the end. `said`: the file that what it prints goes to."""
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=REPO,
            env={**os.environ, "PYTHONPATH": str(REPO), **environment},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.1), reraise=True)
def answers(url: str) -> None:
    """Wait until a service answers there."""
    httpx.get(url, trust_env=False).raise_for_status()


def memory(main: psutil.Process) -> int:
    """Of a process and its children, bytes; 0 when it has ended. PSS: what they share is counted once."""
    try:
        return pss([main, *main.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


def busy_seconds(tree: psutil.Process) -> float:
    """Processor time of a process, its children and those that have ended."""
    total = 0.0
    for process in (tree, *tree.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
