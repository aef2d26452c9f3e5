"""ETag and 304: a client that has an answer already gets its confirmation instead of its body."""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CACHE_CONTROL = "private, no-cache"
VARY = "Accept, X-API-Key"


def etag_of(body: bytes) -> str:
    """Weak, as the same answer may travel compressed or not."""
    return f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


class ConditionalGet:
    """Tags each GET that succeeded, and answers 304 when the caller has that tag."""

    def __init__(self, app: ASGIApp, *, untagged: frozenset[str]) -> None:
        self.app = app
        self.untagged = untagged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] in self.untagged:
            await self.app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None
        chunks: list[bytes] = []

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            chunks.append(message.get("body", b""))
            if message.get("more_body") or start is None:
                return
            body = b"".join(chunks)
            if start["status"] == 200:
                body = _tag(start, body, known)
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, collect)


def _tag(start: Message, body: bytes, known: str) -> bytes:
    """Write the headers into `start`; the body that is still to be sent."""
    etag = etag_of(body)
    headers = MutableHeaders(raw=start["headers"])
    headers["ETag"] = etag
    headers["Cache-Control"] = CACHE_CONTROL
    headers.add_vary_header(VARY)
    if known == "*" or etag.removeprefix("W/") in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
        start["status"] = 304
        del headers["content-length"], headers["content-type"]
        return b""
    return body
