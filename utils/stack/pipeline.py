"""`--run`: the daily pipeline through the real Airflow, when the newest results are older than the last session."""

import time
from typing import Any

import httpx
from tenacity import RetryError, retry, retry_if_result, stop_after_delay, wait_fixed

from config.settings import CONTROLLER
from utils.stack.airflow_api import Airflow
from utils.stack.folder import Folder

PARSE_PATIENCE = 90  # seconds until a DAG that Airflow has not read is given up
POLL = 1


class PipelineFailed(Exception):
    """The run did not end well: one line that names the task and its last words."""


def run_if_behind(folder: Folder) -> None:
    """Trigger the controller when results are behind, follow it to its end, and leave its schedule on."""
    freshness = status(folder)
    with Airflow.of(folder) as airflow:
        _wait_until_read(airflow, CONTROLLER)
        behind = freshness["as_of_date"] is None or freshness["as_of_date"] < freshness["expected_as_of_date"]
        if not behind:
            print(f"results are those of the last session, {freshness['as_of_date']}: nothing to run")
            airflow.set_paused(CONTROLLER, paused=False)
            return
        # One that was triggered before and cut off here goes on in Airflow: it is followed, not doubled.
        unfinished = airflow.unfinished_runs(CONTROLLER)
        run_id = unfinished[0] if unfinished else trigger(airflow, CONTROLLER)
        airflow.set_paused(CONTROLLER, paused=False)
        print(f"{CONTROLLER} for {freshness['expected_as_of_date']}: {airflow.url}/dags/{CONTROLLER}/runs/{run_id}")
        follow(airflow, CONTROLLER, run_id)


def trigger(airflow: Airflow, dag_id: str, conf: dict[str, Any] | None = None) -> str:
    """Start a run that goes before anything the schedule adds, and leave the schedule on; the run's id.

    A paused DAG's run waits, and on unpausing Airflow adds the schedule's last slot, which would go first: unless it
    has seen, reading the file, that the DAG has as many runs as it may. So the slot comes second, finds every stage
    complete and ends as skipped.
    """
    _wait_until_read(airflow, dag_id)
    run_id = airflow.trigger(dag_id, conf)
    if airflow.is_paused(dag_id):
        airflow.read_again(dag_id)
        airflow.set_paused(dag_id, paused=False)
    return run_id


def follow(airflow: Airflow, dag_id: str, run_id: str) -> None:
    """One line per task as it ends. Raises PipelineFailed when the run does not end in success."""
    began = time.monotonic()
    told: set[str] = set()
    while True:
        state = airflow.run_state(dag_id, run_id)
        tasks = airflow.tasks(dag_id, run_id)
        for task in sorted((task for task in tasks if task.is_over and task.task_id not in told), key=_ended):
            told.add(task.task_id)
            seconds = f"{task.duration:6.1f} s" if task.duration else "       -"
            print(f"  {task.task_id:<55} {task.state:<15} {seconds}", flush=True)
        if state == "failed":
            failed = [task for task in tasks if task.state == "failed"]
            last = f"{failed[0].task_id}: {airflow.log_tail(dag_id, run_id, failed[0])}" if failed else "no task failed"
            raise PipelineFailed(f"{dag_id}: expected success, found failed: {last}")
        if state == "success":
            print(f"  {dag_id}: success after {time.monotonic() - began:.1f} s", flush=True)
            return
        time.sleep(POLL)


def status(folder: Folder) -> Any:
    """How fresh the results are, as our own API says."""
    key = {"X-API-Key": folder.settings["API_KEY"]}
    answer = httpx.get(f"http://{folder.address('API_PORT')}/status", headers=key, timeout=30, trust_env=False)
    return answer.raise_for_status().json()


@retry(retry=retry_if_result(lambda found: not found), stop=stop_after_delay(PARSE_PATIENCE), wait=wait_fixed(0.5))
def _read(airflow: Airflow, dag_id: str) -> bool:
    return airflow.has_dag(dag_id)


def _wait_until_read(airflow: Airflow, dag_id: str) -> None:
    try:
        _read(airflow, dag_id)
    except RetryError as error:
        errors = "; ".join(airflow.import_errors()) or "no import error"
        raise PipelineFailed(
            f"{dag_id}: expected Airflow to read it within {PARSE_PATIENCE} s, found {errors}"
        ) from error


def _ended(task: Any) -> Any:
    return str(task.end_date)
