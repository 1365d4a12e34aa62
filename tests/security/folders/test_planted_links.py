"""Links that lie where a workspace writes its own files: no file outside is emptied, replaced or added to."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest

from rollmill.flows.prefect.standing import main
from rollmill.ground.files import locked, write_text
from rollmill.pipelines.processes.spawn import spawn
from rollmill.storage.exports.write import export_rows
from rollmill.storage.imports.reading.faults import Faults

pytestmark = pytest.mark.security


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    file = tmp_path / "precious"
    file.write_text("mine")
    return file


def test_a_link_at_the_draft_of_a_file_is_not_followed(tmp_path: Path, precious: Path) -> None:
    (tmp_path / ".index.json.tmp").symlink_to(precious)
    write_text(tmp_path / "index.json", "theirs")
    assert precious.read_text() == "mine"
    assert (tmp_path / "index.json").read_text() == "theirs"
    assert not (tmp_path / "index.json").is_symlink()


def test_a_link_at_the_draft_of_an_export_is_not_followed(tmp_path: Path, precious: Path) -> None:
    """The README names the file, so its draft can be foreseen; its rows are the author's."""
    for name in ("arithmetic.jsonl", "arithmetic.parquet", "set-aside.jsonl"):
        (tmp_path / f".{name}.tmp").symlink_to(precious)
    for name in ("arithmetic.jsonl", "arithmetic.parquet"):
        export_rows([{"text": "theirs"}], pa.schema([("text", pa.string())]), tmp_path / name)
    Faults(tmp_path / "rows.jsonl", gather=True).write([], tmp_path / "set-aside.jsonl")
    assert precious.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.is_symlink()] == []


def test_a_link_at_a_lock_is_refused(tmp_path: Path, precious: Path) -> None:
    for name in ("up.lock", "other.lock"):
        (tmp_path / name).symlink_to(precious)
    with pytest.raises(OSError, match="symbolic link"):
        main([str(tmp_path), "0", "0", "1"])
    with pytest.raises(OSError, match="symbolic link"), locked(tmp_path / "other.lock"):
        pass
    assert precious.read_text() == "mine"


def test_a_link_at_a_log_is_refused(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "child.log").symlink_to(precious)
    with pytest.raises(OSError, match="symbolic link"):
        spawn([sys.executable, "-I", "-c", "print('theirs')"], {}, log=tmp_path / "child.log")
    assert precious.read_text() == "mine"
