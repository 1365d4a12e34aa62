"""`rollmill contamination splits`: what two splits share is found by SQL, and a clean version passes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rollmill.ground.records import Problem
from rollmill.storage.queries.histories.splits import split_proof
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run

pytestmark = pytest.mark.integration

PEN = "Ann has 3 pens and buys 4. How many has she?"
Publish = Callable[..., Path]


@pytest.fixture
def published(toy: Path) -> Publish:
    """Publish these problems as `sums`, without any rollouts."""

    def run(*problems: Problem) -> Path:
        counts = {"kept": 0, "dropped": 0, "outcomes": {}, "levels": {}, "dropped_by_reason": {}}
        completions = to_table("completions", [])
        snapshot = Snapshot("sums", to_table("problems", problems), completions, manifest={"counts": counts})
        with Workspace.open(toy) as workspace:
            return publish(workspace, snapshot, report_html="", report_json={}).version.path

    return run


def problem(text: str, split: str, graph: str | None = None, answer: str = "7") -> Problem:
    return Problem(text, answer, split=split, meta={} if graph is None else {"graph": graph})


def test_splits_that_share_nothing_are_proven_disjoint(published: Publish, rollmill: Run) -> None:
    published(problem(PEN, "train", "+(n,n)"), problem(PEN.replace("3", "5"), "test", "*(n,n)"), problem("Why?", "test"))
    result = rollmill("contamination", "splits", "sums")
    assert result.status == 0, result.err
    assert "GROUP BY 1 HAVING count(DISTINCT split) > 1" in result.out
    assert json.loads(rollmill("contamination", "splits", "sums", "--json").out)["splits"] == [
        ["test", 2, 1],
        ["train", 1, 1],
    ]


def test_a_text_of_both_sides_is_found_whatever_its_spelling_and_one_with_another_sign_is_none(
    toy: Path, published: Publish, rollmill: Run
) -> None:
    published(
        problem(PEN, "train"),
        problem(PEN.upper().replace(" ", "  ").replace("?", "!"), "test"),
        problem("What is 3 + 4", "train"),
        problem("What is 3 * 4", "test"),
        problem("What is 3 + 5", "test"),
    )
    result = rollmill("contamination", "splits", "sums")
    assert result.status == 1
    assert "the splits of sums@v1 are not disjoint: 1 by text." in result.err
    assert "2 problems in test, train" in result.out
    with Workspace.open(toy) as workspace:
        assert split_proof(resolve(workspace.datasets, "sums")).splits == (("test", 3, 0), ("train", 2, 0))


def test_a_graph_of_both_sides_is_found_with_and_without_the_same_answer(published: Publish, rollmill: Run) -> None:
    published(problem(PEN, "train", "+(n,n)"), problem("Add 2 to 5.", "test", "+(n,n)"), problem("Add 2 to 6.", "test"))
    shared = json.loads(rollmill("contamination", "splits", "sums", "--json").out)["shared"]
    assert shared == {
        "text": [],
        "solution graph and answer": [["+(n,n) = 7", ["test", "train"], 2]],
        "solution graph": [["+(n,n)", ["test", "train"], 2]],
    }
