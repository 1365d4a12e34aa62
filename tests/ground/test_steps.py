"""Steps in stored rows: rows older than steps read as rows without one, and hashes of versions without steps stay."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.ground.recipe_steps import PIECES, first_step, has_follow_ups, recorded_steps, step_names
from rollmill.ground.records import Completion, Decision, PlanRow, Problem
from rollmill.pipelines.search.kernel import SearchSteps
from rollmill.storage.segments.keys import Kind, Segment
from rollmill.storage.segments.schema import SCHEMAS, columns_name, from_table, to_table
from rollmill.storage.segments.views import WITH_OLD_COLUMN, select
from rollmill.storage.versions.content.hashing import content_hash, kept_hash
from rollmill.storage.versions.content.shard_views import add_manifest_and_views, scan_near
from rollmill.storage.versions.content.shards import read_table
from rollmill.storage.versions.content.snapshot import Snapshot
from tests.storage.versions.older import flat_shard, write_database

PLAN = PlanRow("run", 0, 0, 0, "p", "q", "c", 0, 7)
PROBLEM = Problem("1 + 1?", "2")
COMPLETION = Completion("c", PROBLEM.prompt_id, "toy", "m", "d", "curate", 0, 7, "2", "stop")
DECISION = Decision("run", PROBLEM.id, "c", "quota", "1", True, "kept", "correct", "number", "1")


@pytest.mark.parametrize(("kind", "record"), [("plan", PLAN), ("decisions", DECISION)])
def test_rows_without_the_column_or_with_null_have_no_step(kind: Kind, record: Any) -> None:
    table = to_table(kind, [record])
    assert table["step"].to_pylist() == [None]
    assert from_table(kind, table) == [record]
    assert from_table(kind, table.drop_columns(["step"])) == [record]


@pytest.mark.parametrize(("kind", "record"), [("plan", PLAN), ("decisions", DECISION)])
def test_a_step_is_read_back(kind: Kind, record: PlanRow | Decision) -> None:
    named = replace(record, step="strong")
    assert from_table(kind, to_table(kind, [named])) == [named]


def snapshot(step: str) -> Snapshot:
    return Snapshot(
        "toy",
        problems=to_table("problems", [PROBLEM]),
        completions=to_table("completions", [COMPLETION]),
        decisions=to_table("decisions", [replace(DECISION, step=step)]),
    )


def test_steps_are_part_of_the_content_and_their_absence_is_not() -> None:
    plain = snapshot("")
    older = replace(
        plain,
        decisions=plain.decisions.set_column(
            plain.decisions.schema.get_field_index("step"), "step", pa.nulls(1, pa.string())
        ),
    )
    assert content_hash(plain) == content_hash(older) == "e2a51195a7cda809439941b4f9a5d4482c56e9a1c6adaf6833e9ad80ab4adcd3"
    assert len({content_hash(plain), content_hash(snapshot("weak")), content_hash(snapshot("strong"))}) == 3
    assert kept_hash(plain) == kept_hash(snapshot("strong"))
    assert SCHEMAS["decisions"].names[-1] == "step"


@pytest.mark.parametrize(
    ("second", "follows"),
    [
        ({"template": "Think.\n{prompt}"}, False),
        ({"template": "{prompt}\n{solver}"}, False),
        ({"template": "{prompt}\n{solve}"}, True),
        ({"template": [{"role": "user", "content": "{solve.answer}"}]}, True),
        ({"template": "{solve*}"}, True),
        ({"template": "{prompt}", "when": {"solve": ["incorrect"]}}, True),
        ({"template": "{prompt}", "options": {"step": "{solve.step}", "count": 1}}, True),
    ],
)
def test_a_recorded_recipe_says_whether_steps_follow_others(second: dict[str, object], follows: bool) -> None:
    assert has_follow_ups({"steps": [{"name": "solve", "template": "{prompt}"}, {"name": "next", **second}]}) is follows


def arms(kind: Kind, record: PlanRow | Decision) -> pa.Table:
    """A row as it was stored when a step was called an arm, before rows said what they follow."""
    table = to_table(kind, [record]).rename_columns(["arm" if name == "step" else name for name in SCHEMAS[kind].names])
    return table.drop_columns([name for name in ("after", "sent") if name in table.column_names])


@pytest.mark.parametrize(
    ("kind", "record"), [("plan", replace(PLAN, step="strong")), ("decisions", replace(DECISION, step="strong"))]
)
def test_segments_of_the_time_of_arms_read_as_steps(tmp_path: Path, kind: Kind, record: PlanRow | Decision) -> None:
    table = arms(kind, record)
    pq.write_table(table, tmp_path / "old.parquet")
    assert columns_name(table.schema) in WITH_OLD_COLUMN
    old = Segment("old", kind, "p", "1", 1, 1, "sum", columns_name(table.schema), 1, overlaps=False)
    with duckdb.connect() as connection:
        rows = connection.sql(select(kind, [old], lambda _: str(tmp_path / "old.parquet"))).to_arrow_table()
    assert from_table(kind, rows.cast(SCHEMAS[kind])) == [record]


def test_a_version_of_the_time_of_arms_reads_as_one_of_steps(tmp_path: Path) -> None:
    """Its file and its shards, beside shards of today too; and its manifest."""
    content = snapshot("strong")
    write_database(tmp_path / "dataset.duckdb", content, {"name": "toy"})
    with duckdb.connect(str(tmp_path / "dataset.duckdb")) as connection:
        for view in ("kept", "joined"):
            connection.execute(f"DROP VIEW {view}")
        connection.execute("DROP TABLE manifest")
        connection.execute("ALTER TABLE decisions RENAME step TO arm")
        assert from_table("decisions", read_table(connection, "decisions"))[0].step == "strong"
        add_manifest_and_views(connection, {"name": "toy"}, ["arm"], sent=False)
        assert connection.sql("SELECT step FROM kept").fetchall() == [("strong",)]
    (tmp_path / "shards").mkdir()
    old = flat_shard(tmp_path, arms("decisions", replace(DECISION, step="strong", completion_id="b")))
    new = flat_shard(tmp_path, to_table("decisions", [replace(DECISION, step="weak")]))
    for files, steps in (([old], ["strong"]), ([old, new], ["strong", "weak"])):
        shards = [{"file": name, "first": "", "last": "~"} for name in files]
        with duckdb.connect() as connection:
            table = connection.sql(scan_near("decisions", tmp_path, shards, [([("", "~")], "true")])).to_arrow_table()
        assert sorted(table["step"].to_pylist()) == steps
    recipe = {"arms": [{"name": "weak", "form": "{prompt}"}, {"name": "strong", "form": "Think.\n{prompt}"}]}
    assert step_names(recipe) == ["weak", "strong"]
    assert [step["template"] for step in recorded_steps(recipe)] == ["{prompt}", "Think.\n{prompt}"]
    assert first_step({}) == ""


def test_steps_that_draw_pieces_are_those_of_a_search() -> None:
    assert SearchSteps().pieces == PIECES
    assert SearchSteps().first == PIECES[0]
