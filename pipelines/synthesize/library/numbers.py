"""Number theory: the greatest common divisor by Euclid's steps, remainders of sums of products."""

import math
import random

from pipelines.synthesize.scenery import addend, big, by_level, listed, people, small, thing
from pipelines.synthesize.template import PHRASINGS, Calc, Params, Solution

_PACKS = (0, 0, 1, 2, 2, 3, 3, 4)
_LOOSE = (1, 2, 1, 0, 1, 0, 1, 0)
_LARGEST = (81, 150, 200, 250, 300, 500, 700, 999)


class Divisor:
    """The greatest common divisor of two numbers for which Euclid's algorithm takes exactly `level` divisions."""

    name = "divisor"
    skill = "number theory"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        while True:
            small_one = rng.randint(1 if level > 2 else 2, 12)
            large = small_one * rng.randint(2, 9)
            for _ in range(level - 1):
                large, small_one = large * rng.choice((1, 1, 1, 2, 3)) + small_one, large
            if large <= by_level(_LARGEST, level):
                break
        return {"level": level, "who": people(1, rng), "what": thing(rng), "numbers": [large, small_one]}

    def render(self, params: Params, phrasing: int) -> str:
        who, what = params["who"][0], params["what"]
        a, b = params["numbers"]
        return (
            f"What is the largest number that divides both of the numbers {a} and {b}?",
            f"{who} has {a} red and {b} blue {what}. All boxes get the same number of red {what} and the same number of"
            f" blue {what}. What is the largest number of boxes?",
            f"Find the largest common divisor of {a} and {b}.",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        a, b = (calc.total([number]) for number in params["numbers"])
        while b.number:
            a, b = b, calc.mod(a, b)
        return Solution(tuple(calc.steps), str(a.number), b.shape)

    def answer_check(self, params: Params) -> str:
        return str(math.gcd(*params["numbers"]))


class Leftovers:
    """Things from packs and loose ones go into boxes; the remainder is asked for."""

    name = "leftovers"
    skill = "number theory"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        packs = [[small(level, rng), big(level, rng)] for _ in range(by_level(_PACKS, level))]
        loose = [addend(level, rng) for _ in range(by_level(_LOOSE, level))]
        box = rng.randint(3, 6 + level)
        return {"level": level, "who": people(1, rng), "what": thing(rng), "packs": packs, "loose": loose, "box": box}

    def render(self, params: Params, phrasing: int) -> str:
        who, what, box = params["who"][0], params["what"], params["box"]
        has = [f"{count} bags of {each}" for count, each in params["packs"]]
        has += [f"{number}{' more' if has or index else ''}" for index, number in enumerate(params["loose"])]
        return (
            f"{who} has {listed(has)} {what} and puts {box} in each box. How many {what} are left over?",
            f"There are {listed(has)} {what}. Each box gets {box}. How many {what} are left over at the end?",
            f"A shop gets {listed(has)} {what} and sells them in boxes of {box}. How many {what} are left over?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        packs = [calc.mul(each, count) for count, each in params["packs"]]
        return calc.done(calc.mod(calc.total([*packs, *params["loose"]]), params["box"]))

    def answer_check(self, params: Params) -> str:
        """Fills boxes one thing at a time."""
        held = 0
        for each in [each for count, each in params["packs"] for _ in range(count)] + params["loose"]:
            for _ in range(each):
                held = 0 if held + 1 == params["box"] else held + 1
        return str(held)
