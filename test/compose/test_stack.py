"""The platform in containers, where a Docker engine answers: built, used, killed, ended, scaled, moved.

The market is the hand-computed one of test/e2e, begun two sessions before its end. Elsewhere these tests are skipped,
and say so.
"""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from test.compose.engine import IMAGES, containers, docker, engine_answers
from test.compose.files import ONE_SHOTS, REPO, services
from test.e2e.market import POSITIONS, D, write_market
from test.e2e.stack import Stack, eventually, running_stack
from test.e2e.test_operations import CONTROLLER, DAILY, MAINTENANCE, OTHERS, assert_whole
from utils.stack.folder import SECRETS
from utils.stack.ports import FREE_RANGE, is_taken

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(2400)]

RUNNING = sorted(name for name in services() if name not in ONE_SHOTS | {"prometheus"})
FIRST = date(2025, 12, 23)
FRIDAY, SUNDAY, MONDAY = date(2025, 12, 26), date(2025, 12, 28), date(2025, 12, 29)
# What the controller is at when something is killed, in its order.
KILLED = {
    "collect_benchmark_etfs": "kafka",
    "collect_sector_etfs": "consumer-etf-daily",
    "identify_trending_etfs": "spark-worker",
    "collect_holdings": "postgres",
    "collect_stocks": "api",
    "allocate_portfolios": "airflow-scheduler",
}
SPARK_TASKS = {"identify_trending_etfs", "allocate_portfolios"}


@pytest.fixture(scope="module")
def engine() -> None:
    """Where none answers, nothing here can be tested."""
    if not engine_answers():
        pytest.skip("no Docker engine answers: the tests of the containers are skipped")


