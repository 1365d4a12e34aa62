"""What a log may unfold to is bounded as it is of imports: a small file that unfolds to gigabytes is one line."""

import json
import shutil
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.flows.adopting import Adopt, AdoptRequest, adopt
from rollmill.flows.driver import drive
from rollmill.ground.errors import SetupError
from rollmill.storage.workspace import Workspace

LOGS = Path(__file__).parent / "logs"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty workspace."""
    Workspace.init(tmp_path / "ws").close()
    return tmp_path / "ws"


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """Python's memory and Arrow's stay below so much while this is open."""
    before = pa.default_memory_pool().max_memory()
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes << 20
        assert pa.default_memory_pool().max_memory() <= max(before, megabytes << 20)
    finally:
        tracemalloc.stop()


def bomb(path: Path, megabytes: int, members: int = 1) -> Path:
    """A log of Inspect whose samples are blanks: the bytes of one deflated megabyte, again and again."""
    count, blanks, deflate = megabytes // members, b" " * (1 << 20), zlib.compressobj(wbits=-zlib.MAX_WBITS)
    piece = deflate.compress(blanks) + deflate.flush(zlib.Z_FULL_FLUSH)
    end, checksum = deflate.flush(), reduce(lambda before, _: zlib.crc32(blanks, before), range(count), 0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", b'{"version": 2, "status": "success", "results": {"scores": []}, "eval": {}}')
        for number in range(members):
            sample = zipfile.ZipInfo(f"samples/p{number}_epoch_1.json")
            archive.writestr(sample, piece * count + end)
            sample.compress_type, sample.file_size, sample.CRC = zipfile.ZIP_DEFLATED, count << 20, checksum
    return path


def test_a_zip_that_unfolds_to_gigabytes_is_refused_before_it_is_unfolded(root: Path, tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.eval", 2048, members=8)
    assert path.stat().st_size < 3 << 20
    with at_most(20), pytest.raises(SetupError, match=r"bomb.eval unfolds to more than 268,435,456 bytes") as caught:
        adopt(AdoptRequest(root, path))
    assert caught.value.next_command == "--max-bytes 1073741824, if it is meant to be so large"
    assert "\n" not in str(caught.value)
    with Workspace.open(root) as workspace:
        assert workspace.imports.list() == []


def test_a_member_that_says_less_than_it_holds_is_not_unfolded(root: Path, tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.eval", 2048)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = archive.infolist()[-1].file_size
    told = content.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little"))
    told = told.replace(size.to_bytes(8, "little"), (100).to_bytes(8, "little"))
    assert told != content
    path.write_bytes(told)
    with at_most(40), pytest.raises(SetupError, match="nothing was stored"):
        adopt(AdoptRequest(root, path))


def test_a_sample_is_bounded_and_the_file_by_what_is_asked_for(root: Path, tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.eval", 70)
    with pytest.raises(SetupError, match=r"bomb\.eval, sample 1 is longer than 64 MiB; nothing was stored"):
        adopt(AdoptRequest(root, path))
    with pytest.raises(SetupError, match="unfolds to more than 1,000 bytes"):
        adopt(AdoptRequest(root, path, max_bytes=1000))
    with pytest.raises(SetupError, match=r"samples_sums.* unfolds to more than 9,000 bytes"):
        adopt(AdoptRequest(root, LOGS / "lm_eval", max_bytes=9000))


@pytest.mark.parametrize("tool", ["verifiers", "inspect"])
def test_a_row_is_bounded_in_bytes_and_not_in_letters(root: Path, tmp_path: Path, tool: str) -> None:
    text = "é" * (33 << 20)
    if tool == "verifiers":
        path, where = tmp_path / "results.jsonl", "line 1"
        shutil.copy(LOGS / "verifiers" / "metadata.json", tmp_path)
        path.write_text(f'{{"completion": "{text}"}}\n', encoding="utf-8")
    else:
        path, where = tmp_path / "long.eval", "sample 1"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("header.json", '{"version": 2, "status": "success", "results": {"scores": []}, "eval": {}}')
            archive.writestr("samples/p1_epoch_1.json", f'{{"completion": "{text}"}}')
    with pytest.raises(SetupError, match=rf"{path.name}, {where} is longer than 64 MiB; nothing was stored"):
        adopt(AdoptRequest(root, path))


def test_a_parquet_file_that_unfolds_to_gigabytes_is_refused(root: Path, tmp_path: Path) -> None:
    details = next((LOGS / "lighteval").rglob("details_*.parquet"))
    results = next((LOGS / "lighteval").rglob("results_*.json"))
    rows = 400
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * (8 << 20)]))
    ids = pa.array([f"p{number}" for number in range(rows)])
    doc = pa.StructArray.from_arrays([ids, text], names=["id", "query"])
    path = tmp_path / details.name
    pq.write_table(pa.table({"doc": doc, "model_response": doc, "metric": doc}), path, compression="zstd")
    (tmp_path / results.name).write_text(results.read_text())
    assert path.stat().st_size < 50_000
    with (
        at_most(600),
        pytest.raises(SetupError, match=r"unfolds to more than 268,435,456 bytes; nothing was stored") as caught,
    ):
        adopt(AdoptRequest(root, path))
    assert caught.value.message.count("nothing was stored") == 1
    assert caught.value.next_command == "--max-bytes 1073741824, if it is meant to be so large"


def test_in_a_folder_it_is_one_outcome_and_the_rest_is_adopted(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    bomb(folder / "bomb.eval", 512, members=8)
    (folder / "sums.eval").write_bytes((LOGS / "inspect" / "sums.eval").read_bytes())
    adoption = drive(Adopt(AdoptRequest(root, folder)))
    assert [report["name"] for report in adoption["adopted"]] == ["sums-rollmill-tiny"]
    assert json.dumps(adoption["refused"]).count("unfolds to more than 268,435,456 bytes") == 1
