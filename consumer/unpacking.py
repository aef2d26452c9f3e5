"""A consumer reads on whatever somebody sends: what would end the client becomes a message that says so, a dead letter.

A batch that unpacks to more than it may: the broker limits what it weighs packed, and a hundred megabytes of zeros
weigh a hundred kilobytes. The client unpacks a batch as a whole, without a limit; here it has one, and in the place of
a larger batch stands one message.

A header whose name is not UTF-8: the broker lets it pass, the client takes the whole batch for corrupt. Here the name
is one that says so.
"""

import zlib
from typing import Any

from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import encode_varint

# A message of the platform weighs 8 MiB at most, alone in its batch.
LARGEST_BATCH = 16 * 1024 * 1024
TOO_LARGE = "batch-too-large"
"""Header of the message that stands in the place of such a batch."""
NOT_TEXT = "header whose name is not UTF-8: "
"""So begins the name of such a header; its bytes follow as text."""
_GZIP = 31  # zlib's word for gzip's format

_unpack = DefaultRecordBatch._maybe_uncompress
_read = DefaultRecordBatch._read_msg


def read_whatever_comes() -> None:
    """From now on, in this process."""
    DefaultRecordBatch._maybe_uncompress = _unpack_limited
    DefaultRecordBatch._read_msg = _read_any_name


def _unpack_limited(batch: Any) -> None:
    if batch._decompressed or batch.compression_type != batch.CODEC_GZIP:
        _unpack(batch)
        return
    packed = memoryview(batch._buffer)[batch._pos :]
    unpacked = zlib.decompressobj(wbits=_GZIP).decompress(packed, LARGEST_BATCH + 1)
    if len(unpacked) > LARGEST_BATCH:
        unpacked = _message_instead(batch.last_offset_delta)
        batch._num_records = 1
    batch._buffer, batch._pos, batch._decompressed = bytearray(unpacked), 0, True


def _message_instead(offset_delta: int) -> bytes:
    """One record, at the batch's last offset: no key, no value, a header."""
    record = bytearray(b"\0")  # attributes
    name = TOO_LARGE.encode()
    for number in (0, offset_delta, -1, -1, 1, len(name)):  # time, offset, key, value, headers, the header's name
        encode_varint(number, record.append)
    record += name
    encode_varint(-1, record.append)
    length = bytearray()
    encode_varint(len(record), length.append)
    return bytes(length + record)


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
