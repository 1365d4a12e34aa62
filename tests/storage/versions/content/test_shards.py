"""Rows of versions: shards named by their content, shared while unchanged, and read as if they were one database."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Decision, Problem
from rollmill.storage.exports import export
from rollmill.storage.queries.browse.why import why
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.catalogue import TABLES
from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.content.shard_listing import names_of, read_listing
from rollmill.storage.versions.content.shard_views import Near, connect_shards, scan_near
from rollmill.storage.versions.content.shards import write_shards
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.diff import diff
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import load_snapshot, open_version
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.versions import older
from tests.storage.versions.conftest import forget_digests
from tests.storage.versions.older import Layout, flat_shards, one_file, put_as

pytestmark = pytest.mark.integration

Build = Callable[..., Snapshot]
PROBLEM = Problem("2 + 2?", "4")
SHARD = 8_000


def many(count: int, changed: frozenset[int] = frozenset()) -> Snapshot:
    """`count` completions of about 300 bytes; the texts of `changed` differ, whose ids do not."""
    texts = [f"{'new' if i in changed else 'old'} {i:04d} " + "x" * 100 for i in range(count)]
    rows = [Completion(f"{i:032x}", "p", "e", "m", "d", "curate", i, i, text, "stop") for i, text in enumerate(texts)]
    decisions = [Decision("r", PROBLEM.id, row.id, "all", "1", True, "all", "correct", "number", "1") for row in rows]
    return Snapshot(
        "toy",
        to_table("problems", [PROBLEM]),
        to_table("completions", rows),
        decisions=to_table("decisions", decisions),
    )


def written(folder: Path, snapshot: Snapshot, parent: Path | None = None) -> list[str]:
    folder.mkdir()
    write_shards(folder, snapshot, parent, SHARD)
    listing = read_listing(folder)
    assert listing is not None
    stored = [path.relative_to(folder / "shards").as_posix() for path in (folder / "shards").rglob("*.parquet")]
    assert sorted(stored) == sorted(name for shards in listing.values() for shard in shards for name in names_of(shard))
    return [shard["file"] for shard in listing["completions"]]


def rows_of(folder: Path) -> pa.Table:
    with connect_shards(folder, {"name": "toy"}) as connection:
        table: pa.Table = connection.sql("select id, text from rollouts order by id").to_arrow_table()
        return table


def test_shards_are_named_by_their_content_and_cut_to_size(tmp_path: Path) -> None:
    names = written(tmp_path / "a", many(200))
    assert len(names) == len(set(names)) == 8
    assert all(len(name) == len("rollouts/") + 64 + len(".parquet") for name in names)
    shuffled = many(200).completions.take(pa.array(list(range(199, -1, -1))))
    assert written(tmp_path / "b", replace(many(200), completions=shuffled)) == names


def test_added_rows_leave_the_old_shards_as_they_are(tmp_path: Path) -> None:
    old = written(tmp_path / "a", many(200))
    new = written(tmp_path / "b", many(260), tmp_path / "a")
    assert new[:8] == old
    assert len(new) == 11
    assert (tmp_path / "a/shards" / old[0]).stat().st_ino == (tmp_path / "b/shards" / old[0]).stat().st_ino
    assert rows_of(tmp_path / "b") == many(260).completions.select(["id", "text"])


def test_a_changed_or_missing_row_rewrites_only_its_shard(tmp_path: Path) -> None:
    old = written(tmp_path / "a", many(200))
    changed = many(200, frozenset({0}))
    assert set(old) - set(written(tmp_path / "b", changed, tmp_path / "a")) == {old[0]}
    assert rows_of(tmp_path / "b") == changed.completions.select(["id", "text"])
    fewer = replace(many(200), completions=many(200).completions.slice(1), decisions=many(200).decisions.slice(1))
    assert set(old) - set(written(tmp_path / "c", fewer, tmp_path / "a")) == {old[0]}
    assert rows_of(tmp_path / "c") == fewer.completions.select(["id", "text"])


@pytest.mark.integration
def test_small_shards_are_merged_instead_of_kept_for_ever(tmp_path: Path) -> None:
    written(tmp_path / "v0", many(40))
    for step in range(1, 12):
        names = written(tmp_path / f"v{step}", many(40 + 4 * step), tmp_path / f"v{step - 1}")
    assert len(names) <= 8  # 84 rows fill four shards; none may stay below half of one but the last
    assert rows_of(tmp_path / "v11") == many(84).completions.select(["id", "text"])


@pytest.fixture
def large(ws: Workspace, snapshot: Build) -> VersionInfo:
    return publish(ws, snapshot(), report_html="", report_json={}).version


def test_a_sharded_version_reads_like_any_other(ws: Workspace, snapshot: Build, large: VersionInfo, tmp_path: Path) -> None:
    assert large.folder == "v1-ab183de1"
    back = load_snapshot(large)
    assert content_hash(back) == large.content_hash
    for kind in TABLES:
        assert back.table(kind).schema == snapshot().table(kind).schema
    with open_version(large) as connection:
        assert connection.sql("select count(*) from kept").fetchall() == [(2,)]
        assert connection.sql("select value from manifest where key = 'name'").fetchall() == [('"toy"',)]
    assert export(large, "sft", tmp_path / "sft.jsonl").rows == 2
    assert why(large, back.problems["id"][0].as_py()).kind == "problem"


def test_a_row_is_found_in_the_shards_that_may_hold_it(large: VersionInfo, ws: Workspace, snapshot: Build) -> None:
    second = publish(ws, snapshot(kept=(True,) * 6), report_html="", report_json={}).version
    cid = f"{4:032x}"
    for info in (large, second):
        answer = why(info, cid)
        assert [row["text"] for row in answer.rollouts] == ["step 4. The answer is 4."]
        assert [(membership.version, membership.change) for membership in answer.versions] == [
            ("toy@v1", "added"),
            ("toy@v2", "same"),
        ]
    # A version that was published before listings had the first and last key of a shard, with a shard that is not needed.
    listing = read_listing(large.path)
    assert listing is not None
    other = {**listing["scores"][0], "first": "f" * 32, "last": "f" * 32, "file": f"{'0' * 64}.parquet"}
    spans = {"first", "last"}
    old = {kind: [{k: v for k, v in row.items() if k not in spans} for row in rows] for kind, rows in listing.items()}
    (large.path / "shards.json").write_text(json.dumps({**old, "scores": [*old["scores"], other]}))
    forget_digests(large)
    assert [score["value"] for score in why(large, cid).scores] == [24.0]


def test_each_key_opens_its_own_shard_alone(tmp_path: Path) -> None:
    """As one list of keys over all their shards, eight keys would open each of eight files eight times."""
    written(tmp_path / "a", many(120))
    listing = read_listing(tmp_path / "a")
    assert listing is not None
    shards = listing["completions"]
    keys = [shards[0]["first"], shards[-1]["last"]]
    parts: list[Near] = [([(key, key)], f"id = '{key}'") for key in keys]
    sql = scan_near("completions", tmp_path / "a", shards, parts)
    assert [sql.count(shard["file"]) for shard in shards] == [1, *(0 for _ in shards[1:-1]), 1]
    assert sorted(id_ for (id_,) in duckdb.execute(f"SELECT id FROM ({sql})").fetchall()) == keys


@pytest.mark.parametrize("layout", [one_file, flat_shards])
def test_a_version_can_follow_one_of_an_older_program(ws: Workspace, snapshot: Build, layout: Layout) -> None:
    first = put_as(layout, ws, snapshot())
    assert not publish(ws, snapshot(), report_html="", report_json={}).created
    second = publish(ws, snapshot(kept=(True,) * 6), report_html="", report_json={}).version
    third = put_as(layout, ws, snapshot(kept=(False,) * 6))
    assert [move.count for move in diff(first, second).dropped_to_kept] == [1, 1, 1, 1]
    assert sum(move.count for move in diff(second, third).kept_to_dropped) == 6
    assert [content_hash(load_snapshot(info)) == info.content_hash for info in (first, second, third)] == [True] * 3


def test_a_missing_shard_is_named(large: VersionInfo) -> None:
    listing = read_listing(large.path)
    assert listing is not None
    (large.path / "shards" / listing["completions"][0]["file"]).unlink()
    with pytest.raises(SetupError, match=r"1 shards of v1-ab183de1 are not here, first [0-9a-f]{64}\.parquet"):
        open_version(large)


def test_a_shard_written_before_a_column_existed_reads_as_null_there(large: VersionInfo) -> None:
    listing = read_listing(large.path)
    assert listing is not None
    path = large.path / "shards" / listing["verdicts"][0]["file"]
    listing["verdicts"][0]["file"] = older.flat_shard(large.path, pq.read_table(path).drop_columns(["evidence"]))
    path.unlink()
    (large.path / "shards.json").write_text(json.dumps(listing))
    forget_digests(large)
    assert load_snapshot(large).verdicts["evidence"].null_count == 6


def test_a_folder_with_an_equals_sign_above_is_no_column(tmp_path: Path) -> None:
    """DuckDB would take `split=train` above the shards for a column of every row."""
    problem = replace(PROBLEM, split="evaluation")
    folder = tmp_path / "split=train" / "text=wrong"
    folder.mkdir(parents=True)
    snapshot = replace(many(100), problems=to_table("problems", [problem]))
    written(folder / "v1", snapshot)
    shards = read_listing(folder / "v1")
    assert shards is not None
    with connect_shards(folder / "v1", {"name": "toy"}) as connection:
        assert connection.sql("select distinct split from problems").fetchall() == [("evaluation",)]
        assert connection.sql("select count(*) from rollouts where text = 'wrong'").fetchall() == [(0,)]
        near = scan_near("completions", folder / "v1", shards["completions"], [([("", "f")], "text like 'old%'")])
        assert connection.sql(f"select count(*) from ({near})").fetchall() == [(100,)]


def storage_version(path: Path) -> int:
    """The version in the header of a database file, behind a checksum and the word DUCK."""
    return int.from_bytes(path.read_bytes()[12:20], "little")


@pytest.mark.parametrize("written", ["v1.4.0", "latest"])
def test_a_database_of_an_older_program_is_read_in_both_formats(ws: Workspace, snapshot: Build, written: str) -> None:
    """`latest` is the format of DuckDB 2.0, in which versions were written at first."""
    info = put_as(one_file, ws, snapshot())
    (info.path / "dataset.duckdb").unlink()
    older.write_database(info.path / "dataset.duckdb", snapshot(), {"name": "toy"}, written)
    forget_digests(info)
    assert (storage_version(info.path / "dataset.duckdb") <= 67) is (written == "v1.4.0")
    assert content_hash(load_snapshot(info)) == info.content_hash == content_hash(snapshot())
    with open_version(info) as connection:
        assert connection.sql("SELECT count(*) FROM kept").fetchall() == [(2,)]
