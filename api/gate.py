"""The layer that knows the caller: key, rate limit, and which state of the data he will see.

Before the routes and on the event loop, so that a request whose answer is kept costs one round trip to the database
and no thread. A key is looked up each time: one that was revoked is refused at once.
"""

import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from psycopg import AsyncConnection, InterfaceError, OperationalError
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.calls import Call, call_of
from api.problems import ProblemError
from database import api_keys
from database.api_keys import Visit

OPEN_PATHS = frozenset({"/health", "/ready", "/metrics", "/docs", "/redoc", "/openapi.json"})
OPEN_FILES = "/docs/"
"""Below it: what the documentation's pages load."""
LONGEST_ADDRESS = 8000
"""Bytes of path and query: of what nobody means, nothing is parsed."""

AsyncPool = AsyncConnectionPool[AsyncConnection[TupleRow]]


def is_open(path: str) -> bool:
    """Whether the path answers without a key."""
    return path in OPEN_PATHS or path.startswith(OPEN_FILES)


class Gate:
    """Lets through who has a key and does not ask too often; raises ProblemError for the others."""

    def __init__(self, app: ASGIApp, *, pool: AsyncPool, rate_per_minute: int) -> None:
        self.app = app
        self.pool = pool
        self.limit = RateLimitItemPerMinute(rate_per_minute) if rate_per_minute else None
        self.limiter = FixedWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refuse_what_nobody_means(scope)
        # A HEAD is answered like its GET; the server leaves out the body.
        inner: Scope = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        if not is_open(scope["path"]):
            call = call_of(scope)
            visit = await self._visit(call, Headers(scope=scope).get("x-api-key", ""))
            call.key_name, call.data_version = visit.name, visit.data_version
            await self._count(visit.key_id)
        await self.app(inner, receive, send)

    async def _visit(self, call: Call, key: str) -> Visit:
        if not key:
            call.refused = "no key"
            raise unauthorized("Send your key in the header X-API-Key")
        if not api_keys.FORMAT.fullmatch(key):
            call.refused = "not of a key's form"
            raise unauthorized("The key in X-API-Key is not valid")
        found = await self._look(key)
        if found.name is None:
            call.refused = "unknown or revoked"
            raise unauthorized("The key in X-API-Key is not valid")
        return found

    async def _look(self, key: str) -> Visit:
        try:
            return await self._ask(key)
        except (PoolTimeout, PoolClosed, TooManyRequests):
            raise
        except (OperationalError, InterfaceError):
            # The server went away and may be back: the pool's other connections are then dead, too.
            await self.pool.check()
            return await self._ask(key)

    async def _ask(self, key: str) -> Visit:
        async with self.pool.connection() as connection:
            return await api_keys.visit(connection, key)

    async def _count(self, key_id: str) -> None:
        if self.limit is None or await self.limiter.hit(self.limit, key_id):
            return
        window = await self.limiter.get_window_stats(self.limit, key_id)
        seconds = max(math.ceil(window.reset_time - time.time()), 1)
        raise ProblemError(
            429,
            f"This key may ask {self.limit.amount} times a minute; go on in {seconds} s",
            {"Retry-After": str(seconds)},
        )


def unauthorized(detail: str) -> ProblemError:
    """401, naming how to come in."""
    return ProblemError(401, detail, {"WWW-Authenticate": "ApiKey"})


def refuse_what_nobody_means(scope: Scope) -> None:
    """Raises ProblemError for an address too long, or with the one character that no text in PostgreSQL has."""
    if len(scope["raw_path"] or b"") + len(scope["query_string"]) > LONGEST_ADDRESS:
        raise ProblemError(414, f"The address is longer than {LONGEST_ADDRESS} bytes")
    if "\0" in scope["path"] or b"\0" in scope["query_string"] or b"%00" in scope["query_string"]:
        raise ProblemError(422, "The address has a NUL character: no value here has one")
