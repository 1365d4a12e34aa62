"""Publishing: what lies where, when a version is new, and that a kill at any step leaves what an undisturbed run leaves."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import select

from rollmill.ground.errors import SetupError
from rollmill.ground.failpoints import NAMES
from rollmill.ground.files import locked
from rollmill.ground.records import ThreadRow
from rollmill.storage import dvc
from rollmill.storage.artifacts import marks
from rollmill.storage.ledger.models import DatasetRow
from rollmill.storage.segments.schema import SCHEMAS, to_table
from rollmill.storage.versions.content.catalogue import TABLES
from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.index import load_index
from rollmill.storage.versions.kind import DATASETS
from rollmill.storage.versions.ledger import reindex
from rollmill.storage.versions.publish import finish_interrupted, publish
from rollmill.storage.versions.read import is_whole, load_manifest, load_snapshot, open_version
from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace
from tests.forked import Forked
from tests.storage.versions.conftest import build, forget_digests
from tests.storage.versions.older import one_file, put_as

pytestmark = pytest.mark.integration

Build = Callable[..., Snapshot]
POINTS = [name for name in NAMES if name.startswith("publish.") and name != "publish.rewritten"]
FILES = ("README.md", "dataset.duckdb", "kept.parquet", "manifest.json", "report.html", "report.json", "shards.json")
SHARDS = ("decisions", "problems", "rollouts", "scores", "selection", "verdicts")
KILLED = (-signal.SIGKILL, "")


def publishing(root: Path) -> None:
    """One command, in a process of its own."""
    with Workspace.open(root) as ws:
        publish(ws, build(), report_html="<p>ok</p>", report_json={"passed": True})


def publishing_on_a_full_disk(root: Path, limit: int) -> None:
    """Files end at `limit` bytes; prints what the command says."""
    with Workspace.open(root) as ws:
        assert ws.ledger.read_only is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            publish(ws, build(), report_html="", report_json={})
        except SetupError as error:
            os.write(1, f"{error.text()}\n".encode())


def put(ws: Workspace, snapshot: Snapshot) -> tuple[str, bool, list[str]]:
    done = publish(ws, snapshot, report_html="<p>ok</p>", report_json={"passed": True})
    return done.version.folder, done.created, done.messages


def files(root: Path) -> list[str]:
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(re.sub(r"[0-9a-f]{64}", "DIGEST", name) for name in names)


def ledger_rows(ws: Workspace) -> list[tuple[str, int, str]]:
    with ws.ledger.read() as session:
        return [(row.name, row.number, row.path) for row in session.scalars(select(DatasetRow).order_by(DatasetRow.number))]


def test_a_version_lies_where_it_should(ws: Workspace, snapshot: Build) -> None:
    folder, created, messages = put(ws, snapshot())
    assert (folder, created) == ("v1-ab183de1", True)
    assert files(ws.root / "datasets") == [
        "toy/index.json",
        "toy/manifests/v1-ab183de1.json",
        "toy/v1-ab183de1/README.md",
        "toy/v1-ab183de1/dataset.duckdb",
        "toy/v1-ab183de1/kept.parquet",
        "toy/v1-ab183de1/manifest.json",
        "toy/v1-ab183de1/report.html",
        "toy/v1-ab183de1/report.json",
        "toy/v1-ab183de1/shards.json",
        *(f"toy/v1-ab183de1/shards/{table}/DIGEST.parquet" for table in SHARDS),
    ]
    assert messages[0] == "published toy@v1 (ab183de1): 2 of 6 rollouts kept."
    assert ledger_rows(ws) == [("toy", 1, "datasets/toy/v1-ab183de1")]


def test_without_dvc_there_is_exactly_one_warning(ws: Workspace, snapshot: Build) -> None:
    _, _, messages = put(ws, snapshot())
    assert [line for line in messages if line.startswith("warning")] == [
        "warning: v1-ab183de1 is not tracked: no DVC repository here. "
        "Next: git init && dvc init, then the same command again: it tracks the version"
    ]


def test_the_same_content_makes_no_new_version(ws: Workspace, snapshot: Build) -> None:
    put(ws, snapshot())
    folder, created, messages = put(ws, snapshot(run="another-run"))
    assert (folder, created) == ("v1-ab183de1", False)
    assert messages == ["toy@v1 (ab183de1) already has this content; no new version."]
    assert len(load_index(ws.root / "datasets", "toy").versions) == 1


def test_changed_content_is_a_child_of_the_newest(ws: Workspace, snapshot: Build) -> None:
    put(ws, snapshot())
    put(ws, snapshot(kept=(True,) * 6))
    folder, created, _ = put(ws, snapshot())  # back to the first: only equality with the newest counts
    assert (folder, created) == ("v3-ab183de1", True)
    datasets = ws.root / "datasets"
    first, second, third = (resolve(datasets, f"toy@v{number}") for number in (1, 2, 3))
    assert [first.parent, second.parent, third.parent] == [None, first.content_hash, second.content_hash]
    assert load_manifest(third)["parent"] == second.content_hash
    assert [row[1] for row in ledger_rows(ws)] == [1, 2, 3]


def test_scores_alone_make_no_version_and_are_said_to_differ(ws: Workspace, snapshot: Build) -> None:
    put(ws, snapshot())
    toy = snapshot()
    other = Snapshot("toy", toy.problems, toy.completions, toy.verdicts, toy.scores.slice(1), toy.decisions, toy.manifest)
    _, created, messages = put(ws, other)
    assert not created
    assert messages[1] == "the scores differ from those of toy@v1; scores alone make no version and were not stored."


def test_the_rows_come_back_as_they_went_in(ws: Workspace, snapshot: Build) -> None:
    put(ws, snapshot())
    back = load_snapshot(resolve(ws.root / "datasets", "toy"))
    for kind in TABLES:
        assert back.table(kind).schema == SCHEMAS[kind]
        assert back.table(kind).num_rows == snapshot().table(kind).num_rows
    assert back.completions.sort_by("id").to_pylist() == snapshot().completions.sort_by("id").to_pylist()


def test_the_view_kept_is_readable_with_duckdb_alone(ws: Workspace, snapshot: Build) -> None:
    put(ws, snapshot())
    with open_version(resolve(ws.root / "datasets", "toy")) as connection:
        kept = connection.sql("select prompt, text, level, outcome from kept order by level").fetchall()
        assert kept == [
            ("What is 2 + 2?", "step 0. The answer is 4.", 1, "correct"),
            ("What is 12 * 12?", "step 4. The answer is 4.", 3, "correct"),
        ]
        with pytest.raises(duckdb.Error):
            connection.sql("delete from decisions")


def test_counts_of_other_decisions_are_refused(ws: Workspace, snapshot: Build) -> None:
    more = replace(snapshot(kept=(True,) * 6), manifest=snapshot().manifest)
    with pytest.raises(RuntimeError, match="2 kept and 4 dropped rollouts are not those of the decisions"):
        put(ws, more)
    assert not (ws.datasets / "toy").exists()


def test_the_manifest_has_what_a_reader_needs(ws: Workspace, snapshot: Build) -> None:
    put(ws, snapshot())
    info = resolve(ws.root / "datasets", "toy")
    manifest = load_manifest(info)
    assert manifest["hashes"] == {"content": info.content_hash, "kept": info.kept_hash, "scores": info.scores_hash}
    assert manifest["metrics"] == {"pass_rate": {"1": 0.666666666667, "3": 0.5}}
    assert manifest["counts"]["outcomes"] == {"correct": 3, "incorrect": 1, "undecided": 1, "unparsed": 1}
    assert manifest["counts"]["dropped_by_reason"] == {"incorrect": 1, "over_quota": 1, "undecided": 1, "unparsed": 1}
    assert manifest["counts"]["levels"]["3"] == {
        "problems": 1,
        "correct": 1,
        "incorrect": 0,
        "unparsed": 1,
        "undecided": 1,
        "kept": 1,
    }
    with open_version(info) as connection:
        rows = connection.sql("select key, value from manifest").fetchall()
    assert {key: json.loads(value) for key, value in rows} == manifest


@pytest.mark.integration
@pytest.mark.each_commit
@pytest.mark.parametrize("point", POINTS)
def test_a_publisher_killed_at_any_step_is_finished_by_the_next_command(ws: Workspace, snapshot: Build, point: str) -> None:
    assert Forked(publishing, ws.root, point=point).end() == KILLED
    messages = finish_interrupted(ws)
    assert [line for line in messages if line.startswith("published")] == [
        "published toy@v1 (ab183de1): 2 of 6 rollouts kept."
    ]
    assert_as_undisturbed(ws)
    assert put(ws, snapshot())[:2] == ("v1-ab183de1", False)
    assert finish_interrupted(ws) == []


@pytest.mark.integration
@pytest.mark.each_commit
@pytest.mark.parametrize("point", POINTS)
def test_publishing_again_after_a_kill_finishes_it_too(ws: Workspace, snapshot: Build, point: str) -> None:
    assert Forked(publishing, ws.root, point=point).end() == KILLED
    assert put(ws, snapshot())[:2] == ("v1-ab183de1", False)
    assert_as_undisturbed(ws)


def assert_as_undisturbed(ws: Workspace) -> None:
    assert [entry.folder for entry in load_index(ws.root / "datasets", "toy").versions] == ["v1-ab183de1"]
    assert files(ws.root / "datasets/toy") == [
        "index.json",
        "manifests/v1-ab183de1.json",
        *(f"v1-ab183de1/{name}" for name in FILES),
        *(f"v1-ab183de1/shards/{table}/DIGEST.parquet" for table in SHARDS),
    ]
    assert load_snapshot(resolve(ws.root / "datasets", "toy")).decisions.num_rows == 6
    assert ledger_rows(ws) == [("toy", 1, "datasets/toy/v1-ab183de1")]
    assert list((ws.state / "publishing").iterdir()) == []


def test_a_folder_that_was_never_completed_is_removed(ws: Workspace) -> None:
    partial = ws.root / "datasets/toy/.partial-v1-00000000"
    partial.mkdir(parents=True)
    (partial / "dataset.duckdb").write_text("half")
    assert finish_interrupted(ws) == []
    assert not partial.exists()


def test_a_publisher_at_work_is_left_alone(ws: Workspace) -> None:
    partial = ws.root / "datasets/toy/.partial-v1-00000000"
    partial.mkdir(parents=True)
    with locked(DATASETS.lock(ws, "toy")):
        assert finish_interrupted(ws) == []
        assert partial.exists()


def test_two_publishers_at_once_make_one_version(ws: Workspace) -> None:
    publishers = [Forked(publishing, ws.root) for _ in range(3)]
    assert [publisher.end() for publisher in publishers] == [(0, "")] * 3
    assert_as_undisturbed(ws)


def test_the_ledger_is_rebuilt_from_the_indexes(ws: Workspace, snapshot: Build) -> None:
    put(ws, snapshot())
    put(ws, snapshot(kept=(True,) * 6))
    before = ledger_rows(ws)
    with ws.ledger.write() as session:
        session.query(DatasetRow).delete()
    assert reindex(ws) == 2
    assert ledger_rows(ws) == before


def test_a_bad_name_is_refused(ws: Workspace, snapshot: Build) -> None:
    for name in ("", "../evil", "a@b", ".hidden", "x" * 65, "toy\n"):
        with pytest.raises(SetupError, match="is not a valid dataset name"):
            put(ws, snapshot(name=name))
    assert not (ws.root / "evil").exists()


def test_a_decision_on_a_stranger_is_refused(ws: Workspace, snapshot: Build) -> None:
    toy = snapshot()
    with pytest.raises(SetupError, match="1 decisions name a completion_id that the version does not hold"):
        put(ws, Snapshot("toy", toy.problems, toy.completions.slice(1), decisions=toy.decisions))


def test_a_thread_of_a_stranger_is_refused_as_a_thread(ws: Workspace, snapshot: Build) -> None:
    toy = snapshot()
    threads = to_table("threads", [ThreadRow(toy.problems["id"][0].as_py(), "f" * 32, "solve", "answer", "")])
    with pytest.raises(SetupError, match="1 threads name a completion_id that the version does not hold, first ffff"):
        put(ws, Snapshot("toy", toy.problems, toy.completions, threads=threads))


def test_two_rows_of_one_key_are_refused(ws: Workspace, snapshot: Build) -> None:
    import pyarrow as pa

    toy = snapshot()
    doubled = pa.concat_tables([toy.decisions, toy.decisions.slice(0, 1)])
    with pytest.raises(SetupError, match="decisions hold 2 rows of"):
        put(ws, Snapshot("toy", toy.problems, toy.completions, decisions=doubled))


def test_missing_rows_name_the_command_that_brings_them(ws: Workspace, snapshot: Build) -> None:
    import shutil

    put(ws, snapshot())
    info = resolve(ws.root / "datasets", "toy")
    shutil.rmtree(info.path)
    assert load_manifest(info)["name"] == "toy"
    with pytest.raises(SetupError, match=r"not in this clone .*DVC never had them: there is no v1-ab183de1\.dvc"):
        open_version(info)
    info.path.with_name("v1-ab183de1.dvc").touch()
    with pytest.raises(SetupError, match=r"not in this clone .* Next: rollmill dataset pull toy@v1"):
        open_version(info)


def test_a_deleted_version_that_nobody_else_has_is_written_again(ws: Workspace, snapshot: Build) -> None:
    import shutil

    put(ws, snapshot(kept=(True,) * 6))
    put(ws, snapshot())
    info = resolve(ws.root / "datasets", "toy@v2")
    before = load_manifest(info)
    shutil.rmtree(info.path)
    assert put(ws, snapshot())[:2] == ("v2-ab183de1", False)
    after = load_manifest(info)
    assert after == before
    open_version(info).close()
    assert len(load_index(ws.root / "datasets", "toy").versions) == 2


def test_a_size_limit_is_one_line_and_leaves_nothing(ws: Workspace, snapshot: Build) -> None:
    assert_refused_beyond(ws, 1_000)
    assert files(ws.datasets) == []
    assert list(ws.datasets.rglob(".partial-*")) == []
    assert put(ws, snapshot())[:2] == ("v1-ab183de1", True)


def test_a_database_that_the_disk_refuses_is_written_by_the_next_command(ws: Workspace, snapshot: Build) -> None:
    assert_refused_beyond(ws, 40_000)
    assert put(ws, snapshot())[:2] == ("v1-ab183de1", False)
    assert_as_undisturbed(ws)


def assert_refused_beyond(ws: Workspace, limit: int) -> None:
    status, message = Forked(publishing_on_a_full_disk, ws.root, limit).end()
    assert status == 0, message
    assert f" would grow beyond the largest file, in bytes, that this process may write (the limit is {limit:,})" in message
    assert message.endswith("run the same command again; everything committed before is safe\n")


def test_an_intent_whose_files_are_gone_is_dropped(ws: Workspace, snapshot: Build) -> None:
    import shutil

    assert Forked(publishing, ws.root, point="publish.folder_written").end() == KILLED
    shutil.rmtree(ws.root / "datasets/toy")
    assert finish_interrupted(ws) == ["toy@v1 was never finished and its files are gone; run its recipe again."]
    assert put(ws, snapshot())[:2] == ("v1-ab183de1", True)


def test_a_version_published_before_a_column_existed_reads_as_null_there(ws: Workspace, snapshot: Build) -> None:
    published = put_as(one_file, ws, snapshot())
    with duckdb.connect(str(published.path / "dataset.duckdb")) as connection:
        connection.execute("alter table verdicts drop column evidence")
    forget_digests(published)
    back = load_snapshot(published)
    assert back.verdicts.schema == SCHEMAS["verdicts"]
    assert back.verdicts["evidence"].null_count == 6
    assert content_hash(back) == published.content_hash


def test_the_same_content_after_another_version_is_said(ws: Workspace) -> None:
    first = publish(ws, build(), report_html="", report_json={})
    publish(ws, build(kept=(False,) * 6), report_html="", report_json={})
    third = publish(ws, build(), report_html="", report_json={})
    assert (third.version.ref, third.version.content_hash) == ("toy@v3", first.version.content_hash)
    assert third.messages[-1] == "toy@v3 has the content of v1, published again after others."


def test_content_of_an_older_version_is_nothing_new_where_that_is_asked_for(ws: Workspace) -> None:
    first = publish(ws, build(), report_html="", report_json={}).version
    second = publish(ws, build(kept=(False,) * 6), report_html="", report_json={}).version
    fired = publish(ws, build(), report_html="", report_json={}, again=False)
    assert (fired.version.ref, fired.created) == ("toy@v1", False)
    assert fired.messages == [
        f"toy@v1 ({first.content_hash[:8]}) already has this content; no new version.",
        "toy@v2 stays the newest.",
    ]
    assert (ws.datasets / "toy" / "latest").resolve() == second.path
    shutil.rmtree(first.path)  # and nobody else has it: its files are written again, under the same number
    assert publish(ws, build(), report_html="", report_json={}, again=False).version.ref == "toy@v1"
    assert (load_index(ws.datasets, "toy").newest, is_whole(first)) == (load_index(ws.datasets, "toy").versions[1], True)
    assert (ws.datasets / "toy" / "latest").resolve() == second.path


def test_latest_follows_the_newest_version_that_is_not_yanked(ws: Workspace) -> None:
    link = ws.datasets / "toy" / "latest"
    version = publish(ws, build(), report_html="", report_json={}).version
    assert (link.is_symlink(), link.resolve()) == (True, version.path)
    two = publish(ws, build(kept=(False,) * 6), report_html="", report_json={}).version
    assert link.resolve() == two.path
    marks.yank(DATASETS, ws, "toy@v2", "wrong")
    assert link.resolve() == version.path
    shutil.rmtree(version.path)
    marks.tag(DATASETS, ws, "toy@v2", "old")
    assert not link.is_symlink()


@pytest.mark.integration
def test_a_version_from_before_dvc_is_tracked_by_the_next_run(ws: Workspace) -> None:
    publish(ws, build(), report_html="", report_json={})
    subprocess.run(["git", "init", "-q"], cwd=ws.root, check=True)
    assert dvc.run(["init", "-q"], ws.root).returncode == 0
    again = publish(ws, build(), report_html="", report_json={})
    assert not again.created
    assert again.version.path.with_name(f"{again.version.folder}.dvc").exists()
    assert "toy@v1 is tracked by DVC now." in again.messages
    assert "/latest" not in subprocess.run(
        ["git", "status", "--short", "-uall"], cwd=ws.root, check=True, capture_output=True, text=True
    ).stdout.replace("latest.", "")
