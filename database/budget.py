"""The day's requests to a source, shared by all programs (contracts 5.3): reserved before, settled after.

A day is a UTC day of wall time. `blocked_until` outlives midnight: whatever day it was noted on, it holds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from database.connection import Connection


def reserve(connection: Connection, source: str, *, daily_budget: int, now: datetime) -> datetime | None:
    """Reserve one request. None: go on. An instant: not before then, because of a block or the day's budget.

    One statement takes the row's lock, so parallel programs never reserve more than the budget together.
    """
    reserved = connection.execute(
        """INSERT INTO source_budget (source, day, reserved)
           SELECT %(source)s, %(day)s, 1
           WHERE NOT EXISTS (SELECT 1 FROM source_budget WHERE source = %(source)s AND blocked_until > %(now)s)
           ON CONFLICT (source, day) DO UPDATE SET reserved = source_budget.reserved + 1, updated_at = now()
           WHERE source_budget.reserved + source_budget.used < %(budget)s
           RETURNING reserved""",
        {"source": source, "day": now.date(), "now": now, "budget": daily_budget},
    ).fetchone()
    if reserved is not None:
        return None
    return blocked_until(connection, source, now=now) or next_day(now)


def settle(connection: Connection, source: str, *, reserved_at: datetime) -> None:
    """The reserved request was made. One that a killed program never settles stays reserved: it may have been made."""
    connection.execute(
        """UPDATE source_budget SET reserved = greatest(reserved - 1, 0), used = used + 1, updated_at = now()
           WHERE source = %s AND day = %s""",
        (source, reserved_at.date()),
    )


def block(
    connection: Connection, source: str, *, pauses: Sequence[timedelta], at_least: timedelta, now: datetime
) -> datetime:
    """The source asked to wait: the instant before which nobody asks it.

    Each further block of the day takes the next of the pauses, the last one over and over; what is noted while a block
    holds (requests were on their way) belongs to that one. `at_least`: what the source itself asked for.
    """
    row = connection.execute(
        """INSERT INTO source_budget AS b (source, day, blocks, blocked_until)
           VALUES (%(source)s, %(day)s, 1, %(now)s + greatest((%(pauses)s::interval[])[1], %(at_least)s))
           ON CONFLICT (source, day) DO UPDATE SET
               blocks = b.blocks + (coalesce(b.blocked_until, '-infinity') <= %(now)s)::int,
               blocked_until = greatest(
                   CASE WHEN b.blocked_until > %(now)s THEN b.blocked_until
                        ELSE %(now)s + (%(pauses)s::interval[])[least(b.blocks + 1, %(last)s)] END,
                   %(now)s + %(at_least)s),
               updated_at = now()
           RETURNING blocked_until""",
        {
            "source": source,
            "day": now.date(),
            "now": now,
            "pauses": list(pauses),
            "last": len(pauses),
            "at_least": at_least,
        },
    ).fetchone()
    if row is None:
        raise AssertionError("an upsert returns its row")
    until: datetime = row[0]
    return until


def blocked_until(connection: Connection, source: str, *, now: datetime) -> datetime | None:
    """Until when the source wants to be left alone; None when it may be asked."""
    row = connection.execute(
        "SELECT max(blocked_until) FROM source_budget WHERE source = %s AND blocked_until > %s", (source, now)
    ).fetchone()
    return row[0] if row else None


def next_day(now: datetime) -> datetime:
    """The instant the next day's budget begins."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
