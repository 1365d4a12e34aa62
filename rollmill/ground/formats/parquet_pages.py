"""Pages of a Parquet file: what their headers say of their sizes, by which readers take their memory.

The footer says how large whole columns are, and nothing makes it agree with the pages.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_STRUCT, _BINARY, _DOUBLE, _INT32, _BYTE = 12, 8, 7, 5, 3  # kinds of values in Thrift's compact form
_DEPTH = 8  # of nested structs in a page's header


class BrokenPageError(ValueError):
    """Bytes of a Parquet file that are no page."""


class ColumnChunk(NamedTuple):
    """A column of a row group as the footer describes it: bytes, places in the file, and values."""

    total_compressed_size: int
    total_uncompressed_size: int
    num_values: int
    data_page_offset: int
    dictionary_page_offset: int | None


@dataclass(frozen=True, slots=True)
class ParquetPage:
    """Page of a column: the bytes that it unfolds to, its values, and whether these are a dictionary."""

    bytes: int
    values: int
    of_dictionary: bool


def pages_of(data: mmap.mmap, chunk: ColumnChunk) -> Iterator[ParquetPage]:
    """The pages of a column of a row group. BrokenPageError for bytes that are none."""
    place = start = min(chunk.dictionary_page_offset or chunk.data_page_offset, chunk.data_page_offset)
    end = start + chunk.total_compressed_size
    if not 0 <= start <= end <= len(data):
        raise BrokenPageError("a column lies outside of the file")
    while place < end:
        header = PageHeader(data, place)
        if header.bytes < 0 or header.compressed < 0:
            raise BrokenPageError("a page has a negative size")
        yield ParquetPage(header.bytes, header.values, header.of_dictionary)
        place = header.end + header.compressed


class PageHeader:
    """Header of a Parquet page in Thrift's compact form, of which sizes and counts are read and the rest is skipped."""

    def __init__(self, data: mmap.mmap, place: int) -> None:
        self._data, self.end = data, place
        self.bytes = self.compressed = self.values = 0
        self.of_dictionary = False
        for number, kind in self._fields():
            if number in (2, 3) and kind == _INT32:
                value = self._signed()
                self.bytes, self.compressed = (value, self.compressed) if number == 2 else (self.bytes, value)
            elif number in (5, 7, 8) and kind == _STRUCT:
                self.of_dictionary |= number == 7
                self._count()
            else:
                self._skip(kind, 0)

    def _count(self) -> None:
        """Read the number of values, the first field of each kind of page."""
        for number, kind in self._fields():
            if number == 1 and kind == _INT32:
                self.values = self._signed()
            else:
                self._skip(kind, 1)

    def _fields(self) -> Iterator[tuple[int, int]]:
        number = 0
        while (byte := self._byte()) != 0:
            number = number + (byte >> 4) if byte >> 4 else self._signed()
            yield number, byte & 15

    def _skip(self, kind: int, depth: int) -> None:
        if depth > _DEPTH:
            raise BrokenPageError("a page's header is nested too deep")
        if kind == _BYTE:
            self.end += 1
        elif kind in (4, 5, 6):
            self._unsigned()
        elif kind == _DOUBLE:
            self.end += 8
        elif kind == _BINARY:
            length = self._unsigned()
            self.end += length
        elif kind == _STRUCT:
            for _, inner in self._fields():
                self._skip(inner, depth + 1)
        elif kind not in (1, 2):  # truth values are in the field's own byte; a header has no lists
            raise BrokenPageError(f"a page's header has a value of kind {kind}")

    def _byte(self) -> int:
        if self.end >= len(self._data):
            raise BrokenPageError("a page's header has no end")
        value = self._data[self.end]
        self.end += 1
        return value

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise BrokenPageError("a number is too long")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
