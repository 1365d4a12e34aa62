"""A run whose steps follow one another, small enough to reason about, and the whole of it in a process to be killed."""

from functools import partial
from typing import Any

from rollmill.flows.sampling.steps import Step
from rollmill.ground.records import Sampling
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.generate.tools.compose import Compose
from rollmill.steps.graph import StepGraph, StepRule
from tests.flows.rounds.toy import ToyEngine, ToyRun, problems, spec

BATCH = 8
GRAPH = StepGraph(
    [
        StepRule("solve"),
        StepRule(
            "check",
            "{prompt}\n{solve}\nIs it so?",
            when={"solve": ["incorrect"]},
            role="step",
            read={"answer": r"answer: (\d+)"},
        ),
        StepRule("again", "{prompt}\n{solve}\nThe checker says {check.answer}.\n{check}", count=2, most=3, repeat=1),
        StepRule("note", "{check}\n{again}", when={"again": ["correct"]}, raw=True),
        StepRule("pick", "{prompt}\n{solve*}", gather=4, role="vote", read={"best": r"(\d)$"}),
    ]
)


def steps(batch: int = BATCH, **engine: Any) -> list[Step]:
    """The steps of GRAPH, each with its engine."""
    toy = partial(ToyEngine, **engine)
    makers: dict[str, Any] = {"note": Compose}
    return [
        Step(node, makers.get(name, toy), Sampling(max_tokens=16), batch_size=batch) for name, node in GRAPH.nodes.items()
    ]


def chain(run: str = "toy-run", *, batch: int = BATCH, count: int = 12, changes: Any = (), **engine: Any) -> ToyRun:
    """Twelve sums: solved, the wrong ones checked and solved again, what came of it noted, four at a time picked from."""
    return spec(
        run,
        problems=problems(count),
        steps=steps(batch, **engine),
        budget=DarsUniform(initial=4, target=2, cap=8),
        **dict(changes),
    )
