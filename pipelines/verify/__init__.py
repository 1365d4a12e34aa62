"""Verifiers: what each concluded on a completion, with evidence. One file per method; none knows the workspace.

From a notebook, without Prefect and without torch:

    from pipelines.verify import verify
    verify([("What is 1/4 + 1/4?", "1/2", "The answer is 0.5.")])[0].outcome    # 'correct'
"""

from collections.abc import Callable, Iterable, Mapping

from pipelines.protocols import Verifier
from pipelines.verify.choice import ChoiceVerifier
from pipelines.verify.code import CodeVerifier
from pipelines.verify.composite import AllOf, AnyOf
from pipelines.verify.constraints import ConstraintsVerifier
from pipelines.verify.counterexample import CounterexampleVerifier
from pipelines.verify.exact import ExactVerifier
from pipelines.verify.json_schema import JsonSchemaVerifier
from pipelines.verify.judge import JudgeVerifier
from pipelines.verify.mathematics import MathVerifier
from pipelines.verify.number import NumberVerifier
from pipelines.verify.optimization import OptimizationVerifier
from pipelines.verify.regex import RegexVerifier
from pipelines.verify.roundtrip import RoundtripVerifier
from pipelines.verify.state_prefix import StatePrefixVerifier
from storage.errors import unknown_name
from storage.ids import digest128
from storage.records import Completion, Problem, Prompt, Verdict

VERIFIERS: Mapping[str, Callable[..., Verifier]] = {
    "all_of": AllOf,
    "any_of": AnyOf,
    "choice": ChoiceVerifier,
    "code": CodeVerifier,
    "counterexample": CounterexampleVerifier,
    "constraints": ConstraintsVerifier,
    "exact": ExactVerifier,
    "json_schema": JsonSchemaVerifier,
    "judge": JudgeVerifier,
    "math": MathVerifier,
    "number": NumberVerifier,
    "optimization": OptimizationVerifier,
    "regex": RegexVerifier,
    "roundtrip": RoundtripVerifier,
    "state_prefix": StatePrefixVerifier,
}


def verify(rows: Iterable[tuple[Prompt, str, str]], verifier: str = "math") -> list[Verdict]:
    """Verdicts on (prompt, reference, answer) rows, in their order; the answer is a completion's whole text."""
    if verifier not in VERIFIERS:
        raise unknown_name("verifier", verifier, VERIFIERS)
    chosen = VERIFIERS[verifier]()
    try:
        return list(chosen.verify_many(_pair(*row) for row in rows))
    finally:
        chosen.close()


def _pair(prompt: Prompt, reference: str, answer: str) -> tuple[Problem, Completion]:
    problem = Problem(prompt, reference)
    identity = digest128(["notebook", problem.id, answer])
    return problem, Completion(identity, problem.prompt_id, "notebook", "", "", "evaluate", 0, None, answer, "imported")


__all__ = ["VERIFIERS", "verify"]
