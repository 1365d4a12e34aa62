"""A small dataset that every test of versions and exports can vary: two problems, three completions each."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.pool import pool_of
from rollmill.ground.records import Completion, Decision, Outcome, Problem, Score, Verdict
from rollmill.metrics import decision_counts
from rollmill.storage.artifacts.index import manifest_copy
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace

OUTCOMES: tuple[Outcome, ...] = ("correct", "incorrect", "correct", "unparsed", "correct", "undecided")
RECIPE = {"name": "toy", "seed": 7, "select": {"method": "quota", "options": {"per_problem": 1}}}
EASY = Problem("What is 2 + 2?", "4", level=1, skill="chain", licence="CC0-1.0", source="templates")
HARD = Problem("What is 12 * 12?", "144", level=3, skill="product", licence="CC0-1.0", source="templates")


def build(
    kept: tuple[bool, ...] = (True, False, False, False, True, False),
    outcomes: tuple[Outcome, ...] = OUTCOMES,
    recipe: dict[str, Any] = RECIPE,
    run: str = "toy-1",
    name: str = "toy",
) -> Snapshot:
    """Six rollouts; `kept` and `outcomes` go by completion."""
    owners = [EASY, EASY, EASY, HARD, HARD, HARD]
    completions = [_completion(index, owner) for index, owner in enumerate(owners)]
    verdicts: list[Any] = []
    decisions: list[Any] = []
    for owner, completion, outcome, keep in zip(owners, completions, outcomes, kept, strict=True):
        verdicts.append(Verdict(completion.id, owner.id, "number", "1", outcome, "last_number", extracted="4", seconds=0.1))
        reason = "quota" if keep else ("over_quota" if outcome == "correct" else outcome)
        decisions.append(Decision(run, owner.id, completion.id, "quota", "1", keep, reason, outcome, "number", "1"))
    scores = [
        Score(item.id, owner.id, "length", "1", float(len(item.text)))
        for item, owner in zip(completions, owners, strict=True)
    ]
    snapshot = Snapshot(
        name,
        problems=to_table("problems", [EASY, HARD]),
        completions=to_table("completions", completions),
        verdicts=to_table("verdicts", verdicts),
        scores=to_table("scores", scores),
        decisions=to_table("decisions", decisions),
        manifest={
            "recipe": recipe,
            "recipe_hash": "r" * 8,
            "run": run,
            "verifiers": [{"name": "number", "version": "1"}],
            "fingerprint": {"onnxruntime": "1.0"},
            "funnel": {"problems": 2, "completions": 6},
            "metrics": {"pass_rate": {"1": 2 / 3, "3": 0.5}},
        },
    )
    return counted(snapshot)


def decisions_of(snapshot: Snapshot) -> dict[str, Any]:
    """The counts of a snapshot's decisions."""
    return decision_counts(pool_of(snapshot.problems, snapshot.completions, snapshot.decisions))


def counted(snapshot: Snapshot) -> Snapshot:
    """With the counts of its decisions in its manifest, as the maker of a version puts them there."""
    return replace(snapshot, manifest={**snapshot.manifest, "counts": decisions_of(snapshot)})


def _completion(index: int, owner: Problem) -> Completion:
    return Completion(
        f"{index:032x}",
        owner.prompt_id,
        "embedded",
        "tiny",
        "d" * 16,
        "curate",
        index % 3,
        1000 + index,
        f"step {index}. The answer is 4.",
        "stop",
        tokens_in=5,
        tokens_out=10 + index,
        seconds=0.5,
    )


@pytest.fixture(scope="session")
def snapshot() -> Callable[..., Snapshot]:
    return build


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        yield workspace


def forget_digests(info: VersionInfo) -> None:
    """Make a version one of those whose manifest had no digest of the rows."""
    for path in (info.path / "manifest.json", manifest_copy(info.path.parent.parent, info.name, info.folder)):
        manifest = json.loads(path.read_text())
        manifest["files"] = {name: digest for name, digest in manifest["files"].items() if name.endswith((".md", ".html"))}
        path.write_text(json.dumps(manifest))
