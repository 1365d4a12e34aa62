"""A run as benchmarks measure it: so many completions of every problem, verifier `number`. Knows no engine."""

from collections.abc import Callable, Sequence
from typing import Any

from flows.rounds import Limits, OpenRun, RunSpec
from pipelines.budget import Fixed
from pipelines.select import Quota
from pipelines.verify import VERIFIERS
from storage.records import Problem
from storage.workspace import Workspace

RUN = "bench"


def fixed_run(
    ws: Workspace,
    problems: Sequence[Problem],
    engine: Callable[[], Any],
    samples: int,
    draw_workers: int = 1,
    **others: Any,
) -> OpenRun:
    """The run, opened in the workspace; `others` are fields of RunSpec, its sampling and batch size for instance."""
    ws.runs.open(RUN, name=RUN, recipe={}, recipe_hash=RUN)
    return OpenRun(
        RunSpec(
            run=RUN,
            problems=problems,
            generator=engine,
            verifiers=(VERIFIERS["number"],),
            budget=Fixed(initial=samples),
            selector=Quota(),
            limits=Limits(draw_workers=draw_workers, uncommitted=draw_workers + 1, unjudged=draw_workers + 3),
            **others,
        )
    )
