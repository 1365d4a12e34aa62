"""Steps in stored rows: rows older than steps read as rows without one, and hashes of versions without steps stay."""

from dataclasses import replace

import pyarrow as pa
import pytest

from storage.recipe_steps import has_follow_ups
from storage.records import Completion, Decision, PlanRow, Problem
from storage.segments.schema import SCHEMAS, from_table, to_table
from storage.versions import Snapshot, content_hash, kept_hash

PLAN = PlanRow("run", 0, 0, 0, "p", "q", "c", 0, 7)
PROBLEM = Problem("1 + 1?", "2")
COMPLETION = Completion("c", PROBLEM.prompt_id, "toy", "m", "d", "curate", 0, 7, "2", "stop")
DECISION = Decision("run", PROBLEM.id, "c", "quota", "1", True, "kept", "correct", "number", "1")


@pytest.mark.parametrize(("kind", "record"), [("plan", PLAN), ("decisions", DECISION)])
def test_rows_without_the_column_or_with_null_have_no_step(kind: str, record: object) -> None:
    table = to_table(kind, [record])  # type: ignore[arg-type]
    assert table["step"].to_pylist() == [None]
    assert from_table(kind, table) == [record]  # type: ignore[arg-type]
    assert from_table(kind, table.drop_columns(["step"])) == [record]  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "record"), [("plan", PLAN), ("decisions", DECISION)])
def test_a_step_is_read_back(kind: str, record: PlanRow | Decision) -> None:
    named = replace(record, step="strong")
    assert from_table(kind, to_table(kind, [named])) == [named]  # type: ignore[arg-type]


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
