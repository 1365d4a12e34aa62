"""Completions with long texts through real rounds under a hard limit of data: python -m
tests.flows.rounds.together.memory_child ...

`--broken permits` lets as many batches be under way as there are and judges nothing before all are drawn; `--broken
windows` sorts all texts in one window: each takes more than the limit that rounds themselves keep. Prints how many rows
were planned, drawn and decided.
"""

import argparse
import resource
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rollmill.flows.problems import RecipeProblems
from rollmill.flows.rounds import QueueLimits, RunSpec, decide, run_all
from rollmill.flows.sampling.steps import Step
from rollmill.ground.records import Completion, Problem, Request
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.select.quota import Quota
from rollmill.steps.graph import root
from rollmill.storage.segments import ordered
from tests.flows.rounds.toy import ToyRun, ToyVerifier, workspace
from tests.toys import Toy

SAMPLES, BATCH = 8, 512
LETTERS = 6_000
EVERYTHING = 1 << 40
PATIENCE = 800.0  # seconds

drawn_out = threading.Event()


@dataclass
class Writer(Toy):
    """Answers at once, at length, rightly two times of five; after so many `rows` it says that it is done."""

    rows: int = 0

    def answer(self, request: Request) -> Mapping[str, Any]:
        argument = f"{request.seed:016x}" * (LETTERS // 16)
        return {"text": f"{argument} answer: {request.seed % 5 // 2}"}

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        yield from super().generate(requests)
        if self.made == self.rows:  # drawn by one thread
            drawn_out.set()


def wait_for_all(_: str) -> None:
    """Until everything is drawn, or for minutes."""
    drawn_out.wait(PATIENCE)


def main() -> None:
    """Plan, draw, judge and decide."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--megabytes", type=int, required=True)
    parser.add_argument("--broken", choices=("", "permits", "windows"), default="")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_DATA, (options.megabytes << 20, options.megabytes << 20))
    if options.broken == "windows":
        ordered.WINDOW = ordered.WINDOW_BYTES = EVERYTHING
    with tempfile.TemporaryDirectory() as folder, workspace(Path(folder)) as ws, spec_of(options).open(ws) as run:
        drawn = sum(result.drawn for result in run_all(run))
        report = decide(run)
        sys.stdout.write(f"{report.funnel.planned} {drawn} {len(report.decisions)}\n")


def spec_of(options: argparse.Namespace) -> ToyRun:
    """One answer to half of the problems is right; permits for all batches where they are to be broken."""
    judge = partial(ToyVerifier, seen=wait_for_all) if options.broken == "permits" else ToyVerifier
    return ToyRun(
        RunSpec(
            problem_set=RecipeProblems.of(
                Problem(f"Say {number}.", str(number % 2)) for number in range(options.rows // SAMPLES)
            ),
            steps=[Step(root(), partial(Writer, rows=options.rows), batch_size=BATCH)],
            verifiers=(judge,),
            budget=Fixed(initial=SAMPLES),
            selector=Quota(),
            limits=QueueLimits(uncommitted=EVERYTHING, unjudged=EVERYTHING)
            if options.broken == "permits"
            else QueueLimits(),
        ),
        "toy-run",
    )


if __name__ == "__main__":
    main()
