"""Pairs of answers: independent draws of one model in their order, wrong ones too, each in one pair."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.exports.preferences.answer_pairs import AGAIN, LONE
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.workspace import Workspace
from tests.storage.exports.test_origin import PROBLEM, RIGHT, SOLVE, WRONG, cid, version, written


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        yield workspace


def drawn(*outcomes: str, prefix: int | None) -> Snapshot:
    texts = {"correct": RIGHT, "incorrect": WRONG, "unparsed": "Hm."}
    made = version(*((SOLVE, f"{texts[outcome]} ({at})", outcome, "") for at, outcome in enumerate(outcomes)))
    metrics = {**made.manifest.get("metrics", {}), "prefix": prefix}
    return replace(made, manifest={**made.manifest, "metrics": metrics})


def test_neighbours_are_paired_whatever_their_outcomes_and_later_draws_are_in_none(ws: Workspace) -> None:
    """Trap: only right ones, or draws that verdicts decided, would be no independent draws of the process."""
    content = drawn("incorrect", "correct", "unparsed", "incorrect", "correct", "correct", "correct", prefix=5)
    given, rows = written(ws, content, "answer_pairs")
    assert [(row["first_id"], row["second_id"]) for row in rows] == [(cid(0), cid(1)), (cid(2), cid(3))]
    assert [(row["first_outcome"], row["second_outcome"]) for row in rows] == [
        ("incorrect", "correct"),
        ("unparsed", "incorrect"),
    ]
    assert dict(given.left_out) == {LONE: 1}
    assert rows[0]["prompt"] == [{"role": "user", "content": PROBLEM.prompt}]
    assert rows[0]["completion"] == [
        {"role": "assistant", "content": f"{WRONG} (0)"},
        {"role": "user", "content": AGAIN},
        {"role": "assistant", "content": f"{RIGHT} (1)"},
    ]


def test_pairs_as_text_and_at_most_so_many(ws: Workspace) -> None:
    [row] = written(ws, drawn(*["correct"] * 4, prefix=4), "answer_pairs", form="text", max_pairs=1, again="Once more.")[1]
    assert row["completion"] == f"{RIGHT} (0)\n\nOnce more.\n\n{RIGHT} (1)"
    assert (row["model"], row["first_step"], row["problem_id"]) == ("m", "solve", PROBLEM.id)


def test_a_version_without_fixed_draws_has_no_pairs(ws: Workspace) -> None:
    with pytest.raises(SetupError, match="no two are independent draws"):
        written(ws, drawn("correct", "correct", prefix=0), "answer_pairs")
    with pytest.raises(SetupError, match="max_pairs is -1"):
        written(ws, drawn("correct", prefix=1), "answer_pairs", max_pairs=-1)
