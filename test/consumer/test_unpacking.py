"""A batch that would fill the memory is read as one message that says so."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from consumer import unpacking

GZIP = 1


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(DefaultRecordBatch, "_maybe_uncompress", unpacking._unpack)  # as it was, afterwards
    unpacking.limit()
    yield


def batch(*values: bytes) -> DefaultRecordBatch:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=GZIP,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10**9,
    )
    for offset, value in enumerate(values):
        assert builder.append(offset, timestamp=1, key=b"A", value=value, headers=[("run_id", b"r")])
    return DefaultRecordBatch(builder.build())


def read(of: DefaultRecordBatch) -> list[tuple[int, Any, Any]]:
    assert of.validate_crc()
    return [(record.offset, record.value, record.headers) for record in of]


def test_what_is_small_enough_is_read_as_it_is(limited: None) -> None:
    assert read(batch(b"a", b"b")) == [(0, b"a", [("run_id", b"r")]), (1, b"b", [("run_id", b"r")])]


def test_in_the_place_of_a_larger_one_stands_a_message_at_its_last_offset(limited: None) -> None:
    large = batch(b"first", b"\0" * 100 * 2**20, b"last")
    tracemalloc.start()
    try:
        found = read(large)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == [(2, None, [(unpacking.TOO_LARGE, None)])]
    assert peak < 2.5 * unpacking.LARGEST_BATCH
