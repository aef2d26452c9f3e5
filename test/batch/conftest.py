"""A database with a market, a clock and a way to run the programs."""

import threading
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest
from pyspark.sql import SparkSession

from config.universe import ETFS, SECTORS, exchange_calendar
from test.batch.programs import ETFS_TABLE, FETCHED, STOCKS, Answer, Clock, Row, Run, run_here, write_bar
from test.conftest import Database
from test.e2e.market import CAPS, HOLDINGS, KRW_RATE, LEVELS, D
from test.e2e.market import SECTORS as SOURCE_SECTORS
from utils.sessions import previous_session, session_offset, sessions_between


@pytest.fixture
def server(database: Database) -> Iterator[psycopg.Connection[Row]]:
    """As superuser."""
    with database.server.connect(database.name) as connection:
        yield connection


@pytest.fixture
def market(server: psycopg.Connection[Row]) -> psycopg.Connection[Row]:
    """What stages 1, 2 and 4 would have stored on the evening of D, with 30 sessions of history."""
    starts = [session_offset(D, -20), session_offset(D, -10), session_offset(D, -5)]
    first = session_offset(D, -30)
    everything = {etf.ticker: (100.0, 100.0, 100.0, 100.0) for etf in ETFS} | LEVELS
    for ticker, levels in everything.items():
        calendar = exchange_calendar("KSC" if ticker.endswith(".KS") else None)
        table = ETFS_TABLE if ticker in {etf.ticker for etf in ETFS} else STOCKS
        for day in sessions_between(first, D, calendar):
            write_bar(server, table, ticker, day, levels[sum(day > start for start in starts)])
    for rank, (etf, ticker, weight) in enumerate(HOLDINGS, start=1):
        server.execute(
            """INSERT INTO collected_04_etf_holdings (etf_ticker, holding_ticker, as_of_date, holding_name,
                   holding_percent, holding_rank, source, fetched_at, changed_at, run_id)
               VALUES (%s, %s, %s, %s, %s, %s, 'test', %s, %s, 'test')""",
            (etf, ticker, D, ticker, 100 * weight, rank, FETCHED, FETCHED),
        )
    for ticker, sector in ({"MONEY": None} | SOURCE_SECTORS).items():
        won = ticker.endswith(".KS")
        server.execute(
            """INSERT INTO collected_00_meta_stock (ticker, company_name, quote_type, sector, currency, exchange,
                   fetched_at, changed_at, run_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'test')""",
            (
                ticker,
                f"{ticker} Inc",
                "EQUITY" if sector else "MONEYMARKET",
                SECTORS.get(sector or ""),
                "KRW" if won else "USD",
                "KSC" if won else "NYQ",
                FETCHED,
                FETCHED,
            ),
        )
    for ticker, cap in CAPS.items():
        server.execute(
            """INSERT INTO collected_00_market_cap (ticker, session_date, market_cap, currency, quote_price, quoted_at,
                   fetched_at, changed_at, run_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'test')""",
            (ticker, D, cap, "KRW" if ticker.endswith(".KS") else "USD", LEVELS[ticker][-1], *3 * [FETCHED]),
        )
    server.execute(
        """INSERT INTO collected_00_fx_rate (currency, rate_date, usd_per_unit, fetched_at, changed_at, run_id)
           VALUES ('KRW', %s, %s, %s, %s, 'test')""",
        (previous_session(D), KRW_RATE, FETCHED, FETCHED),
    )
    return server


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock(("127.0.0.1", 0), Answer) as clock:
        threading.Thread(target=clock.serve_forever, daemon=True).start()
        yield clock
        clock.shutdown()


@pytest.fixture
def run(database: Database, clock: Clock, spark: SparkSession) -> Run:
    """A program of batch/ as role batch."""
    environment = database.environment("batch") | {
        "PLATFORM_NOW_URL": f"http://127.0.0.1:{clock.server_port}/",
        "ACTSTOCK_DAG_RUN_ID": "test/1",
    }
    return partial(run_here, spark, environment)
