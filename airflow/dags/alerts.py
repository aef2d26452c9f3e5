"""What the DAGs tell the operator: incidents are written down here, and sent by the watch (database/watch.py).

A task's callback runs in its worker, a DAG's in the DAG processor; both have the role pipeline, and seconds to write.
Whether the controller is late the watch sees for itself: a run with one of Airflow's deadlines cannot be cleared
(apache/airflow#70368).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from config.settings import DatabaseSettings, load

NO_DATE = "no date yet"


def task_failed(context: Any) -> None:
    """A task's on_failure_callback: the DAG has failed, and why."""
    from database.incidents import failure_of, open_incident  # noqa: PLC0415 - a DAG file is parsed often

    with _database() as connection:
        reason = str(context.get("exception") or failure_of(connection, _run(context)) or "it was stopped")
        detail = f"{_subject(connection, context, context['ti'].task_id)}: {reason}"
        open_incident(connection, _key(context), detail)


def run_failed(context: Any) -> None:
    """A DAG's on_failure_callback: for runs that end without any task's telling, as when their time is over."""
    from database.incidents import failure_of, open_incident  # noqa: PLC0415

    with _database() as connection:
        reason = str(context.get("reason") or "failed").replace("_", " ")
        program = failure_of(connection, _run(context))
        detail = f"{_subject(connection, context)}: {reason}" + (f"; {program}" if program else "")
        open_incident(connection, _key(context), detail)


def run_succeeded(context: Any) -> None:
    """A DAG's on_success_callback: failed no more, when it succeeded for the date that failed or a later one.

    A run that decided there is nothing to do says nothing about the one that failed before it.
    """
    from database.incidents import close_incident, detail_of  # noqa: PLC0415

    with _database() as connection:
        failed = detail_of(connection, _key(context))
        if failed is None:
            return
        if _has_dates(context):
            succeeded = _date(connection, context)
            if succeeded is None or succeeded < (_date_in(failed) or succeeded):
                return
        close_incident(connection, _key(context))


def _key(context: Any) -> str:
    return f"failed/{context['dag'].dag_id}"


def _run(context: Any) -> str:
    """The run's name in the ledger."""
    return f"{context['dag'].dag_id}/{context['run_id']}"


def _has_dates(context: Any) -> bool:
    return any(task_id.startswith("resolve_") for task_id in context["dag"].task_ids)


def _subject(connection: Any, context: Any, *tasks: str) -> str:
    """DAG, task and date, as far as there are any; `_date_in` reads it."""
    dates = [str(_date(connection, context) or NO_DATE)] if _has_dates(context) else []
    return ", ".join([context["dag"].dag_id, *tasks, *dates])


def _date_in(detail: str) -> date | None:
    """The date that a subject ends with.

    >>> _date_in("09_x_dag, collect_stocks, 2026-01-23: exit code 1: it broke"), _date_in("09_x_dag, no date yet: gone")
    (datetime.date(2026, 1, 23), None)
    """
    try:
        return date.fromisoformat(detail.partition(": ")[0].rpartition(", ")[2])
    except ValueError:
        return None


def _date(connection: Any, context: Any) -> date | None:
    from database.pipeline import NotResolved, resolved  # noqa: PLC0415

    try:
        return resolved(connection, _run(context))
    except NotResolved:
        return None


@contextmanager
def _database() -> Iterator[Any]:
    from database.connection import connect  # noqa: PLC0415

    with connect(load(DatabaseSettings)) as connection:
        yield connection
