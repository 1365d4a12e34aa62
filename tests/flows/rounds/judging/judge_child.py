"""A run with a judge in a process to be killed: python -m tests.flows.rounds.judging.judge_child WORKSPACE LOG."""

import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from rollmill.flows.rounds import run_all
from rollmill.flows.sampling.sample import RunSamplers
from rollmill.ground.records import Completion, Problem, Request
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.verify.judged.judge import JudgeVerifier
from tests.flows.rounds.toy import spec, workspace
from tests.pipelines.verify.judged.toy_judge import ToyJudge

PROBLEMS = [Problem(f"{n} + {n} = ? (p=50%)", f"answer: {2 * n}") for n in range(1, 41)]
VOTES = 2


class LoggedJudge(ToyJudge):
    """A slow judge of a server; every vote that it gives is one line of its log, which survives a kill."""

    def __init__(self, log: Path) -> None:
        super().__init__(spooled=True)
        self._log = log

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for vote in super().generate(requests):
            time.sleep(0.004)
            with self._log.open("a") as file:
                file.write(f"{vote.id}\n")
            yield vote


def main() -> None:
    """Recover and run every round."""
    with workspace(Path(sys.argv[1])) as ws:
        ws.recover()
        samplers = RunSamplers(ws, lambda *_: LoggedJudge(Path(sys.argv[2])))
        judge = partial(JudgeVerifier, votes=VOTES, samplers=samplers)
        with spec(verifiers=(judge,), samplers=samplers, problems=PROBLEMS, budget=Fixed(initial=4)).open(ws) as run:
            run_all(run)


if __name__ == "__main__":
    main()
