"""The toy engine with answers that only a worker process can judge, and `math` with workers that may be shot."""

from dataclasses import replace

from pipelines.verify.mathematics import Limits, MathVerifier
from storage.records import Completion, Request
from tests.flows.toys import ToyEngine


class Formulas(ToyEngine):
    def _answer(self, request: Request) -> Completion:
        plain = super()._answer(request)
        return replace(plain, text=plain.text + r"\cos(0)")


class Judged(MathVerifier):
    def __init__(self) -> None:
        super().__init__(workers=2, limits=Limits(kill_pauses=(0.01,)), job="tests.flows.killing:decide")
