"""Answers that need not be made again: a 304 for a caller who has his, a kept one as long as nothing was written.

An answer follows from its address, its form, the data and the platform's clock. Of the data the gate knows a version
(see database.data_version); the clock counts in minutes, as closes, due times and schedules are at full minutes. While
both stand still, the answer of before is the right one, and so is its tag: no table is read to confirm it. When they
move on, it is made anew; its tag is a hash of the body, so that a caller whose answer did not change is told so.
"""

import hashlib
from asyncio import Task, create_task, shield
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from anyio import to_thread
from cachetools import LRUCache
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from werkzeug.http import parse_etags

from api.calls import Call, call_of
from api.freshness import PlatformClock
from api.gate import is_open
from api.negotiation import Form, negotiate
from utils.clock import ClockUnavailable

CACHE_CONTROL = "private, no-cache"
VARY = "Accept, Accept-Encoding, X-API-Key"
Address = tuple[str, bytes, Form]
State = tuple[str | None, datetime | None]
"""What an answer was made from: version of the data, minute of the platform. None where it is not known."""
OVERHEAD_BYTES = 2000
"""What keeping an answer costs besides its body, roughly."""


@dataclass(frozen=True)
class Answer:
    """A whole answer, compressed or not; `state` is what it was made from."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    route: str | None
    state: State

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return len(self.body) + OVERHEAD_BYTES

    @property
    def tag(self) -> str:
        """Its ETag; empty for an answer without one."""
        return Headers(raw=self.headers).get("etag", "")

    def not_modified(self) -> "Answer":
        """The 304 that stands for it."""
        headers = MutableHeaders(raw=list(self.headers))
        for name in ("content-length", "content-type", "content-encoding", "content-disposition"):
            del headers[name]
        return Answer(304, headers.raw, b"", self.route, self.state)

    async def send(self, send: Send) -> None:
        """To the caller. The layers outside write into the headers they are given: those here are kept."""
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": self.body})


class KeptAnswers:
    """Gives kept answers, keeps new ones, and confirms what the caller has. `megabytes` 0 keeps none."""

    def __init__(self, app: ASGIApp, *, clock: PlatformClock, megabytes: int) -> None:
        self.app = app
        self.clock = clock
        self.kept: LRUCache[Address, Answer] = LRUCache(megabytes * 2**20, getsizeof=lambda answer: answer.size)
        self.being_made: dict[tuple[Address, State], Task[Answer]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        call = call_of(scope)
        inner, form = negotiate(scope)
        address = (scope["path"], scope["query_string"], form)
        state = (call.data_version, await self._minute())
        found = self.kept.get(address)
        if found is not None and found.state == state:
            call.stored, call.route = "hit", found.route
        else:
            found = await self._made(address, state, partial(self._make, inner, receive, call, state))
            call.stored, call.route = "miss" if found.tag else None, found.route
        if found.tag and parse_etags(Headers(scope=scope).get("if-none-match", "")).contains_raw(found.tag):
            found = found.not_modified()
        await found.send(send)

    async def _minute(self) -> datetime | None:
        """The platform's minute; None while its clock is away: then nothing is kept."""
        try:
            # A replayed market's clock is asked over HTTP: not on the event loop.
            is_local = self.clock.settings.now_url is None
            now = self.clock.now() if is_local else await to_thread.run_sync(self.clock.now)
        except ClockUnavailable:
            return None
        return now.replace(second=0, microsecond=0)

    async def _made(self, address: Address, state: State, make: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """The answer, made once for all who ask for it meanwhile."""
        if None in state or not self.kept.maxsize:
            return await make()
        what = (address, state)
        making = self.being_made.get(what)
        if making is None:
            making = self.being_made[what] = create_task(make())
            making.add_done_callback(lambda _: self.being_made.pop(what))
        found = await shield(making)  # one who leaves does not take it from the others
        if found.tag and found.size <= self.kept.maxsize:
            self.kept[address] = found
        return found

    async def _make(self, scope: Scope, receive: Receive, call: Call, state: State) -> Answer:
        status, headers, chunks = 500, MutableHeaders(), list[bytes]()

        async def collect(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], MutableHeaders(raw=list(message["headers"]))
            else:
                chunks.append(message.get("body", b""))

        await self.app(scope, receive, collect)
        if "etag" in headers:
            headers["Cache-Control"] = CACHE_CONTROL
        headers["Vary"] = VARY
        return Answer(status, headers.raw, b"".join(chunks), call.route, state)


class Tagged:
    """The innermost layer: tags each answer of results before it is compressed, and notes which route it was."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = call_of(scope)
        start: Message | None = None
        body = bytearray()

        async def tag(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] == 200:
                start = message
            elif start is None:
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    MutableHeaders(scope=start)["ETag"] = etag_of(bytes(body))
                    await send(start)
                    await send({"type": "http.response.body", "body": bytes(body)})

        try:
            await self.app(scope, receive, send if is_open(scope["path"]) else tag)
        finally:
            call.route = getattr(scope.get("route"), "path", None)


def etag_of(body: bytes) -> str:
    """Weak, as the same answer may travel compressed or not."""
    return f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
