"""Lines on a run's page in the Airflow UI: why nothing was run, or what broke.

A task has no other way to write there than Airflow's own REST API.
"""

import os
from collections.abc import Callable
from typing import Any

LONGEST = 900  # characters Airflow keeps: 1000
LONGEST_LINE = 300
FAILED, MENDED = " failed: ", " failed (mended): "


def add_note(dag_id: str, run_id: str, line: str) -> None:
    """Add a line to the note of a DAG run, once. Raises httpx.HTTPError when Airflow's API does not take it."""
    _change(dag_id, run_id, lambda note: with_line(note, line))


def with_line(note: str, line: str) -> str:
    """The note with the line at its end. A long line keeps its beginning; the oldest lines make room.

    >>> with_line("resolve_session failed: the clock is away", "collect_stocks failed: exit code 1")
    'resolve_session failed: the clock is away\\ncollect_stocks failed: exit code 1'
    """
    short = line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"
    lines = [each for each in note.splitlines() if each != short] + [short]
    while len("\n".join(lines)) > LONGEST and len(lines) > 1:
        lines.pop(0)
    return "\n".join(lines)


def note_failure(context: Any) -> None:
    """A task's on_failure_callback: its name and the error in one line."""
    lines = str(context.get("exception") or "").strip().splitlines()
    run = context["dag_run"]
    add_note(run.dag_id, run.run_id, f"{context['ti'].task_id}{FAILED}{lines[0] if lines else 'it was stopped'}")


def note_end(context: Any) -> None:
    """A DAG's on_failure_callback: a run that no task of it ended, as when its time is over."""
    reason = str(context.get("reason") or "")
    if reason != "task_failure":
        add_note(context["dag"].dag_id, context["run_id"], f"the run{FAILED}{reason.replace('_', ' ') or 'stopped'}")


def note_mended(context: Any) -> None:
    """A DAG's on_success_callback: what failed before a task was cleared or tried again is history."""
    _change(context["dag"].dag_id, context["run_id"], lambda note: note.replace(FAILED, MENDED))


def _change(dag_id: str, run_id: str, change: Callable[[str], str]) -> None:
    from utils.stack.airflow_api import Airflow  # noqa: PLC0415 - a DAG file is parsed often; needed in tasks only

    with Airflow(os.environ["AIRFLOW__API__BASE_URL"], os.environ["AIRFLOW_ADMIN_PASSWORD"]) as airflow:
        there = airflow.note(dag_id, run_id)
        changed = change(there)
        if changed != there:
            airflow.set_note(dag_id, run_id, changed)
