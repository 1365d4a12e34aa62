"""The synthesizer `number_statements`: statements on all integers of a range, true or false with known counterexamples.

Each statement says "for every integer n from 1 to N", so that its truth and every counterexample are known by trying all n
(CounterMATH, Li et al. 2025, asks the same of university mathematics). Level 1 to 3: false ones fail early, late or at a
single n. Every second problem is true. The verifier `witness` judges the judgement and the counterexample: a right "false"
with a wrong n is wrong.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rollmill.methods import Problem, SetupError, digest128
from rollmill_reasoning.tasks.drawing import checked_split, on_split

LEVELS = (1, 2, 3)
_SKILLS = {1: "early counterexample", 2: "late counterexample", 3: "single counterexample"}
_PATIENCE = 3_000
ASK = "Answer TRUE, or FALSE and a counterexample as in: FALSE, n = 4."


class NumberStatement(NamedTuple):
    """A statement on the integers from 1 to `largest`, with every n at which it fails."""

    text: str
    largest: int
    counterexamples: tuple[int, ...]

    @property
    def reference(self) -> str:
        """The judgement, with the smallest counterexample of a false one."""
        return f"FALSE, n = {self.counterexamples[0]}" if self.counterexamples else "TRUE"

    @property
    def level(self) -> int:
        """Difficulty of refuting a false statement: 3 fails once, 2 late, 1 early; 0 for a true one."""
        if not self.counterexamples:
            return 0
        if len(self.counterexamples) == 1:
            return 3
        return 1 if self.counterexamples[0] <= self.largest // 10 else 2


class NumberStatements:
    """Problems of kind `statement`: the levels take turns, and every second problem is true.

    A true one has the level and skill of the false one before it, so half of each is true; `meta.true` tells them apart.
    """

    name, version = "number_statements", "1"

    def __init__(self, *, levels: Sequence[int] = LEVELS, largest: int = 60, split: str = "train") -> None:
        """Take the options of a recipe.

        Args:
            levels: Levels 1 (fails early) to 3 (fails at one n).
            largest: Largest N of a statement, from 10 on.
            split: Split of the problems: `train` or `heldout`, which share no statement.
        """
        if not levels or not set(levels) <= set(LEVELS):
            raise SetupError(f"synthesizer 'number_statements': levels is {list(levels)}.", choices=tuple(map(str, LEVELS)))
        if largest < 10:
            raise SetupError(f"synthesizer 'number_statements': largest is {largest}.", choices=("10 or more",))
        self.levels, self.largest, self.split = tuple(levels), largest, checked_split(self.name, split)

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` distinct statements; SetupError if a level has no more."""
        rng, seen = random.Random(digest128([self.name, seed])), set[str]()
        turns = itertools.cycle(self.levels)
        level = next(turns)
        for number in range(budget):
            if number % 2 == 0:
                yield self._problem(self._fresh(level, rng, seen), level)
            else:
                # A true statement takes the level of the false one before it, so that half of each level is true.
                yield self._problem(self._fresh(0, rng, seen), level)
                level = next(turns)

    def _fresh(self, level: int, rng: random.Random, seen: set[str]) -> NumberStatement:
        for _ in range(_PATIENCE):
            statement = rng.choice(_FAMILIES)(rng, rng.randint(10, self.largest))
            # The level is known only once all n are tried, so statements are drawn until one fits.
            fits = statement.level == level and on_split(self.split, statement.text)
            if fits and statement.text not in seen:
                seen.add(statement.text)
                return statement
        raise SetupError(
            f"synthesizer 'number_statements': level {level or 'true'} has no more statements up to {self.largest}.",
            next_command="use a smaller count, or a larger option largest",
        )

    def _problem(self, statement: NumberStatement, level: int) -> Problem:
        entry = {"largest": statement.largest, "counterexamples": list(statement.counterexamples)}
        return Problem(
            f"{statement.text}\n{ASK}",
            statement.reference,
            kind="statement",
            tests=(json.dumps(entry),),
            source=self.name,
            licence="Apache-2.0",
            split=self.split,
            level=level,
            skill=_SKILLS[level],
            meta={"true": not statement.counterexamples},
        )


def _statement(says: str, largest: int, holds: Callable[[int], bool]) -> NumberStatement:
    failing = tuple(n for n in range(1, largest + 1) if not holds(n))
    return NumberStatement(f"For every integer n from 1 to {largest}, {says}.", largest, failing)


def _prime(number: int) -> bool:
    return number > 1 and all(number % d for d in range(2, int(number**0.5) + 1))


def _prime_values(rng: random.Random, largest: int) -> NumberStatement:
    # Euler's n * n + n + 41 is prime up to n = 39, so its first counterexample is late.
    factor, constant = rng.randint(1, 5), rng.choice((3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41))
    return _statement(
        f"n * n + {factor} * n + {constant} is a prime number", largest, lambda n: _prime(n * n + factor * n + constant)
    )


def _never_divided(rng: random.Random, largest: int) -> NumberStatement:
    power, constant, divisor = rng.choice((2, 3)), rng.randint(1, 40), rng.randint(3, 71)
    shown = " * ".join("n" * power)
    return _statement(
        f"{shown} + {constant} is not divisible by {divisor}", largest, lambda n: (n**power + constant) % divisor != 0
    )


def _root_divided(rng: random.Random, largest: int) -> NumberStatement:
    # False where the divisor has a square factor: 12 divides 6 * 6 and not 6.
    divisor = rng.randint(2, 40)
    return _statement(
        f"n is divisible by {divisor} if n * n is divisible by {divisor}",
        largest,
        lambda n: n * n % divisor != 0 or n % divisor == 0,
    )


def _divided_difference(rng: random.Random, largest: int) -> NumberStatement:
    # True by Fermat's little theorem where the divisor is the power and a prime.
    power, divisor = rng.randint(2, 9), rng.randint(2, 15)
    return _statement(f"n^{power} - n is divisible by {divisor}", largest, lambda n: (n**power - n) % divisor == 0)


def _larger_power(rng: random.Random, largest: int) -> NumberStatement:
    base, factor, constant = rng.randint(2, 3), rng.randint(1, 9), rng.randint(0, 60)
    return _statement(
        f"{base}^n + {constant} is at least {factor} * n * n", largest, lambda n: base**n + constant >= factor * n * n
    )


def _squares(rng: random.Random, largest: int) -> NumberStatement:
    shift = rng.randint(1, 400)
    return _statement(
        f"n * n + {shift} is not a square number", largest, lambda n: round((n * n + shift) ** 0.5) ** 2 != n * n + shift
    )


_FAMILIES = (_prime_values, _never_divided, _root_divided, _divided_difference, _larger_power, _squares)
