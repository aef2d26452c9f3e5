"""What a consumer writes into the run ledger: the end of an item, nothing else (contracts 4).

Guarded: only an item that is still open moves, so a message that comes twice or late changes no closed run.
"""

from database.connection import Connection


def stored(connection: Connection, *, run_id: str, ticker: str, operation: str, rows: int) -> None:
    """The item's message is stored; `unchanged` when it changed no row."""
    _end(connection, run_id, ticker, operation, status="stored" if rows else "unchanged", rows=rows, error=None)


def dead_lettered(connection: Connection, *, run_id: str, ticker: str, operation: str, reason: str) -> None:
    """The item's message could not be stored and is kept as a dead letter."""
    _end(connection, run_id, ticker, operation, status="dead_lettered", rows=0, error=reason[:500])


def _end(
    connection: Connection, run_id: str, ticker: str, operation: str, *, status: str, rows: int, error: str | None
) -> None:
    connection.execute(
        """UPDATE asset_processing_details
           SET status = %s, rows = %s, error = %s, permanent = %s, finished_at = now(), updated_at = now()
           WHERE run_id = %s AND ticker = %s AND operation = %s AND status IN ('planned', 'sent')""",
        (status, rows, error, error is not None, run_id, ticker, operation),
    )
