"""A run with two steps, for tests that kill it."""

from functools import partial
from typing import Any

from rollmill.flows.sampling.steps import Step
from rollmill.ground.records import Sampling
from rollmill.pipelines.budget.router import Router
from rollmill.pipelines.generate.prompts import PromptForm
from rollmill.steps.graph import root
from tests.flows.rounds.toy import ToyEngine, ToyRun, problems, spec

BATCH = 8


def two_models(**engine: Any) -> list[Step]:
    """A weak model that is asked plainly, and a strong one that is asked to think."""
    weak = partial(ToyEngine, **engine)
    strong = partial(ToyEngine, **{**engine, "model_digest": "toy-strong", "model": "strong", "lift": 60})
    return [
        Step(root("weak"), weak, Sampling(max_tokens=8), PromptForm(), BATCH),
        Step(root("strong"), strong, Sampling(max_tokens=64), PromptForm("Think.\n{prompt}"), BATCH),
    ]


def routed(run: str = "toy-run", *, steps: list[Step] | None = None, **engine: Any) -> ToyRun:
    """24 sums, a router over two models, batches of eight."""
    budget = Router(initial=4, target=2, cap=8, pilot=2, explore=0)
    return spec(run, problems=problems(24), steps=steps or two_models(**engine), budget=budget)
