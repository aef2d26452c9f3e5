"""What routes ask for: who calls, a snapshot of the database, the clock."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Security
from fastapi.dependencies.utils import get_flat_dependant
from fastapi.security import APIKeyHeader
from prometheus_client import CollectorRegistry
from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from pydantic import BeforeValidator

from api.calls import call_of
from api.freshness import PlatformClock, late_at
from api.gate import AsyncPool, unauthorized
from api.problems import ProblemError
from config.settings import ApiSettings, DatabaseSettings, PlatformSettings
from database.connection import Connection, parameters
from database.read_portfolios import Strategy

WAIT_FOR_CONNECTION_S = 3
CONNECT_TIMEOUT_S = 3
GATE_CONNECTIONS = 4
WAITING_AT_GATE = 200
"""Requests that wait for the database to come back; further ones are told at once."""


STRATEGIES: dict[int, Strategy] = {5: "5d", 10: "10d", 20: "20d"}


class Period(IntEnum):
    """Look-back in sessions."""

    FIVE = 5
    TEN = 10
    TWENTY = 20

    @property
    def strategy(self) -> Strategy:
        """Name of its portfolios in the tables."""
        return STRATEGIES[self]


@dataclass(frozen=True)
class Services:
    """What one process of the API has."""

    pool: ConnectionPool[Connection]
    gate_pool: AsyncPool
    clock: PlatformClock
    api: ApiSettings
    platform: PlatformSettings
    registry: CollectorRegistry

    def is_current(self, as_of_date: date) -> bool:
        """No session after it closed more than API_FRESH_HOURS ago."""
        return self.clock.now() <= late_at(as_of_date, self.api.fresh_hours)


def _configure(connection: Connection) -> None:
    # Header and positions of one answer are read in one transaction: never half of two revisions.
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True


def make_pool(database: DatabaseSettings, size: int) -> ConnectionPool[Connection]:
    """A pool that opens with or without a database there, and finds it again within seconds."""
    return ConnectionPool(
        kwargs=_keywords(database),
        min_size=1,
        max_size=size,
        open=False,
        configure=_configure,
        check=ConnectionPool.check_connection,
        timeout=WAIT_FOR_CONNECTION_S,
        reconnect_timeout=WAIT_FOR_CONNECTION_S,
        name="api",
    )


def make_gate_pool(database: DatabaseSettings) -> AsyncPool:
    """The event loop's own connections: for one short look a request."""
    return AsyncConnectionPool(
        connection_class=AsyncConnection[TupleRow],
        kwargs=_keywords(database),
        min_size=1,
        max_size=GATE_CONNECTIONS,
        open=False,
        timeout=WAIT_FOR_CONNECTION_S,
        reconnect_timeout=WAIT_FOR_CONNECTION_S,
        max_waiting=WAITING_AT_GATE,
        name="gate",
    )


def _keywords(database: DatabaseSettings) -> dict[str, Any]:
    return parameters(database) | {"autocommit": True, "connect_timeout": CONNECT_TIMEOUT_S}


async def services(request: Request) -> Services:
    """Made once by create_app."""
    found: Services = request.app.state.services
    return found


App = Annotated[Services, Depends(services)]


def connection(app: App) -> Iterator[Connection]:
    """One connection a request."""
    with app.pool.connection() as found:
        yield found


RawConnection = Annotated[Connection, Depends(connection, scope="function")]
_key_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="id.secret")


async def authenticated(request: Request, _: Annotated[str | None, Security(_key_header)] = None) -> str:
    """The name of the caller's key. The gate has looked it up; a route it let nobody through to stays shut."""
    name = call_of(request.scope).key_name
    if name is None:
        raise unauthorized("Send your key in the header X-API-Key")
    return name


def snapshot(app: App) -> Iterator[Connection]:
    """The database as it is at this moment, read-only, until the route has its answer."""
    with app.pool.connection() as found, found.transaction():
        yield found


Database = Annotated[Connection, Depends(snapshot, scope="function")]


async def only_known_parameters(request: Request) -> None:
    """A misspelt parameter is refused, not ignored: the answer would look right and be another one. So is one given
    twice, of which only one could be meant. Raises ProblemError 422."""
    accepted = [field.alias for field in get_flat_dependant(request.scope["route"].dependant).query_params]
    given = [name for name, _ in request.query_params.multi_items()]
    unknown = sorted(set(given) - set(accepted))
    if unknown:
        known = f"accepted: {', '.join(accepted)}" if accepted else "this path takes none"
        named = ", ".join(name[:LONGEST_NAME] for name in unknown[:MOST_NAMES])
        raise ProblemError(422, f"Unknown parameter {named}; {known}", accepted=accepted)
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise ProblemError(422, f"{', '.join(twice)}: given more than once", accepted=accepted)


LONGEST_NAME, MOST_NAMES = 40, 5
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def iso_date(given: object) -> object:
    """Only the one form that cannot be misread; a number would be taken for seconds since 1970. Raises ValueError."""
    if isinstance(given, str) and not ISO_DATE.fullmatch(given):
        raise ValueError("input should be a date like 2026-01-23")
    return given


IsoDate = Annotated[date, BeforeValidator(iso_date)]
PeriodDays = Annotated[Period, Query(description="Look-back in sessions")]
SessionDate = Annotated[
    IsoDate | None, Query(description="Session to describe, ISO 8601; without it, the newest", examples=["2026-01-23"])
]
