"""A workspace with one decided run, one that is under way and one published version, made through the store's own doors.

Six problems on two levels, eight completions each; the first four are the prefix. Problem n solves n of every six indices.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rollmill.ground.records import Completion, Decision, Outcome, PlanRow, Problem, Verdict
from rollmill.storage.queries import Reader
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace
from tests.storage.accepted import accept

CHAIN = [["number", "1"], ["math", "2"]]
RECIPE = {
    "name": "toy",
    "dataset": "apples",
    "generate": {"engine": "embedded"},
    "resolved": {"verifiers": CHAIN},
    "prefix": 4,
}
DONE, LIVE = "toy-aaaaaaaa", "toy-bbbbbbbb"


def problem(number: int) -> Problem:
    return Problem(
        f'Ann has {number} "red" apples\nand é more. How many?',
        str(number),
        level=1 + number % 2,
        skill=f"skill-{number % 3}",
        template=f"template-{number}",
        external_id=f"ext-{number}",
        meta={"odd": number % 2, "kind": ["sum"]},
    )


def completion(owner: Problem, index: int) -> Completion:
    cid = f"c{owner.reference}-{index}"
    meta = {"is_correct": index == 0, "problem_id": owner.id}
    return Completion(
        cid, owner.prompt_id, "embedded", "m", "d", "curate", index, index, f"text {cid}", "stop", 5, 7, meta=meta
    )


def outcome(number: int, index: int) -> Outcome:
    """Problem n is right at the first n indices; problem 5 gives no answer at the last."""
    return "correct" if index < number else ("unparsed" if (number, index) == (5, 7) else "incorrect")


@dataclass
class Milled:
    """The workspace, its problems, and a reader of it."""

    ws: Workspace
    problems: list[Problem]
    reader: Reader


@pytest.fixture
def curated(tmp_path: Path) -> Iterator[Milled]:
    with Workspace.init(tmp_path / "ws") as ws, Reader.open(tmp_path / "ws") as reader:
        problems = [problem(number) for number in range(6)]
        ws.segments.commit(SegmentKey("problems", "templates", "1", "all"), problems)
        _decided_run(ws, problems)
        yield Milled(ws, problems, reader)


def _decided_run(ws: Workspace, problems: Sequence[Problem]) -> None:
    ws.runs.open(DONE, name="toy", recipe=RECIPE, recipe_hash="a" * 64)
    for number, indices in enumerate((range(4), range(4, 8))):
        ws.runs.commit_plan(DONE, number, plan(DONE, problems, number, indices), [])
        drawn = [(owner, completion(owner, index)) for owner in problems for index in indices]
        ws.segments.commit_many(
            [
                (SegmentKey("completions", "embedded", "d", f"b{number}"), [drew for _, drew in drawn]),
                (SegmentKey("verdicts", "number", "1", f"b{number}"), [_verdict(*pair) for pair in drawn]),
            ],
            run=DONE,
        )
    every = [(owner, index) for owner in problems for index in range(8)]
    ws.segments.commit(SegmentKey("decisions", DONE, "1", "x"), [_decision(*pair) for pair in every], run=DONE)
    ws.runs.progress(DONE, "verify", done=48, total=48, seconds=2.0)
    ws.runs.progress(DONE, "draw", done=48, total=48, tokens=336, seconds=4.0)
    ws.runs.finish(DONE, "done", {"version": 1})


def plan(run: str, problems: Sequence[Problem], number: int, indices: range) -> list[PlanRow]:
    pairs = [(owner, index) for owner in problems for index in indices]
    return [
        PlanRow(run, number, 0, ordinal, owner.id, owner.prompt_id, f"c{owner.reference}-{index}", index, index)
        for ordinal, (owner, index) in enumerate(pairs)
    ]


def _verdict(owner: Problem, drew: Completion) -> Verdict:
    result = outcome(int(owner.reference), drew.sample_index)
    return Verdict(drew.id, owner.id, "number", "1", result, "last number", extracted="7")


def _decision(owner: Problem, index: int) -> Decision:
    result = outcome(int(owner.reference), index)
    kept = result == "correct" and index < 2
    reason = "kept" if kept else ("quota" if result == "correct" else "not correct")
    return Decision(DONE, owner.id, f"c{owner.reference}-{index}", "quota", "1", kept, reason, result, "number", "1")


@pytest.fixture
def live_run() -> Callable[..., None]:
    """Open a second run that has planned round 0 only; its completions and the verdicts of `number` are there, which count
    unless other `verifiers` judge.
    """

    def start(curated: Milled, verifiers: list[list[str]] | None = None) -> None:
        recipe = {**RECIPE, "resolved": {"verifiers": verifiers or CHAIN}}
        curated.ws.runs.open(LIVE, name="toy", recipe=recipe, recipe_hash="b" * 64)
        curated.ws.runs.commit_plan(LIVE, 0, plan(LIVE, curated.problems, 0, range(4)), [])
        if verifiers is None:
            drawn = [(owner, completion(owner, index)) for owner in curated.problems for index in range(4)]
            accept(curated.ws, LIVE, [_verdict(*pair) for pair in drawn])

    return start


@pytest.fixture
def decisions() -> Callable[..., list[Decision]]:
    """The run's decisions with another say on keeping."""

    def make(curated: Milled, *, kept: bool) -> list[Decision]:
        every = [(owner, index) for owner in curated.problems for index in range(8)]
        return [replace(_decision(*pair), kept=kept, reason="anew") for pair in every]

    return make
