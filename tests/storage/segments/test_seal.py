"""The seal stands in its own place of the footer, whatever the rows say, and the statistics stay those of the rows."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from rollmill.storage.segments import seal
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.place import LocalPlace
from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.segments.segment_files import repaired_copy, write_batches
from tests.storage.segments.damaged import ZEROS, bounds, damage

SCHEMA = SCHEMAS["problems"]
ENTRY = "\x18\x0drollmill.seal\x18\x40" + ZEROS
TEXTS = [
    [ZEROS],
    [ZEROS + "0"],
    ["f" * 64, ZEROS],
    [f"a{ZEROS}", "1"],
    [ENTRY, "b"],
    ["rollmill.seal", '{"producer": "x"}', ZEROS],
    ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["plain"],
]


def write(place: LocalPlace, texts: list[str]) -> Path:
    values = {field.name: texts if field.type == pa.string() else [None] * len(texts) for field in SCHEMA}
    batch = pa.RecordBatch.from_pydict(values, schema=SCHEMA)
    written = write_batches(place, SegmentKey("problems", ZEROS, "1", ZEROS), SCHEMA, [batch], run=ZEROS)
    path = Path(place.path("problems", written.id))
    assert written.checksum == hashlib.sha256(path.read_bytes()).hexdigest()
    return path


def sealed(path: Path) -> bool:
    with path.open("rb") as file:
        return seal.is_whole(file, pq.read_metadata(path).metadata[b"rollmill.seal"].decode())


@pytest.mark.parametrize("texts", TEXTS)
def test_statistics_are_those_of_the_rows_whatever_the_rows_say(tmp_path: Path, texts: list[str]) -> None:
    path = write(LocalPlace(tmp_path), texts)
    table = pq.read_table(path)
    said = {
        name: tuple(pc.min_max(table[name]).as_py().values())
        for name in table.column_names
        if texts[0] in table[name].to_pylist()
    }
    assert said
    assert {name: bounds(path)[name] for name in said} == said
    assert sealed(path)


def test_a_change_of_any_byte_before_the_last_eight_breaks_the_seal(tmp_path: Path) -> None:
    path = write(LocalPlace(tmp_path), [ZEROS])
    data = path.read_bytes()
    digest = pq.read_metadata(path).metadata[b"rollmill.seal"]
    place = data.index(digest)
    other = tmp_path / "other.parquet"
    for at in [*range(4, place, 97), *range(place + 64, len(data) - 8, 7)]:
        other.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with other.open("rb") as file:
            assert not seal.is_whole(file, digest.decode())


@pytest.mark.parametrize("texts", [texts for texts in TEXTS if any(ZEROS in text for text in texts)])
def test_a_file_with_its_seal_in_the_statistics_gets_the_bytes_it_would_have_had(tmp_path: Path, texts: list[str]) -> None:
    place = LocalPlace(tmp_path)
    path = write(place, texts)
    before = path.read_bytes()
    assert repaired_copy(place, "problems", path.stem) is None
    damage(path)
    assert not sealed(path)
    made = repaired_copy(place, "problems", path.stem)
    assert made is not None
    assert Path(place.path("problems", made[0])).read_bytes() == before
    assert made[1] == hashlib.sha256(before).hexdigest()


def test_a_damaged_file_that_was_altered_too_is_not_mended(tmp_path: Path) -> None:
    place = LocalPlace(tmp_path)
    path = write(place, [ZEROS])
    damage(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 1
    path.write_bytes(data)
    assert repaired_copy(place, "problems", path.stem) is None
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
