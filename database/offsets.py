"""Where the stored data stand in each partition: moved in the transaction of the data, fenced (contracts 4)."""

from dataclasses import dataclass

from database.connection import Connection


class PartitionTaken(Exception):
    """Another consumer has moved the partition: what this one read must not be stored."""


@dataclass(frozen=True)
class Position:
    """Where to go on, and why there when it is not where the data stood."""

    offset: int
    remark: str | None = None


def claim(connection: Connection, *, topic: str, partition: int, topic_id: str, first: int, end: int) -> Position:
    """The position of a partition that was just assigned, in a transaction of its own.

    `first` and `end` are the log's first offset and the one after its last. A partition without a row, a topic made
    anew, or a position outside of the log starts at the earliest.
    """
    with connection.transaction():
        row = connection.execute(
            'SELECT topic_id, next_offset FROM consumer_offsets WHERE topic = %s AND "partition" = %s FOR UPDATE',
            (topic, partition),
        ).fetchone()
        if row is not None and row[0] == topic_id and first <= row[1] <= end:
            return Position(row[1])
        connection.execute(
            """INSERT INTO consumer_offsets (topic, "partition", topic_id, next_offset) VALUES (%s, %s, %s, %s)
               ON CONFLICT (topic, "partition") DO UPDATE SET topic_id = excluded.topic_id,
                   next_offset = excluded.next_offset, updated_at = now()""",
            (topic, partition, topic_id, first),
        )
    if row is None:
        return Position(first)
    if row[0] != topic_id:
        return Position(first, f"topic {topic} was made anew: partition {partition} starts at {first}")
    return Position(
        first, f"{topic}/{partition}: offset {row[1]} is outside of the log {first}-{end}: starts at {first}"
    )


def move(connection: Connection, *, topic: str, partition: int, topic_id: str, position: int, to: int) -> None:
    """Move a partition on; call it first in the batch's transaction, so that nobody else writes its rows meanwhile.

    Raises PartitionTaken when it no longer stands at `position`.
    """
    moved = connection.execute(
        """UPDATE consumer_offsets SET next_offset = %s, updated_at = now()
           WHERE topic = %s AND "partition" = %s AND topic_id = %s AND next_offset = %s""",
        (to, topic, partition, topic_id, position),
    ).rowcount
    if moved == 0:
        raise PartitionTaken(f"{topic}/{partition}: another consumer has moved it from {position}")
