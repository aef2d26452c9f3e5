"""Memory of a consumer whatever somebody sends: a batch of messages that unpacks to more than it may is not unpacked.

The broker limits what a batch weighs packed, and a hundred megabytes of zeros weigh a hundred kilobytes. The client
unpacks a batch as a whole, without a limit; here it has one. In the place of a larger batch stands one message that
says so: it becomes a dead letter, and what comes after it is read.
"""

import zlib
from typing import Any

from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import encode_varint

# A message of the platform weighs 8 MiB at most, alone in its batch.
LARGEST_BATCH = 16 * 1024 * 1024
TOO_LARGE = "batch-too-large"
"""Header of the message that stands in the place of such a batch."""
_GZIP = 31  # zlib's word for gzip's format

_unpack = DefaultRecordBatch._maybe_uncompress


def limit() -> None:
    """From now on, in this process."""
    DefaultRecordBatch._maybe_uncompress = _unpack_limited


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
