"""What the DAGs tell the operator: incidents are written down here, and sent by the watch (database/watch.py).

A task's callback runs in its worker, a DAG's in the DAG processor, the deadline's in the executor. All have the role
pipeline, and none waits for a network.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback

from config.settings import DatabaseSettings, PipelineSettings, load


def task_failed(context: Any) -> None:
    """A task's on_failure_callback: the DAG has failed, and why."""
    from database.incidents import failure_of, open_incident  # noqa: PLC0415 - a DAG file is parsed often

    dag_id, run = _names(context)
    with _database() as connection:
        reason = str(context.get("exception") or failure_of(connection, run) or "it was stopped")
        detail = f"{dag_id}, {context['ti'].task_id}, {_date(connection, run)}: {reason}"
        open_incident(connection, f"failed/{dag_id}", detail)


def run_failed(context: Any) -> None:
    """A DAG's on_failure_callback: for runs that end without any task's telling, as when their time is over."""
    from database.incidents import failure_of, open_incident  # noqa: PLC0415

    dag_id, run = _names(context)
    with _database() as connection:
        reason = str(context.get("reason") or "failed").replace("_", " ")
        program = failure_of(connection, run)
        detail = f"{dag_id}, {_date(connection, run)}: {reason}" + (f"; {program}" if program else "")
        open_incident(connection, f"failed/{dag_id}", detail)


def run_succeeded(context: Any) -> None:
    """A DAG's on_success_callback: neither failed nor late any more.

    A run that decided there is nothing to do says nothing about the one that failed before it.
    """
    from database.incidents import close_incident  # noqa: PLC0415

    dag_id, run = _names(context)
    decides = any(task_id.startswith("resolve_") for task_id in context["dag"].task_ids)
    with _database() as connection:
        if decides and _date(connection, run) == NO_DATE:
            return
        for kind in ("failed", "late"):
            close_incident(connection, f"{kind}/{dag_id}")


def run_late(context: Any, processes: Sequence[str]) -> None:
    """The deadline's callback. A run that has failed is known of; one that just got ready is not late."""
    from database.incidents import open_incident  # noqa: PLC0415
    from database.pipeline import NotResolved, missing, resolved  # noqa: PLC0415

    dag_id, run_id = context["dag_run"]["dag_id"], context["dag_run"]["dag_run_id"]
    if context["dag_run"]["state"] in {"success", "failed"}:
        return
    with _database() as connection:
        try:
            as_of_date = resolved(connection, f"{dag_id}/{run_id}")
            left = missing(connection, processes, as_of_date)
            detail = f"{dag_id}, {as_of_date}: still without {', '.join(left)}"
        except NotResolved:
            left, detail = list(processes), f"{dag_id}, {NO_DATE}: not begun"
        if left:
            open_incident(connection, f"late/{dag_id}", detail)


def late_without(*processes: str) -> DeadlineAlert:
    """A DAG's deadline: PIPELINE_LATE_MINUTES after its start, the two pauses of the controller not counted."""
    settings = load(PipelineSettings)
    return DeadlineAlert(
        # Not the logical date: a run that is triggered has none, and that of a first run may lie days back.
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=settings.late_minutes + 2 * settings.stage_gap_minutes),
        # Of the two kinds the one without a triggerer, which does not run here (contracts 2).
        callback=SyncCallback(run_late, kwargs={"processes": list(processes)}),
    )


NO_DATE = "no date yet"


def _names(context: Any) -> tuple[str, str]:
    """The DAG's id, and the run's name in the ledger."""
    dag_id = context["dag"].dag_id
    return dag_id, f"{dag_id}/{context['run_id']}"


def _date(connection: Any, run: str) -> str:
    from database.pipeline import NotResolved, resolved  # noqa: PLC0415

    try:
        return str(resolved(connection, run))
    except NotResolved:
        return NO_DATE


@contextmanager
def _database() -> Iterator[Any]:
    from database.connection import connect  # noqa: PLC0415

    with connect(load(DatabaseSettings)) as connection:
        yield connection