@pytest.fixture(scope="module")
def stack(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The hand-computed market in containers, an hour after Friday's close."""
    folder = tmp_path_factory.mktemp("compose")
    write_market(folder / "hand", caps_of=10)
    settings = {
        "ACTSTOCK_MODE": "compose",
        "COMPOSE_PROJECT_NAME": f"actstock-test-{secrets.token_hex(3)}",
        "PIPELINE_RETRY_SECONDS": "5",
        "PIPELINE_POKE_SECONDS": "10",
        "SPARK_WORKER_UI_PORT": free_range(4),
    }
    begin = ("--replay", str(folder / "hand"), "--now", f"{FRIDAY}T22:00:00Z")
    with running_stack(folder / "data", "replay-hand", *begin, settings=settings) as up:
        yield up
    up.command("reset", "--yes")


def free_range(count: int) -> str:
    """Ports beside each other that nobody listens on, as the setting of the workers' pages has them."""
    first = next(at for at in FREE_RANGE if not any(is_taken(port) for port in range(at, at + count)))
    return f"{first}-{first + count - 1}"


def states(stack: Stack) -> dict[str, str]:
    """Each running service, and how it is."""
    found = [json.loads(line) for line in docker(stack, "ps", "--format", "json").splitlines()]
    return {item["Service"]: item["Health"] for item in found if item["State"] == "running"}


def await_health(stack: Stack) -> None:
    """Wait until all are healthy."""
    eventually(lambda: states(stack), lambda found: found == dict.fromkeys(RUNNING, "healthy"), seconds=300)


def start_again(stack: Stack) -> None:
    """`./start.sh --replay …`, the market's clock where it was."""
    replace(stack, arguments=stack.arguments[:2]).start()


def kill(stack: Stack, service: str) -> None:
    """End all its processes from inside, as a crash: what the engine is asked to kill it does not start again."""
    before = started_at(stack, service)
    docker(stack, "exec", "-T", service, "sh", "-c", "kill -9 -1", check=False)
    eventually(lambda: started_at(stack, service), lambda at: at != before, seconds=60)


def started_at(stack: Stack, service: str) -> str:
    """When the engine last started its container."""
    identity = docker(stack, "ps", "--all", "--quiet", service).split()[0]
    command = ["docker", "inspect", "--format", "{{.State.StartedAt}}", identity]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def spark(stack: Stack) -> dict[str, Any]:
    """What Spark's master says of its workers and applications."""
    page = f"http://127.0.0.1:{stack.settings['SPARK_MASTER_UI_PORT']}/json/"
    return dict(httpx.get(page, timeout=30).raise_for_status().json())


def assert_memory_sufficed(stack: Stack) -> None:
    """The kernel may end a driver in a container that goes on as healthy: only the engine tells."""
    assert [container["Name"] for container in containers(stack) if container["State"]["OOMKilled"]] == []


def everything(stack: Stack) -> dict[str, list[tuple[object, ...]]]:
    """What was published, how each run ended, and how far the consumers have read."""
    return {
        "positions": stack.rows(
            """SELECT as_of_date, period_days, rank, ticker, portfolio_weight FROM analytics_05_portfolio_allocation
               ORDER BY 1, 2, 3"""
        ),
        "runs": stack.rows("SELECT run_id, status, requested, stored FROM process_executions ORDER BY 1"),
        "offsets": stack.rows("SELECT topic, partition, next_offset FROM consumer_offsets ORDER BY 1, 2"),
        "bars": stack.rows("SELECT count(*), sum(close_price) FROM collected_06_daily_stock_history"),
    }


# -- as it was built and started -------------------------------------------------------------------------------------


def test_every_service_is_healthy_and_the_file_has_no_warning(stack: Stack) -> None:
    assert states(stack) == dict.fromkeys(RUNNING, "healthy")
    assert stack.command("status", check=False).returncode == 0
    command = ["docker", "compose", "--env-file", str(stack.folder / ".env"), "config", "--quiet"]
    assert subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stderr == ""


def test_every_volume_has_a_name(stack: Stack) -> None:
    """Others would be left behind by each `down`."""
    mounts = [mount for container in containers(stack) for mount in container["Mounts"] if mount["Type"] == "volume"]
    project = stack.settings["COMPOSE_PROJECT_NAME"]
    assert [mount["Destination"] for mount in mounts if not mount["Name"].startswith(f"{project}_")] == []


def test_settings_are_readable_by_their_owner_only_and_in_no_image(stack: Stack) -> None:
    assert (stack.folder / ".env").stat().st_mode & 0o777 == 0o600
    for image in IMAGES:
        layers = subprocess.run(["docker", "history", "--no-trunc", image], capture_output=True, text=True, check=True)
        told = subprocess.run(["docker", "inspect", image], capture_output=True, text=True, check=True).stdout
        assert not [name for name in SECRETS if stack.settings[name] in layers.stdout + told]
        assert json.loads(told)[0]["Config"]["User"] not in {"", "0", "root"}, image


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_the_packages_of_the_lock(stack: Stack, image: str) -> None:
    lock = dict(re.findall(r"^([\w.-]+)==(\S+)", (REPO / "requirements.txt").read_text(), re.MULTILINE))
    ask = "import importlib.metadata as m; print(*{f'{d.name} {d.version}' for d in m.distributions()}, sep='\\n')"
    command = ["docker", "run", "--rm", "--entrypoint", "/opt/venv/bin/python", image, "-c", ask]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in map(str.split, told.splitlines())}
    brought_along = {"pip", "setuptools", "uv", "wheel"}  # by the images that Python comes from
    assert {name: version for name, version in found.items() if name not in brought_along} == {
        name: lock.get(name) for name in found.keys() - brought_along
    }


# -- used, and disturbed ---------------------------------------------------------------------------------------------


def test_whatever_is_killed_in_an_evening_comes_back_and_nothing_is_lost(stack: Stack) -> None:
    # Slow enough that a collector is still at work when something of it is killed.
    stack.control("POST", "faults", json=[{"match": "finance.yahoo.com", "times": None, "delay_seconds": 2}])
    run = stack.trigger(CONTROLLER)
    for task, service in KILLED.items():
        asked = len(stack.control("GET", "requests"))
        run.await_task(task, "running")
        if task in SPARK_TASKS:
            eventually(lambda: spark(stack)["activeapps"], bool, seconds=120)
        else:
            eventually(lambda: len(stack.control("GET", "requests")), lambda now: now > asked, seconds=120)  # noqa: B023
        kill(stack, service)
    stack.control("DELETE", "faults")
    ended = run.states_at_the_end(1500)
    assert ended["run"] == "success", (ended, run.page["note"])
    # What had stored all before it was killed finds nothing left to do.
    assert set(ended.values()) <= {"success", "skipped"}, ended
    assert_whole(stack, FRIDAY)
    assert stack.rows("SELECT count(*) FROM logs_consumer_error") == [(0,)]
    assert "Asked to launch executor" in docker(stack, "logs", "spark-worker")
    assert_memory_sufficed(stack)
    await_health(stack)


