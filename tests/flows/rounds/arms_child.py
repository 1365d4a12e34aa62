"""A run with two arms in a process to be killed: python -m tests.flows.rounds.arms_child WORKSPACE LOG [options]."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from flows.rounds import OpenRun, decide, run_all
from flows.sampling.arms import Arm
from pipelines.budget import Router
from pipelines.generate.prompts import PromptForm
from storage.records import Sampling
from tests.flows.rounds.toy import ToyEngine, problems, spec, workspace

BATCH = 8


def main() -> None:
    """Recover, run every round, decide."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--delay", type=float, default=0.0)
    options = parser.parse_args()
    ws = workspace(options.workspace)
    ws.recover()
    with routed(log=options.log, delay=options.delay) as run:
        run_all(ws, run)
        decide(ws, run)
    ws.close()


def two_models(**engine: Any) -> list[Arm]:
    """A weak model that is asked plainly, and a strong one that is asked to think."""
    weak = partial(ToyEngine, **engine)
    strong = partial(ToyEngine, **{**engine, "model_digest": "toy-strong", "model": "strong", "lift": 60})
    return [
        Arm("weak", weak, Sampling(max_tokens=8), PromptForm(), BATCH),
        Arm("strong", strong, Sampling(max_tokens=64), PromptForm("Think.\n{prompt}"), BATCH),
    ]


def routed(run: str = "toy-run", *, arms: list[Arm] | None = None, **engine: Any) -> OpenRun:
    """24 sums, a router over two models, batches of eight."""
    budget = Router(initial=4, target=2, cap=8, pilot=2, explore=0)
    return spec(run, problems=problems(24), arms=arms or two_models(**engine), budget=budget, engine=None)


if __name__ == "__main__":
    main()
