"""A toy run whose rollouts a toy model scores; called as a program it is a process to be killed."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.flows.rounds import OpenRun, run_all, score_run
from rollmill.flows.sampling.sample import RunSamplers
from rollmill.ground.records import Completion, Request
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.score.text_likelihood import Likelihood
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import spec, workspace
from tests.toys import Toy

TOKENS = 12  # of every scored text


@dataclass
class ScoringToy(Toy):
    """Gives a text the log-probability of its length; a line in the log for each, which a SIGKILL does not take away."""

    def answer(self, request: Request) -> Mapping[str, Any]:
        raise AssertionError(f"nothing is to be drawn, {request.completion_id} was")

    def prompt_tokens(self, _: str) -> int:
        return TOKENS

    def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for request in requests:
            if self.fail_after is not None and self.made >= self.fail_after:
                raise ConnectionError("the toy is out of order")
            time.sleep(self.delay)
            self.made += 1
            if self.log is not None:
                self._record(self.log, request)
            text = str(request.given)
            values: dict[str, Any] = {
                "tokens_in": TOKENS,
                "tokens_out": 0,
                "logprob_sum": -float(len(text)),
                "logprobs": (-1.0,) * len(text),
            }
            asked = (request.completion_id, request.prompt_id, "toy", "sums", "toy-1", request.stream, 0, 0)
            yield Completion(*asked, text, "stop", **values)


def scored_run(ws: Workspace, engine: ScoringToy, **changes: Any) -> AbstractContextManager[OpenRun]:
    """The toy run with the scorer `likelihood`, whose rollouts are drawn already."""
    samplers = RunSamplers(ws, lambda *_: engine)
    scorers = [Likelihood(per_token=False, samplers=samplers)]
    return spec(budget=Fixed(initial=8), samplers=samplers, scorers=scorers, **changes).open(ws)


def main(folder: str, log: str) -> None:
    with workspace(Path(folder)) as ws:
        engine = ScoringToy(log=Path(log), delay=0.004, spooled=True)
        with scored_run(ws, engine) as run:
            run_all(run)
            score_run(run)


if __name__ == "__main__":
    main(*sys.argv[1:3])
    os._exit(0)
