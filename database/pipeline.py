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


_RUN = """EXISTS (SELECT FROM process_executions
                  WHERE process = %(process)s AND as_of_date = %(session)s AND usable)"""
_TRIED = "EXISTS (SELECT FROM process_executions WHERE process = %(process)s AND as_of_date = %(session)s)"
_SAME_OR_LATER_RUN = _RUN.replace("as_of_date =", "as_of_date >=")
_TRENDING = "EXISTS (SELECT FROM analytics_03_trending_etfs WHERE as_of_date = %(session)s)"
_PORTFOLIOS = """EXISTS (SELECT FROM analytics_portfolios
                         WHERE as_of_date = %(session)s AND strategy <> 'monthly')"""
# What also stands for a usable run of the session: not every session with results has a run of its own.
_STANDS = {
    # A run asks for every bar that lacks up to its session: a later one has brought those of an earlier one, too.
    "benchmark_etf_bars": _SAME_OR_LATER_RUN,
    "sector_etf_bars": _SAME_OR_LATER_RUN,
    # A session that was made up, or computed as one of a range, has rows only.
    "trending_etfs": f"{_RUN} OR {_TRENDING}",
    "portfolio_allocation": f"{_RUN} OR {_PORTFOLIOS}",
    # Portfolios had what they needed; but a run that was tried for the session and is not usable is to be mended first.
    "trending_etf_holdings": f"{_RUN} OR NOT {_TRIED} AND {_PORTFOLIOS}",
    "needed_stocks": f"{_RUN} OR NOT {_TRIED} AND {_PORTFOLIOS}",
}


def missing(connection: Connection, processes: Sequence[str], as_of_date: date) -> list[str]:
    """The processes that have nothing yet for the session that may be built upon, in the order given."""
    return [process for process in processes if not _stands(connection, process, as_of_date)]


def _stands(connection: Connection, process: str, as_of_date: date) -> bool:
    asked = {"process": process, "session": as_of_date}
    row = connection.execute(f"SELECT {_STANDS.get(process, _RUN)}", asked).fetchone()
    return bool(row and row[0])


def finished_at(connection: Connection, process: str, as_of_date: date) -> datetime | None:
    """When the newest usable run of the process for the session ended."""
    run = last_usable(connection, process, as_of_date)
    return run.finished_at if run else None
