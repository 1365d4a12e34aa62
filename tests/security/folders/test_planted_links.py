"""Links that lie where a workspace writes its own files: no file outside is emptied, replaced or added to."""

import sys
from pathlib import Path

import pytest

from flows.prefect.standing import main
from pipelines.processes.spawn import spawn
from storage.ground.files import locked, write_text

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


def test_a_link_at_a_lock_is_refused(tmp_path: Path, precious: Path) -> None:
    for name in ("up.lock", "other.lock"):
        (tmp_path / name).symlink_to(precious)
    with pytest.raises(OSError, match="symbolic link"):
        main([str(tmp_path), "0", "0"])
    with pytest.raises(OSError, match="symbolic link"), locked(tmp_path / "other.lock"):
        pass
    assert precious.read_text() == "mine"


def test_a_link_at_a_log_is_refused(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "child.log").symlink_to(precious)
    with pytest.raises(OSError, match="symbolic link"):
        spawn([sys.executable, "-I", "-c", "print('theirs')"], {}, log=tmp_path / "child.log")
    assert precious.read_text() == "mine"
