"""The store of the consumers: one transaction per batch with rows, dead letters, ledger details and offsets.

A message that cannot be read, or whose rows the tables refuse, becomes a dead letter alone: each one is written behind
a savepoint. Whatever else goes wrong rolls the whole batch back.
"""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg
from psycopg import DataError, IntegrityError

from config.settings import DatabaseSettings
from config.topics import PARTITIONS
from consumer import unpacking
from consumer.loop import Assigned, Batch, Partition, PositionLost, Record, StoreAway
from consumer.routes import ROUTES
from database import dead_letters, items, offsets, staging
from database.connection import Connection, DatabaseUnavailable, connect
from utils.messages import Envelope, InvalidMessage, decode, topic_of

log = logging.getLogger(__name__)

# Deadlocks and serialization failures (40P01, 40001) are among them: the batch is tried again as a whole.
AWAY = (DatabaseUnavailable, psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.TransactionTimeout)
# A consumer that froze in the middle of a batch holds its partitions' rows no longer than that.
LONGEST_TRANSACTION_S = 120
# A share is told of a topic's newest 200 messages or so, from this many on: one that keeps up has batches of one.
SMALLEST_SHARE_OF, NEWEST_OF_A_PARTITION = 20, 200 // PARTITIONS


class TooManyInvalid(Exception):
    """So much of a topic is invalid that the fault is not the messages': nothing of the batch is stored."""


@dataclass
class PostgresStore:
    """Writes as its role, over one connection that is made again when it broke."""

    settings: DatabaseSettings
    max_invalid_share: float = 0.5
    longest_transaction_s: float = LONGEST_TRANSACTION_S
    _open: ExitStack = field(default_factory=ExitStack)
    _connection: Connection | None = None

    def claim(self, assigned: Assigned) -> int:
        """Where the partition's stored data stand; says so when it has to start at the earliest. Raises StoreAway."""
        partition = assigned.partition
        try:
            position = offsets.claim(
                self._connected(),
                topic=partition.topic,
                partition=partition.number,
                topic_id=partition.topic_id,
                first=assigned.first,
                end=assigned.end,
            )
        except AWAY as error:
            raise StoreAway(_one_line(error)) from error
        if position.remark:
            log.warning(position.remark)
        return position.offset

    def save(self, batch: Batch) -> None:
        """All of the batch, or nothing.

        Raises StoreAway (try again), PositionLost (another consumer has a partition) or TooManyInvalid (stop).
        """
        try:
            connection = self._connected()
            with connection.transaction():
                self._write(connection, batch)
        except offsets.PartitionTaken as error:
            raise PositionLost(str(error)) from error
        except AWAY as error:
            raise StoreAway(_one_line(error)) from error

    def close(self) -> None:
        """Give the connection back."""
        self._open.close()
        self._connection = None

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self.close()
            connection = self._open.enter_context(connect(self.settings))
            connection.execute(
                "SELECT set_config('transaction_timeout', %s, false)", (f"{1000 * self.longest_transaction_s:.0f}ms",)
            )
            staging.prepare(connection)
            self._connection = connection
        return self._connection

    def _write(self, connection: Connection, batch: Batch) -> None:
        for part in sorted(batch, key=lambda part: part.partition.number):
            offsets.move(
                connection,
                topic=part.partition.topic,
                partition=part.partition.number,
                topic_id=part.partition.topic_id,
                position=part.position,
                to=part.next_offset,
            )
        invalid = set()
        for part in batch:
            for record in part.records:
                if not self._write_one(connection, part.partition, record):
                    invalid.add(part.partition.topic)
        for topic in invalid:
            self._refuse_to_drain(connection, topic)

    def _refuse_to_drain(self, connection: Connection, topic: str) -> None:
        """Told from the tables, so that a consumer that has stopped and is started again stops again."""
        dead, read = dead_letters.count_newest(connection, topic, of_a_partition=NEWEST_OF_A_PARTITION)
        if read >= SMALLEST_SHARE_OF and dead > self.max_invalid_share * read:
            raise TooManyInvalid(
                f"{dead} of the newest {read} messages of {topic} are invalid: stopped before the topic is drained; "
                "dead letters that are replayed or dropped don't count"
            )

    def _write_one(self, connection: Connection, partition: Partition, record: Record) -> bool:
        """Whether the message is stored; otherwise it is a dead letter."""
        try:
            envelope = _read(partition.topic, record)
            with connection.transaction():
                rows = ROUTES[envelope.message.kind](connection, envelope.message, envelope.run_id)
                items.stored(
                    connection,
                    run_id=envelope.run_id,
                    ticker=envelope.message.ticker,
                    operation=envelope.operation,
                    rows=rows,
                )
        except (InvalidMessage, DataError, IntegrityError) as error:
            self._keep(connection, partition, record, _one_line(error))
            return False
        return True

    def _keep(self, connection: Connection, partition: Partition, record: Record, reason: str) -> None:
        log.warning("%s/%d/%d is a dead letter: %s", partition.topic, partition.number, record.offset, reason)
        dead_letters.keep(
            connection,
            topic_id=partition.topic_id,
            topic=partition.topic,
            partition=partition.number,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=record.headers,
            reason=reason,
        )
        named = dict(record.headers)
        given = (record.key, named.get("run_id"), named.get("operation"))
        ticker, run_id, operation = (_text(each) for each in given)
        if ticker and run_id and operation:
            items.dead_lettered(connection, run_id=run_id, ticker=ticker, operation=operation, reason=reason)


def _read(topic: str, record: Record) -> Envelope:
    for name, _ in record.headers:
        if name.startswith((unpacking.INSTEAD, unpacking.NOT_TEXT)):
            raise InvalidMessage(name)
    envelope = decode(record.key, record.value, record.headers)
    if topic_of(envelope.message) != topic:
        raise InvalidMessage(f"{envelope.message.kind} on {topic}: expected on {topic_of(envelope.message)}")
    return envelope


def _text(given: bytes | None) -> str | None:
    """What a header or key says; None when it is no text that a table can hold."""
    if given is None or b"\0" in given:
        return None
    try:
        return given.decode()
    except UnicodeDecodeError:
        return None


def _one_line(error: Exception) -> str:
    """The error in one line that a table can hold, whatever a message put into it."""
    line = " ".join(str(error).split()) or type(error).__name__
    return line.replace("\0", "�").encode(errors="backslashreplace").decode()[:1000]
