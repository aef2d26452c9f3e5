"""A stack of a test's own: its own data folder, free ports, ended at the end."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from dotenv import dotenv_values
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from test.conftest import DOWNLOADS, REPO
from utils.stack.airflow_api import Airflow
from utils.stack.folder import open_folder
from utils.stack.pipeline import trigger

FINISHED = ("success", "failed")


@dataclass(frozen=True)
class Stack:
    """A running platform."""

    folder: Path
    environment: dict[str, str]

    @property
    def settings(self) -> dict[str, str]:
        """The market folder's .env."""
        return {name: value or "" for name, value in dotenv_values(self.folder / ".env").items()}

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

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A query as the API's role, which may read everything."""
        settings = self.settings
        with psycopg.connect(
            host="127.0.0.1",
            port=int(settings["DB_PORT"]),
            dbname="stockdb",
            user="api",
            password=settings["DB_API_PASSWORD"],
        ) as connection:
            return connection.execute(query).fetchall()

    def api(self, path: str, **parameters: Any) -> httpx.Response:
        """GET of our REST API."""
        settings = self.settings
        return httpx.get(
            f"http://127.0.0.1:{settings['API_PORT']}{path}",
            params=parameters,
            headers={"X-API-Key": settings["API_KEY"]},
            timeout=30,
        )

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
        with Airflow(open_folder(self.folder)) as airflow:
            run_id = trigger(airflow, dag_id, conf)
        path = f"/dags/{dag_id}/dagRuns/{run_id}"
        wait = Retrying(
            retry=retry_if_result(lambda state: state not in FINISHED), stop=stop_after_delay(480), wait=wait_fixed(1)
        )
        state = wait(lambda: self.airflow("GET", path)["state"])
        tasks = self.airflow("GET", f"{path}/taskInstances")["task_instances"]
        return {"run": str(state)} | {task["task_id"].split(".")[-1]: task["state"] for task in tasks}

    def control(self, method: str, path: str, **options: Any) -> Any:
        """A call of the market replay's control."""
        port = self.settings["REPLAY_CONTROL_PORT"]
        answer = httpx.request(method, f"http://127.0.0.1:{port}/_control/{path}", timeout=30, **options)
        return answer.raise_for_status().json()


@contextmanager
def running_stack(data: Path, name: str, *arguments: str) -> Iterator[Stack]:
    """Start a market, and end every process of it whatever happens."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "AIRFLOW"))}
    environment |= {"ACTSTOCK_DATA": str(data), "ACTSTOCK_DOWNLOADS": str(DOWNLOADS), "ACTSTOCK_PORTS": "free"}
    stack = Stack(data / name, environment)
    started = subprocess.run(
        [str(REPO / "start.sh"), *arguments], env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    try:
        assert started.returncode == 0, started.stdout[-3000:] + started.stderr[-3000:]
        yield stack
    finally:
        stack.command("stop")
