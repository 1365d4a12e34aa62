"""Derived files of a version: the kept rows as Parquet and the database of views, which other programs read."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.ground.records import Completion, Decision, Problem
from rollmill.storage.artifacts.layout import kept_file, kept_files
from rollmill.storage.artifacts.removing import rename
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.derived import write_kept
from rollmill.storage.versions.content.shards import write_shards
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.kind import DATASETS
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import write_derived
from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import EASY, HARD, build, counted
from tests.storage.versions.older import one_file, put_as

pytestmark = pytest.mark.integration


def of_two_splits() -> Snapshot:
    """The toy's rows, with the harder problem in a split that is no word."""
    toy = build()
    splits = ["train" if row == EASY.id else "held-out" for row in toy.problems["id"].to_pylist()]
    place = toy.problems.schema.get_field_index("split")
    return counted(replace(toy, problems=toy.problems.set_column(place, "split", pa.array(splits))))


def test_kept_rows_are_those_of_the_view_with_the_answer(ws: Workspace) -> None:
    folder = publish(ws, build(), report_html="", report_json={}).version.path
    rows = pq.read_table(folder / "kept.parquet").to_pylist()
    assert [(row["prompt"], row["text"], row["reference"], row["answer"], row["split"]) for row in rows] == [
        (problem.prompt, f"step {number}. The answer is 4.", problem.reference, "4", "train")
        for problem, number in sorted([(EASY, 0), (HARD, 4)], key=lambda pair: pair[0].id)
    ]
    with duckdb.connect(str(folder / "dataset.duckdb"), read_only=True) as connection:
        view = connection.sql("from kept").to_arrow_table()
    assert {*rows[0]} == {*view.column_names, "answer"}
    assert pq.read_table(folder / "kept.parquet").select(view.column_names).to_pylist() == view.to_pylist()


LOAD = """
import sys, datasets
rows = datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2])
print({name: [row["text"] for row in split] for name, split in rows.items()})
"""


@pytest.mark.integration
def test_load_dataset_gives_the_kept_rows_with_splits(ws: Workspace, tmp_path: Path) -> None:
    publish(ws, of_two_splits(), report_html="<p>", report_json={"passed": True})
    arguments = [sys.executable, "-c", LOAD, str(ws.datasets / "toy" / "latest"), str(tmp_path / "cache")]
    loaded = subprocess.run(arguments, capture_output=True, text=True, check=True, env={"HF_HUB_OFFLINE": "1"})
    texts = {"train": ["step 0. The answer is 4."], "held_out": ["step 4. The answer is 4."]}
    assert json.loads(loaded.stdout.replace("'", '"')) == texts
    with duckdb.connect() as connection:
        pattern = ws.datasets / "toy" / "latest" / "kept*.parquet"
        assert connection.sql(f"select count(*) from '{pattern}'").fetchall() == [(2,)]


def test_a_version_that_keeps_nothing_has_an_empty_file_of_kept_rows(ws: Workspace) -> None:
    folder = publish(ws, build(kept=(False,) * 6), report_html="", report_json={}).version.path
    assert pq.read_table(folder / "kept.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("splits", "files"),
    [
        ({}, {"kept.parquet": ()}),
        ({"train": 3}, {"kept.parquet": ("train",)}),
        ({"": 1, "train": 3}, {"kept.parquet": ("", "train")}),
        ({"../x": 1, "train": 3}, {"kept-___x.parquet": ("../x",), "kept-train.parquet": ("train",)}),
        ({"a b": 1, "a-b": 3, "c": 1}, {"kept-a_b.parquet": ("a b", "a-b"), "kept-c.parquet": ("c",)}),
        ({f"s{number:02}": 1 for number in range(30)}, {"kept.parquet": tuple(f"s{number:02}" for number in range(30))}),
    ],
    ids=["none", "one", "unnamed", "path", "equal names", "many"],
)
def test_every_value_of_split_has_one_file(splits: dict[str, int], files: dict[str, tuple[str, ...]]) -> None:
    groups = kept_files(splits)
    assert {kept_file(name, groups): values for name, values in groups.items()} == files


