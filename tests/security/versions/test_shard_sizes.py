"""Shards that unfold to far more than they hold: refused by their footer, their pages or their dictionary."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.ground.errors import FoundWanting
from rollmill.ground.formats.parquet_pages import BrokenPageError, PageHeader
from rollmill.storage.versions.content.shard_sizes import KEY, MOST, require_small
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import open_version
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import build

pytestmark = pytest.mark.security


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        yield workspace


def bomb(path: Path, *, dictionary: bool) -> Path:
    """A file of some hundred kilobytes with a gigabyte of text."""
    text = "x" * (1 << 20)
    column = pa.array([text] * 8)
    with pq.ParquetWriter(path, pa.schema({"text": pa.string()}), compression="zstd", use_dictionary=dictionary) as writer:
        for _ in range(128):
            writer.write_table(pa.table({"text": column}))
    assert path.stat().st_size < 2_000_000
    return path


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_bomb_is_refused_with_the_key_to_raise(tmp_path: Path, dictionary: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bomb(tmp_path / "bomb.parquet", dictionary=dictionary)
    with pytest.raises(
        FoundWanting, match=rf"bomb\.parquet of v1 unfolds to [\d,]+ bytes, and {MOST:,} is the most"
    ) as caught:
        require_small(path, "v1")
    assert str(caught.value.next_command).startswith(f"{KEY}=")
    monkeypatch.setenv(KEY, str(4 << 30))
    require_small(path, "v1")


@pytest.mark.parametrize("nested", [False, True])
def test_one_long_value_among_short_ones_does_not_hide_in_their_mean(tmp_path: Path, nested: bool) -> None:
    """The dictionary is short on average, and nearly every row names its only long value."""
    long, path = "x" * 900_000, tmp_path / "skewed.parquet"
    column = pa.DictionaryArray.from_arrays(
        pa.array([*range(8_001), *[8_000] * 92_000], pa.int32()), pa.array([*map(str, range(8_000)), long])
    )
    if nested:
        column = pa.ListArray.from_arrays(pa.array(range(len(column) + 1), pa.int32()), column)
    pq.write_table(pa.table({'te"xt': column}), path, compression="zstd", dictionary_pagesize_limit=4 << 20)
    assert path.stat().st_size < 2_000_000
    with pytest.raises(FoundWanting, match=r"skewed\.parquet of v1 unfolds to \d\d,\d{3},\d{3},\d{3} bytes"):
        require_small(path, "v1")


def test_a_dictionary_with_a_long_value_that_is_used_once_is_read(tmp_path: Path) -> None:
    path = tmp_path / "honest.parquet"
    column = pa.array(["x" * 900_000, *[str(number % 8_000) for number in range(92_000)]]).dictionary_encode()
    pq.write_table(pa.table({"text": column}), path, dictionary_pagesize_limit=4 << 20)
    require_small(path, "v1")


def test_a_footer_that_lies_is_not_believed(tmp_path: Path) -> None:
    """The sizes in the footer are made small, those in the headers of the pages stay."""
    path = bomb(tmp_path / "bomb.parquet", dictionary=False)
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8]
    whole = pq.ParquetFile(path).metadata.row_group(0).column(0).total_uncompressed_size
    said = encoded(whole)
    assert footer.count(said) >= 128
    lying = footer.replace(said, bytes([128 | 1] * (len(said) - 1) + [0]))
    path.write_bytes(data[: -8 - length] + lying + data[-8:])
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).total_uncompressed_size < 1 << 22
    with pytest.raises(FoundWanting, match="unfolds to"):
        require_small(path, "v1")


def encoded(value: int) -> bytes:
    """A number as Thrift's compact form writes it."""
    value <<= 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def test_what_is_no_parquet_file_or_has_no_pages_is_refused(tmp_path: Path) -> None:
    path = bomb(tmp_path / "cut.parquet", dictionary=False)
    data = path.read_bytes()
    for content in (b"PAR1", b"", data[:100], b"\xff" * 5_000 + data[5_000:]):
        path.write_bytes(content)
        with pytest.raises(FoundWanting, match="is no readable Parquet file"):
            require_small(path, "v1")


@pytest.mark.parametrize("content", [b"\x1c" * 100, b"\x19" * 100, b"\x15" + b"\xff" * 99, b"\x18\xff\xff\xff\xff\x7f" * 9])
def test_headers_of_garbage_end(content: bytes) -> None:
    with pytest.raises(BrokenPageError):
        PageHeader(content, 0)  # type: ignore[arg-type]


def test_a_published_version_is_read_and_one_with_a_bomb_is_not(ws: Workspace, tmp_path: Path) -> None:
    info = publish(ws, build(), report_html="", report_json={}).version
    open_version(info).close()
    listing = info.path / "shards.json"
    path = bomb(tmp_path / "bomb.parquet", dictionary=True)
    name = hashlib.sha256(path.read_bytes()).hexdigest()
    shards = json.loads(listing.read_text())
    folder = Path(shards["completions"][0]["file"]).parent
    shards["completions"][0]["file"] = str(folder / f"{name}.parquet")
    (info.path / "shards" / folder / f"{name}.parquet").write_bytes(path.read_bytes())
    listing.write_text(json.dumps(shards))
    for place in (
        info.path / "manifest.json",
        *info.path.parent.parent.rglob("manifest*.json"),
        *ws.root.rglob("v1*.json"),
    ):
        manifest = json.loads(place.read_text())
        if "files" in manifest:
            manifest["files"]["shards.json"] = hashlib.sha256(listing.read_bytes()).hexdigest()
            place.write_text(json.dumps(manifest))
    with pytest.raises(FoundWanting, match="unfolds to"):
        open_version(info)
