"""A broker that goes while a producer is at work: the run ends in time, and says so of each item."""

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from collector import kafka_01_producer_etf_daily as etf_daily
from test.collector.conftest import Platform, Sent
from utils.program import RunAgain

pytestmark = pytest.mark.integration


class Expired(Sent):
    """What the broker never confirmed."""

    def get(self, timeout: float | None) -> None:
        raise KafkaTimeoutError("expired")


def test_after_the_first_message_that_waited_in_vain_no_other_waits(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    tried = []

    def send(*_arguments: object, **named: object) -> Sent:
        tried.append(named["key"])
        raise KafkaTimeoutError("no metadata within 120 s")

    monkeypatch.setattr(platform.broker, "send", send)
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "sector"])
    assert len(tried) == 1
    run = platform.run()
    assert (run["status"], run["requested"], run["failed"]) == ("failed", 10, 10)
    assert "the broker did not take it: KafkaTimeoutError" in run["error"]
    assert "the broker takes no messages" in run["error"]
    assert len(platform.asked("/chart/")) < 10


def test_a_message_that_was_never_confirmed_has_failed_by_name(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform.broker, "send", lambda *_, **__: Expired())
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    assert set(platform.items().values()) == {"failed"}
    assert "the broker did not take it: KafkaTimeoutError" in platform.run()["error"]


def test_a_message_that_is_too_large_fails_alone(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = platform.broker.send

    def send(topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> Sent:
        if key == b"DIA":
            raise MessageSizeTooLargeError("9 MB")
        return taken(topic, value, key, headers)

    monkeypatch.setattr(platform.broker, "send", send)
    with pytest.raises(RunAgain):
        etf_daily.main(["--group", "benchmark"])
    assert platform.items()["DIA", "bars"] == "failed"
    assert [status for (ticker, _), status in platform.items().items() if ticker != "DIA"] == ["stored"] * 5
