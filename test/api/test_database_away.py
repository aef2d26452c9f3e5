"""The database is killed and comes back while callers ask: refusals that say so, then answers, from the same process.

What is answered meanwhile is right: an answer of before the kill is the one of before, never half of it or an older
one. What is written afterwards is seen.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from database import api_keys
from test import published
from test.api.market import everything
from test.api.serving import Served, served
from test.conftest import Server, fresh_database, postgres_server

PATHS = ("/stocks/portfolio", "/stocks/ACME/history?limit=250", "/etf-holdings/top-holdings/QQQ", "/performance/20d")


class Callers:
    """One for each path, without a pause. `said`: every different (path, status, body); `last`: the newest statuses."""

    def __init__(self, server: Served) -> None:
        self.server = server
        self.said: set[tuple[str, int, str]] = set()
        self.last: dict[str, int] = {}
        self.wrong: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(path,)) for path in PATHS]

    @contextmanager
    def asking(self) -> Iterator["Callers"]:
        """While the block runs."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def _ask(self, path: str) -> None:
        with self.server.client() as client:
            while not self._stop.is_set():
                try:
                    answer = client.get(path)
                except httpx.HTTPError as error:
                    self.wrong.append(f"{path}: {error!r}")
                    return
                self.said.add((path, answer.status_code, answer.text))
                self.last[path] = answer.status_code
                if answer.status_code == 503 and not is_told(answer):
                    self.wrong.append(f"{path}: {answer.text}")

    def wait_for(self, status: int) -> None:
        """Until that is what everybody is answered, for a minute at most."""
        Retrying(stop=stop_after_delay(60), wait=wait_fixed(0.05), retry=retry_if_result(lambda found: not found))(
            lambda: self.last == dict.fromkeys(PATHS, status)
        )


def is_told(answer: httpx.Response) -> bool:
    """A refusal that says what is the matter and when to come back."""
    return (
        answer.headers["content-type"] == "application/problem+json"
        and answer.headers["retry-after"] == "5"
        and answer.json()["detail"] == "The database cannot be reached; try again in a few seconds"
    )


@pytest.fixture(scope="module")
def mortal(short_tmp: Path) -> Iterator[Server]:
    """A server that only these tests use."""
    folder = short_tmp / "mortal"
    folder.mkdir()
    with postgres_server(folder) as server:
        yield server


@pytest.mark.parametrize(
    ("how", "cache_mb"),
    [(signal.SIGKILL, "0"), (signal.SIGINT, "16")],
    ids=["killed, nothing kept", "shut down, answers kept"],
)
def test_refusals_while_it_is_away_and_answers_when_it_is_back(
    mortal: Server, tmp_path: Path, how: signal.Signals, cache_mb: str
) -> None:
    with fresh_database(mortal) as database:
        with published.connect(database) as connection:
            everything(connection)
            api_keys.register(connection, "tests", published.KEY)
        settings = {"API_RATE_PER_MINUTE": "0", "API_CACHE_MB": cache_mb}
        with (
            served(database, tmp_path / "api.log", **settings) as server,
            server.client() as client,
            Callers(server).asking() as callers,
        ):
            callers.wait_for(200)
            before = set(callers.said)

            mortal.stop(how)
            callers.wait_for(503)
            assert (client.get("/health").status_code, client.get("/ready").status_code) == (200, 503)
            assert "actstock_database_up 0" in client.get("/metrics").text

            mortal.start()
            callers.wait_for(200)
            assert client.get("/ready").status_code == 200
            assert {client.get(path).status_code for path in PATHS * 10} == {200}
            meanwhile = set(callers.said) - before
            with published.connect(database) as connection:
                connection.execute("UPDATE analytics_portfolios SET revision = 2 WHERE strategy = '20d'")
            assert client.get("/stocks/portfolio").json()["revision"] == 2
            assert server.process.poll() is None
    assert callers.wrong == []
    assert {status for _, status, _ in before} == {200}
    assert {status for _, status, _ in meanwhile} == {503}, "an answer that was not there before is no answer of before"
    assert "Traceback" not in server.log.read_text(encoding="utf-8")
