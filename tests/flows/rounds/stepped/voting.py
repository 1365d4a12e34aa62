"""A run whose verdicts wait for the votes of a step, and the whole of it in a process to be killed."""

from functools import partial
from pathlib import Path
from typing import Any

import rollmill.flows.rounds.judging.votes
from rollmill.flows.sampling.steps import Step
from rollmill.ground.records import Sampling
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.verify.judged.votes import VotesVerifier
from rollmill.steps.graph import StepGraph, StepRule
from tests.flows.rounds.toy import ToyEngine, ToyRun, ToyVerifier, problems, spec, whole

RIGHT = ("So", "Then")  # how the toy begins what it is sure of
VOTES = partial(VotesVerifier, of="grade.word", says=RIGHT, least=0.5, readable=2)
DOUBTING = partial(ToyVerifier, doubt="Then")


def graph(**rule: Any) -> StepGraph:
    """Sums, a second look at each, and three votes on each of both."""
    grade = {"role": "vote", "count": 3, "read": {"word": r"^(\w+)(?= \d+ \+| know)"}, **rule}
    return StepGraph(
        [
            StepRule("solve"),
            StepRule("look", "{prompt}\n{solve}\nLook again.", when={"solve": ["undecided"]}),
            StepRule("grade", "{prompt}\n{solve}\nIs it so?", **grade),
            StepRule("second", "{prompt}\n{look}\nAnd this?", role="vote", read={"word": r"^(\w+)"}),
        ]
    )


def voted(
    run: str = "toy-run", *, steps: StepGraph | None = None, batch: int = 8, changes: Any = (), **engine: Any
) -> ToyRun:
    """Twelve sums: a verifier that leaves half of the right ones undecided, and votes that decide on those."""
    asked, toy = steps or graph(), partial(ToyEngine, **engine)
    options: dict[str, Any] = {
        "problems": problems(12),
        "steps": [Step(node, toy, Sampling(max_tokens=16), batch_size=batch) for node in asked.nodes.values()],
        "verifiers": (DOUBTING, VOTES),
        "budget": DarsUniform(initial=4, target=2, cap=8),
    }
    return spec(run, **(options | dict(changes)))


def killed(path: Path, log: Path) -> None:
    """The body of a process that dies on the way, judging a few rows at a time by votes."""
    rollmill.flows.rounds.judging.votes.GROUP = 8
    whole(path, voted(log=log))
