"""Process `lines`: whether the arithmetic of each line of an answer is true, in exact numbers; label-free."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.search.partial import Partial
from rollmill.pipelines.verify.calculation_steps import number, steps_of

# Bounded, as int() raises for more than 4,300 digits.
_REMAINDER = re.compile(r"\s*(-?\d{1,40})\s*%\s*(\d{1,40})\s*=\s*(-?\d{1,40})\s*")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_FINAL = re.compile(r"####\s*(.+)")


@dataclass(frozen=True, slots=True)
class Lines:
    """1 - `doubt` where every calculation is true; `doubt` where one is false, however many.

    `strict`: a line is also false where it uses a number that neither the problem nor an earlier line gives, and a final
    answer where it is not the last result, or leaves a number of the problem unused.
    """

    name = "lines"
    version = "2"
    strict: bool = False
    """Also refuse a line with a number from nowhere, and an answer that is not the last result."""
    doubt: float = 0.02
    """Value of a text with a false calculation."""

    def __post_init__(self) -> None:
        # Neither end: a score of 0 or 1 has no finite log-odds, and at .5 a false line scores as a true one.
        if not isinstance(self.doubt, (int, float)) or not 0 < self.doubt < 0.5:
            raise SetupError(f"process 'lines': doubt is {self.doubt!r}, and must be between 0 and 0.5.")

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """Scores, one for each text."""
        return [self.doubt if self._false(problem, partial) else 1.0 - self.doubt for partial in partials]

    def _false(self, problem: Problem, partial: Partial) -> bool:
        if any(not true for true in truths(partial.text)):
            return True
        return self.strict and not consistent(problem, partial)


def truths(text: str) -> list[bool]:
    """True or False for each calculation of a text; `a % b = c` alone on a line is a remainder."""
    results: list[bool] = []
    for line in text.split("\n"):
        remainder = _REMAINDER.fullmatch(line)
        if remainder is None:
            results += [step.true for step in steps_of(line)]
            continue
        left, by, stated = (int(part) for part in remainder.groups())
        # A model may write a remainder by 0, which is false and must not raise.
        results.append(by != 0 and left % by == stated)
    return results


def consistent(problem: Problem, partial: Partial) -> bool:
    """True if every operand is known, and of a finished answer whether it is the last result and uses all numbers."""
    given = numbers_in(str(problem.prompt))
    known, used, last = set(given), set[Fraction](), None
    sides = (pair for line in partial.text.split("\n") for pair in pairwise(line.split("=")))
    for left, right in sides:
        operands = numbers_in(left)
        if not operands <= known:
            return False
        used |= operands
        last = number(right.strip())
        # Without its sign, as `numbers_in` reads none.
        known |= set() if last is None else {abs(last)}
    final = _FINAL.search(partial.text)
    if not partial.finished:
        return True
    return final is not None and number(final[1].strip()) == last and given <= used


def numbers_in(text: str) -> set[Fraction]:
    """The numbers in a text, without their signs."""
    # "5," at the end of a clause is the number 5.
    return {value for digits in _NUMBER.findall(text) if (value := number(digits.rstrip(","))) is not None}
