"""A broker that goes while a producer is at work: the run ends in time, and says so of each item."""

from collections import Counter
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

import collector.run
import utils.kafka
from collector import kafka_01_producer_etf_daily as etf_daily
from config.settings import KafkaSettings
from config.topics import TOPICS
from config.universe import tickers_of
from test.collector.conftest import Platform, Sent
from test.conftest import kafka_broker
from test.faults.proxy import running_proxy
from utils import topics
from utils.kafka import admin, producer
from utils.program import RunAgain, StageFailed

SECTORS = tickers_of("sector")


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
    assert (run["status"], run["requested"], run["failed"]) == ("failed", len(SECTORS), len(SECTORS))
    assert "the broker did not take it: KafkaTimeoutError" in run["error"]
    assert "the broker takes no messages" in run["error"]
    assert len(platform.asked("/chart/")) < len(SECTORS)


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


def test_a_broker_that_is_not_there_is_one_line_and_a_run_that_failed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector.run, "producer", producer)
    monkeypatch.setattr(utils.kafka, "START_TIMEOUT_S", 1)
    with pytest.raises(StageFailed, match=r"^Kafka at 127\.0\.0\.1:1: no answer within 1 s .*$"):
        etf_daily.main(["--group", "benchmark"])
    assert (platform.run()["status"], set(platform.items().values())) == ("failed", set())
    assert platform.asked() == []


@pytest.mark.timeout(120)
def test_a_broker_that_falls_silent_for_longer_than_a_message_may_take(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, jars: Path
) -> None:
    """The client loses its id when a message expires that it has sent, and would wait for ever with the others."""
    monkeypatch.setenv("KAFKA_DELIVERY_TIMEOUT_S", "8")
    monkeypatch.setenv("YAHOO_WORKERS", "1")
    monkeypatch.setenv("YAHOO_PACE_SECONDS", "0.5")  # so that not all messages expire at once
    with running_proxy() as proxy, kafka_broker(tmp_path, jars, advertised=proxy.port) as broker:
        proxy.to = broker.port
        settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{proxy.port}")
        client = admin(settings)
        topics.create(client, TOPICS)
        client.close()
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", settings.bootstrap_servers)
        made: list[KafkaProducer] = []

        def before_the_silence(kafka: KafkaSettings) -> KafkaProducer:
            proxy.heal()  # for the second one
            sender = producer(kafka)
            made.append(sender)
            send = sender.send

            def send_and_fall_silent(*arguments: object, **named: object) -> object:
                sent = send(*arguments, **named)
                sent.get(timeout=10)
                proxy.hold()
                sender.send = send
                return sent

            if len(made) == 1:
                sender.send = send_and_fall_silent
            return sender

        monkeypatch.setattr(collector.run, "producer", before_the_silence)
        with pytest.raises(RunAgain):
            etf_daily.main(["--group", "all"])
    errors = Counter(
        platform.rows("SELECT process, d.error FROM asset_processing_details d JOIN process_executions USING (run_id)")
    )
    unstored = "unconfirmed: not stored before the deadline"  # there is no consumer
    assert errors == {
        ("benchmark_etf_bars", unstored): 1,
        ("benchmark_etf_bars", "the broker did not take it: KafkaTimeoutError"): 5,
        ("sector_etf_bars", unstored): len(SECTORS),
    }
    assert platform.rows("SELECT DISTINCT status FROM process_executions") == [("failed",)]
