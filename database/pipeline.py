"""What the DAGs ask and note: the session of a run, and which stages may be built upon (rules 1, contracts 4)."""

from collections.abc import Sequence
from datetime import date, datetime

from database.connection import Connection
from database.ledger import last_usable


class NotResolved(LookupError):
    """The DAG run's first task has not written its session yet."""


def resolve(connection: Connection, dag_run_id: str, as_of_date: date) -> date:
    """Write the run's session down, once: what stands there already wins, so that retries and clears keep it."""
    connection.execute(
        "INSERT INTO pipeline_runs (dag_run_id, as_of_date) VALUES (%s, %s) ON CONFLICT (dag_run_id) DO NOTHING",
        (dag_run_id, as_of_date),
    )
    return resolved(connection, dag_run_id)


def resolved(connection: Connection, dag_run_id: str) -> date:
    """The session of the run. Raises NotResolved before its first task has run."""
    row = connection.execute("SELECT as_of_date FROM pipeline_runs WHERE dag_run_id = %s", (dag_run_id,)).fetchone()
    if row is None:
        raise NotResolved(f"run {dag_run_id} has no session yet: its first task did not finish")
    session: date = row[0]
    return session


def not_before(connection: Connection, dag_run_id: str) -> datetime | None:
    """When the newest attempt of the run wants to be tried again; None when it said nothing."""
    row = connection.execute(
        "SELECT not_before FROM process_executions WHERE dag_run_id = %s ORDER BY started_at DESC LIMIT 1",
        (dag_run_id,),
    ).fetchone()
    return row[0] if row else None


def missing(connection: Connection, processes: Sequence[str], as_of_date: date) -> list[str]:
    """The processes that have no usable run for the session, in the order given."""
    return [process for process in processes if last_usable(connection, process, as_of_date) is None]


def finished_at(connection: Connection, process: str, as_of_date: date) -> datetime | None:
    """When the newest usable run of the process for the session ended."""
    run = last_usable(connection, process, as_of_date)
    return run.finished_at if run else None
