"""The day's requests to a source, shared by all programs (contracts 5.3): reserved before, settled after.

A day is a UTC day of wall time. `blocked_until` outlives midnight: whatever day it was noted on, it holds.
"""

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


def settle(connection: Connection, source: str, *, reserved_at: datetime, used: bool) -> None:
    """The reserved request was made, or was not."""
    connection.execute(
        """UPDATE source_budget SET reserved = greatest(reserved - 1, 0), used = used + %s, updated_at = now()
           WHERE source = %s AND day = %s""",
        (int(used), source, reserved_at.date()),
    )


def block(connection: Connection, source: str, *, until: datetime, now: datetime) -> None:
    """The source asked to wait: nobody asks it before then. A later block already noted stays."""
    connection.execute(
        """INSERT INTO source_budget (source, day, blocked_until) VALUES (%s, %s, %s)
           ON CONFLICT (source, day) DO UPDATE
           SET blocked_until = greatest(source_budget.blocked_until, excluded.blocked_until), updated_at = now()""",
        (source, now.date(), until),
    )


def blocked_until(connection: Connection, source: str, *, now: datetime) -> datetime | None:
    """Until when the source wants to be left alone; None when it may be asked."""
    row = connection.execute(
        "SELECT max(blocked_until) FROM source_budget WHERE source = %s AND blocked_until > %s", (source, now)
    ).fetchone()
    return row[0] if row else None


def next_day(now: datetime) -> datetime:
    """The instant the next day's budget begins."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
