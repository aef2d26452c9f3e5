"""The loop with a list as its source: no broker, no database, no sleep."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

from tenacity.wait import wait_fixed

from consumer.loop import Assigned, Batch, Partition, Policy, PositionLost, Record, Slice, StoreAway, consume

PARTITION = Partition("etf-daily-data", 0, "id")


@dataclass
class ListSource:
    """A log of numbered messages, read two at a time; told to stop when it is read to its end."""

    log: Sequence[bytes]
    stop: Event
    position: int | None = None
    committed: list[int] = field(default_factory=list)
    idled: float = 0.0

    def poll(self) -> Batch:
        assert self.position is not None
        found = tuple(Record(i, b"AAA", self.log[i], ()) for i in range(len(self.log)))[
            self.position : self.position + 2
        ]
        if not found:
            self.stop.set()
        return [Slice(PARTITION, self.position, found)] if found else []

    def is_at_end(self) -> bool:
        return self.position == len(self.log)

    def assigned(self) -> Sequence[Assigned]:
        return [Assigned(PARTITION, 0, len(self.log))] if self.position is None else []

    def seek(self, partition: Partition, offset: int) -> None:
        self.position = offset

    def commit(self, batch: Batch) -> None:
        self.position = batch[0].next_offset
        self.committed.append(self.position)

    def start_over(self) -> None:
        self.position = None

    def idle(self, seconds: float) -> None:
        self.idled += seconds


@dataclass
class ListStore:
    """Keeps values; `troubles` happen one at each call of save."""

    kept: list[bytes] = field(default_factory=list)
    next_offset: int = 0
    troubles: list[Callable[["ListStore"], None]] = field(default_factory=list)

    def claim(self, assigned: Assigned) -> int:
        return self.next_offset

    def save(self, batch: Batch) -> None:
        if self.troubles:
            self.troubles.pop(0)(self)
        assert batch[0].position == self.next_offset
        self.kept += [record.value or b"" for record in batch[0].records]
        self.next_offset = batch[0].next_offset


LOG = [b"a", b"b", b"c", b"d", b"e"]


def away(_: ListStore) -> None:
    raise StoreAway("connection refused")


def test_everything_is_kept_once_and_committed_after() -> None:
    stop, store = Event(), ListStore()
    source = ListSource(LOG, stop)
    consume(source, store, stop)
    assert store.kept == LOG
    assert source.committed == [2, 4, 5]


def test_it_goes_on_where_the_store_stands() -> None:
    stop, store = Event(), ListStore(next_offset=3)
    consume(ListSource(LOG, stop), store, stop)
    assert store.kept == [b"d", b"e"]


def test_while_the_store_is_away_it_waits_and_does_not_move_on() -> None:
    stop, store = Event(), ListStore(troubles=[away, away, away])
    source = ListSource(LOG, stop)
    consume(source, store, stop, Policy(wait=wait_fixed(2), step_seconds=0.5))
    assert store.kept == LOG
    assert source.idled == 6.0


def test_told_to_stop_while_the_store_is_away_it_leaves_the_batch_in_the_topic() -> None:
    stop = Event()

    def away_for_good(store: ListStore) -> None:
        stop.set()
        raise StoreAway("connection refused")

    store = ListStore(troubles=[away_for_good])
    source = ListSource(LOG, stop)
    consume(source, store, stop)
    assert (store.kept, source.committed) == ([], [])


def test_a_partition_that_another_has_moved_is_asked_for_its_position_anew() -> None:
    def other_stores_the_first_three(store: ListStore) -> None:
        store.kept += LOG[:3]
        store.next_offset = 3
        raise PositionLost("moved")

    stop, store = Event(), ListStore(troubles=[other_stores_the_first_three])
    consume(ListSource(LOG, stop), store, stop)
    assert store.kept == LOG


def test_stop_finishes_the_batch_at_hand() -> None:
    stop = Event()
    store = ListStore(troubles=[lambda _: stop.set()])
    source = ListSource(LOG, stop)
    consume(source, store, stop)
    assert (store.kept, source.committed) == ([b"a", b"b"], [2])


def test_progress_is_a_batch_that_is_stored_or_an_end_that_is_reached() -> None:
    stop, store, noted = Event(), ListStore(troubles=[away, away]), list[int]()
    source = ListSource(LOG, stop)
    patiently = Policy(wait=wait_fixed(1), step_seconds=1)
    consume(source, store, stop, patiently, lambda: noted.append(source.position or 0))
    assert noted == [2, 4, 5, 5]  # none while the store was away; the last when nothing was left


def test_an_empty_poll_with_messages_waiting_is_no_progress() -> None:
    class Ghost(ListSource):
        """Polls and gets nothing, though the log has messages."""

        def poll(self) -> Batch:
            self.stop.set()
            return []

    stop, noted = Event(), list[str]()
    consume(Ghost(LOG, stop), ListStore(), stop, progress=lambda: noted.append("on"))
    assert noted == []
