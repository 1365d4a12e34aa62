"""Cost of a follow-up beside a plain draw: processor time of a completion in a run, with engines that cost nothing.

    python -m benchmarks.engines.steps [--problems 2000]

Two runs in one process, each in a workspace of its own, with as many completions: eight roots of every problem, and four
roots with one follow-up each. Planned, drawn, judged and decided. Prints seconds of processor time, microseconds a
completion, and their ratio; the first of the pair changes from repeat to repeat.
"""

import argparse
import resource
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fixed_run import opened
from rollmill.flows.problems import RecipeProblems
from rollmill.flows.rounds import RunSpec, decide, run_all
from rollmill.flows.sampling.steps import Step
from rollmill.ground.ids import digest128
from rollmill.ground.records import Problem, Sampling
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.generate.tools.compose import Compose
from rollmill.pipelines.select.quota import AllCorrect
from rollmill.pipelines.verify.exact import ExactVerifier
from rollmill.steps.graph import StepGraph, StepRule
from rollmill.storage.workspace import Workspace

PLAIN = StepGraph([StepRule("solve")])
CHAIN = StepGraph([StepRule("solve"), StepRule("again", "{solve} again", raw=True)])


def seconds(graph: StepGraph, draws: int, count: int) -> float:
    """Processor time of a whole run."""
    problems = [Problem(prompt=f"Say {n} and nothing else.", reference=str(n)) for n in range(count)]
    steps = [Step(node, Compose, Sampling(max_tokens=1)) for node in graph.nodes.values()]
    spec = RunSpec(
        RecipeProblems.of(problems),
        steps,
        (ExactVerifier,),
        Fixed(initial=draws),
        AllCorrect(),
    )
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.init(Path(folder) / "ws")
        workspace.runs.open("steps", name="steps", recipe={}, recipe_hash=digest128("steps"))
        before = resource.getrusage(resource.RUSAGE_SELF)
        with workspace, opened(workspace, spec, "steps") as run:
            run_all(run)
            decided = decide(run)
        after = resource.getrusage(resource.RUSAGE_SELF)
    assert decided.completions == count * 8, decided.completions
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(arguments)
    kinds = {"plain": (PLAIN, 8), "follow-ups": (CHAIN, 4)}
    took: dict[str, list[float]] = {name: [] for name in kinds}
    for repeat in range(options.repeats):
        for name in sorted(kinds, reverse=bool(repeat % 2)):
            took[name].append(seconds(*kinds[name], options.problems))
    rows = 8 * options.problems
    for name, each in took.items():
        median = statistics.median(each)
        print(f"{name:<12} {median:6.2f} CPU s for {rows:,} completions, {median / rows * 1e6:5.0f} us each")
    ratio = statistics.median(took["follow-ups"]) / statistics.median(took["plain"])
    print(f"half of them follow-ups: {ratio:.2f} times as much")


if __name__ == "__main__":
    main()
