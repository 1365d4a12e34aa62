"""The editor `error_type`: the type of a solution's first error, held against a known solution (LEMMA, Pan et al. 2025).

A model's errors are counted by type before errors are planted by the same shares (`shares` of the engine `edit`). The types
that exact arithmetic and a comparison step by step can tell: `calculation` (a false line), `operator` and `operand` (a line
of the known solution with another sign, or one other number), `dropped_step` (a line of the known solution is missing),
`answer` (the lines are right and the answer is not what the last one gives), `other` (another way, or no calculation).
"""

import random
import re
from collections import Counter
from collections.abc import Mapping

from rollmill.pipelines.edit.editing import CannotEdit, EditedText, Editor
from rollmill.pipelines.edit.planted_answer import marked_answer
from rollmill.pipelines.verify.calculation_steps import CalculationStep, steps_of

TYPES = ("calculation", "operator", "operand", "dropped_step", "answer", "other")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SIGN = re.compile(r"[-+*/%]")


def type_of_error(text: str, known: str) -> str | None:
    """The type of the first error, one of TYPES; None if the answer is the known one."""
    given, right = marked_answer(text), marked_answer(known)
    if given is not None and right is not None and given.value == right.value:
        return None
    steps, wanted = steps_of(text), steps_of(known)
    for place, step in enumerate(steps):
        # Asked first, since a false line may also differ from the known one in its numbers.
        if not step.true:
            return "calculation"
        if place < len(wanted) and _form(step) == _form(wanted[place]):
            continue
        return _difference(step, wanted[place:])
    if not steps:
        return "other"
    # All lines agree, so either the end is missing or the answer alone is wrong.
    return "dropped_step" if len(steps) < len(wanted) else "answer"


def _difference(step: CalculationStep, wanted: list[CalculationStep]) -> str:
    """The error type of a true line that differs from the line of the known solution in its place."""
    if not wanted:
        return "other"
    (numbers, signs), (known_numbers, known_signs) = _form(step), _form(wanted[0])
    # Asked before signs and numbers, which also differ where a line was left out.
    if any(_form(step) == _form(later) for later in wanted[1:]):
        return "dropped_step"
    # The forms differ, so with equal numbers the signs do.
    if numbers == known_numbers:
        return "operator"
    changed = sum(a != b for a, b in zip(numbers, known_numbers, strict=False))
    # Numbers are sorted, so one changed number may move others: common ones are counted instead.
    common = (Counter(numbers) & Counter(known_numbers)).total()
    one_changed = len(numbers) == len(known_numbers) and common >= len(numbers) - 1
    return "operand" if signs == known_signs and changed and one_changed else "other"


def _form(step: CalculationStep) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sorted numbers and signs of a line's expression: the order of a sum makes no other line."""
    expression = step.text.partition("=")[0]
    return tuple(sorted(_NUMBER.findall(expression))), tuple(sorted(_SIGN.findall(expression)))


def error_type(text: str, rng: random.Random, *, known: str) -> EditedText:
    """The name of the type as a text; refused if the answer is the known one."""
    del rng
    kind = type_of_error(text, known)
    if kind is None:
        raise CannotEdit("the answer is that of the known solution")
    return EditedText(kind, "the type of the first error", (), {"type": kind})


ERROR_TYPES: Mapping[str, Editor] = {"error_type": Editor("2", error_type, ("known",), ("known",))}
