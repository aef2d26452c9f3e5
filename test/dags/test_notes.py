"""What stands on a run's page, written through a REST API like Airflow's."""

import importlib
import json
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

DAG_ID, RUN_ID = "06_etf_holdings_daily_dag", "manual__2026-01-23T22:00:00+00:00"
LONG = "known_stocks: asked 145, stored 4, failed 141 (" + "; ".join(f"T{n} bars: gone" for n in range(141)) + ")"


@pytest.fixture
def notes(dagbag: Any) -> ModuleType:
    """The module beside the DAG files, imported by its plain name as Airflow does."""
    return importlib.import_module("notes")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """The run's page; as Airflow, it takes no note of more than 1000 characters."""
    kept: dict[str, str | None] = {"note": None}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            assert json.loads(request.content) == {"username": "admin", "password": "secret"}
            return httpx.Response(201, json={"access_token": "token"})
        assert unquote(request.url.path) == f"/api/v2/dags/{DAG_ID}/dagRuns/{RUN_ID}"
        assert request.headers["Authorization"] == "Bearer token"
        if request.method == "PATCH":
            kept.update(json.loads(request.content))
            assert len(kept["note"] or "") <= 1000
        return httpx.Response(200, json=kept)

    monkeypatch.setenv("AIRFLOW_ADMIN_PASSWORD", "secret")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://airflow")
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(answer)))
    return kept


def failed(task_id: str, reason: str | None) -> dict[str, Any]:
    """What Airflow hands to a task's callback."""
    run = SimpleNamespace(dag_id=DAG_ID, run_id=RUN_ID)
    exception = RuntimeError(reason) if reason else None
    return {"dag_run": run, "ti": SimpleNamespace(task_id=task_id), "exception": exception}


def ended(reason: str) -> dict[str, Any]:
    """What Airflow hands to a DAG's callback at least."""
    return {"dag": SimpleNamespace(dag_id=DAG_ID), "run_id": RUN_ID, "reason": reason}


def test_a_failure_is_a_line_with_the_task_and_the_first_line_of_the_reason(
    notes: ModuleType, page: dict[str, str | None]
) -> None:
    for _ in range(2):  # a task that is cleared may fail with the same words
        notes.note_failure(failed("collect_stocks", "exit code 1: no broker\nand more"))
    notes.note_failure(failed("collect_holdings", None))
    assert page["note"] == "collect_stocks failed: exit code 1: no broker\ncollect_holdings failed: it was stopped"


def test_a_long_line_keeps_its_beginning_and_the_oldest_lines_make_room(
    notes: ModuleType, page: dict[str, str | None]
) -> None:
    for task_id in ("first", "second", "third", "fourth", "fourth"):
        notes.note_failure(failed(task_id, LONG))
    lines = (page["note"] or "").splitlines()
    assert [line.partition(" failed: known_stocks: asked 145, ")[0] for line in lines] == ["third", "fourth"]
    assert all(line.endswith("…") for line in lines)


def test_a_run_that_no_task_ended_says_why_itself(notes: ModuleType, page: dict[str, str | None]) -> None:
    notes.note_end(ended("task_failure"))
    assert page["note"] is None, "the task has said it"
    notes.note_end(ended("timed_out"))
    assert page["note"] == "the run failed: timed out"


def test_a_mended_run_says_that_it_is(notes: ModuleType, page: dict[str, str | None]) -> None:
    notes.note_mended(ended("success"))
    assert page["note"] is None
    notes.note_failure(failed("collect_stocks", "no broker"))
    notes.note_mended(ended("success"))
    assert page["note"] == "collect_stocks failed (mended): no broker"
