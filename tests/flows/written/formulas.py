"""The toy engine with answers that only a worker process can judge, and `math` with workers that may be shot."""

from collections.abc import Mapping
from typing import Any

from rollmill.ground.records import Request
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.workers.worker_pool import WorkerLimits
from tests.toys import ToyEngine


class Formulas(ToyEngine):
    def answer(self, request: Request) -> Mapping[str, Any]:
        plain = super().answer(request)
        return {**plain, "text": plain["text"] + r"\cos(0)"}


class Judged(MathVerifier):
    def __init__(self) -> None:
        limits = WorkerLimits(kill_pauses=(0.01,))
        # The texts are formulas, so that a worker decides.
        job: tuple[str, tuple[str, ...]] = ("tests.flows.kills.killing:decide", ())
        super().__init__(workers=2, limits=limits, job=job, unevaluated="accepted")
