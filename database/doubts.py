"""Values in doubt (rules 2): which there are, and a person's word that one is right.

A doubtful value leaves its instrument out of what is computed. Confirming one moves `changed_at`, so that the stages
that read it run again.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from psycopg.rows import class_row

from database import findings
from database.bars import ETF_TABLE, STOCK_TABLE
from database.connection import Connection

# Of a bar or a market cap, in SQL: neither a later fetch nor a person has ended the doubt.
IN_DOUBT = "(doubt IS NOT NULL AND confirmed_at IS NULL)"

What = Literal["bar", "cap"]
# what → (table, its date, its value)
PLACES: tuple[tuple[What, str, str, str], ...] = (
    ("bar", ETF_TABLE, "trade_date", "close_price"),
    ("bar", STOCK_TABLE, "trade_date", "close_price"),
    ("cap", "collected_00_market_cap", "session_date", "market_cap"),
)


@dataclass(frozen=True)
class Doubt:
    """One value that is doubted: a bar's close, or a market cap, in the instrument's own currency."""

    what: What
    ticker: str
    session: date
    value: Decimal
    reason: str
    changed_at: datetime


def open_doubts(connection: Connection) -> list[Doubt]:
    """What is in doubt now, by instrument, oldest first."""
    parts = [
        f"""SELECT '{what}' AS what, ticker, {day} AS session, {value} AS value, doubt AS reason, changed_at
            FROM {table} WHERE {IN_DOUBT}"""
        for what, table, day, value in PLACES
    ]
    with connection.cursor(row_factory=class_row(Doubt)) as cursor:
        return cursor.execute(f"{' UNION ALL '.join(parts)} ORDER BY ticker, session, what").fetchall()


def confirm(connection: Connection, doubt: Doubt, *, note: str) -> bool:
    """End the doubt, with a finding that says so. False when the value is no longer the one that was shown."""
    with connection.transaction():
        for what, table, day, value in PLACES:
            if what != doubt.what:
                continue
            ended = connection.execute(
                f"""UPDATE {table} SET confirmed_at = now(), changed_at = now(), updated_at = now()
                    WHERE ticker = %s AND {day} = %s AND {value} = %s AND doubt = %s AND confirmed_at IS NULL
                    RETURNING confirmed_at""",
                (doubt.ticker, doubt.session, doubt.value, doubt.reason),
            ).fetchone()
            if ended:
                findings.record(
                    connection,
                    run_id=f"confirmed-{ended[0]:%Y%m%dT%H%M%S%f}",
                    check_name=findings.DOUBT,
                    ticker=doubt.ticker,
                    session=doubt.session,
                    severity="info",
                    detail=f"{doubt.what} of {doubt.value.normalize():f} confirmed by hand: {note}",
                )
                return True
    return False
