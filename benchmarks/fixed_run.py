"""Runs as benchmarks measure them: so many completions of every problem, verifier `number`. Knows no engine."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rollmill.flows.job import Job
from rollmill.flows.problems import RecipeProblems
from rollmill.flows.rounds import OpenRun, QueueLimits, RunSpec
from rollmill.flows.sampling.steps import Step
from rollmill.flows.session import Session
from rollmill.ground.records import Problem
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.select.quota import Quota
from rollmill.pipelines.verify import VERIFIERS
from rollmill.steps.graph import root
from rollmill.storage.workspace import Workspace

RUN = "bench"


@contextmanager
def opened(ws: Workspace, spec: RunSpec, run: str, *, shared: bool = False, **given: Any) -> Iterator[OpenRun]:
    """The run of a specification in this workspace; its engines are closed with it unless they are `shared`."""
    session = Session(Job(str(ws.root), ""), ws)
    try:
        with OpenRun(session, spec, run, **given) as open_run:
            yield open_run
    finally:
        if not shared:
            session.engines.close()


@contextmanager
def fixed_run(
    ws: Workspace,
    problems: Sequence[Problem],
    engine: Callable[[], Any],
    samples: int,
    draw_workers: int = 1,
    *,
    shared: bool = False,
    **asked: Any,
) -> Iterator[OpenRun]:
    """The run, opened in the workspace; `asked`: sampling, form and batch size of its step."""
    ws.runs.open(RUN, name=RUN, recipe={}, recipe_hash=RUN)
    spec = RunSpec(
        problem_set=RecipeProblems.of(problems),
        steps=[Step(root(), engine, **asked)],
        verifiers=(VERIFIERS["number"],),
        budget=Fixed(initial=samples),
        selector=Quota(),
        limits=QueueLimits(draw_workers=draw_workers, uncommitted=draw_workers + 1, unjudged=draw_workers + 3),
    )
    with opened(ws, spec, RUN, shared=shared) as run:
        yield run
