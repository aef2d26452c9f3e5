"""What breaks a writer in its last table: the rows of before stand in all of them (contracts 5.2)."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from database import months, performance, top_holdings, trending
from database.connection import Connection, connect
from database.portfolios import (
    CANDIDATE_COLUMNS,
    CANDIDATES,
    DAILY,
    HEADERS,
    MONTHLY,
    Portfolio,
    WeightsDoNotSum,
    publish_daily,
    publish_monthly,
)
from test import published
from test.api.market import everything
from test.conftest import Database
from test.published import FRIDAY, FRIDAY_EVENING

NOT_NULL = psycopg.errors.NotNullViolation
REVISIONS = "analytics_portfolio_revisions"


@pytest.fixture
def market(database: Database) -> Iterator[published.Connection]:
    with published.connect(database) as connection:
        everything(connection)
        yield connection


def bad(columns: Sequence[str], **key: object) -> dict[str, Any]:
    """A row of nothing but its key: no table takes it."""
    return dict.fromkeys(columns) | key


def write_trending(connection: Connection) -> None:
    row = bad(trending.COLUMNS, as_of_date=FRIDAY)
    trending.replace_trending(connection, [row], as_of_dates=[FRIDAY], run_id="broken")


def write_months(connection: Connection) -> None:
    row = bad(months.COLUMNS[months.STOCKS], year=FRIDAY.year, month=FRIDAY.month)
    months.replace_months(connection, etfs=[], sectors=[], stocks=[row], as_of_dates=[FRIDAY], run_id="broken")


def write_top_holdings(connection: Connection) -> None:
    row = bad(top_holdings.COLUMNS[top_holdings.OVERLAP], as_of_date=FRIDAY)
    top_holdings.replace_top_holdings(
        connection, holdings=[], concentration=[], overlap=[row], as_of_dates=[FRIDAY], run_id="broken"
    )


def write_performance(connection: Connection) -> None:
    row = bad(performance.COLUMNS, strategy="5d", origin="live", trade_date=FRIDAY)
    performance.replace_performance(connection, [row], last=FRIDAY, run_id="broken")


def write_daily(connection: Connection) -> None:
    row = bad(CANDIDATE_COLUMNS, as_of_date=FRIDAY, period_days=20)
    made = Portfolio("20d", FRIDAY, FRIDAY_EVENING, positions=[], left_out=[], candidates=[row])
    publish_daily(connection, [made], published_at=FRIDAY_EVENING, run_id="broken")


def write_monthly(connection: Connection) -> None:
    """The weights are looked at last."""
    with connection.cursor(row_factory=dict_row) as cursor:
        [row] = cursor.execute(
            f"SELECT {', '.join(MONTHLY.columns)} FROM {MONTHLY.table} ORDER BY 2 LIMIT 1"
        ).fetchall()
    day: date = row["rebalance_date"]
    made = Portfolio("monthly", day, FRIDAY_EVENING, positions=[row | {"final_weight": 0.5}], left_out=[])
    publish_monthly(connection, [made], published_at=FRIDAY_EVENING, run_id="broken")


@pytest.mark.parametrize(
    ("write", "tables", "error"),
    [
        (write_trending, [trending.TABLE], NOT_NULL),
        (write_months, [months.ETFS, months.SECTORS, months.STOCKS], NOT_NULL),
        (write_top_holdings, [*top_holdings.COLUMNS], NOT_NULL),
        (write_performance, [performance.TABLE], NOT_NULL),
        (write_daily, [DAILY.table, HEADERS, CANDIDATES, REVISIONS], NOT_NULL),
        (write_monthly, [MONTHLY.table, HEADERS, REVISIONS], WeightsDoNotSum),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_breaks_at_the_end_changes_nothing(
    database: Database,
    market: published.Connection,
    write: Callable[[Connection], None],
    tables: Sequence[str],
    error: type[Exception],
) -> None:
    def rows() -> dict[str, list[Any]]:
        return {table: market.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall() for table in tables}

    before = rows()
    assert all(before[table] for table in tables if table != REVISIONS)
    with connect(database.settings("batch")) as connection, pytest.raises(error):
        write(connection)
    assert rows() == before
