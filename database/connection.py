"""Connections and transactions. Every program connects as its own role (contracts 8)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from config.settings import DatabaseSettings, load

Connection = psycopg.Connection[TupleRow]


class DatabaseUnavailable(Exception):
    """The database does not answer."""


def parameters(settings: DatabaseSettings | None = None) -> dict[str, Any]:
    """Connection parameters of this program's role."""
    settings = settings or load(DatabaseSettings)
    return {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.name,
        "user": settings.user,
        "password": settings.password.get_secret_value(),
        "connect_timeout": 10,
        # A server that has gone without a word is missed after a minute, not after the two hours of the system.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
        "options": "-c timezone=UTC",
    }


@contextmanager
def connect(settings: DatabaseSettings | None = None, *, autocommit: bool = True) -> Iterator[Connection]:
    """A connection that closes at the end. Transactions are explicit: `with connection.transaction():`.

    Raises DatabaseUnavailable with one line when nobody answers.
    """
    given = parameters(settings)
    try:
        connection = psycopg.connect(**given, autocommit=autocommit)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise DatabaseUnavailable(f"database {given['host']}:{given['port']}/{given['dbname']}: {reason}") from error
    with connection:
        yield connection


@contextmanager
def snapshot() -> Iterator[tuple[Connection, str]]:
    """A connection that reads the database as it is now, whatever is written later, and the snapshot's name.

    While it is open, other connections may read the same: `SET TRANSACTION SNAPSHOT` with that name.
    Raises DatabaseUnavailable.
    """
    with connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            (name,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
            yield connection, name
