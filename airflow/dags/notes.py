"""A line on a run's page in the Airflow UI: why nothing was run, or what broke.

A task has no other way to write there than Airflow's own REST API.
"""

import os
from typing import Any

PATIENCE = 20
LONGEST = 900  # characters Airflow keeps: 1000


def add_note(run: Any, line: str) -> None:
    """Add a line to the note of a DAG run, once. Raises httpx.HTTPError when Airflow's API does not take it."""
    import httpx  # noqa: PLC0415 - a DAG file is parsed often; needed in tasks only

    login = {"username": "admin", "password": os.environ["AIRFLOW_ADMIN_PASSWORD"]}
    with httpx.Client(base_url=os.environ["AIRFLOW__API__BASE_URL"], timeout=PATIENCE, trust_env=False) as client:
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        page = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}"
        there = client.get(page).raise_for_status().json()["note"] or ""
        if line not in there:
            note = f"{there}\n{line}".strip()[-LONGEST:]
            client.patch(page, json={"note": note}).raise_for_status()


def note_failure(context: Any) -> None:
    """A task's on_failure_callback: its name and the error in one line."""
    lines = str(context.get("exception") or "").strip().splitlines()
    add_note(context["dag_run"], f"{context['ti'].task_id} failed: {lines[0] if lines else 'it was stopped'}")
