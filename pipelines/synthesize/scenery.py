"""Names, things, number sizes and small phrases that all templates share, so that the vocabulary stays small and closed."""

import random
from collections.abc import Sequence

NAMES = ("Tom", "Anna", "Ben", "Mia", "Leo", "Eva", "Max", "Zoe", "Sam", "Ivy", "Dan", "Lily")
THINGS = ("apples", "books", "cards", "coins", "pens", "stamps", "shells", "stones", "cookies", "eggs", "balls", "keys")

# Operand ranges by level: what is added or taken, the larger and the smaller factor of a product. Level 1 is meant to be
# nearly always solved by a model of one or two million parameters, level 8 seldom.
_ADD = ((2, 20), (2, 30), (3, 40), (5, 60), (10, 80), (10, 99), (20, 150), (40, 300))
_BIG = ((2, 9), (2, 10), (3, 12), (4, 15), (5, 20), (6, 30), (8, 50), (12, 99))
_SMALL = ((2, 9), (2, 9), (2, 9), (2, 9), (2, 9), (2, 9), (3, 9), (3, 12))
_CAP = (100, 150, 200, 300, 400, 600, 900, 1500)


def addend(level: int, rng: random.Random) -> int:
    """A number to add or take away, growing with the level."""
    return rng.randint(*_ADD[level - 1])


def big(level: int, rng: random.Random) -> int:
    """The larger factor of a product, growing with the level."""
    return rng.randint(*_BIG[level - 1])


def small(level: int, rng: random.Random) -> int:
    """The smaller factor of a product."""
    return rng.randint(*_SMALL[level - 1])


def cap(level: int) -> int:
    """The largest product of a long calculation."""
    return _CAP[level - 1]


def people(count: int, rng: random.Random) -> list[str]:
    """Different names."""
    return rng.sample(NAMES, count)


def thing(rng: random.Random) -> str:
    """A plural noun."""
    return rng.choice(THINGS)


def listed(parts: Sequence[str], *, last: str = "and") -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def by_level(row: Sequence[int], level: int) -> int:
    """The entry of an eight-long row for a level from 1 to 8."""
    return row[level - 1]
