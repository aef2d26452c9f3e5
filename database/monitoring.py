"""What the platform's monitoring reads: the ledger's totals, the source's budget, what is wrong. One query each.

Counts are of what the tables still hold: retention takes old rows away, so they may fall.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from database.connection import Connection
from database.read_pipeline import PROCESSES


@dataclass(frozen=True)
class LedgerTotal:
    """All runs of one process that ended alike, with what became of their items."""

    process: str
    status: str
    runs: int
    stored: int
    unchanged: int
    failed: int
    dead_lettered: int
    api_calls: int


@dataclass(frozen=True)
class Budget:
    """A source's day."""

    source: str
    used: int
    reserved: int
    blocked_until: datetime | None


def ledger_totals(connection: Connection) -> list[LedgerTotal]:
    """One row a process and status."""
    with connection.cursor(row_factory=class_row(LedgerTotal)) as cursor:
        return cursor.execute(
            """SELECT process, status, count(*) AS runs, sum(stored)::bigint AS stored,
                      sum(unchanged)::bigint AS unchanged, sum(failed)::bigint AS failed,
                      sum(dead_lettered)::bigint AS dead_lettered, sum(api_calls)::bigint AS api_calls
               FROM process_executions GROUP BY process, status ORDER BY process, status"""
        ).fetchall()


def last_usable_runs(connection: Connection) -> list[tuple[str, datetime]]:
    """(process, when its newest usable run ended)."""
    return connection.execute(
        f"""SELECT process, ended
            FROM ({PROCESSES}) ran CROSS JOIN LATERAL (
                SELECT max(p.finished_at) AS ended FROM process_executions p
                WHERE p.process = ran.process AND p.usable) newest
            WHERE ended IS NOT NULL ORDER BY process"""
    ).fetchall()


def open_incidents(connection: Connection) -> list[tuple[str, int]]:
    """(kind, how many are open); a kind that ever had one is there with 0."""
    return connection.execute(
        """SELECT split_part(key, '/', 1), count(*) FILTER (WHERE closed_at IS NULL)
           FROM alert_incidents GROUP BY 1 ORDER BY 1"""
    ).fetchall()


def dead_letters(connection: Connection) -> list[tuple[str, int]]:
    """(status, how many messages nobody could store)."""
    return connection.execute(
        "SELECT status, count(*) FROM logs_consumer_error GROUP BY status ORDER BY status"
    ).fetchall()


def budgets(connection: Connection, now: datetime) -> list[Budget]:
    """Each source ever asked, with the requests of the UTC day of `now`."""
    with connection.cursor(row_factory=class_row(Budget)) as cursor:
        return cursor.execute(
            """SELECT source, coalesce(sum(used) FILTER (WHERE day = %(day)s), 0)::bigint AS used,
                      coalesce(sum(reserved) FILTER (WHERE day = %(day)s), 0)::bigint AS reserved,
                      max(blocked_until) FILTER (WHERE blocked_until > %(now)s) AS blocked_until
               FROM source_budget GROUP BY source ORDER BY source""",
            {"day": now.date(), "now": now},
        ).fetchall()
