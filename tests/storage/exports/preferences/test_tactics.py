"""Exports of steps of proofs: states with the tactic that went on, and pairs with a tactic that Coq rejected."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json
from rollmill.storage.exports import export
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.exports.conftest import lines, put

FIRST = {
    "goals": "[ |- a]",
    "tactic": "intros",
    "rejected": [["lia", "Error: no"], ["auto x", "Error: x"]],
    "others": ["simpl"],
}
LAST = {"goals": "[n : nat |- b]", "tactic": "lia", "rejected": [["split", "Error: not two"]], "others": []}


@pytest.fixture
def proofs(ws: Workspace, snapshot: Callable[..., Snapshot]) -> VersionInfo:
    """The first completion, which is kept, has a proof of two steps; the second has one too and is not kept."""
    toy = snapshot()
    meta = canonical_json({"trials": 6, "steps": [FIRST, LAST]})
    rows = [{**row, "meta": meta if place < 2 else row["meta"]} for place, row in enumerate(toy.completions.to_pylist())]
    return put(ws, replace(toy, completions=pa.Table.from_pylist(rows, schema=toy.completions.schema)))


def test_rows_are_the_states_of_kept_proofs(proofs: VersionInfo, tmp_path: Path) -> None:
    rows = lines(export(proofs, "tactics", tmp_path / "a.jsonl").path)
    assert [(row["goals"], row["tactic"], row["rejected"], row["others"]) for row in rows] == [
        ("[ |- a]", "intros", ["lia", "auto x"], ["simpl"]),
        ("[n : nat |- b]", "lia", ["split"], []),
    ]
    assert rows[1]["messages"] == [
        {"role": "user", "content": "[n : nat |- b]"},
        {"role": "assistant", "content": "lia"},
    ]
    assert [(row["step_number"], row["trials"], row["outcome"]) for row in rows] == [(1, 6, "correct"), (2, 6, "correct")]


def test_pairs_have_the_error_of_the_rejected_tactic(proofs: VersionInfo, tmp_path: Path) -> None:
    rows = lines(export(proofs, "tactic_pairs", tmp_path / "a.jsonl").path)
    assert [(row["goals"], row["chosen"][0]["content"], row["rejected"][0]["content"], row["error"]) for row in rows] == [
        ("[ |- a]", "intros", "lia", "Error: no"),
        ("[ |- a]", "intros", "auto x", "Error: x"),
        ("[n : nat |- b]", "lia", "split", "Error: not two"),
    ]


def test_imported_rows_with_steps_of_another_kind_are_none(
    ws: Workspace, snapshot: Callable[..., Snapshot], tmp_path: Path
) -> None:
    toy = snapshot()
    rows = [{**row, "meta": canonical_json({"steps": ["add", "halve"]})} for row in toy.completions.to_pylist()]
    other = put(ws, replace(toy, completions=pa.Table.from_pylist(rows, schema=toy.completions.schema)))
    with pytest.raises(SetupError, match=r"no kept rollout.*steps of a proof"):
        export(other, "tactics", tmp_path / "a.jsonl")


def test_proofs_that_a_short_search_finds_may_be_left_out(proofs: VersionInfo, tmp_path: Path) -> None:
    assert export(proofs, "tactics", tmp_path / "a.jsonl", least_trials=6).rows == 2
    fewer = export(proofs, "tactics", tmp_path / "b.jsonl", least_trials=7)
    assert (fewer.rows, fewer.left_out) == (0, {"proofs that a short search finds": 1})


def test_a_version_without_steps_says_what_is_missing(version: VersionInfo, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no kept rollout.*steps of a proof.*steps: true"):
        export(version, "tactic_pairs", tmp_path / "a.jsonl")
