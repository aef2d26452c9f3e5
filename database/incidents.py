"""What is wrong at present, and who was told (contracts 5.3): an outbox that the watch empties.

An incident opens when something is wrong that was not known, and closes when it is right again; the same key later is
another incident. Keys are `kind/subject`. Times are wall time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from database.connection import Connection

KINDS = ("failed", "late", "partial", "stale")
"""Each has a page that says what to do: airflow/runbooks/<kind>.md."""

LONGEST = 500
"""Characters of a detail."""


@dataclass(frozen=True)
class Incident:
    """One incident. `opening_told`, `end_told`: the channels, by number, that have had the news."""

    key: str
    opened_at: datetime
    closed_at: datetime | None
    detail: str
    opening_told: list[int]
    end_told: list[int]


def open_incident(connection: Connection, key: str, detail: str) -> None:
    """Note that something is wrong; while it is known already, nothing changes."""
    connection.execute(
        """INSERT INTO alert_incidents (key, opened_at, detail) VALUES (%s, clock_timestamp(), %s)
           ON CONFLICT (key) WHERE closed_at IS NULL DO NOTHING""",
        (key, one_line(detail)),
    )


def close_incident(connection: Connection, key: str) -> None:
    """Note that it is over, if it was open."""
    connection.execute(
        """UPDATE alert_incidents SET closed_at = clock_timestamp(), updated_at = now()
           WHERE key = %s AND closed_at IS NULL""",
        (key,),
    )


def is_open(connection: Connection, key: str) -> bool:
    """Whether that is wrong at present."""
    row = connection.execute("SELECT 1 FROM alert_incidents WHERE key = %s AND closed_at IS NULL", (key,)).fetchone()
    return row is not None


def detail_of(connection: Connection, key: str) -> str | None:
    """What was said of an incident that is open; None when none is."""
    row = connection.execute(
        "SELECT detail FROM alert_incidents WHERE key = %s AND closed_at IS NULL", (key,)
    ).fetchone()
    return row[0] if row else None


def follow(connection: Connection, kinds: Sequence[str], problems: Mapping[str, str]) -> None:
    """Have exactly these problems, key → detail, open among the incidents of these kinds; the newest detail stands."""
    with connection.transaction():
        for key, detail in problems.items():
            connection.execute(
                """INSERT INTO alert_incidents AS old (key, opened_at, detail) VALUES (%s, clock_timestamp(), %s)
                   ON CONFLICT (key) WHERE closed_at IS NULL
                   DO UPDATE SET detail = excluded.detail, updated_at = now() WHERE old.detail <> excluded.detail""",
                (key, one_line(detail)),
            )
        connection.execute(
            """UPDATE alert_incidents SET closed_at = clock_timestamp(), updated_at = now()
               WHERE closed_at IS NULL AND split_part(key, '/', 1) = ANY(%s) AND key <> ALL(%s)""",
            (list(kinds), list(problems)),
        )


def runbook(incident: Incident) -> str:
    """The page that says what to do, from the repository's top."""
    return f"airflow/runbooks/{incident.key.partition('/')[0]}.md"


def one_line(text: str) -> str:
    """Any text as a detail.

    >>> one_line("exit code 1:\\n  SPY has no bar ")
    'exit code 1: SPY has no bar'
    """
    return " ".join(text.split())[:LONGEST]


# -- the outbox ------------------------------------------------------------------------------------------------------


def claim(connection: Connection) -> bool:
    """Whether this connection is the one that tells, until it closes: two that tell would tell things twice."""
    row = connection.execute("SELECT pg_try_advisory_lock(hashtext('alert_incidents'))").fetchone()
    return bool(row and row[0])


def unsettled(connection: Connection) -> list[Incident]:
    """Incidents that somebody may have to be told of, oldest first."""
    with connection.cursor(row_factory=class_row(Incident)) as cursor:
        return cursor.execute(
            """SELECT key, opened_at, closed_at, detail, opening_told, end_told FROM alert_incidents
               WHERE settled_at IS NULL ORDER BY opened_at, key"""
        ).fetchall()


def note_told(connection: Connection, incident: Incident, channel: int, *, end: bool) -> None:
    """That channel has had the news of the incident's opening, or of its end."""
    column = "end_told" if end else "opening_told"
    connection.execute(
        f"""UPDATE alert_incidents SET {column} = {column} || %s::smallint, updated_at = now()
            WHERE key = %s AND opened_at = %s""",
        (channel, incident.key, incident.opened_at),
    )


def settle(connection: Connection, channels: int) -> None:
    """Done with: closed incidents whose end every channel, 0 to `channels` − 1, was told."""
    connection.execute(
        """UPDATE alert_incidents SET settled_at = now(), updated_at = now()
           WHERE settled_at IS NULL AND closed_at IS NOT NULL AND end_told @> %s::smallint[]""",
        (list(range(channels)),),
    )


# -- what the callbacks and the watch read -----------------------------------------------------------------------------


def failure_of(connection: Connection, dag_run_id: str) -> str | None:
    """Why the run's newest failed program failed, as the ledger has it."""
    row = connection.execute(
        """SELECT process || ': ' || error FROM process_executions
           WHERE dag_run_id = %s AND status = 'failed' AND error IS NOT NULL ORDER BY started_at DESC LIMIT 1""",
        (dag_run_id,),
    ).fetchone()
    return row[0] if row else None
