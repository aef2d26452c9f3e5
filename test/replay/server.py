"""The replay server: a CONNECT gate in front of Yahoo's API over TLS, and a control server beside it (contracts 9).

A client that is given `proxy_url` and `ca_file` speaks to unmodified addresses of Yahoo; any other host is refused with
403, so nothing can leave. Everything listens on 127.0.0.1 unless told otherwise.
"""

import asyncio
import contextlib
import json
import os
import socket
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote_plus

import trustme
import uvicorn
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from config.universe import NEW_YORK
from test.replay.faults import Fault, Faults, LoggedRequest, RequestLog
from test.replay.hours import calendar_of, hours_of
from test.replay.market import Market, default_profile, load_market
from test.replay.yahoo import HOSTS, Answer, Distortion, Request, Yahoo

AFTER_LAST_CLOSE = timedelta(hours=4)
_FAULT_LIST = TypeAdapter(list[Fault])
_STATUS_TEXTS = {
    429: "Too Many Requests\r\n",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
_COOKIE_SECONDS = 31_557_600


class ClockRefused(Exception):
    """The clock cannot be set so: one line that says what was expected."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


def parse_instant(text: str) -> datetime:
    """An instant in UTC from ISO 8601 with a zone.

    Raises ClockRefused when it is none.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ClockRefused(f"expected an instant such as 2026-01-24T02:00:00Z, found {text!r}")
    return instant.astimezone(UTC)


class Clock:
    """The market's time: it stands still until moved, and is kept in a file across restarts."""

    def __init__(self, market: Market, path: Path) -> None:
        self._path = path
        self._first_open, last_close = _span(market)
        self.now = self._saved() or last_close + AFTER_LAST_CLOSE

    def move(self, to: datetime, *, force: bool = False) -> None:
        """Set the clock. Raises ClockRefused for an instant before the first session, or an earlier one than now."""
        if to < self._first_open:
            raise ClockRefused(
                f"expected an instant from the first session on ({_iso(self._first_open)}), found {_iso(to)}"
            )
        if to < self.now and self._path.exists() and not force:
            line = f"the clock stands at {_iso(self.now)} and never moves back on a folder that has results: {_iso(to)}"
            raise ClockRefused(line, status=409)
        self.now = to
        self.save()

    def save(self) -> None:
        """Keep the clock for the next start."""
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps({"now": _iso(self.now)}) + "\n", encoding="utf-8")
        beside.replace(self._path)

    def _saved(self) -> datetime | None:
        if not self._path.exists():
            return None
        try:
            return parse_instant(json.loads(self._path.read_text(encoding="utf-8"))["now"])
        except (ValueError, KeyError, TypeError, ClockRefused) as error:
            raise ClockRefused(f'{self._path}: expected {{"now": an instant}}, found {error}') from error


