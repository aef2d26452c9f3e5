"""Messages that could not be stored: kept as they came, with the reason (contracts 4, 5.3)."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from database.connection import Connection

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class DeadLetter:
    """A message as it came, and why it was not stored. `headers` as `pack` made them."""

    topic_id: str
    topic: str
    partition: int
    offset: int
    message_key: bytes | None
    raw_value: bytes | None
    headers: bytes | None
    error_msg: str
    received_at: datetime
    status: str

    @property
    def name(self) -> str:
        """How a person refers to it: topic/partition/offset."""
        return f"{self.topic}/{self.partition}/{self.offset}"


def pack(headers: Headers) -> bytes:
    """Headers as JSON with base64 values, in their order.

    >>> pack([("run_id", b"a")])
    b'[["run_id", "YQ=="]]'
    """
    return json.dumps([[name, base64.b64encode(value).decode()] for name, value in headers]).encode()


def unpack(packed: bytes | None) -> list[tuple[str, bytes]]:
    """The headers that `pack` packed."""
    return [(name, base64.b64decode(value)) for name, value in json.loads(packed or b"[]")]


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
            """SELECT topic_id, topic, "partition", "offset", message_key, raw_value, headers, error_msg, received_at,
                      status
               FROM logs_consumer_error
               WHERE topic = coalesce(%(topic)s, topic) AND "partition" = coalesce(%(partition)s, "partition")
                 AND "offset" = coalesce(%(offset)s, "offset") AND status = coalesce(%(status)s, status)
               ORDER BY received_at, topic, "partition", "offset" """,
            {"topic": topic, "partition": partition, "offset": offset, "status": status},
        ).fetchall()


def mark(connection: Connection, letter: DeadLetter, status: Literal["replayed", "dropped"]) -> None:
    """Say what was done with a dead letter; one that is not new any more stays as it is."""
    connection.execute(
        """UPDATE logs_consumer_error SET status = %s, updated_at = now()
           WHERE topic_id = %s AND "partition" = %s AND "offset" = %s AND status = 'new'""",
        (status, letter.topic_id, letter.partition, letter.offset),
    )
