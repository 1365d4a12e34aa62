"""A journal of SQLite in a folder of somebody else that names a file of the person's: SQLite deletes what it names."""

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.planted.journals import refuse_journal
from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.workspace import Workspace

pytestmark = pytest.mark.security
MAGIC = bytes.fromhex("d9d505f920a163d7")
PAGE = 4096


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "id_ed25519"
    path.parent.mkdir()
    path.write_text("a key of the person\n")
    return path


def with_journal(database: Path, named: Path | None) -> Path:
    """Give a database, made anew, the journal of a transaction that did not end, with the name of a file."""
    for path in (database, *database.parent.glob(f"{database.name}-*")):
        path.unlink(missing_ok=True)
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(database)) as made:
        made.execute(f"pragma page_size = {PAGE}")
        made.execute("create table alembic_version (version_num text)")
        made.commit()
    header = MAGIC + struct.pack(">5I", 0, 0, database.stat().st_size // PAGE, 512, PAGE)
    name = b"" if named is None else str(named).encode()
    end = struct.pack(">I", 0x40000000 // PAGE + 1) + name + struct.pack(">2I", len(name), sum(name)) + MAGIC
    journal = database.with_name(f"{database.name}-journal")
    journal.write_bytes(header.ljust(512, b"\0") + (b"" if named is None else end))
    return journal


def test_sqlite_deletes_what_a_journal_names(tmp_path: Path, precious: Path) -> None:
    """The attack itself: without it the other tests would prove nothing."""
    database = tmp_path / "x.sqlite"
    with_journal(database, precious)
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("select * from alembic_version")
    assert not precious.exists()


@pytest.mark.parametrize("name", ["ledger.sqlite", "prefect/prefect.db"])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_workspace_with_such_a_journal_is_refused(tmp_path: Path, precious: Path, name: str, *, read_only: bool) -> None:
    root = tmp_path / "ws"
    Workspace.init(root).close()
    journal = with_journal(root / ".rollmill" / name, precious)
    with pytest.raises(SetupError, match=f"{journal} names another file, which SQLite would delete") as refused:
        Workspace.open(root, read_only=read_only)
    assert refused.value.next_command == f"rm {journal}"
    assert precious.exists()


def test_nor_a_ledger_elsewhere(tmp_path: Path, precious: Path) -> None:
    database = tmp_path / "elsewhere" / "ledger.sqlite"
    with_journal(database, precious)
    (tmp_path / "link.sqlite").symlink_to(database)
    for path in (database, tmp_path / "link.sqlite"):
        with pytest.raises(SetupError, match="names another file"):
            Ledger(f"sqlite:///{path}", state=tmp_path / "state")
    assert precious.exists()


def test_a_journal_without_a_name_is_data(tmp_path: Path) -> None:
    journal = with_journal(tmp_path / "ledger.sqlite", None)
    refuse_journal(journal)
    journal.write_bytes(b"")
    refuse_journal(journal)
