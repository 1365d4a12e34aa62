"""Pairs by score, from easy to hard; pairs of equal length; the two stages of REDI."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Score
from rollmill.storage.exports import ExportFile, LaterRows, export
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.exports.conftest import drawn, lines, put
from tests.storage.versions.conftest import EASY, HARD, counted

pytestmark = pytest.mark.integration

Build = Callable[..., Snapshot]
Write = Callable[..., ExportFile]
CID = [f"{index:032x}" for index in range(6)]
WRONG = ("correct", "incorrect", "incorrect", "incorrect", "incorrect", "incorrect")


@pytest.fixture
def write(ws: Workspace, tmp_path: Path) -> Write:
    """One problem with six completions and these scores, published and exported."""

    published: dict[str, VersionInfo] = {}

    def run(toy: Snapshot, values: list[float | None], *, wrong_chosen: bool = True, **options: Any) -> ExportFile:
        named = f"toy{len(published)}"  # scores are no part of the content hash: each is a dataset of its own
        if str(values) not in published:
            published[str(values)] = scored(ws, replace(toy, name=named), values)
        options |= {"score": "reward", "wrong_chosen": wrong_chosen}
        return export(published[str(values)], "ranked_pairs", tmp_path / "out.jsonl", **options)

    return run


def scored(ws: Workspace, toy: Snapshot, values: list[float | None]) -> VersionInfo:
    tables = {}
    for kind in ("decisions", "verdicts"):
        table = getattr(toy, kind)
        rows = [{**row, "problem_id": EASY.id} for row in table.to_pylist()]
        tables[kind] = pa.Table.from_pylist(rows, schema=table.schema)
    scores = [Score(CID[at], EASY.id, "reward", "1", value) for at, value in enumerate(values) if value is not None]
    whole = replace(drawn(toy), **tables)
    whole = counted(replace(whole, scores=to_table("scores", scores)))
    return put(ws, whole)


def pairs(written: ExportFile) -> list[tuple[Any, ...]]:
    """Places of chosen and rejected, the gap, and the tier where there is one."""
    rows = lines(written.path)
    return [
        (CID.index(row["chosen_id"]), CID.index(row["rejected_id"]), row["gap"], *([row["tier"]] if "tier" in row else []))
        for row in rows
    ]


def test_tiers_go_from_the_largest_gap_of_the_best_to_the_smallest(snapshot: Build, write: Write) -> None:
    """(R1, R4), (R1, R3), (R1, R2) of four responses, as Curry-DPO orders them; six have their middle gap in tier 2."""
    toy = snapshot(outcomes=WRONG)
    assert pairs(write(toy, [4.0, 3.0, 2.0, 1.0, None, None], tiers=3)) == [(0, 3, 3.0, 1), (0, 2, 2.0, 2), (0, 1, 1.0, 3)]
    assert pairs(write(toy, [6.0, 5.0, 4.0, 3.0, 2.0, 1.0], tiers=3)) == [(0, 5, 5.0, 1), (0, 3, 3.0, 2), (0, 1, 1.0, 3)]
    written = write(toy, [4.0, 3.0, None, None, None, None], tiers=3)
    assert pairs(written) == [(0, 1, 1.0, 1)]
    assert dict(written.left_out) == {"completions without the score": 4}


def test_rows_come_tier_by_tier_over_all_problems(version: VersionInfo, tmp_path: Path) -> None:
    """EASY has correct 2.0 and 0.0, incorrect 1.0; HARD correct 4.0 and unparsed 3.0."""
    written = export(version, "ranked_pairs", tmp_path / "a.jsonl", score="number", tiers=2, unparsed=True)
    rows = lines(written.path)
    order = [(row["tier"], row["problem_id"], row["gap"]) for row in rows]
    assert order == [*sorted([(1, EASY.id, 2.0), (1, HARD.id, 1.0)]), (2, EASY.id, 1.0)]


def test_without_tiers_the_largest_gaps_of_all_pairs_come_first(snapshot: Build, write: Write) -> None:
    toy = snapshot(outcomes=WRONG)
    values: list[float | None] = [0.3, 0.25, 0.1, None, None, None]
    assert [pair[:2] for pair in pairs(write(toy, values))] == [(0, 2), (1, 2), (0, 1)]
    assert [pair[:2] for pair in pairs(write(toy, values, max_pairs=1))] == [(0, 2)]
    assert [pair[:2] for pair in pairs(write(toy, values, margin=0.2))] == [(0, 2)]  # .3 - .1 is .19999999999999998


def test_equal_scores_are_no_pair_and_the_seed_orders_equal_gaps(snapshot: Build, write: Write) -> None:
    toy = snapshot(outcomes=WRONG)
    assert pairs(write(toy, [1.0] * 6)) == []
    values: list[float | None] = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    orders = {tuple(pair[1] for pair in pairs(write(toy, values, seed=seed, max_pairs=0))) for seed in range(3)}
    assert len(orders) > 1
    assert all(sorted(order) == [1, 2, 3, 4, 5] for order in orders)
    assert pairs(write(toy, values, seed=1)) == pairs(write(toy, values, seed=1))


def test_a_pair_that_contradicts_a_verdict_is_left_out_and_counted(snapshot: Build, write: Write) -> None:
    written = write(snapshot(outcomes=WRONG), [1.0, 2.0, 0.0, None, None, None])
    assert [pair[:2] for pair in pairs(written)] == [(1, 2), (0, 2)]
    assert written.left_out["pairs in which score and verdict disagree"] == 1


def test_a_wrong_completion_is_chosen_only_when_asked(snapshot: Build, write: Write) -> None:
    written = write(snapshot(outcomes=WRONG), [3.0, 2.0, 1.0, None, None, None], wrong_chosen=False)
    assert [pair[:2] for pair in pairs(written)] == [(0, 2), (0, 1)]
    assert written.left_out["pairs whose chosen completion is wrong (wrong_chosen=true takes them)"] == 1


def test_an_undecided_completion_is_in_no_ranked_pair(snapshot: Build, write: Write) -> None:
    outcomes = ("correct", "undecided", "undecided", "undecided", "undecided", "unparsed")
    assert pairs(write(snapshot(outcomes=outcomes), [6.0, 5.0, 4.0, 3.0, 2.0, 1.0])) == []


def test_a_score_of_several_versions_must_be_named_with_its_version(version: VersionInfo, tmp_path: Path) -> None:
    later = [Score(CID[at], EASY.id, "number", "2", value) for at, value in enumerate((3.0, 2.0, 1.0))]
    table = to_table("scores", later)
    with pytest.raises(SetupError, match=r"score 'number' is stored in several versions. Valid: number@1, number@2."):
        export(version, "ranked_pairs", tmp_path / "a.jsonl", LaterRows(scores=table), score="number")
    written = export(version, "ranked_pairs", tmp_path / "a.jsonl", LaterRows(scores=table), score="number@2")
    assert [pair[:3] for pair in pairs(written)] == [(0, 2, 2.0), (0, 1, 1.0)]


def test_pairs_of_equal_length(version: VersionInfo, tmp_path: Path) -> None:
    """Tokens of EASY: 10 and 12 correct, 11 incorrect."""
    close = export(version, "pairs", tmp_path / "a.jsonl", length_ratio=1.095)
    rows = lines(close.path)
    assert [(row["chosen_id"], row["rejected_id"]) for row in rows] == [(CID[2], CID[1])]
    assert dict(close.left_out) == {"pairs of unequal length": 1}
    assert export(version, "pairs", tmp_path / "a.jsonl", length_ratio=1.0).rows == 0
    assert export(version, "pairs", tmp_path / "a.jsonl", length_ratio=1.1).rows == 2


def test_redi_has_one_positive_a_problem_and_the_same_one_in_its_pair(version: VersionInfo, tmp_path: Path) -> None:
    first = export(version, "redi", tmp_path / "one.jsonl", stage=1)
    second = export(version, "redi", tmp_path / "two.jsonl", stage=2)
    positives, both = (lines(out.path) for out in (first, second))
    assert {row["problem_id"]: row["id"] for row in positives} == {EASY.id: CID[0], HARD.id: CID[4]}
    assert [(row["chosen_id"], row["rejected_id"]) for row in both] == [(CID[0], CID[1])]  # HARD has no incorrect one
    by_id = {row["id"]: row for row in positives}
    assert all(by_id[row["chosen_id"]]["completion"] == row["chosen"] for row in both)
    assert positives[0].keys() >= {"prompt", "completion", "licence", "model", "verifier"}


def test_blind_pairs_follow_the_score_against_every_verdict(snapshot: Build, write: Write) -> None:
    toy = snapshot(outcomes=("incorrect", "correct", "unparsed", "incorrect", "incorrect", "incorrect"))
    scores = [3.0, 2.0, 1.0, None, None, None]
    assert pairs(write(toy, scores, blind=True, wrong_chosen=False)) == [(0, 2, 2.0), (0, 1, 1.0), (1, 2, 1.0)]
    assert (0, 1, 1.0) not in pairs(write(toy, scores))
