"""Verifiers: what each concluded on a completion, with evidence. One file per method; none knows the workspace.

From a notebook, without Prefect and without torch:

    from pipelines.verify import verify
    verify([("What is 1/4 + 1/4?", "1/2", "The answer is 0.5.")])[0].outcome    # 'correct'
"""

from collections.abc import Callable, Iterable, Mapping

from pipelines.protocols import Verifier
from pipelines.verify.mathematics import MathVerifier
from pipelines.verify.number import NumberVerifier
from storage.errors import unknown_name
from storage.ids import digest128
from storage.records import Completion, Problem, Prompt, Verdict

VERIFIERS: Mapping[str, Callable[..., Verifier]] = {"math": MathVerifier, "number": NumberVerifier}


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
