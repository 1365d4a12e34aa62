"""Groups with advantages: only what was fixed before any verdict, complete, judged throughout, and said if it is not."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from math import sqrt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.exports import ExportFile, export
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.workspace import Workspace
from tests.storage.exports.conftest import drawn, lines, put
from tests.storage.versions.conftest import EASY, HARD, counted

pytestmark = pytest.mark.integration

Build = Callable[..., Snapshot]
Write = Callable[..., ExportFile]
CID = [f"{index:032x}" for index in range(6)]
JUDGED = ("correct", "incorrect", "unparsed", "correct", "correct", "correct")


@pytest.fixture
def write(ws: Workspace, tmp_path: Path) -> Write:
    """Publish a snapshot and export it."""
    number = count()

    def run(toy: Snapshot, **options: Any) -> ExportFile:
        # Floats are no part of the content hash, so each is a dataset of its own.
        toy = replace(toy, name=f"toy{next(number)}")
        version = put(ws, counted(toy))
        return export(version, "rl", tmp_path / "rl.jsonl", **options)

    return run


def by_id(written: ExportFile) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in lines(written.path)}


def changed(toy: Snapshot, kind: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Snapshot:
    """A snapshot with the rows of one table changed, or without those that become None."""
    table = getattr(toy, kind)
    rows = [new for row in table.to_pylist() if (new := change(row)) is not None]
    return replace(toy, **{kind: pa.Table.from_pylist(rows, schema=table.schema)})


def refused(write: Write, toy: Snapshot, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        write(toy, **options)
    return caught.value.text()


def test_a_row_is_a_completion_with_its_advantage_whether_it_was_kept_or_not(snapshot: Build, write: Write) -> None:
    rows = by_id(write(drawn(snapshot(outcomes=JUDGED))))
    assert list(rows) == ([*CID[:3], *CID[3:]] if EASY.id < HARD.id else [*CID[3:], *CID[:3]])
    assert [rows[cid]["advantage"] for cid in CID[:3]] == pytest.approx([2 / sqrt(3), -1 / sqrt(3), -1 / sqrt(3)])
    assert [rows[cid]["advantage"] for cid in CID[3:]] == [0.0, 0.0, 0.0]
    assert [(rows[cid]["reward"], rows[cid]["zero_signal"]) for cid in CID] == [
        (1.0, False),
        (0.0, False),
        (0.0, False),  # no answer was given: judged, and worth nothing
        (1.0, True),
        (1.0, True),
        (1.0, True),
    ]
    first = rows[CID[0]]
    assert first["prompt"] == [{"role": "user", "content": "What is 2 + 2?"}]
    assert first["completion"] == [{"role": "assistant", "content": "step 0. The answer is 4."}]
    assert (first["group_size"], first["estimator"], first["sample_index"]) == (3, "grpo", 0)
    assert len({row["group_id"] for row in rows.values()}) == 2
    assert (first["prompt_token_ids"], first["completion_token_ids"], first["completion_logprobs"]) == (None, None, None)


def test_token_ids_and_log_probabilities_come_along_where_they_are_stored(snapshot: Build, write: Write) -> None:
    drawn_tokens = {"prompt_token_ids": [7, 8], "token_ids": [1, 2, 3], "logprobs": [-0.5, -0.25, -1.0]}
    toy = changed(drawn(snapshot(outcomes=JUDGED)), "completions", lambda row: row | drawn_tokens)
    row = by_id(write(toy))[CID[0]]
    assert (row["prompt_token_ids"], row["completion_token_ids"]) == ([7, 8], [1, 2, 3])
    assert row["completion_logprobs"] == [-0.5, -0.25, -1.0]


def test_a_group_with_an_undecided_rollout_is_left_out_and_counted(snapshot: Build, write: Write) -> None:
    outcomes = ("correct", "incorrect", "correct", "correct", "undecided", "incorrect")
    written = write(drawn(snapshot(outcomes=outcomes)), n=2)
    assert set(by_id(written)) == set(CID[:2])
    assert dict(written.left_out) == {"groups with an undecided rollout": 1}


def test_only_the_prefix_counts(snapshot: Build, write: Write) -> None:
    toy = drawn(snapshot(outcomes=JUDGED), prefix=2)  # the third was drawn because of the first two
    assert sorted(by_id(write(toy))) == [CID[0], CID[1], CID[3], CID[4]]
    message = refused(write, toy, n=3)
    assert message.startswith(
        "n is 3, and only the first 2 completions of each problem were fixed before any verdict. Next:"
    )


@pytest.mark.parametrize("prefix", [0, "none recorded"])
def test_an_adaptive_pool_is_refused(snapshot: Build, write: Write, prefix: Any) -> None:
    toy = drawn(snapshot(outcomes=JUDGED), prefix=0)
    if prefix != 0:
        toy = replace(toy, manifest={**toy.manifest, "metrics": {}})
    message = refused(write, toy)
    assert message.startswith("this version has no completions that were fixed before any verdict")
    assert "Next: rollmill curate RECIPE --set budget.method=fixed --set budget.options.initial=8" in message


def test_groups_of_one_are_refused(snapshot: Build, write: Write) -> None:
    reason = "one completion of each model for a problem was fixed beforehand, and advantages compare at least two. Next: "
    assert refused(write, drawn(snapshot(outcomes=JUDGED), prefix=1)).startswith(reason)
    imported = drawn(snapshot(outcomes=JUDGED), None)
    apart = changed(imported, "completions", lambda row: row | {"model": f"model {row['sample_index']}"})
    assert refused(write, apart, advantage="rloo").startswith(reason)


def test_another_step_than_the_first_is_no_part_of_a_group(snapshot: Build, write: Write) -> None:
    recipe = {"name": "toy", "steps": [{"name": "small's"}, {"name": "large"}]}
    toy = drawn(snapshot(outcomes=JUDGED, recipe=recipe), prefix=2)
    steps = {cid: "large" if place % 3 == 1 else "small's" for place, cid in enumerate(CID)}
    toy = changed(toy, "decisions", lambda row: row | {"step": steps[row["completion_id"]]})
    assert refused(write, toy).startswith("2 of 2 groups have fewer than 2 completions (problem ")


@pytest.mark.parametrize(("prefix", "next_command"), [(3, "--set n=2"), (None, "--set n=2")])
def test_incomplete_groups_are_refused_with_the_size_that_all_have(
    snapshot: Build, write: Write, prefix: int | None, next_command: str
) -> None:
    toy = changed(
        drawn(snapshot(outcomes=JUDGED), prefix), "decisions", lambda row: None if row["completion_id"] == CID[5] else row
    )
    message = refused(write, toy)
    assert message.startswith(f"1 of 2 groups have fewer than 3 completions (problem {HARD.id[:12]} has 2)")
    assert message.endswith(f"Next: {next_command}")
    assert sorted(by_id(write(toy, n=2))) == [CID[0], CID[1], CID[3], CID[4]]


def test_a_problem_of_a_run_without_any_completion_is_an_incomplete_group(snapshot: Build, write: Write) -> None:
    toy = changed(drawn(snapshot(outcomes=JUDGED)), "decisions", lambda row: None if row["problem_id"] == HARD.id else row)
    assert "(problem " + HARD.id[:12] + " has 0)" in refused(write, toy)


def test_a_held_out_problem_with_fewer_completions_stands_in_nobodys_way(snapshot: Build, write: Write) -> None:
    toy = drawn(snapshot(outcomes=JUDGED))
    toy = changed(toy, "decisions", lambda row: None if row["completion_id"] == CID[5] else row)
    toy = changed(toy, "problems", lambda row: row | {"split": "test"} if row["id"] == HARD.id else row)
    assert sorted(by_id(write(toy))) == [CID[0], CID[1], CID[2]]
    assert "1 of 2 groups" in refused(write, toy, held_out=True)


def test_imported_models_have_groups_of_their_own(snapshot: Build, write: Write) -> None:
    """Of six completions of one problem three are another model's: two groups of three, each with mean 0."""
    toy = changed(
        drawn(snapshot(outcomes=JUDGED), None),
        "completions",
        lambda row: row | {"model": "b" if row["id"] > CID[2] else "a"},
    )
    toy = changed(toy, "decisions", lambda row: row | {"problem_id": EASY.id})
    toy = changed(toy, "verdicts", lambda row: row | {"problem_id": EASY.id})
    rows = by_id(write(toy, advantage="rloo"))
    assert [row["model"] for row in rows.values()] == ["a", "a", "a", "b", "b", "b"]
    assert [row["advantage"] for row in rows.values()] == pytest.approx([1.0, -0.5, -0.5, 0, 0, 0])
    assert len({row["group_id"] for row in rows.values()}) == 2


def test_unlikeliness_needs_log_probabilities_and_uses_them_by_the_token(snapshot: Build, write: Write) -> None:
    toy = drawn(snapshot(outcomes=("correct", "correct", "incorrect", "correct", "correct", "correct")))
    message = refused(write, toy, advantage="unlikeliness")
    assert message.startswith("advantage=unlikeliness ranks by log-probabilities, and 6 completions have none stored. ")
    toy = changed(toy, "completions", lambda row: row | {"logprob_sum": -row["tokens_out"] * (row["sample_index"] + 1.0)})
    rows = by_id(write(toy, advantage="unlikeliness"))
    first, second, _ = (rows[cid]["advantage"] for cid in CID[:3])
    assert second > first  # the second is less likely
    assert [rows[cid]["advantage"] for cid in CID[3:]] == [0.0, 0.0, 0.0]  # all right: likelihood alone is no signal
    assert rows[CID[0]]["reward"] == rows[CID[1]]["reward"] == 1.0
