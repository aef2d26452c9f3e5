"""Where a message's rows wait inside the transaction: temporary tables of the connection, filled by COPY.

One message at a time; its rows are gone at the end of the transaction at the latest. The key refuses a message that
says the same thing twice.
"""

from collections.abc import Iterable, Sequence

from database.connection import Connection

TABLES = {
    # `repeated`: the message says it. The others are stored bars beside it, judged again because a neighbour changed.
    "incoming_bars": """
        trade_date date PRIMARY KEY, previous_session date, open_price numeric(18,6), high_price numeric(18,6),
        low_price numeric(18,6), close_price numeric(18,6) NOT NULL, adj_close_price numeric(18,6) NOT NULL,
        volume bigint NOT NULL, dividend numeric(18,6) NOT NULL, split_ratio numeric(18,6) NOT NULL,
        currency text, repeated boolean NOT NULL DEFAULT true""",
    "incoming_holdings": """
        holding_ticker text PRIMARY KEY, holding_name text, holding_percent numeric(14,6), holding_rank integer,
        shares numeric(20,4), market_value numeric(20,2)""",
    "incoming_rates": "rate_date date PRIMARY KEY, usd_per_unit numeric(20,12)",
}


def prepare(connection: Connection) -> None:
    """Make the temporary tables, once per connection."""
    for name, columns in TABLES.items():
        connection.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({columns}) ON COMMIT DELETE ROWS")


def fill(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Replace what waits in a temporary table."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
        with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