def test_the_database_opens_from_any_folder_and_again_where_the_version_moved(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(ws, build(), report_html="", report_json={})
    rename(DATASETS, ws, ("toy", "renamed"), lambda _: (), dry_run=False)
    with Workspace.open(ws.root) as moved:
        root = moved.root.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    info = resolve(root / "datasets", "renamed")
    with duckdb.connect(str(info.path / "dataset.duckdb"), read_only=True) as connection, pytest.raises(duckdb.IOException):
        connection.sql("from kept").fetchall()
    (info.path / "kept.parquet").unlink()
    write_derived(info)
    with duckdb.connect(str(info.path / "dataset.duckdb"), read_only=True) as connection:
        assert connection.sql("select count(*) from kept").fetchall() == [(2,)]
        assert connection.sql("select count(*) from joined").fetchall() == [(6,)]
    assert pq.read_table(info.path / "kept.parquet").num_rows == 2


def test_the_database_of_an_older_version_is_not_replaced(ws: Workspace) -> None:
    info = put_as(one_file, ws, build())
    before = (info.path / "dataset.duckdb").read_bytes()
    write_derived(info, again=True)
    assert (info.path / "dataset.duckdb").read_bytes() == before
    assert not (info.path / "kept.parquet").exists()


def test_another_selection_adds_a_twentieth_of_the_bytes(ws: Workspace) -> None:
    """Of two thousand rollouts; a larger share of these versions is in their manifests and cards than of real ones."""
    problems = [Problem(f"{number} + 1?", str(number + 1)) for number in range(100)]
    rows = [
        Completion(
            f"{number * 7919:032x}",
            problems[number % 100].prompt_id,
            "e",
            "m",
            "d",
            "curate",
            number,
            number,
            str(number) * 90,
            "stop",
        )
        for number in range(2_000)
    ]

    def selected(every: int) -> Snapshot:
        decisions = [
            Decision(
                "r", problems[number % 100].id, row.id, "all", "1", number % every == 0, "all", "correct", "number", "1"
            )
            for number, row in enumerate(rows)
        ]
        tables = to_table("problems", problems), to_table("completions", rows)
        return counted(Snapshot("toy", *tables, decisions=to_table("decisions", decisions), manifest=build().manifest))

    first, second = (publish(ws, selected(every), report_html="", report_json={}).version.path for every in (2, 3))
    stored = {path.relative_to(first).as_posix() for path in (first / "shards").rglob("*.parquet")}
    added = {path.relative_to(second).as_posix() for path in (second / "shards").rglob("*.parquet")} - stored
    assert [name.split("/")[1] for name in added] == ["selection"]
    size = sum((first / name).stat().st_size for name in stored)
    assert sum((second / name).stat().st_size for name in added) < 0.05 * size
    shared = [path for path in (second / "shards").rglob("*.parquet") if path.stat().st_nlink == 2]
    assert len(shared) == len(stored) - 1


def test_texts_longer_than_the_memory_of_a_reader_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollmill.storage.versions.content.derived._MEMORY", 64_000_000)
    problem = Problem("2 + 2?", "4")
    rows = [Completion(f"{i:032x}", "p", "e", "m", "d", "curate", i, i, str(i) * 3_000_000, "stop") for i in range(10)]
    decisions = [Decision("r", problem.id, row.id, "all", "1", True, "all", "correct", "number", "1") for row in rows]
    tables = to_table("problems", [problem]), to_table("completions", rows)
    snapshot = Snapshot("toy", *tables, decisions=to_table("decisions", decisions))
    write_shards(tmp_path, snapshot, None)
    write_kept(tmp_path, {"name": "toy", "counts": {"splits": {"train": 10}}})
    kept = pq.ParquetFile(tmp_path / "kept.parquet")
    assert sum(len(text) for text in kept.read(["text"])["text"].to_pylist()) == 30_000_000
    shutil.rmtree(tmp_path / "shards")
