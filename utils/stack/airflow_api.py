"""Airflow's REST API, as far as set-up, the pipeline driver and the notes on a run's page need it."""

import time
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from utils.stack.folder import Folder

PATIENCE = 30


class Airflow:
    """A session at the Airflow of that address, as admin. Failures are httpx.HTTPError."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        self._login = {"username": "admin", "password": password}
        self._client = httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False)

    @classmethod
    def of(cls, folder: Folder) -> "Airflow":
        """The one of a folder."""
        return cls(f"http://{folder.address('AIRFLOW_PORT')}", folder.settings["AIRFLOW_ADMIN_PASSWORD"])

    def __enter__(self) -> "Airflow":
        answer = self._client.post("/auth/token", json=self._login).raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        answer = self._client.request(method, f"/api/v2{path}", **given)
        return answer.raise_for_status().json()

    def set_pool(self, name: str, slots: int) -> None:
        """Have a pool of that many slots."""
        found = self._client.get(f"/api/v2/pools/{name}")
        if found.status_code == httpx.codes.NOT_FOUND:
            self._ask("POST", "/pools", json={"name": name, "slots": slots})
        elif found.raise_for_status().json()["slots"] != slots:
            change = {"pool": name, "slots": slots, "include_deferred": False}
            self._ask("PATCH", f"/pools/{name}", json=change)

    def import_errors(self) -> list[str]:
        """DAG files that could not be read, with the last line of why."""
        found = self._ask("GET", "/importErrors")["import_errors"]
        return [f"{item['filename']}: {item['stack_trace'].strip().splitlines()[-1]}" for item in found]

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG was read."""
        return self._client.get(f"/api/v2/dags/{dag_id}").status_code == httpx.codes.OK

    def is_paused(self, dag_id: str) -> bool:
        """Whether its schedule is off."""
        return bool(self._ask("GET", f"/dags/{dag_id}")["is_paused"])

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        """Turn the schedule of a DAG off or on."""
        self._ask("PATCH", f"/dags/{dag_id}", json={"is_paused": paused})

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run; its id."""
        run = self._ask("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf or {}})
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """queued, running, success or failed."""
        return str(self._ask("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def note(self, dag_id: str, run_id: str) -> str:
        """What stands on a run's page."""
        return str(self._ask("GET", _page(dag_id, run_id))["note"] or "")

    def set_note(self, dag_id: str, run_id: str, note: str) -> None:
        """Have that stand on a run's page."""
        self._ask("PATCH", _page(dag_id, run_id), json={"note": note})

    def unfinished_runs(self, dag_id: str) -> list[str]:
        """Runs of a DAG that are not over, oldest first."""
        parameters = {"state": ["queued", "running"], "order_by": "run_after"}
        return [
            str(run["dag_run_id"]) for run in self._ask("GET", f"/dags/{dag_id}/dagRuns", params=parameters)["dag_runs"]
        ]

    def tasks(self, dag_id: str, run_id: str) -> list["Task"]:
        """The tasks of a run as they stand."""
        found = self._ask("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return [Task(item) for item in found]

    def log_tail(self, dag_id: str, run_id: str, task: "Task") -> str:
        """The last line a task wrote."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{max(task.try_number, 1)}"
        content = self._ask("GET", path, params={"full_content": True})["content"]
        raised = [line["error_detail"][0]["exc_value"] for line in content if line.get("error_detail")]
        said = [line["event"] for line in content if line.get("event") and not line["event"].startswith("::")]
        return str((raised or said or ["it left no log"])[-1])

    def read_again(self, dag_id: str) -> None:
        """Have the DAG's file read again at once, and wait until it was. Raises httpx.ReadTimeout after PATIENCE."""
        before = self._ask("GET", f"/dags/{dag_id}")
        self._client.put(f"/api/v2/parseDagFile/{before['file_token']}").raise_for_status()
        deadline = time.monotonic() + PATIENCE
        while self._ask("GET", f"/dags/{dag_id}")["last_parsed_time"] == before["last_parsed_time"]:
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout(f"{dag_id}: expected its file to be read again within {PATIENCE} s")
            time.sleep(0.2)


def _page(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


class Task:
    """One task of a run."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.task_id = str(item["task_id"])
        self.state = str(item["state"] or "waiting")
        self.try_number = int(item["try_number"] or 0)
        self.duration = item["duration"]
        self.end_date = datetime.fromisoformat(item["end_date"]) if item["end_date"] else None

    @property
    def is_over(self) -> bool:
        """Whether it will not run again by itself."""
        return self.state in {"success", "failed", "skipped", "upstream_failed", "removed"}
