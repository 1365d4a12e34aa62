"""Synthesizer `strategies`: problems whose familiar way works on one side, and which need another way on the other.

The transformative axis of OMEGA (Sun et al. 2025, arXiv:2506.18880): a familiar problem is solved by going through all
cases, the other one asks the same of numbers that nobody can go through. Both sides of a family are worded alike.

| family | familiar | other |
|---|---|---|
| `sum` | add the terms | sum of an arithmetic sequence |
| `last_digit` | multiply out | the cycle of last digits |
| `paths` | list the paths | a binomial coefficient |
| `handshakes` | count them one by one | pairs |
| `divisors` | try all numbers | exponents of the prime factors |
| `telescope` | add the fractions | terms that cancel |
| `multiples` | go through the numbers | inclusion and exclusion |
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from rollmill.methods import Problem
from rollmill_reasoning.tasks.drawing import LICENCE, checked_some, checked_split, distinct_problems, on_split

SIDES = ("familiar", "other")
FEASIBLE = 2_000  # cases that the familiar way may go through; the other side has more


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of problems. `draw`: draws the numbers of a problem of one side. `ask`: text of the problem. `slow`: computes
    the answer in the familiar way. `quick`: computes it in the other way. `cases`: counts the cases that the familiar way
    goes through.
    """

    draw: Callable[[bool, random.Random], tuple[int, ...]]
    ask: str
    quick: Callable[..., int | Fraction]
    slow: Callable[..., int | Fraction]
    cases: Callable[..., int]


class Strategies:
    """Problems of each family and side in turn; `meta.strategy` is the side."""

    name, version = "strategies", "1"

    def __init__(
        self, *, families: Sequence[str] | None = None, sides: Sequence[str] = SIDES, split: str = "train"
    ) -> None:
        """Take the options of a recipe.

        Args:
            families: Families of problems; none: all.
            sides: Sides: `familiar`, `other`.
            split: Split of the problems: `train` or `heldout`, which share no instance.
        """
        self.families = checked_some(
            self.name, "families", tuple(FAMILIES) if families is None else families, tuple(FAMILIES)
        )
        self.sides = checked_some(self.name, "sides", sides, SIDES)
        self.split = checked_split(self.name, split)

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` distinct problems."""
        kinds = [(family, side) for side in self.sides for family in self.families]
        return distinct_problems(self.name, kinds, self._of, budget, seed)

    def _of(self, kind: tuple[str, str], rng: random.Random) -> Problem | None:
        name, side = kind
        family = FAMILIES[name]
        numbers = family.draw(side == "familiar", rng)
        if not on_split(self.split, [name, *numbers]):
            return None
        return Problem(
            family.ask.format(*numbers),
            # The familiar way takes too long on the other side; on its own side tests compare the two.
            str(family.quick(*numbers)),
            source="strategies",
            licence=LICENCE,
            split=self.split,
            level=1 + (side == "other"),
            skill=name,
            template=f"{name}-{side}",
            meta={"strategy": side, "numbers": list(numbers), "cases": family.cases(*numbers)},
        )


def _between(rng: random.Random, familiar: bool, near: tuple[int, int], far: tuple[int, int]) -> int:
    return rng.randint(*(near if familiar else far))


def _divisors(number: int) -> int:
    """Number of divisors from the prime factors."""
    count, factor = 1, 2
    while factor * factor <= number:
        power = 1
        while number % factor == 0:
            number //= factor
            power += 1
        count *= power
        factor += 1
    return count * (2 if number > 1 else 1)


def _factored(familiar: bool, rng: random.Random) -> tuple[int, ...]:
    if familiar:
        return (rng.randint(6, 120),)
    number = 0
    while number <= FEASIBLE:
        number = math.prod(prime ** rng.randint(1, 6) for prime in rng.sample((2, 3, 5, 7, 11), 4))
    return (number,)


# Far ranges exceed FEASIBLE in cases: 300 people make 44,850 pairs, 9 by 9 steps 48,620 paths.
FAMILIES: dict[str, Family] = {
    "sum": Family(
        lambda near, rng: (rng.randint(1, 40), rng.randint(2, 12), _between(rng, near, (3, 6), (3_000, 90_000))),
        "A sequence starts with {0} and each term is {1} more than the one before. What is the sum of its first {2} terms?",
        lambda a, step, n: n * a + step * n * (n - 1) // 2,
        lambda a, step, n: sum(a + step * at for at in range(n)),
        lambda a, step, n: n,  # noqa: ARG005
    ),
    "last_digit": Family(
        lambda near, rng: (rng.randint(2, 99), _between(rng, near, (2, 4), (3_000, 10**9))),
        "What is the last digit of {0}^{1}?",
        # Last digits repeat every 4 powers from the first on; + 4 avoids power 0, which is always 1.
        lambda base, power: pow(base, power % 4 + 4, 10),
        lambda base, power: base**power % 10,
        lambda base, power: power,  # noqa: ARG005
    ),
    "paths": Family(
        # Only 9 grids are familiar; the seconds make more problems of them.
        lambda near, rng: (*(_between(rng, near, (1, 3), (9, 14)) for _ in range(2)), rng.randint(2, 60)),
        "A robot on a grid goes {0} steps right and {1} steps up in any order, in {2} seconds. It takes each different "
        "path once. How many seconds is that together?",
        lambda right, up, seconds: seconds * math.comb(right + up, up),
        lambda right, up, seconds: seconds * _walked(right, up),
        lambda right, up, seconds: math.comb(right + up, up),  # noqa: ARG005
    ),
    "handshakes": Family(
        lambda near, rng: (_between(rng, near, (3, 6), (300, 90_000)), rng.randint(2, 40)),
        "{0} people meet. Each pair of them shakes hands {1} times. How many handshakes are there?",
        lambda people, times: times * people * (people - 1) // 2,
        lambda people, times: times * sum(1 for one in range(people) for _ in range(one)),
        lambda people, times: people * (people - 1) // 2,  # noqa: ARG005
    ),
    "divisors": Family(
        _factored,
        "How many whole numbers from 1 on divide {0}?",
        _divisors,
        lambda number: sum(number % other == 0 for other in range(1, number + 1)),
        lambda number: number,
    ),
    "telescope": Family(
        lambda near, rng: (rng.randint(1, 60), _between(rng, near, (2, 4), (3_000, 90_000))),
        "What is the sum of 1/(n*(n+1)) for {1} numbers n from {0} on, as a fraction in lowest terms?",
        lambda first, count: Fraction(1, first) - Fraction(1, first + count),
        lambda first, count: sum((Fraction(1, n * (n + 1)) for n in range(first, first + count)), Fraction(0)),
        lambda first, count: count,  # noqa: ARG005
    ),
    "multiples": Family(
        # Two primes, so that their common multiples are those of the product.
        lambda near, rng: (*sorted(rng.sample((2, 3, 5, 7, 11, 13), 2)), _between(rng, near, (12, 40), (3_000, 10**9))),
        "How many whole numbers from 1 to {2} are multiples of {0} or of {1}?",
        lambda one, two, last: last // one + last // two - last // (one * two),
        lambda one, two, last: sum(n % one == 0 or n % two == 0 for n in range(1, last + 1)),
        lambda one, two, last: last,  # noqa: ARG005
    ),
}


def _walked(right: int, up: int) -> int:
    """Number of paths, each walked."""
    if right == 0 or up == 0:
        return 1
    return _walked(right - 1, up) + _walked(right, up - 1)
