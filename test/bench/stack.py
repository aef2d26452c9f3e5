"""Measure the platform as a person meets it, and print a table. Not a test: nothing here passes or fails.

    .venv-dev/bin/python -m test.bench.stack            # a second start, a controller run, memory, 100 runs
    .venv-dev/bin/python -m test.bench.stack --first    # also the first `start.sh demo` of a fresh clone, from nothing

Memory is proportional (PSS): what the kernel shares between processes is counted once.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from test.bench.program import MEBIBYTE, memory, run_bench
from test.bench.sampling import meanwhile
from test.conftest import REPO
from test.e2e.market import D, write_market
from test.e2e.stack import DagRun, Stack, running_stack
from utils.arguments import program_parser
from utils.stack import status
from utils.stack.folder import open_folder

SAMPLE_SECONDS = 0.5
CONTROLLER = "daily_pipeline_controller"
AIRFLOW = ("airflow-api", "airflow-scheduler", "airflow-dag-processor")
STAGES = (
    "01_daily_benchmark_etf_collection_dag",
    "02_daily_sector_etf_collection_dag",
    "03_daily_trending_etf_analysis_dag",
    "04_daily_trending_etf_holdings_collection_dag",
    "05_daily_portfolio_allocation_dag",
)
Rows = list[tuple[str, str]]


def pss_of(folder: Path) -> int:
    """Bytes of every process of the stack in the folder."""
    return status.memory(open_folder(folder))


@contextmanager
def peak_of(folder: Path, into: list[int]) -> Iterator[None]:
    """Samples memory while the block runs; the peak is appended to `into`."""
    samples = [0]
    with meanwhile(lambda: samples.append(pss_of(folder)), every_s=SAMPLE_SECONDS):
        yield
    into.append(max(samples))


def controller_run(stack: Stack) -> Rows:
    """From trigger to the portfolio readable through the API, and where the time went."""
    begun = time.monotonic()
    peak: list[int] = []
    with peak_of(stack.folder, peak):
        run = stack.trigger(CONTROLLER)
        state = run.end()
        readable = Retrying(
            retry=retry_if_result(lambda status: status != 200), stop=stop_after_delay(60), wait=wait_fixed(0.2)
        )
        readable(lambda: stack.api("/stocks/portfolio", period_days=20).status_code)
    total = time.monotonic() - begun
    rows = [("controller run, trigger to portfolio in the API", f"{total:.1f} s ({state})")]
    return [*rows, *overhead(run), ("memory, peak of the run", f"{peak[0] / MEBIBYTE:.0f} MiB")]


def overhead(run: DagRun) -> Rows:
    """Task by task what its program took, by the task's own log, and what Airflow added before and around it."""
    rows, before, programs = [], None, 0.0
    began = datetime.fromisoformat(run.page["start_date"])
    tasks = run.tasks()
    for name, task in sorted(tasks.items(), key=lambda item: str(item[1]["start_date"])):
        start, end = (datetime.fromisoformat(task[at]) for at in ("start_date", "end_date"))
        waited, took = (start - (before or began)).total_seconds(), program_seconds(run, task)
        around = (end - start).total_seconds() - took
        rows.append((f"  {name}", f"{took:.1f} s, before {waited:.1f} s, around {around:.1f} s"))
        programs, before = programs + took, end
    added = (datetime.fromisoformat(run.page["end_date"]) - began).total_seconds() - programs
    return [*rows, ("  programs", f"{programs:.1f} s"),
            ("  Airflow's own", f"{added:.1f} s, {added / len(tasks):.1f} s a task")]  # fmt: skip


def program_seconds(run: DagRun, task: Mapping[str, Any]) -> float:
    """From the operator's first word to its last."""
    log = f"{run.path}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
    lines = run.stack.airflow("GET", log, params={"full_content": True})["content"]
    said = [
        datetime.fromisoformat(line["timestamp"])
        for line in lines
        if line.get("timestamp") and line.get("logger", "").startswith("airflow.task.operators")
    ]
    return (said[-1] - said[0]).total_seconds() if said else 0.0


