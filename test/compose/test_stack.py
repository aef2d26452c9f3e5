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
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from test.compose.files import ONE_SHOTS, REPO, services
from test.e2e.market import D, write_market
from test.e2e.stack import Stack, eventually, running_stack
from test.e2e.test_operations import CONTROLLER, DAILY, MAINTENANCE, OTHERS, assert_whole
from utils.stack.folder import SECRETS

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(2400)]

IMAGES = ("actstock-jobs", "actstock-airflow", "actstock-api")
RUNNING = sorted(name for name in services() if name not in ONE_SHOTS | {"prometheus"})
FRIDAY, SUNDAY = date(2025, 12, 26), date(2025, 12, 28)
# What the controller is at when something is killed, in its order.
KILLED = {
    "collect_benchmark_etfs": "kafka",
    "collect_sector_etfs": "consumer-etf-daily",
    "identify_trending_etfs": "spark-worker",
    "collect_holdings": "postgres",
    "collect_stocks": "api",
    "allocate_portfolios": "airflow-scheduler",
}


def engine_answers() -> bool:
    """Whether `./start.sh` would take compose here."""
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


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
    }
    begin = ("--replay", str(folder / "hand"), "--now", f"{FRIDAY}T22:00:00Z")
    with running_stack(folder / "data", "replay-hand", *begin, settings=settings) as up:
        yield up
    up.command("reset", "--yes")


def docker(stack: Stack, *arguments: str, check: bool = True) -> str:
    """`docker compose …` on this stack; what it printed."""
    command = ["docker", "compose", "--project-directory", str(REPO), "--env-file", str(stack.folder / ".env")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


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
    run = stack.trigger(CONTROLLER)
    for task, service in KILLED.items():
        run.await_task(task, "running", "success")
        if service == "spark-worker":
            eventually(lambda: spark(stack)["activeapps"], bool, seconds=120)
        kill(stack, service)
    ended = run.states_at_the_end(1500)
    assert ended["run"] == "success", (ended, run.page["note"])
    # What had stored all before it was killed finds nothing left to do.
    assert set(ended.values()) <= {"success", "skipped"}, ended
    assert_whole(stack, FRIDAY)
    assert stack.rows("SELECT count(*) FROM logs_consumer_error") == [(0,)]
    assert "Asked to launch executor" in docker(stack, "logs", "spark-worker")
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


def test_the_commands_of_the_design_work_as_they_are_written(stack: Stack) -> None:
    assert "stores" in docker(stack, "logs", "consumer-etf-daily")
    backfill = ("python", "/app/test/1_backfill_etf_benchmarks.py", "--days", "60", "--delay", "2.0")
    docker(stack, "exec", "-T", "api", *backfill)
    ended = "SELECT status FROM process_executions WHERE process = 'benchmark_backfill'"
    assert stack.rows(ended)[0][0] in {"success", "skipped"}
    submit = ("spark-submit", "--master", "spark://spark-master:7077")
    docker(stack, "exec", "-T", "spark-master", *submit, "/opt/spark-apps/batch/spark_02_active_stock_allocator.py")
    for query in ("SELECT * FROM v_recent_executions", "SELECT * FROM get_processing_progress()"):
        asked = docker(stack, "exec", "-T", "postgres", "psql", "-U", "postgres", "stockdb", "-c", query)
        assert "(0 rows)" not in asked
    assert stack.command("run", "database/check_data.py").returncode == 0


def test_prometheus_reads_the_api(stack: Stack) -> None:
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


def test_services_scale_in_the_middle_of_a_run_that_makes_the_portfolios_computed_by_hand(stack: Stack) -> None:
    stack.control("POST", "clock", json={"now": f"{D}T22:00:00Z"})
    run = stack.trigger(CONTROLLER)
    run.await_task("collect_benchmark_etfs", "running", "success")
    docker(stack, "up", "--detach", "--wait", "--scale", "spark-worker=2", "--scale", "consumer-stock-daily=3")
    assert spark(stack)["aliveworkers"] == 2
    assert len(docker(stack, "ps", "--quiet", "consumer-stock-daily").split()) == 3
    ended = run.states_at_the_end()
    assert set(ended.values()) == {"success"}, (ended, run.page["note"])
    assert_whole(stack, D)
    assert [row[1:] for row in everything(stack)["positions"] if row[0] == D] == [
        (5, 1, "900010.KS", Decimal("0.7123287589")),
        (5, 2, "AAA", Decimal("0.2876712411")),
        (10, 1, "900010.KS", Decimal("0.5882352941")),
        (10, 2, "AAA", Decimal("0.4117647059")),
        (20, 1, "CCC", Decimal("0.8000000000")),
        (20, 2, "AAA", Decimal("0.2000000000")),
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
