"""Worked solutions as programs: the annotated calculations of GSM8K (`<<48/2=24>>`) with one number of the text replaced.

A solution is a program where every calculation is right, the last result is the reference, and every operand can be traced:
to an earlier result, or to a number that the solution brings in itself. Ambiguous operands are refused, and so is a number
that the text may also state in words. The new answer follows by exact arithmetic; that the story allows the new number, no
program knows, so wholes stay whole, nothing falls below zero, and sizes stay alike.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from rollmill.ground.records import Problem
from rollmill.pipelines.arithmetic import value_of, whole_number

_ANNOTATION = re.compile(r"<<([^<>=]*)=([^<>=]*)>>")
# At most 300 digits, since int() refuses more than 4,300.
_TOKEN = re.compile(r"\s*(\d{1,300}(?:\.\d{1,300})?|\.\d{1,300}|[-+*/()])")
_NUMBER = re.compile(r"(?<![\w.,/])[0-9]{1,300}(?![\w/]|[.,]\d)")
_RESULT = re.compile(r"\s*(?:\d{1,300}(?:\.\d{1,300})?|\.\d{1,300})\s*")
_WORDS = {
    1: "one|once|single", 2: "two|twice|double|half|pair|both|second", 3: "three|thrice|triple|third",
    4: "four|quarter|quadruple", 5: "five|fifth", 6: "six|sixth", 7: "seven|week|weeks|weekly", 8: "eight|eighth",
    9: "nine|ninth", 10: "ten|tenth|dime|dimes", 12: "twelve|dozen|year|years|foot|feet", 24: "day|days|daily",
    60: "hour|hours|minute|minutes", 100: "percent|cent|cents|hundred",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkedStep:
    """A calculation: its tokens, where an integer stands for the result of the step of that place."""

    tokens: tuple[str | int, ...]
    result: Fraction


def program_of(problem: Problem) -> tuple[WorkedStep, ...] | None:
    """The program in a problem's worked solution, None if it has none that can be trusted."""
    solution = problem.meta.get("solution")
    if not isinstance(solution, str) or not isinstance(problem.prompt, str) or whole_number(problem.reference) is None:
        return None
    return _program(problem.prompt, problem.reference, solution)


# A search for chains asks for the program of the same problem once for every hop that it tries.
@lru_cache(maxsize=65_536)
def _program(prompt: str, reference: str, solution: str) -> tuple[WorkedStep, ...] | None:
    stated = {Fraction(number[0]) for number in _NUMBER.finditer(prompt)}
    steps: list[WorkedStep] = []
    for text, shown in _ANNOTATION.findall(solution):
        tokens = _tokens(text)
        traced = None if tokens is None else _traced(tokens, steps, stated)
        result = None if traced is None else evaluated(traced, [step.result for step in steps])
        # One wrong annotation makes the whole solution unreliable.
        if traced is None or result is None or _number(shown) != result:
            return None
        steps.append(WorkedStep(traced, result))
    return tuple(steps) if steps and steps[-1].result == int(reference) else None


def replaced(problem: Problem, program: Sequence[WorkedStep], value: int) -> Iterator[tuple[int, tuple[int, int], int]]:
    """Each number of the text that may become `value`: (the number, its place in the text, the new answer)."""
    assert isinstance(problem.prompt, str)
    numbers = list(_NUMBER.finditer(problem.prompt))
    leaves = [token for step in program for token in step.tokens if isinstance(token, str) and _number(token) is not None]
    for match in numbers:
        old = int(match[0])
        named = re.search(rf"\b(?:{_WORDS[old]})\b", problem.prompt, re.IGNORECASE) if old in _WORDS else None
        # A number that stands twice in the text, or twice in the program, may have two meanings.
        once = sum(int(other[0]) == old for other in numbers) == 1 and sum(_number(leaf) == old for leaf in leaves) == 1
        if old != value and once and named is None and (answer := _answer(program, old, value)) is not None:
            yield old, match.span(), answer


def evaluated(tokens: Sequence[str | int], results: Sequence[Fraction]) -> Fraction | None:
    """The value of an expression; None for one that is none."""
    values = [results[token] if isinstance(token, int) else _number(token) for token in tokens]
    return value_of([str(token) if value is None else value for token, value in zip(tokens, values, strict=True)])


def _answer(program: Sequence[WorkedStep], old: int, new: int) -> int | None:
    """The last result with one number replaced; None if a whole is no longer one or something is not above zero."""
    results: list[Fraction] = []
    for step in program:
        # Integers among the tokens are places of steps, so only texts are numbers of the problem.
        tokens = [str(new) if isinstance(token, str) and _number(token) == old else token for token in step.tokens]
        result = evaluated(tokens, results)
        if result is None or result <= 0 or (step.result.denominator == 1 and result.denominator != 1):
            return None
        results.append(result)
    return int(results[-1]) if results[-1].denominator == 1 else None


def _tokens(text: str) -> list[str] | None:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        tokens.append(match[1])
        at = match.end()
    return tokens


def _traced(tokens: Sequence[str], steps: Sequence[WorkedStep], stated: set[Fraction]) -> tuple[str | int, ...] | None:
    """Operands that are earlier results as places of these; None if one might also be a number of the text."""
    traced: list[str | int] = []
    for token in tokens:
        number = _number(token)
        places = [] if number is None else [at for at, step in enumerate(steps) if step.result == number]
        if places and (number in stated or len(places) > 1):
            return None
        traced.append(places[0] if places else token)
    return tuple(traced)


def _number(text: str) -> Fraction | None:
    return Fraction(text.strip()) if _RESULT.fullmatch(text) else None
