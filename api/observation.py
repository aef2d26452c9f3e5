"""The outermost layer: each request gets an id, a line in the log, a measurement, and an answer whatever happens."""

import logging
import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import logs, problems
from api.calls import Call, begin
from api.metrics import RequestMetrics

log = logging.getLogger(__name__)

SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# Asked every few seconds by machines: their lines would hide the others.
QUIET = frozenset({"/health", "/ready", "/metrics"})
UNKNOWN = "unknown"
"""Route of a path that does not exist: what was asked for may be anything, and is not written down."""


def request_id_of(given: str | None) -> str:
    """The caller's own id when it can stand in a log, else a new one.

    >>> request_id_of("job-17"), len(request_id_of("two\\nlines")), len(request_id_of(None))
    ('job-17', 32, 32)
    """
    return given if given and SANE_ID.fullmatch(given) else uuid.uuid4().hex


class Observed:
    """Logs and counts each request, and answers what no other layer did."""

    def __init__(self, app: ASGIApp, *, metrics: RequestMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = Call(request_id_of(Headers(scope=scope).get("x-request-id")))
        begin(scope, call)
        status: int | None = None

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = call.request_id
            await send(message)

        tokens = logs.bound(request_id=call.request_id)
        try:
            with self.metrics.in_progress.track_inprogress():
                try:
                    await self.app(scope, receive, observe)
                except Exception as error:
                    if status is not None:  # half an answer is out: only the server can end it
                        raise
                    await problems.answer(error)(scope, receive, observe)
        finally:
            self._note(scope, call, status or 500)
            logs.unbound(tokens)

    def _note(self, scope: Scope, call: Call, status: int) -> None:
        route = call.route or UNKNOWN
        self.metrics.note(scope["method"], route, status, call)
        client = scope.get("client")
        log.log(
            logging.DEBUG if route in QUIET and status < 400 else logging.WARNING if call.refused else logging.INFO,
            "request",
            extra={
                "method": scope["method"] if scope["method"] in problems.METHODS else "other",
                "route": route,
                "status": status,
                "ms": call.milliseconds,
                "key": call.key_name,
                "client": client[0] if client else None,
            }
            | ({"refused": call.refused} if call.refused else {})
            | ({"stored": call.stored} if call.stored else {}),
        )
