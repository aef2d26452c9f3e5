"""Measure the platform as a person meets it, and print a table. Not a test: nothing here passes or fails.

    .venv-dev/bin/python -m test.bench.stack            # a second start, a controller run, memory
    .venv-dev/bin/python -m test.bench.stack --first    # also the first `start.sh demo` of a fresh clone, from nothing

Memory is proportional (PSS): what the kernel shares between processes is counted once.
"""

import argparse
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from test.conftest import REPO
from test.e2e.market import D, write_market
from test.e2e.stack import Stack, running_stack
from utils.stack.folder import open_folder
from utils.stack.status import memory

MEBIBYTE = 2**20
SAMPLE_SECONDS = 0.5
CONTROLLER = "daily_pipeline_controller"


def pss_of(folder: Path) -> int:
    """Bytes of every process of the stack in the folder."""
    return memory(open_folder(folder))


@contextmanager
def peak_of(folder: Path, into: list[int]) -> Iterator[None]:
    """Samples memory while the block runs; the peak is appended to `into`."""
    done = threading.Event()
    samples = [0]

    def sample() -> None:
        while not done.wait(SAMPLE_SECONDS):
            samples.append(pss_of(folder))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        into.append(max(samples))


def controller_run(stack: Stack) -> list[tuple[str, str]]:
    """From trigger to the portfolio readable through the API, and where the time went."""
    begun = time.monotonic()
    peak: list[int] = []
    with peak_of(stack.folder, peak):
        states = stack.run_dag(CONTROLLER)
        readable = Retrying(
            retry=retry_if_result(lambda status: status != 200), stop=stop_after_delay(60), wait=wait_fixed(0.2)
        )
        readable(lambda: stack.api("/stocks/portfolio", period_days=20).status_code)
    total = time.monotonic() - begun
    rows = [("controller run, trigger to portfolio in the API", f"{total:.1f} s ({states['run']})")]
    [run, *_] = stack.airflow("GET", f"/dags/{CONTROLLER}/dagRuns?order_by=-run_after")["dag_runs"]
    tasks = stack.airflow("GET", f"/dags/{CONTROLLER}/dagRuns/{run['dag_run_id']}/taskInstances")["task_instances"]
    for task in sorted(tasks, key=lambda task: task["start_date"] or ""):
        rows.append((f"  {task['task_id'].split('.')[-1]}", f"{task['duration'] or 0:.1f} s"))
    busy = sum(task["duration"] or 0 for task in tasks)
    rows.append(("  between tasks", f"{total - busy:.1f} s"))
    rows.append(("memory, peak of the run", f"{peak[0] / MEBIBYTE:.0f} MiB"))
    return rows


def first_start(folder: Path) -> list[tuple[str, str]]:
    """`start.sh demo` in a fresh clone with an empty home: as a new user would."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(REPO), str(clone)], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ACTSTOCK_", "UV_CACHE"))}
    environment = kept | {"HOME": str(folder / "home"), "ACTSTOCK_PORTS": "free", "ACTSTOCK_MODE": "local"}
    (folder / "home").mkdir()
    begun = time.monotonic()
    done = subprocess.run(
        [str(clone / "start.sh"), "demo"], env=environment, capture_output=True, text=True, check=False, timeout=1800
    )
    seconds = time.monotonic() - begun
    print(done.stdout[-4000:])
    subprocess.run([str(clone / "start.sh"), "stop"], env=environment, check=False, capture_output=True)
    return [("first start.sh demo, from nothing", f"{seconds:.0f} s (exit code {done.returncode})")]


def measure(folder: Path) -> list[tuple[str, str]]:
    """A stack on the hand-computed market: start, controller run, memory, second start."""
    write_market(folder / "hand")
    begun = time.monotonic()
    replay = ("--replay", str(folder / "hand"), "--now", f"{D}T22:00:00Z")
    with running_stack(folder / "data", "replay-hand", *replay) as stack:
        rows = [("start of a new market, environment installed", f"{time.monotonic() - begun:.1f} s")]
        rows.append(("memory, idle after the start", f"{pss_of(stack.folder) / MEBIBYTE:.0f} MiB"))
        rows += controller_run(stack)
        rows.append(("memory, idle after the run", f"{pss_of(stack.folder) / MEBIBYTE:.0f} MiB"))
        begun = time.monotonic()
        stack.command("stop")
        rows.append(("stop", f"{time.monotonic() - begun:.1f} s"))
        begun = time.monotonic()
        subprocess.run([str(REPO / "start.sh"), *replay[:2]], env=stack.environment, check=True, capture_output=True)
        rows.append(("second start, all healthy", f"{time.monotonic() - begun:.1f} s"))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", action="store_true", help="also a first start from nothing")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="act-") as temporary:
        folder = Path(temporary)
        rows = measure(folder) + (first_start(folder) if arguments.first else [])
    print(f"\n{datetime.now().astimezone():%Y-%m-%d %H:%M}, {os.cpu_count()} cores")
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
