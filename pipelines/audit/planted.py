"""Planted errors: wrong variants of a right completion by kind, and right ones in another dress, to stress a verifier.

`planted` is a pure function of its arguments and the generator's state. It plants only where it can prove what it planted:
values are read and compared here by exact rational arithmetic, independently of every verifier. A completion whose answer
is not marked, or not provably the reference, gets none. These rates are stress tests: they say nothing about how often
natural rollouts fool a verifier (docs/statistics.md, point 8) and know nothing of sampling.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipelines.audit.planted_answer import Answer, located
from pipelines.audit.planted_code import code_mutants
from pipelines.audit.planted_dress import reformatted
from pipelines.audit.planted_steps import dropped_step, operand
from pipelines.audit.planted_values import digit, off_by_one, sign, swapped_unknowns, wrong_rounding
from storage.records import Outcome, Problem

Variant = tuple[str, str]
"""What was done, in a few words, and the whole text of the variant."""

ERRORS: Mapping[str, Callable[[Answer, random.Random], list[Variant]]] = {
    "digit": digit,
    "operand": operand,
    "sign": sign,
    "off_by_one": off_by_one,
    "dropped_step": dropped_step,
    "swapped_unknowns": swapped_unknowns,
    "wrong_rounding": wrong_rounding,
}
REFORMATTED = "reformatted"
CODE_MUTANT = "code_mutant"
KINDS: tuple[str, ...] = (*ERRORS, REFORMATTED, CODE_MUTANT)


@dataclass(frozen=True, slots=True)
class Planted:
    """A completion's text with one thing planted; `how` names the variant within its kind."""

    kind: str
    text: str
    expected_outcome: Outcome
    how: str = ""


def planted(problem: Problem, completion_text: str, rng: random.Random) -> list[Planted]:
    """Every variant that can be planted into a right completion: errors are `incorrect`, reformatted ones stay `correct`.

    Empty where the completion's answer is not provably right, so call it on completions that were judged correct.
    """
    if problem.kind == "code":
        return [Planted(CODE_MUTANT, text, "incorrect", how) for how, text in code_mutants(problem, completion_text, rng)]
    answer = located(problem.reference, completion_text)
    if answer is None:
        return []
    wrong = [Planted(kind, text, "incorrect", how) for kind, plant in ERRORS.items() for how, text in plant(answer, rng)]
    return wrong + [Planted(REFORMATTED, text, "correct", how) for how, text in reformatted(answer)]
