"""Rows on disk are those of the tables they came from, by column and in parts, and make the same version."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.segments.table_file import TableFile
from rollmill.storage.versions.content.hashing import content_hash, kept_hash
from rollmill.storage.versions.content.shard_listing import read_listing
from rollmill.storage.versions.content.shards import write_shards
from rollmill.storage.versions.content.snapshot import Snapshot, checked, sorted_by_key
from rollmill.storage.versions.manifest import row_counts
from tests.storage.versions.conftest import build

ROOT = Path(__file__).resolve().parents[3]


def on_disk(snapshot: Snapshot) -> Snapshot:
    """The same snapshot, its long tables as files."""
    completions = TableFile("completions", [sorted_by_key("completions", snapshot.completions)])
    verdicts = TableFile("verdicts", [sorted_by_key("verdicts", snapshot.verdicts)])
    return replace(snapshot, completions=completions, verdicts=verdicts)


def test_columns_and_parts_are_those_of_the_table() -> None:
    table = sorted_by_key("completions", checked(build()).completions)
    file = TableFile("completions", [table.slice(0, 1), table.slice(1)])
    assert (file.num_rows, len(file), file.column_names) == (table.num_rows, table.num_rows, table.column_names)
    assert file["text"].to_pylist() == table["text"].to_pylist()
    assert file.select(["text", "id"]).column_names == ["text", "id"]
    assert [part.num_rows for part in file.parts(4)] == [4, table.num_rows - 4]
    assert [row for part in file.parts(4) for row in part.to_pylist()] == table.to_pylist()


def test_a_version_of_rows_on_disk_is_the_same_version(tmp_path: Path) -> None:
    table, file = checked(build()), checked(on_disk(checked(build())))
    for digest in (content_hash, kept_hash, row_counts):
        assert digest(file) == digest(table)
    folders = [tmp_path / "table", tmp_path / "file"]
    for folder, snapshot in zip(folders, (table, file), strict=True):
        folder.mkdir()
        write_shards(folder, snapshot, None)
    assert read_listing(folders[0]) == read_listing(folders[1])
    (tmp_path / "next").mkdir()
    write_shards(tmp_path / "next", file, folders[0], shard_bytes=1)
    assert read_listing(tmp_path / "next") == read_listing(folders[0])  # all of the parent's taken over


def test_a_row_that_stands_twice_is_refused_in_the_same_words() -> None:
    snapshot = checked(build())
    twice = sorted_by_key("completions", snapshot.completions).take([0, 0, 1, 2, 3, 4, 5])
    with pytest.raises(SetupError, match="completions hold 2 rows of "):
        checked(replace(on_disk(snapshot), completions=TableFile("completions", [twice])))


def test_what_a_full_disk_refused_is_not_written_once_more_at_the_end() -> None:
    """In a process of its own: Python shows an exception of a finalizer when it ends."""
    program = """
import os, resource, signal
import pyarrow as pa
from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.segments.table_file import TableFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
schema = SCHEMAS["decisions"]
row = {field.name: None for field in schema}
texts = pa.Table.from_pylist([row | {"completion_id": os.urandom(32).hex()} for _ in range(9_000)], schema)
try:
    TableFile("decisions", [texts])
except OSError as error:
    print(error.strerror)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (ended.stdout, ended.stderr) == ("File too large\n", "")