def _span(market: Market) -> tuple[datetime, datetime]:
    """The first opening and the last close: of New York's sessions, or the others' in a market without any."""
    traded = [(market.profiles.get(symbol) or default_profile(symbol), bars) for symbol, bars in market.bars.items()]
    traded = [(profile, bars) for profile, bars in traded if profile.quote_type != "CURRENCY"]
    here = [(profile, bars) for profile, bars in traded if calendar_of(profile) == NEW_YORK] or traded
    profile, bars = min(here, key=lambda pair: pair[1].dates[0])
    first = hours_of(bars.dates[0].astype(object), calendar_of(profile), profile.timezone)
    profile, bars = max(here, key=lambda pair: pair[1].dates[-1])
    last = hours_of(bars.dates[-1].astype(object), calendar_of(profile), profile.timezone)
    return first.open, last.close


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class ReplayServer:
    """A running market, in a thread of this process: `with ReplayServer(directory, state=folder) as yahoo: …`.

    market: a directory or a loaded one. state: a folder for clock, certificates. Ports are free ones by default.
    Raises MarketError, ClockRefused or OSError (a port is taken) before it starts.
    """

    def __init__(
        self,
        market: Market | Path | str,
        *,
        state: Path | str,
        now: datetime | str | None = None,
        force: bool = False,
        host: str = "127.0.0.1",
        proxy_port: int = 0,
        control_port: int = 0,
    ) -> None:
        self.market = market if isinstance(market, Market) else load_market(market)
        self.state = Path(state)
        self.state.mkdir(parents=True, exist_ok=True)
        self.clock = Clock(self.market, self.state / "clock.json")
        if now is not None:
            self.clock.move(parse_instant(now) if isinstance(now, str) else now.astimezone(UTC), force=force)
        self.clock.save()
        self.ca_file = self.state / "ca.pem"
        self._leaf_file = self.state / "leaf.pem"
        self._yahoo = Yahoo(self.market)
        self._faults = Faults()
        self._log = RequestLog()
        self._host, self._ports = host, (proxy_port, control_port)
        self._tunnels: dict[int, asyncio.StreamWriter] = {}
        self._failed: BaseException | None = None

    # For tests and the command line

    @property
    def proxy_url(self) -> str:
        """What a client is given as its proxy."""
        return f"http://127.0.0.1:{self._gate_socket.getsockname()[1]}"

    @property
    def control_url(self) -> str:
        """Where the control server is."""
        return f"http://127.0.0.1:{self._control_socket.getsockname()[1]}"

    @property
    def now_url(self) -> str:
        """PLATFORM_NOW_URL of programs that live at this market's time."""
        return f"{self.control_url}/_control/clock"

    def move_clock(self, now: datetime | str, *, force: bool = True) -> None:
        """Set the clock, backwards too unless force is off."""
        self.clock.move(parse_instant(now) if isinstance(now, str) else now.astimezone(UTC), force=force)

    def faults(self, *more: Fault | dict[str, Any]) -> list[Fault]:
        """Add faults (contracts 9); returns those still to come."""
        self._faults.add(_FAULT_LIST.validate_python(list(more)))
        return self._faults.left()

    def clear_faults(self) -> None:
        """Answer truthfully again."""
        self._faults.clear()

    def requests(self, since: datetime | int | None = None) -> list[LoggedRequest]:
        """What was asked, oldest first, refused hosts included."""
        return self._log.since(since)

    def clear_requests(self) -> None:
        """Forget what was asked."""
        self._log.clear()

    def __enter__(self) -> Self:
        self._certify()
        with contextlib.ExitStack() as opened:
            self._gate_socket = opened.enter_context(_listen(self._host, self._ports[0]))
            self._control_socket = opened.enter_context(_listen(self._host, self._ports[1]))
            self._tls_socket = opened.enter_context(_listen("127.0.0.1", 0))
            opened.pop_all()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="replay", daemon=True)
        self._thread.start()
        started.wait()
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=15)
        for listening in (self._gate_socket, self._control_socket, self._tls_socket):
            listening.close()

    # The servers

    def _run(self, started: threading.Event) -> None:
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:  # handed to the thread that waits in __enter__
            self._failed = error
            raise
        finally:
            started.set()

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        every = ["GET", "POST"]
        yahoo = Starlette(routes=[Route("/{path:path}", self._answer, methods=every)])
        control = Starlette(
            routes=[
                Route("/_control/clock", self._control_clock, methods=every),
                Route("/_control/faults", self._control_faults, methods=[*every, "DELETE"]),
                Route("/_control/requests", self._control_requests, methods=["GET", "DELETE"]),
                Route("/_control/health", self._control_health),
            ]
        )
        quiet: dict[str, Any] = {"log_level": "warning", "lifespan": "off", "access_log": False}
        # keep-alive connections would otherwise be waited for at the end
        quiet |= {"timeout_graceful_shutdown": 1, "ws": "none"}
        tls: dict[str, Any] = {"ssl_certfile": str(self._leaf_file), "ssl_keyfile": str(self._leaf_file)}
        servers = [
            (uvicorn.Server(uvicorn.Config(yahoo, **quiet, **tls)), self._tls_socket),
            (uvicorn.Server(uvicorn.Config(control, **quiet)), self._control_socket),
        ]
        gate = await asyncio.start_server(self._gate, sock=self._gate_socket)
        tasks = [asyncio.create_task(server.serve(sockets=[listening])) for server, listening in servers]
        while not all(server.started for server, _ in servers):
            await asyncio.sleep(0.005)
            for task in tasks:
                if task.done():
                    task.result()
        started.set()
        await self._stop.wait()
        gate.close()
        for writer in list(self._tunnels.values()):
            writer.transport.abort()
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)

    async def _gate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """CONNECT to one of Yahoo's hosts is a tunnel to the TLS server; anything else is refused and noted."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split()
            method, target = head[0], head[1]
            host = target.rsplit(":", 1)[0]
            if method != "CONNECT" or host not in HOSTS:
                self._log.add(host, "", "", 403)
                writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                await writer.drain()
                return
            inner_reader, inner = await asyncio.open_connection(*self._tls_socket.getsockname()[:2])
            port = inner.get_extra_info("sockname")[1]
            self._tunnels[port] = writer
            try:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.drain()
                await asyncio.gather(_pump(reader, inner), _pump(inner_reader, writer))
            finally:
                del self._tunnels[port]
                inner.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            return  # the client went away, or spoke no HTTP
        finally:
            writer.close()

    async def _answer(self, http: HttpRequest) -> Response:
        """One request of Yahoo's: the true answer, or the fault it meets."""
        host = http.headers.get("host", "").split(":")[0]
        path, query = http.url.path, http.url.query
        path = unquote_plus(path)
        target = f"{host}{path}" + (f"?{unquote_plus(query)}" if query else "")
        fault = self._faults.meet(target)
        request = Request(host, path, dict(http.query_params), http.cookies)
        distortion = _distortion(fault) if fault else Distortion()
        answer = self._yahoo.answer(request, self.clock.now, distortion)
        if fault is not None and fault.kind == "timeout":
            self._log.add(host, path, unquote_plus(query), None)
            return StreamingResponse(self._unfinished(http, fault.delay), media_type=answer.content_type)
        if fault is not None:
            answer = _faulty(answer, fault)
        self._log.add(host, path, unquote_plus(query), answer.status)
        if fault is not None and fault.delay:
            await self._pause(fault.delay)
        response = Response(answer.body, answer.status, media_type=answer.content_type)
        if answer.cookie:
            response.set_cookie(
                "A3", answer.cookie, max_age=_COOKIE_SECONDS, domain=".yahoo.com", secure=True, httponly=True
            )
        return response

    async def _unfinished(self, http: HttpRequest, delay: float) -> AsyncIterator[bytes]:
        """An answer that begins, and a connection that is gone before it ends.

        Without the beginning curl would take the loss for an idle connection's and ask again by itself.
        """
        yield b"{"
        await self._pause(delay)
        writer = self._tunnels.get(http.client.port) if http.client else None
        if writer is not None:
            writer.transport.abort()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not for a server that is told to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _control_clock(self, http: HttpRequest) -> Response:
        if http.method == "POST":
            try:
                body = await http.json()
                if not isinstance(body, dict) or not isinstance(body.get("now"), str):
                    raise ClockRefused('expected {"now": "2026-01-24T02:00:00Z"}')
                self.clock.move(parse_instant(body["now"]), force=http.query_params.get("force") in ("1", "true"))
            except ValueError as error:
                return _refused(f"expected JSON: {error}")
            except ClockRefused as error:
                return _refused(str(error), error.status)
        return JSONResponse({"now": _iso(self.clock.now)})

    async def _control_faults(self, http: HttpRequest) -> Response:
        if http.method == "POST":
            try:
                self._faults.add(_FAULT_LIST.validate_json(await http.body()))
            except ValidationError as error:
                first = error.errors()[0]
                return _refused(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}")
        elif http.method == "DELETE":
            self._faults.clear()
        return JSONResponse(_FAULT_LIST.dump_python(self._faults.left(), mode="json"))

    async def _control_requests(self, http: HttpRequest) -> Response:
        if http.method == "DELETE":
            self._log.clear()
        since = http.query_params.get("since")
        try:
            start = None if since is None else int(since) if since.isdigit() else parse_instant(since)
        except ClockRefused as error:
            return _refused(f"since: {error}, or an index")
        return JSONResponse([entry.model_dump(mode="json") for entry in self._log.since(start)])

    async def _control_health(self, _: HttpRequest) -> Response:
        market = self.market
        return JSONResponse(
            {
                "status": "ok",
                "market": market.name,
                "synthetic": market.synthetic,
                "first_session": market.first_session.isoformat(),
                "last_session": market.last_session.isoformat(),
                "instruments": len(market.bars),
                "now": _iso(self.clock.now),
                "proxy_url": self.proxy_url,
                "ca_file": str(self.ca_file.resolve()),
            }
        )

    def _certify(self) -> None:
        """The authority is made once per state folder, so a restart keeps clients working; the rest at every start."""
        key_file = self.state / "ca.key"
        if self.ca_file.exists() and key_file.exists():
            authority = trustme.CA.from_pem(self.ca_file.read_bytes(), key_file.read_bytes())
        else:
            authority = trustme.CA(organization_name="Market replay")
            _write_private(key_file, authority.private_key_pem.bytes())
            self.ca_file.write_bytes(authority.cert_pem.bytes())
        leaf = authority.issue_cert(*sorted(HOSTS))
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        _write_private(self._leaf_file, leaf.private_key_pem.bytes() + chain)


