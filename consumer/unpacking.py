"""A consumer reads on whatever somebody sends: what would end the client becomes a message that says so, a dead letter.

A batch that unpacks to more than it may: the broker limits what it weighs packed, and a hundred megabytes of zeros
weigh a hundred kilobytes. The client unpacks a batch as a whole, without a limit; here it has one, and in the place of
a larger batch stands one message. So with a message that has too many headers: each takes a hundred bytes of memory.

A header whose name is not UTF-8: the broker lets it pass, the client takes the whole batch for corrupt. Here the name
is one that says so.
"""

import zlib
from typing import Any

from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint, encode_varint

# A message of the platform weighs 8 MiB at most, alone in its batch.
LARGEST_BATCH = 16 * 1024 * 1024
# Ours have four headers, of a hundred bytes together.
MOST_HEADERS, LARGEST_HEADERS = 100, 64 * 1024
INSTEAD = "kept in the topic only: "
"""So begins the header of a message that stands in the place of what is not read; the reason follows."""
NOT_TEXT = "header whose name is not UTF-8: "
"""So begins the name of such a header; its bytes follow as text."""
_GZIP = 31  # zlib's word for gzip's format

_unpack = DefaultRecordBatch._maybe_uncompress
_read = DefaultRecordBatch._read_msg


def read_whatever_comes() -> None:
    """From now on, in this process."""
    DefaultRecordBatch._maybe_uncompress = _unpack_limited
    DefaultRecordBatch._read_msg = _read_limited


def _unpack_limited(batch: Any) -> None:
    if batch._decompressed or batch.compression_type != batch.CODEC_GZIP:
        _unpack(batch)
        return
    packed = memoryview(batch._buffer)[batch._pos :]
    unpacked = zlib.decompressobj(wbits=_GZIP).decompress(packed, LARGEST_BATCH + 1)
    if len(unpacked) > LARGEST_BATCH:
        reason = f"a batch that unpacks to more than {LARGEST_BATCH} bytes"
        unpacked = _message_instead(batch.last_offset_delta, reason)
        batch._num_records = 1
    batch._buffer, batch._pos, batch._decompressed = bytearray(unpacked), 0, True


def _message_instead(offset_delta: int, reason: str) -> bytes:
    """One record, at that offset of the batch: no key, no value, a header."""
    record = bytearray(b"\0")  # attributes
    name = f"{INSTEAD}{reason}".encode()
    for number in (0, offset_delta, -1, -1, 1, len(name)):  # time, offset, key, value, headers, the header's name
        encode_varint(number, record.append)
    record += name
    encode_varint(-1, record.append)
    length = bytearray()
    encode_varint(len(record), length.append)
    return bytes(length + record)


def _read_limited(batch: Any) -> Any:
    count, size, offset_delta, end = _headers(batch._buffer, batch._pos)
    if count <= MOST_HEADERS and size <= LARGEST_HEADERS:
        return _read_any_name(batch)
    buffer = batch._buffer
    reason = f"a message with {count} headers of {size} bytes: expected {MOST_HEADERS} of {LARGEST_HEADERS} at most"
    batch._buffer, batch._pos = bytearray(_message_instead(offset_delta, reason)), 0
    try:
        return _read(batch)
    finally:
        batch._buffer, batch._pos = buffer, end


def _headers(buffer: bytearray, at: int) -> tuple[int, int, int, int]:
    """Of the record there: how many headers it has and of how many bytes, its offset's delta, and where it ends."""
    length, at = decode_varint(buffer, at)
    end = at + length
    _, at = decode_varint(buffer, at)  # attributes
    _, at = decode_varint(buffer, at)  # time
    offset_delta, at = decode_varint(buffer, at)
    for _ in ("key", "value"):
        size, at = decode_varint(buffer, at)
        at += max(size, 0)
    count, at = decode_varint(buffer, at)
    return count, end - at, offset_delta, end


def _read_any_name(batch: Any) -> Any:
    try:
        return _read(batch)
    except UnicodeDecodeError:
        # For the rest of the batch, too: copied for each such message, a batch of them would take for ever.
        batch._buffer = _AnyName(batch._buffer)
        return _read(batch)


class _AnyName(bytearray):
    """Bytes whose slices are text whatever they are."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _AnyName(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        try:
            return super().decode(encoding, errors)
        except UnicodeDecodeError:
            return NOT_TEXT + super().decode(encoding, "backslashreplace")
