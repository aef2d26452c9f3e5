"""A stack of a test's own: its own data folder, free ports, ended at the end."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import psycopg
from dotenv import dotenv_values
from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from test.conftest import DOWNLOADS, REPO
from utils.stack import supervisor
from utils.stack.airflow_api import Airflow
from utils.stack.folder import open_folder
from utils.stack.pipeline import trigger

FINISHED = ("success", "failed")
T = TypeVar("T")


@dataclass(frozen=True)
class Stack:
    """A running platform. `arguments`: what start.sh was given."""

    folder: Path
    environment: dict[str, str]
    arguments: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, str]:
        """The market folder's .env."""
        return {name: value or "" for name, value in dotenv_values(self.folder / ".env").items()}

    def start(self) -> None:
        """`./start.sh …` with the arguments of the first time."""
        started = subprocess.run(
            [str(REPO / "start.sh"), *self.arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert started.returncode == 0, started.stdout[-3000:] + started.stderr[-3000:]

    def restarted(self, *arguments: str, **settings: str) -> "Stack":
        """Stop, then start with other arguments or settings; those of before hold where none is given."""
        self.command("stop")
        again = replace(
            self, environment=self.environment | settings, arguments=tuple(arguments) if arguments else self.arguments
        )
        again.start()
        return again

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`./start.sh …` on this stack."""
        return subprocess.run(
            [str(REPO / "start.sh"), arguments[0], "--data", str(self.folder), *arguments[1:]],
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=600,
        )

    def process(self, service: str) -> psutil.Process:
        """The process of a service, as the supervisor knows it."""
        pid = supervisor.process(open_folder(self.folder), service).pid
        assert pid is not None, f"expected {service} to run, found no process"
        return psutil.Process(pid)

    # Databases

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A query as the API's role, which may read everything."""
        return self._ask("stockdb", "api", query)

    def as_superuser(self, statement: str, database: str = "stockdb") -> list[tuple[Any, ...]]:
        """What no program of ours may do: spoil a row, or change Airflow's own tables."""
        return self._ask(database, "postgres", statement)

    def _ask(self, database: str, user: str, statement: str) -> list[tuple[Any, ...]]:
        settings = self.settings
        with psycopg.connect(
            host="127.0.0.1",
            port=int(settings["DB_PORT"]),
            dbname=database,
            user=user,
            password=settings[f"DB_{user.upper()}_PASSWORD"],
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    # Our REST API

    def api(self, path: str, **parameters: Any) -> httpx.Response:
        """GET of our REST API."""
        settings = self.settings
        return httpx.get(
            f"http://127.0.0.1:{settings['API_PORT']}{path}",
            params=parameters,
            headers={"X-API-Key": settings["API_KEY"]},
            timeout=30,
        )

    # Airflow

    def airflow(self, method: str, path: str, **options: Any) -> Any:
        """A call of Airflow's REST API."""
        settings = self.settings
        base = f"http://127.0.0.1:{settings['AIRFLOW_PORT']}"
        login = {"username": "admin", "password": settings["AIRFLOW_ADMIN_PASSWORD"]}
        token = httpx.post(f"{base}/auth/token", json=login, timeout=30).raise_for_status().json()["access_token"]
        answer = httpx.request(
            method, f"{base}/api/v2{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30, **options
        )
        return answer.raise_for_status().json()

    def run_dag(self, dag_id: str, **conf: Any) -> dict[str, str]:
        """Trigger a DAG, wait until its run ends; state of the run under its own name, and of each task."""
        return self.trigger(dag_id, **conf).states_at_the_end()

    def trigger(self, dag_id: str, **conf: Any) -> "DagRun":
        """Start a run of a DAG, which is unpaused for it."""
        with Airflow.of(open_folder(self.folder)) as airflow:
            return DagRun(self, dag_id, trigger(airflow, dag_id, conf))

    def queue(self, dag_id: str, **conf: Any) -> "DagRun":
        """Start a run of a DAG, which is left paused when it is: the run waits then."""
        with Airflow.of(open_folder(self.folder)) as airflow:
            return DagRun(self, dag_id, airflow.trigger(dag_id, conf))

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        """Turn the schedule of a DAG off or on."""
        with Airflow.of(open_folder(self.folder)) as airflow:
            airflow.set_paused(dag_id, paused=paused)

    def dag_ids(self) -> list[str]:
        """All DAGs that Airflow has read."""
        return [dag["dag_id"] for dag in self.airflow("GET", "/dags", params={"limit": 100})["dags"]]

    def is_due(self, dag_id: str) -> bool:
        """Whether a slot of its schedule has come that it has no run for yet."""
        run_after = self.airflow("GET", f"/dags/{dag_id}")["next_dagrun_run_after"]
        return run_after is not None and datetime.fromisoformat(run_after) <= datetime.now(UTC)

    def runs_of(self, dag_id: str) -> list[dict[str, Any]]:
        """All runs of a DAG, or of all with ~, oldest first."""
        found = self.airflow("GET", f"/dags/{dag_id}/dagRuns", params={"limit": 100, "order_by": "run_after"})
        return list(found["dag_runs"])

    def rest(self, seconds: float = 1200) -> None:
        """Wait until no run is under way, then pause every DAG: a later scenario begins from nothing.

        A DAG that is unpaused runs the schedule's newest slot, too, after the run that was asked for.
        """
        with Airflow.of(open_folder(self.folder)) as airflow:
            dag_ids = self.dag_ids()

            def at_rest() -> bool:
                busy = [run for run in self.runs_of("~") if run["state"] not in FINISHED]
                for dag_id in dag_ids:
                    if airflow.is_paused(dag_id) is not (dag_id not in {run["dag_id"] for run in busy}):
                        airflow.set_paused(dag_id, paused=not airflow.is_paused(dag_id))
                return not busy

            eventually(at_rest, bool, seconds=seconds)

    def control(self, method: str, path: str, **options: Any) -> Any:
        """A call of the market replay's control."""
        port = self.settings["REPLAY_CONTROL_PORT"]
        answer = httpx.request(method, f"http://127.0.0.1:{port}/_control/{path}", timeout=30, **options)
        return answer.raise_for_status().json()


@dataclass(frozen=True)
class DagRun:
    """A run as the operator sees it: on its page, and in the ledger."""

    stack: Stack
    dag_id: str
    run_id: str

    @property
    def path(self) -> str:
        """Of the run in Airflow's REST API."""
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}"

    @property
    def key(self) -> str:
        """Its name in the ledger."""
        return f"{self.dag_id}/{self.run_id}"

    @property
    def page(self) -> dict[str, Any]:
        """State, note, dates."""
        return dict(self.stack.airflow("GET", self.path))

    def tasks(self) -> dict[str, dict[str, Any]]:
        """The task instances by their short names."""
        found = self.stack.airflow("GET", f"{self.path}/taskInstances")["task_instances"]
        return {task["task_id"].split(".")[-1]: task for task in found}

    def states(self) -> dict[str, str]:
        """State of each task by its short name."""
        return {name: task["state"] for name, task in self.tasks().items()}

    def end(self, seconds: float = 1200) -> str:
        """Wait for the end; success or failed."""
        page = eventually(lambda: self.page, lambda page: page["state"] in FINISHED, seconds=seconds)
        return str(page["state"])

    def states_at_the_end(self, seconds: float = 1200) -> dict[str, str]:
        """Wait for the end; state of the run under its own name, and of each task."""
        return {"run": self.end(seconds)} | self.states()

    def await_task(self, name: str, *states: str, seconds: float = 600) -> dict[str, Any]:
        """Wait until the task is in one of the states; its instance."""
        return eventually(lambda: self.tasks().get(name, {}), lambda task: task.get("state") in states, seconds=seconds)

    def clear(self, name: str) -> None:
        """What the operator does after mending: clear a task with everything downstream."""
        task_id = self.tasks()[name]["task_id"]
        body = {
            "dry_run": False,
            "dag_run_id": self.run_id,
            "task_ids": [task_id],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.stack.airflow("POST", f"/dags/{self.dag_id}/clearTaskInstances", json=body)

    @property
    def session(self) -> Any:
        """What its first task decided."""
        found = self.stack.rows(f"SELECT as_of_date FROM pipeline_runs WHERE dag_run_id = '{self.key}'")
        return found[0][0] if found else None


def eventually(ask: Callable[[], T], holds: Callable[[T], bool], *, seconds: float, pause: float = 1) -> T:
    """Ask until the answer is as wanted. Raises RetryError with the last answer when it never is.

    A service that is just being started again does not answer: that is waited for, too.
    """
    wait = Retrying(
        retry=retry_if_result(lambda answer: not holds(answer)) | retry_if_exception_type(httpx.TransportError),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(pause),
    )
    answer: T = wait(ask)
    return answer


@contextmanager
def running_stack(data: Path, name: str, *arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Start a market, and end every process of it whatever happens. `settings`: what the operator sets."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "AIRFLOW"))}
    environment |= {"ACTSTOCK_DATA": str(data), "ACTSTOCK_DOWNLOADS": str(DOWNLOADS), "ACTSTOCK_PORTS": "free"}
    environment |= {"ACTSTOCK_MODE": "local"}  # an engine that answers here is not meant, unless `settings` says so
    stack = Stack(data / name, environment | dict(settings or {}), arguments)
    try:
        stack.start()
        yield stack
    finally:
        stack.command("stop")


def dag_runs(stack: Stack, pages: Sequence[Mapping[str, Any]]) -> list[DagRun]:
    """Runs that were not triggered here."""
    return [DagRun(stack, page["dag_id"], page["dag_run_id"]) for page in pages]
