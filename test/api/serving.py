"""The API as it runs for callers: a server process of its own on a free port, with its log in a file."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tenacity import retry, stop_after_delay, wait_fixed

from test.conftest import REPO, Database, free_port
from test.published import KEY


@dataclass(frozen=True)
class Served:
    """Where it answers, its process, and what it wrote."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def client(self, key: str = KEY, **more: Any) -> httpx.Client:
        """A caller with that key."""
        return httpx.Client(base_url=self.url, headers={"X-API-Key": key}, timeout=30, trust_env=False, **more)

    def lines(self) -> list[dict[str, Any]]:
        """The log so far: every line is an object."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    @retry(stop=stop_after_delay(30), wait=wait_fixed(0.05), reraise=True)
    def lines_until(self, request_id: str) -> list[dict[str, Any]]:
        """The log up to that request: a line is written after its answer has gone out."""
        lines = self.lines()
        assert request_id in {line.get("request_id") for line in lines}, f"expected a line of {request_id}, found none"
        return lines


@contextmanager
def served(database: Database, log: Path, **settings: str) -> Iterator[Served]:
    """The server, from its first answer on."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("API_", "PLATFORM_"))}
    environment |= database.environment("api") | {"PYTHONPATH": str(REPO)} | settings
    command = [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app", "--no-access-log"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=REPO,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        found = Served(f"http://127.0.0.1:{port}", process, log)
        _answers(found)
        yield found
    finally:
        process.terminate()
        process.wait(30)


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.1), reraise=True)
def _answers(server: Served) -> None:
    if server.process.poll() is not None:
        raise RuntimeError(server.log.read_text(encoding="utf-8"))
    httpx.get(f"{server.url}/health", trust_env=False).raise_for_status()