def test_every_service_that_is_killed_comes_back(stack: Stack) -> None:
    stack.rest()
    before = everything(stack)
    for service in RUNNING:
        kill(stack, service)
    await_health(stack)
    assert everything(stack) == before


def test_every_dag_ends_in_success_on_the_last_sunday_of_a_month(stack: Stack) -> None:
    stack.rest()
    stack.control("POST", "clock", json={"now": f"{SUNDAY}T15:00:00Z"})
    for dag_id in (*DAILY, *OTHERS, MAINTENANCE):
        run = stack.trigger(dag_id)
        ended = run.states_at_the_end()
        assert ended["run"] == "success", (dag_id, ended, run.page["note"])
        assert set(ended.values()) <= {"success", "skipped"}, (dag_id, ended)
    assert stack.airflow("GET", "/importErrors")["total_entries"] == 0
    results = ("analytics_08_monthly_portfolio", "analytics_09_etf_top_holdings", "analytics_sector_trending")
    for table in results:
        assert stack.rows(f"SELECT count(*) > 0 FROM {table}") == [(True,)], table
    assert docker(stack, "run", "--rm", "-T", "tools", "ls", "/data/backups").endswith(".dump\n")
    assert {job["state"] for job in spark(stack)["completedapps"]} == {"FINISHED"}
    # As much at once as the pools allow: a collector beside the driver of a range.
    beside = [stack.trigger(OTHERS[0], force=True), stack.trigger(DAILY[-1], from_date=f"{FIRST}", force=True)]
    assert {run.end() for run in beside} == {"success"}, [run.page["note"] for run in beside]
    assert_memory_sufficed(stack)


def test_the_commands_of_the_design_work_as_they_are_written(stack: Stack) -> None:
    assert "stores" in docker(stack, "logs", "consumer-etf-daily")
    allocator = (
        *("spark-submit", "--master", "spark://spark-master:7077"),
        "/opt/spark-apps/batch/spark_02_active_stock_allocator.py",
    )
    done = len(spark(stack)["completedapps"])
    docker(stack, "exec", "-T", "spark-master", *allocator)  # complete already: it says so, without a job
    docker(stack, "exec", "-T", "spark-master", *allocator, "--force")
    states_of_jobs = [job["state"] for job in spark(stack)["completedapps"]]
    assert states_of_jobs == ["FINISHED"] * (done + 1)
    assert_memory_sufficed(stack)
    # A day later each ETF lacks a bar.
    stack.control("POST", "clock", json={"now": f"{MONDAY}T22:00:00Z"})
    backfill = ("python", "/app/test/1_backfill_etf_benchmarks.py", "--days", "60", "--delay", "2.0")
    docker(stack, "exec", "-T", "api", *backfill)
    ended = "SELECT status, stored > 0 FROM process_executions WHERE process = 'benchmark_backfill'"
    assert stack.rows(ended) == [("success", True)]
    stack.command("run", "test/2_staggered_sector_backfill.py", "--delay-minutes", "0", "--skip-existing")
    ended = "SELECT status FROM process_executions WHERE process = 'sector_backfill' AND stored > 0"
    assert set(stack.rows(ended)) == {("success",)}
    kept = docker(stack, "exec", "-T", "api", "ls", "/app/test/.cache/replay-hand").split()
    assert {"SPY", "XLV"} <= {name.partition("_")[0] for name in kept}
    for query in ("SELECT * FROM v_recent_executions", "SELECT * FROM get_processing_progress()"):
        asked = docker(stack, "exec", "-T", "postgres", "psql", "-U", "postgres", "stockdb", "-c", query)
        assert "(0 rows)" not in asked
    assert stack.command("run", "database/check_data.py").returncode == 0


def test_prometheus_reads_the_api(stack: Stack) -> None:
    image = services()["prometheus"]["image"]
    if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode != 0:
        pulled = subprocess.run(["docker", "pull", image], capture_output=True, text=True, check=False)
        if pulled.returncode != 0:
            pytest.skip(f"{image} is not here and cannot be pulled: {pulled.stderr.strip()}")
    docker(stack, "--profile", "metrics", "up", "--detach", "--wait", "prometheus")
    page = f"http://127.0.0.1:{stack.settings['PROMETHEUS_PORT']}/api/v1/query"

    def up() -> list[str]:
        answer = httpx.get(page, params={"query": "up{job='api'}"}, timeout=30).raise_for_status().json()
        return [each["value"][1] for each in answer["data"]["result"]]

    eventually(up, lambda values: values == ["1"], seconds=90)
    docker(stack, "--profile", "metrics", "rm", "--force", "--stop", "prometheus")


