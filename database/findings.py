"""What looked wrong in the data (contracts 5.3, data_quality_findings). One row per run, check, ticker and session."""

from collections.abc import Iterable
from datetime import date
from typing import Literal, NamedTuple

from database.connection import Connection

Severity = Literal["info", "warn", "error"]

CHANGED = "changed value"
DOUBT = "doubt"
RESTATED = "restated"
MISSING_SESSION = "missing session"
FIRST_BAR = "first bar"

# A changed value is a warning from this relative difference on (rules 2: 0.5 %).
WARN_ABOVE = 0.005


class Finding(NamedTuple):
    """One thing that looked wrong, in one line."""

    check_name: str
    ticker: str | None
    session: date | None
    severity: Severity
    detail: str


def record(
    connection: Connection,
    *,
    run_id: str,
    check_name: str,
    ticker: str | None,
    session: date | None,
    severity: Severity,
    detail: str,
) -> None:
    """Write a finding down; one that the run already has stays as it is."""
    record_all(connection, run_id, [Finding(check_name, ticker, session, severity, detail)])


def record_all(connection: Connection, run_id: str, found: Iterable[Finding]) -> None:
    """Write findings down; those that the run already has stay as they are."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO data_quality_findings (run_id, check_name, ticker, session, severity, detail)
               VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
            [(run_id, *finding) for finding in found],
        )
