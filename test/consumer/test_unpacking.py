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
    return batch_of(*((value, [(name, b"r") for name in names]) for value in values))


def batch_of(*messages: tuple[bytes, list[tuple[str, bytes]]]) -> DefaultRecordBatch:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=GZIP,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10**9,
    )
    for offset, (value, headers) in enumerate(messages):
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
    reason = f"{unpacking.INSTEAD}a batch that unpacks to more than 16777216 bytes"
    assert found == [(2, None, [(reason, None)])]
    assert peak < 2.5 * unpacking.LARGEST_BATCH


def test_a_header_whose_name_is_no_text_is_read_with_a_name_that_says_so(limited: None) -> None:
    found = read(batch(b"a", b"b", names=("größe", Latin("größe"))))
    headers = [("größe", b"r"), (unpacking.NOT_TEXT + r"gr\xf6\xdfe", b"r")]
    assert found == [(0, b"a", headers), (1, b"b", headers)]


def test_in_the_place_of_a_message_with_too_many_headers_stands_one_that_says_so(limited: None) -> None:
    many = [("", b"")] * (unpacking.MOST_HEADERS + 1)
    large = [("name", b"x" * unpacking.LARGEST_HEADERS)]
    few = [("run_id", b"r")] * unpacking.MOST_HEADERS
    found = read(batch_of((b"a", many), (b"b", few), (b"c", large)))
    assert found[1] == (1, b"b", few)
    said = [(offset, value, name) for offset, value, ((name, _),) in (found[0], found[2])]
    assert said == [
        (0, None, "kept in the topic only: a message with 101 headers of 202 bytes: expected 100 of 65536 at most"),
        (2, None, "kept in the topic only: a message with 1 headers of 65544 bytes: expected 100 of 65536 at most"),
    ]
