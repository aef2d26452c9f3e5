"""Which dates have results, table by table: one look at an index each."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from psycopg.rows import class_row

from database.connection import Connection

# The table of a result, and the column that dates it.
DATED = {
    "trending": ("analytics_03_trending_etfs", "as_of_date"),
    "top_holdings": ("analytics_09_etf_top_holdings", "as_of_date"),
    "concentration": ("analytics_09_etf_concentration", "as_of_date"),
    "overlap": ("analytics_09_etf_overlap", "as_of_date"),
}
Result = Literal["trending", "top_holdings", "concentration", "overlap"]


@dataclass(frozen=True)
class ResultDates:
    """Of one result. None where there is none."""

    newest: date | None
    at_or_before: date | None


def result_dates(connection: Connection, result: Result, day: date | None = None) -> ResultDates:
    """The newest date of the result, and the newest at or before the day."""
    table, column = DATED[result]
    with connection.cursor(row_factory=class_row(ResultDates)) as cursor:
        found = cursor.execute(
            f"""SELECT (SELECT max({column}) FROM {table}) AS newest,
                       (SELECT max({column}) FROM {table} WHERE {column} <= %s) AS at_or_before""",
            (day,),
        ).fetchone()
    return found or ResultDates(None, None)