def _distortion(fault: Fault) -> Distortion:
    unknown = fault.kind == "unknown_symbol"
    return Distortion(
        missing_days=frozenset(fault.days if fault.kind == "missing_days" else ()),
        unknown=unknown,
        unknown_symbols=frozenset(fault.symbols if unknown else ()),
    )


def _faulty(answer: Answer, fault: Fault) -> Answer:
    if fault.kind == "broken_json":
        return answer._replace(body=answer.body[: len(answer.body) // 2])
    if fault.status is None and fault.body is None:
        return answer
    status = fault.status or 200
    body = _STATUS_TEXTS.get(status, "") if fault.body is None else fault.body
    kind = "application/json;charset=utf-8" if body.startswith(("{", "[")) else "text/html;charset=utf-8"
    return Answer(status, body.encode(), kind)


def _refused(line: str, status: int = 422) -> Response:
    return JSONResponse({"detail": " ".join(line.split())}, status_code=status)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
    except OSError:
        return  # one side of the tunnel is gone
    finally:
        writer.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        listening = socket.create_server((host, port), backlog=512)
    except OSError as error:
        raise OSError(f"{host}:{port}: expected a free port, found {error.strerror or error}") from error
    # connections inherit it; without it each answer waits 40 ms for the tunnel's acknowledgement
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _write_private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
