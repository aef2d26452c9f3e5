"""What routes ask for: who calls, a snapshot of the database, the clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Annotated

from fastapi import Depends, Query, Request, Security
from fastapi.dependencies.utils import get_flat_dependant
from fastapi.security import APIKeyHeader
from psycopg import IsolationLevel
from psycopg_pool import ConnectionPool

from api.freshness import PlatformClock, late_at
from api.problems import ProblemError
from config.settings import ApiSettings, DatabaseSettings, PlatformSettings
from database import api_keys
from database.connection import Connection, parameters
from database.results import Strategy

WAIT_FOR_CONNECTION_S = 3
CONNECT_TIMEOUT_S = 3


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
    clock: PlatformClock
    api: ApiSettings
    platform: PlatformSettings

    def is_current(self, as_of_date: date) -> bool:
        """No session after it closed more than FRESH_HOURS ago."""
        return self.clock.now() <= late_at(as_of_date, self.api.fresh_hours)


def _configure(connection: Connection) -> None:
    # Header and positions of one answer are read in one transaction: never half of two revisions.
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True


def make_pool(database: DatabaseSettings, size: int) -> ConnectionPool[Connection]:
    """A pool that opens with or without a database there, and finds it again within seconds."""
    return ConnectionPool(
        kwargs=parameters(database) | {"autocommit": True, "connect_timeout": CONNECT_TIMEOUT_S},
        min_size=1,
        max_size=size,
        open=False,
        configure=_configure,
        check=ConnectionPool.check_connection,
        timeout=WAIT_FOR_CONNECTION_S,
        reconnect_timeout=WAIT_FOR_CONNECTION_S,
        name="api",
    )


def services(request: Request) -> Services:
    """Made once by create_app."""
    found: Services = request.app.state.services
    return found


App = Annotated[Services, Depends(services)]


def connection(app: App) -> Iterator[Connection]:
    """One connection a request."""
    with app.pool.connection() as found:
        yield found


RawConnection = Annotated[Connection, Depends(connection)]
_key_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="id.secret")


def authenticated(request: Request, db: RawConnection, key: Annotated[str | None, Security(_key_header)] = None) -> str:
    """The caller's key id. Ends with 401 for no or a wrong key; what was sent is never logged."""
    key_id = api_keys.find(db, key) if key else None
    if key_id is None:
        detail = "The key in X-API-Key is not valid" if key else "Send your key in the header X-API-Key"
        raise ProblemError(401, detail, {"WWW-Authenticate": "ApiKey"})
    request.state.key_id = key_id
    return key_id


def snapshot(db: RawConnection, _: Annotated[str, Depends(authenticated)]) -> Iterator[Connection]:
    """The database as it is at this moment, read-only, for the whole request."""
    with db.transaction():
        yield db


Database = Annotated[Connection, Depends(snapshot)]


def only_known_parameters(request: Request) -> None:
    """A misspelt parameter is refused, not ignored: the answer would look right and be another one."""
    accepted = [field.alias for field in get_flat_dependant(request.scope["route"].dependant).query_params]
    unknown = sorted(set(request.query_params) - set(accepted))
    if unknown:
        known = f"accepted: {', '.join(accepted)}" if accepted else "this path takes none"
        raise ProblemError(422, f"Unknown parameter {', '.join(unknown)}; {known}", accepted=accepted)


PeriodDays = Annotated[Period, Query(description="Look-back in sessions")]
SessionDate = Annotated[date | None, Query(description="Session to describe, ISO 8601; without it, the newest")]
