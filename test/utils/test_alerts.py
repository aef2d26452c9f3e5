"""Alerts leave by apprise, and no address, which holds tokens, is ever shown."""

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from config.settings import AlertSettings
from test.conftest import free_port
from utils.alerts import channels
from utils.program import UsageError

TOKEN = "t0ken-of-the-operator"


class Receiver(HTTPServer):
    """Keeps what is posted to it; answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.posted: list[tuple[str, dict[str, Any]]] = []

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server_port}/{TOKEN}"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.append((self.path, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def settings(*addresses: str) -> AlertSettings:
    return AlertSettings(urls=SecretStr(" ".join(addresses)))


def test_title_and_text_arrive_as_they_are(receiver: Receiver) -> None:
    _, send = channels(settings(receiver.address))
    assert send("ActStock (demo): failed 03", "exit code 1: <SPY> has no bar\nSince 2026-01-23 22:10 UTC.", False)
    assert send("ActStock (demo): over: failed 03", "It was: 5 % & more", True)
    [(path, first), (_, second)] = receiver.posted
    assert path == f"/{TOKEN}"
    assert first["title"] == "ActStock (demo): failed 03"
    assert first["message"] == "exit code 1: <SPY> has no bar\nSince 2026-01-23 22:10 UTC."
    assert (first["type"], second["type"]) == ("warning", "success")
    assert second["message"] == "It was: 5 % & more"


@pytest.mark.parametrize("reachable", [True, False])
def test_what_is_not_taken_is_said_without_the_address(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, reachable: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.status = 500
    address = receiver.address if reachable else f"json://{TOKEN}@127.0.0.1:{free_port()}"
    _, send = channels(settings(address))
    assert not send("failed 03", "SPY has no bar", False)
    assert [record.getMessage() for record in caplog.records] == [
        "ALERT_URLS: number 1 of 1 (JSON) did not take 'failed 03'; it is tried again"
    ]


def test_nothing_secret_is_logged_however_much_is_logged(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    given = settings(receiver.address)
    for channel in channels(given):
        assert channel("failed 03", "SPY has no bar", False)
    assert TOKEN not in caplog.text + "".join(capsys.readouterr()) + repr(given)
    assert "failed 03: SPY has no bar" in caplog.text
    assert logging.root.manager.disable == logging.NOTSET, "silence ends"


def test_several_addresses_are_several_channels(receiver: Receiver) -> None:
    told = channels(settings(receiver.address, receiver.address))
    assert len(told) == 3
    assert all(channel("failed 03", "SPY has no bar", False) for channel in told)
    assert len(receiver.posted) == 2
    assert len(channels(settings())) == 1


@pytest.mark.parametrize("wrong", ["nonsense", f"nosuch://{TOKEN}", f"tgram://{TOKEN}/", f"https://{TOKEN}"])
def test_an_address_that_cannot_be_used_is_named_by_its_place(
    wrong: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    with pytest.raises(UsageError, match=r"^ALERT_URLS: .*number 2 of 2 is none$") as caught:
        channels(settings("json://localhost", wrong))
    assert TOKEN not in str(caught.value) + caplog.text + "".join(capsys.readouterr())
