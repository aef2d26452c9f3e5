"""Two sets of rows of one table, held against each other."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from psycopg import sql

from test.reference.market import Connection
from test.reference.storage import KEYS, Key, Row

# Of each column of a table.
SHOWN = 4
# Columns that the reference has as data and the table as a text.
FOUND_IN = {"passed_over": "allocation_reason"}


class Difference(NamedTuple):
    """Where the two differ; column None: the row is on one side only."""

    table: str
    key: Key
    column: str | None
    expected: Any
    found: Any


def read_rows(connection: Connection, table: str, columns: Sequence[str]) -> dict[Key, Row]:
    """The stored rows by key. What was left out becomes tuples, what was passed over is read from the reason."""
    names = sql.SQL(", ").join(sql.Identifier(FOUND_IN.get(name, name)) for name in columns)
    query = sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(table))
    rows = [dict(zip(columns, values, strict=True)) for values in connection.execute(query).fetchall()]
    for row in rows:
        if "left_out" in row:
            row["left_out"] = tuple((entry["ticker"], entry["etf"], entry["reason"]) for entry in row["left_out"])
        if "passed_over" in row:
            named = re.search(r"without a market cap: (.*)\.$", row["passed_over"])
            row["passed_over"] = tuple(named[1].split(", ")) if named else ()
    return {tuple(row[name] for name in KEYS[table]): row for row in rows}


def differences(table: str, expected: dict[Key, Row], found: dict[Key, Row]) -> list[Difference]:
    """All of them, by key."""
    result = []
    for key in sorted(expected.keys() | found.keys(), key=str):
        if key not in found or key not in expected:
            result.append(Difference(table, key, None, expected.get(key), found.get(key)))
        elif expected[key] != found[key]:
            result += [
                Difference(table, key, column, value, found[key].get(column))
                for column, value in expected[key].items()
                if value != found[key].get(column)
            ]
    return result


def shown(found: Iterable[Difference]) -> str:
    """How many there are of each column, and a few of them, a line each."""
    by_column: dict[tuple[str, str], list[Difference]] = {}
    for each in found:
        by_column.setdefault((each.table, each.column or "row"), []).append(each)
    lines = []
    for (table, column), several in by_column.items():
        lines.append(f"{table} {column}: {len(several)} differ")
        lines += [
            f"    {' '.join(map(str, each.key))}: expected {each.expected}, found {each.found}"
            for each in several[:SHOWN]
        ]
    return "\n".join(lines)
