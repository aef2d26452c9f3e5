"""How each instrument fares over runs (contracts 5.3, asset_processing_state): strikes and quarantine.

A strike is a session with a permanent failure and no success since: the retries of one evening are one strike. The
fifth quarantines (instrument, operation) for 7 days, each further one for 30; a success ends it, and so may a person.
Bars of the universe's ETFs are asked for whatever happens: without them there is no result.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from database.connection import Connection

STRIKES = 5
FIRST_QUARANTINE_DAYS, LATER_QUARANTINE_DAYS = 7, 30


def update_state(connection: Connection, run_id: str) -> None:
    """Carry the end states of a closed run's items over; a failure that may pass is noted, but is no strike."""
    connection.execute(
        """WITH ended AS (
               SELECT ticker, operation, finished_at, error, status IN ('stored', 'unchanged') AS good,
                      status = 'dead_lettered' OR (status = 'failed' AND permanent) AS strike
               FROM asset_processing_details WHERE run_id = %(run_id)s
           ), struck AS (
               SELECT d.ticker, d.operation, count(DISTINCT p.as_of_date) AS sessions
               FROM asset_processing_details d
               JOIN ended e ON e.ticker = d.ticker AND e.operation = d.operation AND e.strike
               JOIN process_executions p ON p.run_id = d.run_id
               LEFT JOIN asset_processing_state s ON s.ticker = d.ticker AND s.operation = d.operation
               WHERE (d.status = 'dead_lettered' OR (d.status = 'failed' AND d.permanent))
                 AND d.finished_at > coalesce(s.last_success, '-infinity')
               GROUP BY d.ticker, d.operation
           )
           INSERT INTO asset_processing_state AS s (ticker, operation, last_success, consecutive_failures, last_error)
           SELECT e.ticker, e.operation, CASE WHEN e.good THEN e.finished_at END, coalesce(k.sessions, 0), e.error
           FROM ended e LEFT JOIN struck k ON k.ticker = e.ticker AND k.operation = e.operation
           ON CONFLICT (ticker, operation) DO UPDATE SET
               last_success = coalesce(excluded.last_success, s.last_success),
               consecutive_failures = CASE WHEN excluded.last_success IS NOT NULL THEN 0
                                           ELSE greatest(s.consecutive_failures, excluded.consecutive_failures) END,
               last_error = excluded.last_error,
               next_retry_at = CASE
                   WHEN excluded.last_success IS NOT NULL THEN NULL
                   WHEN s.operation = 'bars' AND s.ticker IN (SELECT ticker FROM collected_00_meta_etf) THEN NULL
                   WHEN s.operation = 'quoted_profile' THEN NULL  -- comes with a quote, and is never asked for
                   WHEN excluded.consecutive_failures <= s.consecutive_failures THEN s.next_retry_at
                   WHEN excluded.consecutive_failures = %(strikes)s THEN now() + make_interval(days => %(first)s)
                   WHEN excluded.consecutive_failures > %(strikes)s THEN now() + make_interval(days => %(later)s)
               END,
               updated_at = now()""",
        {"run_id": run_id, "strikes": STRIKES, "first": FIRST_QUARANTINE_DAYS, "later": LATER_QUARANTINE_DAYS},
    )


def quarantined(connection: Connection, operation: str, tickers: Iterable[str]) -> dict[str, datetime]:
    """Those of the tickers that are not to be asked for now, with the instant of their next try."""
    rows = connection.execute(
        """SELECT ticker, next_retry_at FROM asset_processing_state
           WHERE operation = %s AND ticker = ANY(%s) AND next_retry_at > now() ORDER BY ticker""",
        (operation, list(tickers)),
    )
    return dict(rows.fetchall())


@dataclass(frozen=True)
class Quarantine:
    """One instrument and operation that is not asked for before `next_retry_at`."""

    ticker: str
    operation: str
    strikes: int
    next_retry_at: datetime
    last_success: datetime | None
    last_error: str | None


def quarantines(connection: Connection) -> list[Quarantine]:
    """What is in quarantine now, by instrument."""
    with connection.cursor(row_factory=class_row(Quarantine)) as cursor:
        return cursor.execute(
            """SELECT ticker, operation, consecutive_failures AS strikes, next_retry_at, last_success, last_error
               FROM asset_processing_state WHERE next_retry_at > now() ORDER BY ticker COLLATE "C", operation"""
        ).fetchall()


def lift(connection: Connection, quarantine: Quarantine) -> None:
    """The next run asks again. The strikes stay until a success: a further one is a quarantine of 30 days."""
    connection.execute(
        """UPDATE asset_processing_state SET next_retry_at = NULL, updated_at = now()
           WHERE ticker = %s AND operation = %s""",
        (quarantine.ticker, quarantine.operation),
    )
