"""What the client cannot read, a batch that would fill the memory or a name that is no text, is read all the same."""

import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from consumer import unpacking
from test.consumer.messages import Latin

GZIP = 1


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, as_it_is in (("_maybe_uncompress", unpacking._unpack), ("_read_msg", unpacking._read)):
        monkeypatch.setattr(DefaultRecordBatch, name, as_it_is)  # so it is again afterwards
    unpacking.read_whatever_comes()
    yield


def batch(*values: bytes, names: Sequence[str] = ("run_id",)) -> DefaultRecordBatch:
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
        headers = [(name, b"r") for name in names]
        assert builder.append(offset, timestamp=1, key=b"A", value=value, headers=headers)
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


def test_a_header_whose_name_is_no_text_is_read_with_a_name_that_says_so(limited: None) -> None:
    found = read(batch(b"a", b"b", names=("größe", Latin("größe"))))
    headers = [("größe", b"r"), (unpacking.NOT_TEXT + r"gr\xf6\xdfe", b"r")]
    assert found == [(0, b"a", headers), (1, b"b", headers)]
