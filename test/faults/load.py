"""Messages of the harness's own, beside those of the real producers: each is an item of a run, with a known end.

Instruments are called Z…; every burst is a run with a version of its own, and versions come in no order, so that old
answers arrive after new ones. Poison is among them: what cannot be read, and what the tables refuse.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from config.settings import DatabaseSettings, KafkaSettings
from config.topics import PARTITIONS, STOCK_DAILY, TOPICS
from database.connection import connect
from database.ledger import Item, Run, open_run
from test.consumer.messages import J9, SESSIONS, bar, bars
from utils.kafka import producer
from utils.messages import BarsMessage, encode

PREFIX = "Z"
INSTRUMENTS = [f"{PREFIX}{number}" for number in range(60)]
REFUSED = f"{PREFIX}REFUSED"
"""Prefix of instruments whose message can be read and not be stored."""
IN_A_BURST, POISONS_IN_A_BURST, REPEATED_AT_ONCE = 30, 4, 15
EPOCH = datetime(2026, 1, 9, tzinfo=UTC)

Sendable = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]


def version_of(ticker: str, version: int) -> BarsMessage:
    """Six sessions whose closes tell the version."""
    message = bars(*(bar(session, 100 + version / 100) for session in SESSIONS[1:]), ticker=ticker)
    return message.model_copy(update={"fetched_at": EPOCH + timedelta(minutes=version)})


def _spoiled(change: Callable[[bytes], bytes | None]) -> Callable[[str, str], Sendable]:
    def made(ticker: str, run_id: str) -> Sendable:
        key, value, headers = encode(version_of(ticker, 1), run_id)
        return key, change(value), headers

    return made


def _refused(ticker: str, run_id: str) -> Sendable:
    message = bars(bar(J9, 100, dividend=-1.0), ticker=ticker.replace(PREFIX, REFUSED, 1))
    return encode(message, run_id)


POISONS: Sequence[Callable[[str, str], Sendable]] = (
    _spoiled(lambda value: value[: len(value) // 2]),
    _spoiled(lambda value: None),
    _spoiled(lambda value: value.replace(b'"volume":1000', b'"volume":NaN', 1)),
    _spoiled(lambda value: value.replace(b'"mode":"merge"', b'"mode":"swap"', 1)),
    _spoiled(lambda value: value.replace(b'"ticker":"Z', b'"ticker":"Y', 1)),
    _spoiled(lambda value: b"[" * 50_000),
    _spoiled(lambda value: b"\xff\0" * 250_000),
    _refused,
    _refused,
)


@dataclass
class Load:
    """What the harness has sent, and what must have become of it."""

    kafka: KafkaSettings
    database: DatabaseSettings
    dice: random.Random
    expected: dict[tuple[str, str], str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    repeated: int = 0
    _newest: dict[str, int] = field(default_factory=dict)
    _versions: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._versions = self.dice.sample(range(2, 2000), 1000)
        self._sender = producer(self.kafka)

    def burst(self) -> None:
        """A run: planned, sent, confirmed; it stays open until `close`."""
        version, number = self._versions.pop(), len(self.runs)
        with connect(self.database) as connection:
            run = open_run(connection, process=f"load_{number}", as_of_date=J9)
            messages: list[Sendable] = []
            for ticker in self.dice.sample(INSTRUMENTS, IN_A_BURST):
                messages.append(encode(version_of(ticker, version), run.run_id))
                stood = self._newest.get(ticker, 0)
                self.expected[run.run_id, ticker] = "stored" if version > stood else "unchanged"
                self._newest[ticker] = max(version, stood)
            for place in range(POISONS_IN_A_BURST):
                made = self.dice.choice(POISONS)(f"{PREFIX}P{place}", run.run_id)
                self.expected[run.run_id, (made[0] or b"").decode()] = "dead_lettered"
                messages.insert(self.dice.randrange(len(messages)), made)
            run.plan(Item(ticker, "bars") for of, ticker in self.expected if of == run.run_id)
        self._send(STOCK_DAILY, messages)
        self.runs.append(run)

    def repeat(self) -> None:
        """Some of what any topic holds, once more."""
        topic, partition = self.dice.choice(TOPICS), self.dice.randrange(PARTITIONS)
        found = read(self.kafka, TopicPartition(topic, partition), last=REPEATED_AT_ONCE)
        self._send(topic, [(record.key, record.value, list(record.headers)) for record in found])
        self.repeated += len(found)

    def close(self) -> None:
        """End the runs, as a producer does when its items are accounted for."""
        self._sender.close()
        with connect(self.database) as connection:
            for run in self.runs:
                run.connection = connection
                run.close()

    def _send(self, topic: str, messages: Sequence[Sendable]) -> None:
        waiting = [self._sender.send(topic, key=key, value=value, headers=headers) for key, value, headers in messages]
        for sent in waiting:
            sent.get(timeout=120)


def read(kafka: KafkaSettings, partition: TopicPartition, *, last: int | None = None) -> list[Any]:
    """The records of a partition up to its end; only the `last` so many."""
    reader = KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, enable_auto_commit=False)
    try:
        reader.assign([partition])
        first, end = reader.beginning_offsets([partition])[partition], reader.end_offsets([partition])[partition]
        reader.seek(partition, first if last is None else max(first, end - last))
        found: list[Any] = []
        while reader.position(partition) < end:
            for records in reader.poll(timeout_ms=500).values():
                found += records
        return [record for record in found if record.offset < end]
    finally:
        reader.close()


def end_offsets(kafka: KafkaSettings) -> dict[TopicPartition, int]:
    """Of every partition of every topic."""
    reader = KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers)
    try:
        found: dict[TopicPartition, int] = reader.end_offsets(
            [TopicPartition(topic, number) for topic in TOPICS for number in range(PARTITIONS)]
        )
    finally:
        reader.close()
    return found
