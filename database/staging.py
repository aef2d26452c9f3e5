"""Rows by COPY into temporary tables: the fastest way into a transaction, and the real table is untouched.

Consumers store one small message after the other: their tables are made once per connection (`prepare`, `fill`).
A batch program stages a result in a table shaped like the real one (`stage`) and puts it in the place of what was
there for the same dates (`replace_rows`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import sql

from database.connection import Connection

# One message at a time; the keys refuse one that says the same thing twice.
INCOMING = {
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
    """Make the consumers' temporary tables, once per connection; they are empty after every transaction."""
    # A plan made when a table was empty reads all of it for ever: the connection lives for weeks.
    connection.execute("SET plan_cache_mode = force_custom_plan")
    for name, columns in INCOMING.items():
        connection.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({columns}) ON COMMIT DELETE ROWS")


def fill(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Replace what waits in one of the prepared tables."""
    name = sql.Identifier(table)
    connection.execute(sql.SQL("DELETE FROM {}").format(name))
    _copy(connection, name, columns, rows)


def stage(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> sql.Identifier:
    """The rows in a temporary table with the table's types, gone at the transaction's end."""
    return _staged(connection, f"new_{table}", table, columns, ([row[name] for name in columns] for row in rows))


def _staged(
    connection: Connection, name: str, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> sql.Identifier:
    new = sql.Identifier(name)
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            new, names(columns), sql.Identifier(table)
        )
    )
    _copy(connection, new, columns, rows)
    connection.execute(sql.SQL("ANALYZE {}").format(new))  # a plan for an empty table would compare row by row
    return new


def replace_rows(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    *,
    group: Sequence[str],
    groups: Iterable[Sequence[object]],
    run_id: str,
) -> sql.Identifier:
    """Put the rows in the place of the table's rows of those groups: a date, or a date and a period (contracts 5.2).

    A group whose rows are equal, as stored, stays untouched, its updated_at too; of any other every row is written
    anew, and one that gets no rows loses its old ones. Call it inside a transaction; gives the staged rows.
    """
    new = stage(connection, table, columns, rows)
    wanted = _staged(connection, f"groups_{table}", table, group, groups)
    parts = {
        "table": sql.Identifier(table),
        "new": new,
        "wanted": wanted,
        "group": names(group),
        "columns": names(columns),
        "differing": sql.Identifier(f"differing_{table}"),
    }
    connection.execute(
        sql.SQL(
            """CREATE TEMPORARY TABLE {differing} ON COMMIT DROP AS
               WITH old AS (SELECT {columns} FROM {table} WHERE ({group}) IN (SELECT {group} FROM {wanted}))
               SELECT DISTINCT {group} FROM (
                   (SELECT {columns} FROM {new} EXCEPT SELECT {columns} FROM old)
                   UNION ALL
                   (SELECT {columns} FROM old EXCEPT SELECT {columns} FROM {new})) d"""
        ).format(**parts)
    )
    connection.execute(
        sql.SQL("DELETE FROM {table} WHERE ({group}) IN (SELECT {group} FROM {differing})").format(**parts)
    )
    connection.execute(
        sql.SQL(
            """INSERT INTO {table} ({columns}, run_id)
               SELECT {columns}, %s FROM {new} WHERE ({group}) IN (SELECT {group} FROM {differing})"""
        ).format(**parts),
        (run_id,),
    )
    return new


def _copy(
    connection: Connection, table: sql.Identifier, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, names(columns))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def names(columns: Sequence[str]) -> sql.Composed:
    """The column names, quoted and joined."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))
