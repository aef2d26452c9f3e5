"""What the DAGs tell the operator: incidents are written down here, and sent by the watch (database/watch.py).

A task's callback runs in its worker, a DAG's in the DAG processor. Both have the role pipeline, and neither waits for a
network. Whether the controller is late the watch sees for itself: a run with one of Airflow's deadlines cannot be
cleared (apache/airflow#70368).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config.settings import DatabaseSettings, load


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
    """A DAG's on_success_callback: failed no more.

    A run that decided there is nothing to do says nothing about the one that failed before it.
    """
    from database.incidents import close_incident  # noqa: PLC0415

    dag_id, run = _names(context)
    decides = any(task_id.startswith("resolve_") for task_id in context["dag"].task_ids)
    with _database() as connection:
        if decides and _date(connection, run) == NO_DATE:
            return
        close_incident(connection, f"failed/{dag_id}")


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
