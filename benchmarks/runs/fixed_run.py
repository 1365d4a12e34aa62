"""A run as benchmarks measure it: so many completions of every problem, verifier `number`. Knows no engine."""

from collections.abc import Callable, Sequence
from typing import Any

from flows.rounds import OpenRun, QueueLimits, RunSpec
from flows.sampling.steps import Step
from pipelines.budget.fixed import Fixed
from pipelines.select.quota import Quota
from pipelines.steps.graph import root
from pipelines.verify import VERIFIERS
from storage.ground.records import Problem
from storage.workspace import Workspace

RUN = "bench"


def fixed_run(
    ws: Workspace,
    problems: Sequence[Problem],
    engine: Callable[[], Any],
    samples: int,
    draw_workers: int = 1,
    **asked: Any,
) -> OpenRun:
    """The run, opened in the workspace; `asked`: sampling, form and batch size of its step."""
    ws.runs.open(RUN, name=RUN, recipe={}, recipe_hash=RUN)
    return OpenRun(
        RunSpec(
            problems=problems,
            steps=[Step(root(), engine, **asked)],
            verifiers=(VERIFIERS["number"],),
            budget=Fixed(initial=samples),
            selector=Quota(),
            limits=QueueLimits(draw_workers=draw_workers, uncommitted=draw_workers + 1, unjudged=draw_workers + 3),
        ),
        RUN,
    )
