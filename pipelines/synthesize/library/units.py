"""Unit conversion: adding up mixed units, cutting a length into pieces."""

import random

from pipelines.synthesize.scenery import addend, by_level, listed, people, small
from pipelines.synthesize.template import PHRASINGS, Calc, Params, Solution

# (one large unit, several, one small unit, several, how many small ones make a large one)
_UNITS = (
    ("hour", "hours", "minute", "minutes", 60),
    ("week", "weeks", "day", "days", 7),
    ("metre", "metres", "centimetre", "centimetres", 100),
    ("day", "days", "hour", "hours", 24),
    ("foot", "feet", "inch", "inches", 12),
    ("minute", "minutes", "second", "seconds", 60),
    ("pound", "pounds", "ounce", "ounces", 16),
)
_LENGTHS = (("metre", "metres", "centimetre", "centimetres", 100), ("foot", "feet", "inch", "inches", 12))
_LARGE = (1, 1, 1, 2, 2, 3, 3, 4)
_SMALL = (0, 1, 2, 1, 2, 1, 2, 1)
_ROPE_LARGE = (0, 1, 1, 1, 2, 2, 3, 3)
_ROPE_SMALL = (1, 0, 1, 1, 1, 1, 1, 1)
_ROPE_WASTE = (0, 0, 0, 1, 0, 1, 0, 1)


def _amounts(params: Params) -> list[str]:
    _, larges, _, smalls = params["what"]
    return [f"{n} {larges}" for n in params["large"]] + [f"{n} {smalls}" for n in params["small"]]


class Conversion:
    """Amounts in a large and a small unit, added up in the small one."""

    name = "conversion"
    skill = "unit conversion"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        *units, factor = rng.choice(_UNITS)
        large = [small(level, rng) for _ in range(by_level(_LARGE, level))]
        little = [addend(level, rng) for _ in range(by_level(_SMALL, level))]
        return {"level": level, "who": people(1, rng), "what": units, "factor": factor, "large": large, "small": little}

    def render(self, params: Params, phrasing: int) -> str:
        one, _, _, smalls = params["what"]
        who, fact = params["who"][0], f"One {one} has {params['factor']} {smalls}."
        amounts = listed(_amounts(params))
        return (
            f"{fact} How many {smalls} are {amounts} in all?",
            f"{who} adds {amounts}. {fact} How many {smalls} does {who} get?",
            f"{who} has {amounts}. What is this in {smalls}? {fact}",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        parts = [calc.mul(number, params["factor"]) for number in params["large"]]
        return calc.done(calc.total([*parts, *params["small"]]))

    def answer_check(self, params: Params) -> str:
        return str(sum(params["large"]) * params["factor"] + sum(params["small"]))


class Rope:
    """A rope of mixed units, some of it lost, cut into equal pieces; level 1 converts into the larger unit."""

    name = "rope"
    skill = "unit conversion"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        *units, factor = rng.choice(_LENGTHS if level > 1 else _UNITS)
        large = [small(level, rng) for _ in range(by_level(_ROPE_LARGE, level))]
        lost = [rng.randint(1, 9 + level) for _ in range(by_level(_ROPE_WASTE, level))]
        piece = rng.randint(2, 4 + 2 * level)
        if level == 1:
            little, piece = [factor * rng.randint(2, 20)], factor
        elif by_level(_ROPE_SMALL, level):
            least = rng.randint(max(lost, default=1), 20 * level)
            little = [least + (sum(lost) - least - factor * sum(large)) % piece]
        else:
            little = []
            piece = rng.choice([d for d in range(2, 13) if large[0] * factor % d == 0])
        numbers = {"factor": factor, "large": large, "small": little, "lost": lost, "piece": piece}
        return {"level": level, "who": people(1, rng), "what": units, **numbers}

    def render(self, params: Params, phrasing: int) -> str:
        one, larges, _, smalls = params["what"]
        who, fact = params["who"][0], f"One {one} has {params['factor']} {smalls}."
        amounts, piece = listed(_amounts(params)), params["piece"]
        if params["level"] == 1:
            return (
                f"{fact} How many {larges} are {amounts}?",
                f"{who} has {amounts}. {fact} How many {larges} does {who} have?",
                f"What are {amounts} in {larges}, the larger unit? {fact}",
            )[phrasing]
        lost = f" {who} gives away {params['lost'][0]} {smalls}." if params["lost"] else ""
        return (
            f"{who} has a rope of {amounts}. {fact}{lost} Each piece has {piece} {smalls}. How many pieces does {who} get?",
            f"{fact} A rope has {amounts}.{lost} How many pieces of {piece} {smalls} are in the rope?",
            f"A machine makes pieces of {piece} {smalls} from a rope of {amounts}. {fact}{lost} How many pieces are there?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        value = calc.total([*[calc.mul(number, params["factor"]) for number in params["large"]], *params["small"]])
        for lost in params["lost"]:
            value = calc.sub(value, lost)
        return calc.done(calc.div(value, params["piece"]))

    def answer_check(self, params: Params) -> str:
        rope = params["factor"] * sum(params["large"]) + sum(params["small"]) - sum(params["lost"])
        pieces = 0
        while rope > 0:
            rope, pieces = rope - params["piece"], pieces + 1
        return str(pieces) if rope == 0 else "a piece is left over"
