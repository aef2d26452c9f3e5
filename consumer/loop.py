"""The one loop of every consumer: poll a batch, store it in one transaction with its offsets, commit (contracts 4).

The loop knows nothing of bars and nothing of Kafka or PostgreSQL: a source gives records, a store keeps them. While the
store is away it waits and does not move on; the source stays in its group meanwhile. Progress is a batch that is
stored, or word from the source that there is none.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type, stop_when_event_set
from tenacity.wait import wait_base, wait_exponential_jitter

log = logging.getLogger(__name__)


class StoreAway(Exception):
    """The store does not answer, or asked to try again: nothing of the batch is stored."""


class PositionLost(Exception):
    """Somebody else has moved a partition: nothing of the batch is stored, and the positions must be asked anew."""


@dataclass(frozen=True)
class Partition:
    """A partition of a topic, and the topic's id: one made anew has another."""

    topic: str
    number: int
    topic_id: str


@dataclass(frozen=True)
class Assigned:
    """A partition that was just given to this consumer: its log goes from `first` to before `end`."""

    partition: Partition
    first: int
    end: int


@dataclass(frozen=True)
class Record:
    """A message as it came."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True)
class Slice:
    """What was read of one partition, from the position at which this consumer stood."""

    partition: Partition
    position: int
    records: tuple[Record, ...]

    @property
    def next_offset(self) -> int:
        """Where the partition stands once this is stored."""
        return self.records[-1].offset + 1


Batch = Sequence[Slice]


class Source(Protocol):
    """Where records come from."""

    def poll(self) -> Batch:
        """What has come, oldest first in each partition; empty when nothing came for a moment."""

    def is_at_end(self) -> bool:
        """Whether nothing waits to be read, after an empty poll; asked now and then, False in between."""

    def assigned(self) -> Sequence[Assigned]:
        """Partitions whose position is not known yet."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Go on there."""

    def commit(self, batch: Batch) -> None:
        """The batch is stored."""

    def start_over(self) -> None:
        """Forget all positions: the partitions are `assigned` again."""

    def idle(self, seconds: float) -> None:
        """Let time pass without reading, and stay in the group."""


class Store(Protocol):
    """Where records go."""

    def claim(self, assigned: Assigned) -> int:
        """The offset to go on from. Raises StoreAway."""

    def save(self, batch: Batch) -> None:
        """Keep the whole batch and its offsets, or nothing. Raises StoreAway or PositionLost."""


@dataclass(frozen=True)
class Policy:
    """How long to wait for a store that is away, and how often to look whether to stop."""

    wait: wait_base = field(default_factory=lambda: wait_exponential_jitter(multiplier=0.5, max=10))
    step_seconds: float = 0.5


def consume(
    source: Source,
    store: Store,
    stop: Event,
    policy: Policy | None = None,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Until stop is set. The batch at hand is finished first, unless the store is away: then it stays in the topic.

    progress: called whenever the loop has got on.
    """
    policy = policy or Policy()

    def pause(seconds: float) -> None:
        for _ in range(math.ceil(seconds / policy.step_seconds)):
            if not stop.is_set():
                source.idle(policy.step_seconds)

    patiently = Retrying(
        retry=retry_if_exception_type(StoreAway),
        stop=stop_when_event_set(stop),
        wait=policy.wait,
        sleep=pause,
        before_sleep=_say_that_it_waits,
    )
    while not stop.is_set():
        try:
            for assigned in source.assigned():
                source.seek(assigned.partition, patiently(store.claim, assigned))
            batch = source.poll()
            if batch:
                patiently(store.save, batch)
                source.commit(batch)
            if batch or source.is_at_end():
                progress()
        except PositionLost as error:
            log.warning("%s; asking for the positions anew", error)
            source.start_over()
        except RetryError:
            log.info("told to stop while the store is away: what was read stays in the topic")


def _say_that_it_waits(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("attempt %d: %s; again in %.1f s", state.attempt_number, error, state.upcoming_sleep)
