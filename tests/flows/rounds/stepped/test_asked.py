"""What an export says a step asked is what the run asked, word for word; what goes on was asked what its source was."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import OpenRun
from rollmill.flows.rounds.planning.plan import all_plans
from rollmill.flows.rounds.threads import RunThreads
from rollmill.ground.records import PlanRow, Problem, Prompt
from rollmill.ground.threads import Turn, turns_of
from rollmill.pipelines.generate.prompts import split_prefix
from rollmill.steps.graph import StepGraph, StepRule
from rollmill.storage.exports.asked import Questions
from rollmill.storage.exports.thread_rows import ProblemThreads
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.stepped.chain import GRAPH, chain, steps
from tests.flows.rounds.toy import ToyEngine, ToyRun, whole, with_spec, workspace

pytestmark = pytest.mark.integration

GOING_ON = StepGraph(
    [
        StepRule("solve"),
        StepRule("check", "{prompt}\n{solve}\nIs it so?", role="step", when={"solve": ["incorrect"]}),
        StepRule("note", "{solve}", role="step", raw=True, when={"check.truncated": ["no", "yes"]}),
        StepRule("again", "{note}", turn="continue", raw=True),
        StepRule("pick", "{prompt}\n{again}", role="vote"),
    ]
)


class Continuing(ToyEngine):
    """A toy that goes on from a text."""

    def render(self, prompt: Prompt) -> str:
        question, beginning = split_prefix(prompt)
        return f"{super().render(question)} {beginning}"


def going_on() -> ToyRun:
    """What was checked is noted, and gone on with."""
    made = {step.name: step for step in steps()}
    made["again"] = replace(made["again"], generator=Continuing)
    parts = [replace(made[name], node=node) for name, node in GOING_ON.nodes.items()]
    return with_spec(chain(), steps=parts)


def problem_of(ws: Workspace, run: OpenRun, problem: Problem, rows: list[PlanRow]) -> ProblemThreads:
    drawn = {
        completion.id: completion for completion in ws.segments.fetch("completions", [row.completion_id for row in rows])
    }
    outcomes: dict[Any, Any] = run.outcomes([row for row in rows if run.spec.judged(row.step)])
    told = {
        row.completion_id: {
            "step": row.step,
            "prompt": json.dumps(problem.prompt),
            "reference": problem.reference,
            "text": drawn[row.completion_id].text,
            "finish_reason": drawn[row.completion_id].finish_reason,
            "planned": outcomes.get((row.completion_id, problem.id)),
            "sample_index": row.sample_index,
        }
        for row in rows
    }
    turns = turns_of(Turn(row.completion_id, row.step, after=row.followed) for row in rows)
    return ProblemThreads(problem.id, turns, told)


@pytest.mark.parametrize(("make", "graph"), [(chain, GRAPH), (going_on, GOING_ON)], ids=["repeated", "going on"])
def test_asked_is_what_the_run_asked(tmp_path: Path, make: Any, graph: StepGraph) -> None:
    whole(tmp_path, make())
    compared: set[str] = set()
    with workspace(tmp_path) as ws, make().open(ws) as run:
        plans = [list(plan) for plan in all_plans(run)]
        threads = RunThreads(run)
        threads.note(plans)
        rows = [row for plan in plans for row in plan]
        for problem in run.spec.problems:
            mine = [row for row in rows if row.problem_id == problem.id]
            questions = Questions(graph, problem_of(ws, run, problem, mine))
            for row in mine:
                if not row.after:
                    assert questions.prompt_of(row.completion_id) == problem.prompt
                elif (said := questions.prompt_of(row.completion_id)) is None:
                    assert row.step == "note"
                else:
                    [prompt] = threads.prompts([row])
                    assert split_prefix(prompt)[0] == said
                    compared.add(row.step)
    assert compared == {name for name in graph.nodes if name not in ("solve", "note")}


def test_what_goes_on_from_a_note_was_asked_what_was_noted(tmp_path: Path) -> None:
    """The note follows a check, and is made of what was solved: the checker's question is not asked again."""
    whole(tmp_path, going_on())
    with workspace(tmp_path) as ws, going_on().open(ws) as run:
        plans = [list(plan) for plan in all_plans(run)]
        threads = RunThreads(run)
        threads.note(plans)
        again = [row for plan in plans for row in plan if row.step == "again"]
        assert again
        for row, prompt in zip(again, threads.prompts(again), strict=True):
            assert split_prefix(prompt)[0] == run.spec.problem(row.problem_id).prompt