def parsing(stack: Stack) -> Rows:
    """What the DAG processor takes for each file, together, while nothing else is at work."""
    before = details(stack)
    for dag in before:
        stack.airflow("PUT", f"/parseDagFile/{dag['file_token']}")
    again = Retrying(
        retry=retry_if_result(
            lambda dags: any(
                new["last_parsed_time"] == old["last_parsed_time"] for new, old in zip(dags, before, strict=True)
            )
        ),
        stop=stop_after_delay(120),
        wait=wait_fixed(1),
    )
    took = sum(dag["last_parse_duration"] for dag in again(lambda: details(stack)))
    errors = stack.airflow("GET", "/importErrors")["total_entries"]
    return [(f"parsing {len(before)} DAGs", f"{took:.2f} s, {errors} import errors")]


def details(stack: Stack) -> list[dict[str, Any]]:
    """Of every DAG, what Airflow knows."""
    return [stack.airflow("GET", f"/dags/{dag_id}/details") for dag_id in sorted(stack.dag_ids())]


def airflow_memory(stack: Stack, when: str) -> Rows:
    """Of each of Airflow's services with its children, and of the stack."""
    rows = [(f"memory {when}, all", f"{pss_of(stack.folder) / MEBIBYTE:.0f} MiB")]
    for service in AIRFLOW:
        rows.append((f"  {service}", f"{memory(stack.process(service)) / MEBIBYTE:.0f} MiB"))
    return rows


def many_runs(stack: Stack, count: int) -> Rows:
    """Runs of the five stages, which find everything complete."""
    begun = time.monotonic()
    for _ in range(count // len(STAGES)):
        runs = [stack.trigger(dag_id) for dag_id in STAGES]
        ended = [run.end() for run in runs]
        if set(ended) != {"success"}:
            raise RuntimeError(f"expected every run to end in success, found {ended}")
    return [(f"{count} runs of complete stages", f"{time.monotonic() - begun:.0f} s")]


def first_start(folder: Path) -> Rows:
    """`start.sh demo` in a fresh clone with an empty home: as a new user would."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(REPO), str(clone)], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ACTSTOCK_", "UV_CACHE"))}
    environment = kept | {"HOME": str(folder / "home"), "ACTSTOCK_PORTS": "free", "ACTSTOCK_MODE": "local"}
    (folder / "home").mkdir()
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [str(clone / "start.sh"), "demo"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
        seconds = time.monotonic() - begun
    finally:
        subprocess.run([str(clone / "start.sh"), "stop"], env=environment, check=False, capture_output=True)
    print(done.stdout[-4000:])
    return [("first start.sh demo, from nothing", f"{seconds:.0f} s (exit code {done.returncode})")]


def measure(folder: Path, runs: int) -> Rows:
    """A stack on the hand-computed market: start, controller run, memory, many runs, second start."""
    write_market(folder / "hand")
    begun = time.monotonic()
    replay = ("--replay", str(folder / "hand"), "--now", f"{D}T22:00:00Z")
    with running_stack(folder / "data", "replay-hand", *replay) as stack:
        rows = [("start of a new market, environment installed", f"{time.monotonic() - begun:.1f} s")]
        rows += airflow_memory(stack, "idle after the start")
        rows += controller_run(stack)
        stack.rest()
        rows += parsing(stack)
        rows += airflow_memory(stack, "idle after the run") + many_runs(stack, runs)
        stack.rest()
        rows += airflow_memory(stack, f"idle after {runs} runs")
        begun = time.monotonic()
        stack.command("stop")
        rows.append(("stop", f"{time.monotonic() - begun:.1f} s"))
        begun = time.monotonic()
        subprocess.run([str(REPO / "start.sh"), *replay[:2]], env=stack.environment, check=True, capture_output=True)
        rows.append(("second start, all healthy", f"{time.monotonic() - begun:.1f} s"))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = program_parser(__doc__)
    parser.add_argument("--first", action="store_true", help="also a first start from nothing")
    parser.add_argument("--runs", type=int, default=100, help="after which Airflow's memory is looked at again")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="act-") as temporary:
        folder = Path(temporary)
        rows = measure(folder, arguments.runs) + (first_start(folder) if arguments.first else [])
    print(f"\n{datetime.now().astimezone():%Y-%m-%d %H:%M}, {os.cpu_count()} cores")
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    return 0


if __name__ == "__main__":
    run_bench(main)
