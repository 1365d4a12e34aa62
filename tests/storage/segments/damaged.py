"""Segment files as an earlier release wrote them where a row's text is 64 zeros: the seal in the place of that text."""

from pathlib import Path

import pyarrow.parquet as pq

from rollmill.storage.segments import seal

ZEROS = "0" * 64


def damage(path: Path) -> None:
    """Write the seal over the first 64 zeros of the footer, as that release did, and leave its place open."""
    data = path.read_bytes()
    digest = pq.read_metadata(path).metadata[seal.KEY.encode()]
    data = data.replace(b"\x18\x0drollmill.seal\x18\x40" + digest, b"\x18\x0drollmill.seal\x18\x40" + ZEROS.encode())
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    at = data.index(ZEROS.encode(), footer)
    assert at < data.rindex(b"rollmill.seal")
    path.write_bytes(data[:at] + digest + data[at + 64 :])


def bounds(path: Path) -> dict[str, tuple[str, str]]:
    """Smallest and largest value by column, as the statistics of a file of one row group say."""
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    return {
        column.path_in_schema: (column.statistics.min, column.statistics.max)
        for column in columns
        if column.statistics is not None and column.statistics.has_min_max
    }
