"""A TCP proxy that can fail as networks do: connections cut and refused, or bytes held back."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 64 * 1024


class Proxy:
    """Forwards a port of this machine to another, in a thread of its own. `to` may be set before the first client."""

    def __init__(self) -> None:
        self.to = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._may_flow = asyncio.Event()

    def cut(self) -> None:
        """Break every connection, without a goodbye, and refuse new ones."""
        self._loop.call_soon_threadsafe(self._cut)

    def hold(self) -> None:
        """Keep connections open and let nothing through."""
        self._loop.call_soon_threadsafe(self._may_flow.clear)

    def heal(self) -> None:
        """Take new connections; what was held back arrives."""
        self._loop.call_soon_threadsafe(self._heal)

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def _heal(self) -> None:
        self._is_cut = False
        self._may_flow.set()

    async def _serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        self._may_flow.set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()
        self._cut()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            beyond_reader, beyond = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, beyond}
        self._open |= both
        try:
            await asyncio.gather(self._pump(reader, beyond), self._pump(beyond_reader, writer))
        finally:
            self._open -= both
            for each in both:
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._may_flow.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def running_proxy() -> Iterator[Proxy]:
    """A proxy on a free port."""
    proxy, started, stop = Proxy(), threading.Event(), asyncio.Event()
    thread = threading.Thread(target=proxy._loop.run_until_complete, args=(proxy._serve(started, stop),), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield proxy
    finally:
        proxy._loop.call_soon_threadsafe(stop.set)
        thread.join(10)
