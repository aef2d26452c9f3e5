"""A planted market in a database of its own, and what the batch programs made of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from test.batch.programs import (
    ALLOCATOR,
    MONTHS,
    PERFORMANCE,
    REBALANCER,
    TOP_HOLDINGS,
    TRENDING,
    Answer,
    Clock,
    run_here,
)
from test.conftest import Database, Server, fresh_database
from test.reference import loading, planting
from test.reference.market import Connection, Market, read
from test.replay.generator import generate
from utils.program import SUCCESS
from utils.sessions import close_of, session_offset, sessions_until

SEED = 7
# Published in time, as the controller does: (strategy, first and last day).
PUBLISHED_LIVE = (
    ("20d", date(2025, 11, 3), date(2025, 11, 5)),
    ("20d", date(2025, 11, 12), date(2025, 11, 12)),
    ("10d", date(2025, 12, 17), date(2025, 12, 17)),
    ("monthly", date(2025, 10, 26), date(2025, 10, 26)),
)


@dataclass(frozen=True)
class Computed:
    """A database that the programs have computed all of, and what it had collected."""

    database: Database
    market: Market
    sessions: list[date]
    took: dict[str, float]

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """As superuser."""
        with self.database.server.connect(self.database.name) as connection:
            yield connection


@dataclass(frozen=True)
class Programs:
    """The batch programs as the DAGs run them, on one database, by one clock."""

    database: Database
    clock: Clock
    spark: SparkSession
    environment: dict[str, str]
    took: dict[str, float]

    def run(self, program: str, *arguments: str) -> None:
        """One program to its end, which has to be good."""
        started = datetime.now()  # noqa: DTZ005 - a difference
        done = run_here(self.spark, self.environment, program, *arguments)
        assert done.returncode == SUCCESS, done.stdout + done.stderr
        name = Path(program).stem
        self.took[name] = self.took.get(name, 0.0) + (datetime.now() - started).total_seconds()  # noqa: DTZ005


@contextmanager
def programs_on(database: Database, spark: SparkSession) -> Iterator[Programs]:
    """A way to run the programs, by a clock that can be moved."""
    with Clock(("127.0.0.1", 0), Answer) as clock:
        threading.Thread(target=clock.serve_forever, daemon=True).start()
        environment = {
            **database.environment("batch"),
            "PLATFORM_NOW_URL": f"http://127.0.0.1:{clock.server_port}/",
            "ACTSTOCK_DAG_RUN_ID": "reference/1",
        }
        yield Programs(database, clock, spark, environment, {})
        clock.shutdown()


def evening(session: date) -> datetime:
    """When the daily pipeline has run."""
    return close_of(session) + timedelta(hours=1)


@contextmanager
def computed_market(
    postgres: Server, spark: SparkSession, directory: Path, *, sessions: int, stocks: int
) -> Iterator[Computed]:
    """A generated market with everything planted, computed over all of its sessions."""
    generate(directory, last_session=planting.LAST_SESSION, seed=SEED, sessions=sessions, stocks=stocks)
    tables = loading.tables(directory)
    planting.plant(tables)
    computable = planting.computed(sessions_until(planting.LAST_SESSION, sessions))
    with fresh_database(postgres) as database, programs_on(database, spark) as programs:
        with postgres.connect(database.name) as connection:
            loading.store(connection, tables)
        _compute(programs, planting.corrected_stock(tables), computable)
        with postgres.connect(database.name) as connection:
            market = read(connection, planting.LAST_SESSION)
        yield Computed(database, market, computable, programs.took)


@pytest.fixture(scope="session")
def small(postgres: Server, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Computed]:
    """Seven months of 110 stocks."""
    folder = tmp_path_factory.mktemp("small")
    with computed_market(postgres, spark, folder, sessions=planting.SESSIONS, stocks=110) as computed:
        yield computed


@pytest.fixture(scope="session")
def years(postgres: Server, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Computed]:
    """Three years of 500 stocks: so many sessions are computed with Spark's optimisers on."""
    folder = tmp_path_factory.mktemp("years")
    with computed_market(postgres, spark, folder, sessions=756, stocks=500) as computed:
        yield computed


@pytest.fixture(params=["small", pytest.param("years", marks=pytest.mark.long)])
def computed(request: pytest.FixtureRequest) -> Computed:
    """Each of the markets."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Computed)
    return found


def _compute(programs: Programs, corrected: str, sessions: list[date]) -> None:
    last = planting.LAST_SESSION
    whole = ("--from", sessions[0].isoformat(), "--to", last.isoformat())
    programs.clock.now = evening(last)
    programs.run(TRENDING, *whole)
    # One evening as it was: published in time, with a market cap that is corrected later; the one before it as well.
    early = session_offset(planting.CORRECTED, -1)
    programs.clock.now = evening(planting.CORRECTED)
    worth = "UPDATE collected_00_market_cap SET market_cap = market_cap {} 2 WHERE ticker = %s"
    with programs.database.server.connect(programs.database.name) as connection:
        connection.execute(worth.format("*"), (corrected,))
        programs.run(ALLOCATOR, "--from", early.isoformat(), "--to", planting.CORRECTED.isoformat())
        connection.execute(worth.format("/"), (corrected,))
    programs.clock.now = evening(last)
    programs.run(ALLOCATOR, *whole)
    programs.run(REBALANCER, *whole)
    with programs.database.server.connect(programs.database.name) as connection:
        _publish_live(connection)
    programs.run(PERFORMANCE)
    programs.run(TOP_HOLDINGS, *whole)
    programs.run(MONTHS, "--from", whole[1][:7], "--to", whole[3][:7])


def _publish_live(connection: Connection) -> None:
    """What a pipeline that ran every evening would have left."""
    for strategy, first, last in PUBLISHED_LIVE:
        changed = connection.execute(
            """UPDATE analytics_portfolios SET origin = 'live',
                   (first_published_at, published_at) = (
                       (as_of_date + time '22:00') AT TIME ZONE 'UTC', (as_of_date + time '22:00') AT TIME ZONE 'UTC')
               WHERE strategy = %s AND as_of_date BETWEEN %s AND %s AND origin = 'simulated'""",
            (strategy, first, last),
        ).rowcount
        assert changed > 0, f"no {strategy} portfolio from {first} to {last}"
