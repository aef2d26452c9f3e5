"""Messages that could not be stored: kept as they came, with the reason (contracts 4, 5.3)."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from psycopg.rows import class_row

from database.connection import Connection

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class DeadLetter:
    """A message that was not stored, and why: without what it says, of which there may be megabytes.

    key_begins: the first 50 bytes of its key.
    """

    topic_id: str
    topic: str
    partition: int
    offset: int
    key_begins: bytes | None
    error_msg: str
    received_at: datetime
    status: str

    @property
    def name(self) -> str:
        """How a person refers to it: topic/partition/offset."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Content(NamedTuple):
    """What a dead letter says, as it came."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def pack(headers: Headers) -> bytes:
    """Headers as JSON with base64 values, or null, in their order.

    >>> pack([("run_id", b"a")])
    b'[["run_id", "YQ=="]]'
    """
    packed = [[name, None if value is None else base64.b64encode(value).decode()] for name, value in headers]
    return json.dumps(packed).encode()


def unpack(packed: bytes | None) -> list[tuple[str, bytes | None]]:
    """The headers that `pack` packed."""
    read = json.loads(packed or b"[]")
    return [(name, None if value is None else base64.b64decode(value)) for name, value in read]


def keep(
    connection: Connection,
    *,
    topic_id: str,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
    reason: str,
) -> None:
    """Keep a message with the reason, once."""
    connection.execute(
        """INSERT INTO logs_consumer_error
               (topic_id, topic, "partition", "offset", message_key, raw_value, headers, error_msg)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
        (topic_id, topic, partition, offset, key, value, pack(headers), reason),
    )


def find(
    connection: Connection,
    *,
    topic: str | None = None,
    partition: int | None = None,
    offset: int | None = None,
    status: str | None = None,
) -> list[DeadLetter]:
    """Dead letters, oldest first, of what is asked for; None asks for all."""
    with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return cursor.execute(
            """SELECT topic_id, topic, "partition", "offset", substring(message_key FOR 50) AS key_begins, error_msg,
                      received_at, status
               FROM logs_consumer_error
               WHERE topic = coalesce(%(topic)s, topic) AND "partition" = coalesce(%(partition)s, "partition")
                 AND "offset" = coalesce(%(offset)s, "offset") AND status = coalesce(%(status)s, status)
               ORDER BY received_at, topic, "partition", "offset" """,
            {"topic": topic, "partition": partition, "offset": offset, "status": status},
        ).fetchall()


def content(connection: Connection, letter: DeadLetter) -> Content:
    """Its key, value and headers. Raises LookupError when it is not kept any more."""
    row = connection.execute(
        """SELECT message_key, raw_value, headers FROM logs_consumer_error
           WHERE topic_id = %s AND "partition" = %s AND "offset" = %s""",
        (letter.topic_id, letter.partition, letter.offset),
    ).fetchone()
    if row is None:
        raise LookupError(f"{letter.name} is not kept any more")
    return Content(row[0], row[1], unpack(row[2]))


def count_newest(connection: Connection, topic: str, *, of_a_partition: int) -> tuple[int, int]:
    """How many of a topic's newest messages are dead letters that nobody has dealt with, and of how many."""
    row = connection.execute(
        """SELECT coalesce(sum(dead), 0), coalesce(sum(least(next_offset, %(newest)s)), 0)
           FROM consumer_offsets o CROSS JOIN LATERAL (
               SELECT count(*) AS dead FROM logs_consumer_error e
               WHERE e.topic_id = o.topic_id AND e."partition" = o."partition" AND e.status = 'new'
                 AND e."offset" >= o.next_offset - %(newest)s AND e."offset" < o.next_offset)
           WHERE o.topic = %(topic)s""",
        {"topic": topic, "newest": of_a_partition},
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def mark(connection: Connection, letter: DeadLetter, status: Literal["replayed", "dropped"]) -> None:
    """Say what was done with a dead letter; one that is not new any more stays as it is."""
    connection.execute(
        """UPDATE logs_consumer_error SET status = %s, updated_at = now()
           WHERE topic_id = %s AND "partition" = %s AND "offset" = %s AND status = 'new'""",
        (status, letter.topic_id, letter.partition, letter.offset),
    )
