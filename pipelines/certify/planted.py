"""A stress test of a verifier: wrong variants of a right completion by kind of error, and right ones spelled differently.

`planted_variants` is a pure function of its arguments and the generator's state. It plants only errors that it can prove:
values are read and compared here by exact rational arithmetic, independently of every verifier. Completions without a
marked answer that is provably the reference get no error. Programs are mutated, and a mutant counts only if it behaves
differently: both run in the sandbox on generated inputs. What differs and still passes the problem's tests shows a weak
test, not a bad verifier; an audit lists it as missed.

These rates say nothing about how often natural rollouts fool a verifier (docs/explanation/statistics.md, point 8).
"""

import random
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN
from fractions import Fraction

from rollmill.ground.records import Outcome, Problem
from rollmill.pipelines.edit.planted_answer import BOX, PlantedAnswer, locate_answer, rational
from rollmill.pipelines.edit.planted_errors import ERRORS, as_decimal, terminates

REFORMATTED = "reformatted"
CODE_MUTANT = "code_mutant"
KINDS: tuple[str, ...] = (*ERRORS, REFORMATTED, CODE_MUTANT)
_MUTANTS = 8
"""Mutants tried per program, kinds in turn."""
_THOUSANDS = 1_000  # from here on a number is written with separators too


@dataclass(frozen=True, slots=True)
class PlantedVariant:
    """A completion's text with one thing planted; `how` names the variant within its kind."""

    kind: str
    text: str
    expected_outcome: Outcome
    how: str = ""


def planted_variants(problem: Problem, completion_text: str, rng: random.Random) -> list[PlantedVariant]:
    """Every variant that can be planted into a right completion: errors are `incorrect`, reformatted ones stay `correct`.

    Empty where the completion's answer is not provably right, so call it on completions that were judged correct.
    """
    if problem.kind == "code":
        mutants = code_mutants(problem, completion_text, rng)
        return [PlantedVariant(CODE_MUTANT, text, "incorrect", how) for how, text in mutants]
    answer = locate_answer(problem.reference, completion_text)
    if answer is None:
        return []
    errors = [(kind, variant) for kind, plant in ERRORS.items() for variant in plant(answer, rng)]
    wrong = [PlantedVariant(kind, text, "incorrect", how) for kind, (how, text) in errors]
    return wrong + [PlantedVariant(REFORMATTED, text, "correct", how) for how, text in spelled_differently(answer)]


def code_mutants(problem: Problem, completion_text: str, rng: random.Random) -> list[tuple[str, str]]:
    """(what was changed, text with the mutated program) pairs; none if the program fails its tests or has no inputs.

    SetupError if this machine has no sandbox.
    """
    from rollmill.pipelines.sandbox import Sandbox, check_sandbox
    from rollmill.pipelines.verify.code.strength import evaluate_mutants, mutants_of, subject_of

    seed = rng.getrandbits(32)
    check_sandbox("strict")
    with Sandbox("strict") as box:
        try:
            subject = subject_of(box, replace(problem, reference=completion_text), seed=seed)
        except ValueError:
            return []
        results = list(evaluate_mutants(box, subject, mutants_of(subject, _MUTANTS, seed=seed)))
    mutants = [result.mutant for result in results if result.differs]
    return [
        (f"{mutant.kind}, line {mutant.line}: {mutant.before[:60]}", f"```python\n{mutant.source}\n```")
        for mutant in mutants
    ]


def spelled_differently(answer: PlantedAnswer) -> list[tuple[str, str]]:
    """(how it is spelled, text): other marks, spaces and separators, and numbers that are read back to the same value."""
    own = answer.text[answer.start : answer.end].strip()
    texts = [(f"mark {name}", text) for name, text in _marked(answer, own)]
    if answer.mark != "phrase":
        texts.append(("spaces", answer.replaced(f"  {own.removeprefix(answer.money)} ")))
    if answer.value is None:
        return texts
    # Read back, so that every spelling provably keeps the value.
    numbers = [(name, spelling) for name, spelling in _spellings(answer.value, own) if rational(spelling) == answer.value]
    return texts + [(name, answer.replaced(spelling)) for name, spelling in numbers if spelling != answer.written]


def _marked(answer: PlantedAnswer, own: str) -> list[tuple[str, str]]:
    """The text with its answer behind other marks, on a separate last line; older marks are removed."""
    before = answer.text[: answer.start]
    if answer.mark == "hash":
        before = before.rpartition("####")[0].rstrip()
    elif answer.mark == "box":
        before = answer.text[: before.rfind("\\boxed")] + own + answer.text[answer.end + 1 :]  # + 1: the brace of the box
    else:
        before = answer.text
    # Another mark would compete with the new one for the last answer.
    if BOX.search(before) or "####" in before:
        return []
    # Outside of a formula a dollar sign is not escaped.
    bare = own.removeprefix("\\") if own.startswith("\\$") else own
    texts = {
        "hash": f"{before}\n#### {bare}",
        "phrase": f"{before}\nThe answer is {bare}.",
        "box": f"{before}\nSo it is \\boxed{{{own}}}.",
        "box in display": f"{before}\n\\[\n\\boxed{{{own}}}\n\\]",
    }
    return [(name, text) for name, text in texts.items() if name != answer.mark]


def _spellings(value: Fraction, own: str) -> list[tuple[str, str]]:
    """Other spellings of one number."""
    minus, size = ("-" if value < 0 else ""), abs(value)
    spellings = []
    if size.denominator == 1:
        if size >= _THOUSANDS:
            grouped = f"{size.numerator:,}"
            spellings += [("thousands", minus + grouped), ("no thousands", f"{minus}{size.numerator}")]
            spellings += [("thousands in braces", minus + grouped.replace(",", "{,}"))]
        spellings += [("decimal zero", f"{minus}{size.numerator}.0"), ("as a quotient", f"{minus}{size.numerator * 2}/2")]
    else:
        spellings += [("fraction", f"{minus}\\frac{{{size.numerator}}}{{{size.denominator}}}")]
        spellings += [("quotient", f"{minus}{size.numerator}/{size.denominator}")]
        # Of other fractions every decimal is rounded, and so another value.
        if terminates(size):
            decimal = as_decimal(size, 60, ROUND_DOWN).rstrip("0")
            spellings += [("decimal", minus + decimal), ("trailing zero", f"{minus}{decimal}0")]
    return [(name, spelling) for name, spelling in spellings if spelling != own]
