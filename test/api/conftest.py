"""The API on a real database, at a Friday evening."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api import freshness
from api.app import create_app
from database import api_keys
from test import published
from test.api.market import everything
from test.api.serving import Served, served
from test.conftest import Database, Server, fresh_database


@pytest.fixture
def db(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[published.Connection]:
    """A connection that may write anything; the environment is the API's, the clock stands at 22:00 UTC."""
    database.as_role("api", monkeypatch)
    monkeypatch.setattr(freshness, "wall_now", lambda: published.FRIDAY_EVENING)
    with published.connect(database) as connection:
        api_keys.register(connection, "tests", published.KEY)
        yield connection


@pytest.fixture
def client(db: published.Connection) -> Iterator[TestClient]:
    """A caller with a key."""
    with _caller() as found:
        yield found


def _caller() -> TestClient:
    return TestClient(create_app(), headers={"X-API-Key": published.KEY}, raise_server_exceptions=False)


@pytest.fixture
def results(db: published.Connection) -> published.Connection:
    """Two evenings of results (see published.two_evenings)."""
    published.two_evenings(db)
    return db


@pytest.fixture
def market(db: published.Connection) -> published.Connection:
    """Rows in every table (see test.api.market)."""
    everything(db)
    return db


@pytest.fixture(scope="module")
def reader(postgres: Server) -> Iterator[TestClient]:
    """A caller with a key of a market that the tests of one file share: for those that write nothing."""
    with pytest.MonkeyPatch.context() as monkeypatch, fresh_database(postgres) as database:
        database.as_role("api", monkeypatch)
        monkeypatch.setattr(freshness, "wall_now", lambda: published.FRIDAY_EVENING)
        with published.connect(database) as connection:
            everything(connection)
            api_keys.register(connection, "tests", published.KEY)
        with _caller() as found:
            yield found


@pytest.fixture(scope="session")
def server(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The market as callers get it: a server process, one database for all who ask. Nothing here may change it."""
    with fresh_database(postgres) as database:
        with published.connect(database) as connection:
            everything(connection)
            api_keys.register(connection, "tests", published.KEY)
        with served(database, tmp_path_factory.mktemp("api") / "api.log", API_RATE_PER_MINUTE="0") as found:
            yield found
