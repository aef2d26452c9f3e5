"""A topic as the loop's source: static group membership, positions given from outside, batches bounded in bytes."""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    LogTruncationError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    RetriableError,
    UnknownMemberIdError,
)

from consumer.loop import Assigned, Batch, Partition, Record, Slice
from utils.topics import topic_id

log = logging.getLogger(__name__)

# The rows of a batch are in memory once, parsed: this many bytes of JSON at most, or one message.
BATCH_BYTES = 2 * 1024 * 1024
# The database's offset is the one that counts. Kafka's serves who measures lag, and the next commit covers this one.
COMMIT_MAY_FAIL = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    RetriableError,
    UnknownMemberIdError,
)
# The log no longer is what this consumer stood in: cut at its front, or another topic of that name.
LOG_CHANGED = (LogTruncationError, OffsetOutOfRangeError)
# While nothing comes, the broker is asked this often whether this consumer is a member and whether anything waits;
# more often while the answer is no. It may be no member for so long.
LOOK_SECONDS, LOOK_AGAIN_SECONDS, ABSENT_SECONDS = 15.0, 1.0, 60.0


class NotInGroup(Exception):
    """The broker answers and does not know this member of the group: it lost its place without noticing."""


@dataclass
class KafkaSource(ConsumerRebalanceListener):  # type: ignore[misc]
    """One topic, read by a member of a consumer group. A partition is paused until its position is known."""

    consumer: KafkaConsumer
    admin: KafkaAdminClient
    topic: str
    group: str
    batch_messages: int
    poll_seconds: float = 0.5
    look_seconds: float = LOOK_SECONDS
    absent_seconds: float = ABSENT_SECONDS
    _next_look: float = 0.0
    _away: bool = False
    _present: float = field(default_factory=time.monotonic)
    _unknown: set[TopicPartition] = field(default_factory=set)
    _known: dict[TopicPartition, tuple[Partition, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.consumer.subscribe([self.topic], listener=self)
        # A member that learns of its topic after it has joined joins again, and kafka-python drops a second join whose
        # poll ends before it: no heartbeat is sent any more. When the broker cannot tell, is_at_end finds that out.
        with suppress(RetriableError):
            self.consumer.partitions_for_topic(self.topic)

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """They belong to another member: what was read of them and not stored is theirs."""
        for partition in revoked:
            self._unknown.discard(partition)
            self._known.pop(partition, None)

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """They wait for their position, which only the database knows."""
        for partition in assigned:
            self.consumer.seek(partition, 0)
            self._forget(partition)

    def assigned(self) -> Sequence[Assigned]:
        """Partitions without a position, with the bounds of their logs; none while the broker cannot tell."""
        waiting = sorted(self._unknown)
        identity = self._identity() if waiting else None
        if identity is None:
            return []
        try:
            first, end = self.consumer.beginning_offsets(waiting), self.consumer.end_offsets(waiting)
        except RetriableError:
            return []
        return [
            Assigned(Partition(self.topic, partition.partition, identity), first[partition], end[partition])
            for partition in waiting
        ]

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from there."""
        key = TopicPartition(partition.topic, partition.number)
        if key in self._unknown:
            self.consumer.seek(key, offset)
            self.consumer.resume(key)
            self._unknown.discard(key)
            self._known[key] = (partition, offset)

    def poll(self) -> Batch:
        """Up to `batch_messages` or BATCH_BYTES, whichever comes first; empty after `poll_seconds` without any."""
        came: dict[TopicPartition, list[Record]] = {}
        messages = size = 0
        while messages < self.batch_messages and size < BATCH_BYTES:
            records = self._poll(0 if came else self.poll_seconds)
            if not records:
                break
            for partition, read in records.items():
                came.setdefault(partition, []).extend(_record(one) for one in read)
                messages += len(read)
                size += sum(_size(one) for one in read)
        return self._slices(came)

    def is_at_end(self) -> bool:
        """Whether this consumer is a member of its group and nothing waits in its partitions, as the broker says.

        Raises NotInGroup when nothing can come any more: started again, the program joins its group anew.
        """
        # The client's heartbeat can stop for good, with nothing but a busy, empty poll to show for it.
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + min(LOOK_AGAIN_SECONDS, self.look_seconds)
        try:
            members = self.admin.describe_groups([self.group])[self.group]["members"]
            ends = self.consumer.end_offsets(list(self._known)) if self._known else {}
        except KafkaError as error:
            self._present = now  # it will know its members again, or not, when it is back
            self._note_away(error)
            return False
        self._note_back()
        me = self.consumer.group_metadata().member_id
        if me not in {member["member_id"] for member in members}:
            # One that is about to join has no name yet, and may have to wait for the others.
            if (me or not members) and now - self._present > self.absent_seconds:
                raise NotInGroup(f"{self.group}: expected to be a member of its group, found {len(members)} others")
            return False
        self._present = now
        if self._unknown or any(self._known[key][1] < end for key, end in ends.items()):
            return False
        self._next_look = now + self.look_seconds
        return True

    def commit(self, batch: Batch) -> None:
        """The batch is stored: its partitions stand behind it."""
        stored = {TopicPartition(part.partition.topic, part.partition.number): part for part in batch}
        for key, part in stored.items():
            if key in self._known:
                self._known[key] = (part.partition, part.next_offset)
        try:
            self.consumer.commit(
                {
                    key: OffsetAndMetadata(part.next_offset, "", -1)
                    for key, part in stored.items()
                    if key in self._known
                },
                timeout_ms=5_000,
            )
        except COMMIT_MAY_FAIL:
            return

    def start_over(self) -> None:
        """Ask for all positions anew."""
        for partition in self.consumer.assignment():
            self._forget(partition)

    def idle(self, seconds: float) -> None:
        """Stay in the group without reading."""
        self.consumer.pause(*self.consumer.assignment())
        self._poll(seconds)
        self.consumer.resume(*(set(self.consumer.assignment()) - self._unknown))

    def close(self) -> None:
        """Leave the broker."""
        self.consumer.close(autocommit=False)
        self.admin.close()

    def _poll(self, seconds: float) -> dict[TopicPartition, list[Any]]:
        """The next message, and what the group needs to be done. A log that changed has all positions asked anew."""
        try:
            found: dict[TopicPartition, list[Any]] = self.consumer.poll(timeout_ms=int(seconds * 1000), max_records=1)
        except LOG_CHANGED:
            self.start_over()
            return {}
        except RetriableError as error:  # a connection broke in the middle of a question
            self._note_away(error)
            time.sleep(seconds)
            return {}
        return found

    def _note_away(self, error: KafkaError) -> None:
        if not self._away:
            log.warning("the broker does not answer (%s): waiting", error)
        self._away = True

    def _note_back(self) -> None:
        if self._away:
            log.info("the broker answers again")
        self._away = False

    def _identity(self) -> str | None:
        """The topic's id; None while the broker cannot tell."""
        try:
            found = topic_id(self.admin, self.topic)
        except RetriableError:
            return None
        return str(found) if found is not None else None

    def _forget(self, partition: TopicPartition) -> None:
        self.consumer.pause(partition)
        self._known.pop(partition, None)
        self._unknown.add(partition)

    def _slices(self, came: dict[TopicPartition, list[Record]]) -> Batch:
        """What came of partitions this consumer stands in; a topic made anew meanwhile is asked for its positions."""
        if not came:
            return []
        identity = self._identity()
        if any(partition.topic_id != identity for partition, _ in self._known.values()):
            self.start_over()
            return []
        return [Slice(*self._known[key], tuple(records)) for key, records in sorted(came.items()) if key in self._known]


def _record(read: Any) -> Record:
    return Record(read.offset, read.key, read.value, tuple(read.headers))


def _size(read: Any) -> int:
    parts = [read.key, read.value, *(part for header in read.headers for part in header)]
    return sum(len(part or b"") for part in parts)
