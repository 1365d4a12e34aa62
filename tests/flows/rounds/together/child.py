"""A whole run in a process to be killed: python -m tests.flows.rounds.together.child WORKSPACE LOG [options]."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rollmill.flows.rounds import QueueLimits
from rollmill.pipelines.budget.dars import DarsUniform
from tests.flows.rounds.toy import ToyEngine, ToyRun, ToyVerifier, problems, spec, whole, with_step


def main() -> None:
    """The run that the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--verify-delay", type=float, default=0.0)
    parser.add_argument("--problems", type=int, default=40)
    parser.add_argument("--spooled", action="store_true")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--run", default="toy-run")
    options = parser.parse_args()
    engine = partial(ToyEngine, log=options.log, delay=options.delay, spooled=options.spooled)
    verifier = partial(ToyVerifier, delay=options.verify_delay)
    run = with_step(chaos_spec(engine, verifier, options.problems, options.run), batch_size=options.batch)
    results, _ = whole(options.workspace, run)
    sys.stdout.write(f"{sum(result.drawn for result in results)} {sum(result.redundant for result in results)}\n")


def toys(path: Path, log: Path, count: int, delay: float = 0.0) -> None:
    """The whole run of so many problems."""
    whole(path, chaos_spec(partial(ToyEngine, log=log, delay=delay), count=count))


def chaos_spec(
    engine: Callable[[], ToyEngine],
    verifier: Callable[[], ToyVerifier] = ToyVerifier,
    count: int = 40,
    run: str = "toy-run",
) -> ToyRun:
    """40 sums in batches of 16: two dozen batches in a few rounds."""
    return spec(
        run,
        engine=engine,
        verifiers=(verifier,),
        problems=problems(count),
        budget=DarsUniform(initial=4, target=2, cap=16),
        batch_size=16,
        limits=QueueLimits(poll_seconds=0.02),
    )


if __name__ == "__main__":
    main()
