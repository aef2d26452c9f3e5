"""When top holdings and months run again for a session they are complete for: what they read has changed (rules 4)."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from batch import batch_monthly_sector_analyzer, spark_03_etf_top_holdings
from database.connection import connect
from database.ledger import last_success, open_run
from test.batch.programs import ETFS_TABLE, FETCHED, STOCKS, Row
from test.conftest import Database

FRIDAY = date(2025, 12, 26)
RAN = datetime(2026, 1, 1, tzinfo=UTC)  # after everything was stored
NOW = "changed_at = '2026-01-02T00:00:00Z'"
LIST = """INSERT INTO collected_04_etf_holdings (etf_ticker, holding_ticker, as_of_date, holding_name, holding_percent,
              holding_rank, source, fetched_at, changed_at, run_id)
          VALUES ('DIA', 'AAA', %s, 'AAA', 5, 1, 'test', %s, %s, 'test')"""


@pytest.fixture
def listed(market: psycopg.Connection[Row]) -> psycopg.Connection[Row]:
    """The market as it was before the Friday's run: AAA is in a list in reach."""
    market.execute(LIST, (FRIDAY - timedelta(days=4), FETCHED, FETCHED))
    return market


def changed(database: Database) -> tuple[bool, bool]:
    """Top holdings; months."""
    with connect(database.settings("batch")) as connection:
        return (
            spark_03_etf_top_holdings.changed_since(connection, FRIDAY, RAN),
            batch_monthly_sector_analyzer.changed_since(connection, FRIDAY, RAN),
        )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"UPDATE {STOCKS} SET adj_close_price = adj_close_price / 2, fetched_at = now()", (False, False)),
        (f"UPDATE {STOCKS} SET volume = 1, {NOW} WHERE ticker = 'AAA' AND trade_date = '2025-12-01'", (True, True)),
        (f"UPDATE {STOCKS} SET volume = 1, {NOW} WHERE ticker = 'AAA' AND trade_date > '2025-12-26'", (False, False)),
        (f"UPDATE {STOCKS} SET volume = 1, {NOW} WHERE ticker = 'BBB'", (False, False)),  # in no list in reach
        (f"UPDATE {ETFS_TABLE} SET volume = 1, {NOW} WHERE trade_date = '2025-12-01'", (False, True)),
        (f"UPDATE collected_00_market_cap SET market_cap = 1, {NOW} WHERE ticker = 'AAA'", (True, False)),
        (f"UPDATE collected_00_meta_stock SET sector = 'Energy', {NOW} WHERE ticker = 'AAA'", (True, True)),
        (f"UPDATE collected_00_fx_rate SET {NOW}, rate_date = '2025-12-24'", (True, False)),
    ],
)
def test_what_is_read_for_the_session_counts(
    database: Database, listed: psycopg.Connection[Row], statement: str, expected: tuple[bool, bool]
) -> None:
    assert changed(database) == (False, False)
    listed.execute(statement)
    assert changed(database) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 12, 26), (True, True)),
        (date(2025, 12, 28), (True, False)),  # Sunday's: only top holdings use it for Friday
        (date(2025, 12, 29), (False, False)),
        (date(2025, 11, 10), (False, False)),  # 46 days old
    ],
)
def test_a_new_list_counts_where_it_is_in_reach(
    database: Database, listed: psycopg.Connection[Row], day: date, expected: tuple[bool, bool]
) -> None:
    listed.execute(LIST, (day, RAN, RAN + timedelta(hours=1)))
    assert changed(database) == expected


def test_a_row_that_is_being_written_while_a_run_begins_counts(
    database: Database, listed: psycopg.Connection[Row]
) -> None:
    """It bears the instant its transaction began, before the run's own, and is committed after the run has read."""
    with connect(database.settings("consumer")) as consumer, connect(database.settings("batch")) as batch:
        with consumer.transaction():
            consumer.execute(f"UPDATE {ETFS_TABLE} SET volume = 1, changed_at = now() WHERE ticker = 'SPY'")
            open_run(batch, process="months_and_sectors", as_of_date=FRIDAY).close()
        done = last_success(batch, "months_and_sectors", FRIDAY)
        assert done is not None
        assert not batch_monthly_sector_analyzer.changed_since(batch, FRIDAY, done.started_at)
        assert batch_monthly_sector_analyzer.changed_since(batch, FRIDAY, done.reads_since)


def test_a_run_that_begins_while_nobody_writes_knows_all_that_was(database: Database) -> None:
    with connect(database.settings("batch")) as batch:
        open_run(batch, process="months_and_sectors", as_of_date=FRIDAY).close()
        done = last_success(batch, "months_and_sectors", FRIDAY)
    assert done is not None
    assert done.reads_since == done.started_at
