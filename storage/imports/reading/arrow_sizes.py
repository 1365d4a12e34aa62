"""Sizes that compressed batches of an Arrow file or stream unfold to, as the file declares them, before any is unfolded.

Arrow takes the memory of a whole batch at once, and a few kilobytes may declare any number of gigabytes.
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_DICTIONARY_BATCH = 2  # of Arrow's MessageHeader
_BUFFER = 16  # bytes of a buffer's entry: offset and length


def declared_sizes(source: "pa.NativeFile") -> Iterator[int]:
    """Bytes that each batch unfolds to. `source`: at its first message. ValueError for a message that is not whole."""
    import pyarrow as pa

    messages = pa.ipc.MessageReader.open_stream(source)
    while True:
        try:
            message = messages.read_next_message()
        except StopIteration:
            return
        if message.type in ("record batch", "dictionary"):
            yield _declared(message.metadata.to_pybytes(), message.body)


def _declared(metadata: bytes, body: "pa.Buffer | None") -> int:
    try:
        header_type = metadata[_field(metadata, _root(metadata), 1) or 0]
        batch = _child(metadata, _root(metadata), 2)
        if header_type == _DICTIONARY_BATCH:
            batch = _child(metadata, batch, 1)
        compressed = _field(metadata, batch, 3) is not None
        vector = _child(metadata, batch, 2)
        (count,) = struct.unpack_from("<I", metadata, vector)
        view, total = memoryview(body or b""), 0
        for number in range(count):
            offset, length = struct.unpack_from("<qq", metadata, vector + 4 + _BUFFER * number)
            size = struct.unpack_from("<q", view, offset)[0] if compressed and length else length
            total += length if size < 0 else size  # -1: this buffer is as it is
        return total
    except (struct.error, IndexError, TypeError) as error:
        raise ValueError(f"a message of it is not whole ({error})") from error


def _root(data: bytes) -> int:
    return int(struct.unpack_from("<I", data, 0)[0])


def _field(data: bytes, table: int, number: int) -> int | None:
    """The place of a field of a flatbuffer's table; None if it is left out."""
    places = table - struct.unpack_from("<i", data, table)[0]
    if places < 0:
        raise IndexError("a table before the message")
    (size,) = struct.unpack_from("<H", data, places)
    if 4 + 2 * number >= size:
        return None
    (offset,) = struct.unpack_from("<H", data, places + 4 + 2 * number)
    return table + offset if offset else None


def _child(data: bytes, table: int, number: int) -> int:
    place = _field(data, table, number)
    if place is None:
        raise IndexError(f"no field {number}")
    return place + int(struct.unpack_from("<I", data, place)[0])
