"""The recorded pool on which budgets are compared: real draws of the shipped model on templated problems, judged.

    python benchmarks/budgets/budget_pool.py --workspace FOLDER  # 320 problems x 64 draws x 5 sampling seeds
    python benchmarks/budgets/budget_pool.py --workspace FOLDER --draws 128      # only what is not stored yet

It draws the first `draws` completions of every problem under every sampling seed as runs, so it may be killed
and started again, and grown. The problems are the same under every seed. A completion's seed follows from its sample index,
so what any budget would have drawn of a problem is a prefix of what is stored here.
"""

import argparse
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fixed_run import opened
from benchmarks.numbers.replay import RecordedProblem
from benchmarks.verifiers.recorded import record_of
from rollmill.flows.problems import RecipeProblems
from rollmill.flows.progress import Event
from rollmill.flows.rounds import OpenRun, RunSpec, run_all
from rollmill.flows.rounds.planning.plan import read_plans
from rollmill.flows.sampling.steps import Step
from rollmill.ground.records import Problem, Sampling
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.select.quota import Quota
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.pipelines.verify import VERIFIERS
from rollmill.steps.graph import root
from rollmill.storage.workspace import Workspace

PROBLEM_SEED = 7
SAMPLING = Sampling(temperature=1.0, max_tokens=200)
SPLIT = "train"


@dataclass(frozen=True, slots=True)
class PoolSize:
    """Size of a pool: problems (over all eight levels), draws of each, and sampling seeds 1 .. seeds."""

    problems: int = 320
    draws: int = 64
    seeds: int = 5


def problems_of(size: PoolSize) -> list[Problem]:
    """The same problems for every sampling seed; fewer are a prefix of more."""
    return list(Templates(split=SPLIT).synthesize(size.problems, PROBLEM_SEED))


def pool_run(
    ws: Workspace, size: PoolSize, problems: Sequence[Problem], seed: int, threads: int = 0
) -> AbstractContextManager[OpenRun]:
    """The open run of one sampling seed: `draws` completions of every problem."""
    return opened(
        ws,
        RunSpec(
            problem_set=RecipeProblems.of(problems),
            steps=[Step(root(), lambda: Embedded(threads=threads), SAMPLING)],
            verifiers=[VERIFIERS["number"]],
            budget=Fixed(initial=size.draws),
            selector=Quota(),
            recipe_seed=seed,
        ),
        f"pool-{size.problems}x{size.draws}-seed{seed}",
        on_event=_show,
    )


def draw(ws: Workspace, size: PoolSize, threads: int = 0) -> None:
    """Draw and judge what the pool lacks, one line a seed."""
    problems = problems_of(size)
    for seed in range(1, size.seeds + 1):
        began = time.monotonic()
        with pool_run(ws, size, problems, seed, threads) as run:
            ws.runs.open(run.id, name="pool", recipe={}, recipe_hash=run.id)
            results = run_all(run)
            ws.runs.finish(run.id, "done", {})
        drawn, tokens = sum(result.drawn for result in results), sum(result.tokens for result in results)
        seconds = time.monotonic() - began
        print(f"\nseed {seed}: {drawn:,} completions and {tokens:,} tokens drawn in {seconds:,.0f} s", flush=True)


def records(ws: Workspace, size: PoolSize) -> dict[int, list[RecordedProblem]]:
    """The record of each sampling seed whose draws are complete."""
    problems = problems_of(size)
    records = {}
    for seed in range(1, size.seeds + 1):
        with pool_run(ws, size, problems, seed) as run:
            if ws.runs.rounds(run.id) > 1:  # the round without draws is committed when all of them are stored and judged
                records[seed] = record_of(run, [row for plan in read_plans(ws, run.id) for row in plan])
    return records


def _show(event: Event) -> None:
    if event.kind == "verified":
        print(f"\r{event.done:,} of {event.total:,} judged, {event.seconds:,.0f} s", end="", flush=True)


def size_from(parser: argparse.ArgumentParser) -> None:
    """The options that say how large the pool is."""
    parser.add_argument("--workspace", type=Path, required=True, help="the folder of the pool; made where there is none")
    parser.add_argument("--problems", type=int, default=320)
    parser.add_argument("--draws", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=5)


def main() -> None:
    """Draw the pool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size_from(parser)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    with Workspace.init(options.workspace) as ws:
        draw(ws, PoolSize(options.problems, options.draws, options.seeds), options.threads)


if __name__ == "__main__":
    main()