def test_down_and_up_keep_the_data(stack: Stack) -> None:
    stack.rest()
    before, runs = everything(stack), [run["dag_run_id"] for run in stack.runs_of("~")]
    stack.command("stop")
    assert states(stack) == {}
    start_again(stack)
    assert everything(stack) == before
    assert [run["dag_run_id"] for run in stack.runs_of("~")] == runs


def test_an_older_schema_is_brought_up_to_date_and_the_data_stay(stack: Stack) -> None:
    """As after `git pull && ./start.sh` with a migration that is new."""
    before = everything(stack)
    checks = """SELECT conrelid::regclass, conname FROM pg_constraint WHERE contype = 'c'
                AND conrelid IN ('analytics_09_etf_concentration'::regclass, 'analytics_09_etf_overlap'::regclass)"""
    revision = "SELECT version_num FROM alembic_version"
    assert stack.as_superuser(revision) == [("0011",)], "a newer migration: it is the one to be undone here"
    of_the_newest = stack.as_superuser(checks)
    assert len(of_the_newest) == 6
    for table, name in of_the_newest:
        stack.as_superuser(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    stack.as_superuser("UPDATE alembic_version SET version_num = '0010'")
    start_again(stack)
    assert sorted(stack.as_superuser(checks)) == sorted(of_the_newest)
    assert stack.as_superuser(revision) == [("0011",)]
    assert everything(stack) == before


def test_services_scale_in_the_middle_of_a_run_that_makes_the_portfolios_computed_by_hand(stack: Stack) -> None:
    stack.control("POST", "clock", json={"now": f"{D}T22:00:00Z"})
    run = stack.trigger(CONTROLLER)
    run.await_task("collect_benchmark_etfs", "running", "success")
    docker(stack, "up", "--detach", "--wait", "--scale", "spark-worker=2", "--scale", "consumer-stock-daily=3")
    assert stack.command("status", check=False).returncode == 0
    assert spark(stack)["aliveworkers"] == 2
    first, last = map(int, stack.settings["SPARK_WORKER_UI_PORT"].split("-"))
    pages = {int(docker(stack, "port", "--index", at, "spark-worker", "8081").rpartition(":")[2]) for at in ("1", "2")}
    assert len(pages & set(range(first, last + 1))) == 2
    assert len(docker(stack, "ps", "--quiet", "consumer-stock-daily").split()) == 3
    ended = run.states_at_the_end()
    assert set(ended.values()) == {"success"}, (ended, run.page["note"])
    assert_whole(stack, D)
    assert [row[1:] for row in everything(stack)["positions"] if row[0] == D] == [
        (period, rank, ticker, weight) for period, rank, ticker, _, _, weight, _, _ in POSITIONS
    ]


def test_data_move_to_local_mode_and_back(stack: Stack) -> None:
    stack.rest()
    before = everything(stack)
    # Which way a market runs is known without being told.
    untold = replace(
        stack,
        arguments=(*stack.arguments[:2], "--data", str(stack.folder), "--only", "roles"),
        environment={name: value for name, value in stack.environment.items() if name != "ACTSTOCK_MODE"},
    )
    untold.command("move", "--local")
    untold.start()
    untold.command("run", "database/api_keys.py", "create", "made-without-docker")
    untold.command("move")
    start_again(stack)
    now = everything(stack)
    assert {name: now[name] for name in ("positions", "runs", "bars")} == {
        name: before[name] for name in ("positions", "runs", "bars")
    }
    assert stack.rows("SELECT count(*) FROM api_keys WHERE name = 'made-without-docker'") == [(1,)]
    assert stack.control("GET", "clock")["now"].startswith(f"{D}T22:")


# -- without a stack -------------------------------------------------------------------------------------------------


def test_without_settings_compose_says_what_is_missing(engine: None, tmp_path: Path) -> None:
    """`docker compose …` by hand, without an .env, says in one line what is missing."""
    (tmp_path / ".env").touch()
    command = ["docker", "compose", "--env-file", str(tmp_path / ".env"), "--file", str(REPO / "docker-compose.yml")]
    given = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    refused = subprocess.run([*command, "config", "-q"], env=given, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "expected in .env, which ./start.sh makes" in refused.stderr
