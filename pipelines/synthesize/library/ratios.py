"""Ratios: sharing in a ratio, a discount in percent, units to be added up and a length to be cut into pieces."""

import random
from fractions import Fraction

from rollmill.pipelines.synthesize.scenery import addend, big, by_level, listed, people, small, thing
from rollmill.pipelines.synthesize.template import PHRASINGS, Calc, Params, Solution

# Numbers of parts, changes and goods by level, with which a solution has `level` steps.
_PARTS = (1, 2, 2, 2, 3, 3, 4, 4)
_AFTER = (0, 0, 0, 1, 1, 2, 2, 3)
_PERCENTS = (10, 20, 25, 30, 40, 50)
_MOST_PAID = 900
_LINES = (0, 0, 0, 1, 1, 2, 2, 3)


class Sharing:
    """A total shared in a ratio; from level 4 on the first person's part changes afterwards."""

    name = "sharing"
    skill = "ratios and percent"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        count = by_level(_PARTS, level)
        parts = [rng.randint(2, 5 + level // 3) for _ in range(count)]
        each = big(level, rng) + 1
        stock = parts[0] * each
        after: list[int] = []
        for _ in range(by_level(_AFTER, level)):
            loss = rng.random() < 0.5 and stock > 2
            after.append(-rng.randint(1, stock - 1) if loss else addend(level, rng))
            stock += after[-1]
        who, what = people(max(count, 2), rng), thing(rng)
        return {"level": level, "who": who, "what": what, "parts": parts, "total": sum(parts) * each, "after": after}

    def render(self, params: Params, phrasing: int) -> str:
        level, what, total, first = params["level"], params["what"], params["total"], params["who"][0]
        numbers = [str(part) for part in params["parts"]]
        if level < 3:
            groups = numbers[0] if level == 1 else f"{numbers[0]} red and {numbers[1]} blue"
            return (
                f"{first} puts {total} {what} in {groups} boxes, the same number in each. How many {what} are in each box?",
                f"There are {total} {what} for {groups} boxes. Each box gets the same. How many {what} does each box get?",
                f"{first} shares {total} {what} between {groups} boxes. How many {what} are in one box?",
            )[phrasing]
        # `listed` gives "2, 3 to 4", and the ratio is "2 to 3 to 4".
        ratio, who = listed(numbers, last="to").replace(",", " to"), listed(params["who"])
        deeds = [f"{'gets' if change > 0 else 'gives away'} {abs(change)}" for change in params["after"]]
        then = f" Then {first} {listed(deeds)}." if deeds else ""
        return (
            f"{who} share {total} {what} in the ratio {ratio}.{then} How many {what} does {first} have now?",
            f"There are {total} {what} for {who} in the ratio {ratio}.{then} How many {what} are left for {first}?",
            f"The ratio of the {what} of {who} is {ratio}. They have {total} {what} in all.{then}"
            f" How many {what} does {first} have?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        value = calc.div(params["total"], calc.total(params["parts"]))
        if params["level"] >= 3:
            value = calc.mul(value, params["parts"][0])
        for change in params["after"]:
            value = calc.add(value, change) if change > 0 else calc.sub(value, -change)
        return calc.done(value)

    def answer_check(self, params: Params) -> str:
        share = Fraction(params["parts"][0] if params["level"] >= 3 else 1, sum(params["parts"]))
        return str(share * params["total"] + sum(params["after"]))


class Discount:
    """Part of a stock, a percent of a number, a price after a discount on a bill with delivery."""

    name = "discount"
    skill = "ratios and percent"
    phrasings = PHRASINGS
    constants = (100,)  # the text says percent, and the steps use 100

    def sample(self, level: int, rng: random.Random) -> Params:
        who, what = people(1, rng), rng.sample(("apples", "books", "cards", "coins", "pens", "stamps", "shells"), 3)
        lines = by_level(_LINES, level)
        while True:
            prices = [5 * rng.randint(2, 4 + level) for _ in range(lines)] or [10 * big(level, rng)]
            counts = [small(level, rng) for _ in range(lines)]
            bill = sum(price * count for price, count in zip(prices, counts, strict=True)) if lines else prices[0]
            percent = small(level, rng) if level == 1 else rng.choice(_PERCENTS)
            if level == 1:
                prices = [percent * big(level, rng)]
                break
            # Whole dollars only: `calc.div` refuses a quotient that is none.
            if bill * percent % 100 == 0 and bill <= _MOST_PAID:
                break
        extra = [rng.randint(3, 30)] if level in (5, 7) else []
        numbers = {"prices": prices, "counts": counts, "percent": percent, "extra": extra}
        return {"level": level, "who": who, "what": what[: max(lines, 1)], **numbers}

    def render(self, params: Params, phrasing: int) -> str:
        level, who, percent = params["level"], params["who"][0], params["percent"]
        what, price = params["what"][0], params["prices"][0]
        if level == 1:
            return (
                f"{who} has {price} {what}. 1 in every {percent} is red. How many {what} are red?",
                f"There are {price} {what} in a box. 1 in {percent} of the {what} is blue. How many {what} are blue?",
                f"A shop has {price} {what} and sells 1 in every {percent}. How many {what} does the shop sell?",
            )[phrasing]
        if level == 2:
            return (
                f"{who} has {price} {what}. {percent} percent are red. How many {what} are red?",
                f"There are {price} {what} in a box and {percent} percent are blue. How many {what} are blue?",
                f"A shop has {price} {what} and sells {percent} percent. How many {what} does the shop sell?",
            )[phrasing]
        rows = zip(params["counts"], params["what"], params["prices"], strict=True)
        goods = listed([f"{count} {item} at {cost} dollars each" for count, item, cost in rows]) if level > 3 else ""
        goods = goods or f"{what} for {price} dollars"
        extra = f" Then {who} pays {params['extra'][0]} dollars more for the trip." if params["extra"] else ""
        ask = f"How many dollars does {who} pay"
        return (
            f"{who} buys {goods} with a discount of {percent} percent.{extra} {ask} in all?",
            f"A shop sells {who} {goods}. The discount is {percent} percent.{extra} {ask}?",
            f"In a shop {who} takes {goods}. {who} gets {percent} percent off.{extra}"
            " How many dollars does this cost in all?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        level, percent = params["level"], params["percent"]
        if level == 1:
            return calc.done(calc.div(params["prices"][0], percent))
        rows = zip(params["prices"], params["counts"], strict=True)
        bill = calc.total([calc.mul(price, count) for price, count in rows] if level > 3 else params["prices"])
        part = calc.div(calc.mul(bill, percent), 100)
        value = part if level == 2 else calc.sub(bill, part)
        return calc.done(calc.total([value, *params["extra"]]))

    def answer_check(self, params: Params) -> str:
        level, percent = params["level"], params["percent"]
        if level == 1:
            return str(Fraction(params["prices"][0], percent))
        # Levels 2 and 3 have one price and no counts.
        counts = params["counts"] or [1]
        bill = sum(count * price for count, price in zip(counts, params["prices"], strict=True))
        share = Fraction(percent if level == 2 else 100 - percent, 100)
        return str(bill * share + sum(params["extra"]))


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
# Numbers of amounts by level, with which a solution has `level` steps.
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
            # The smallest length from `least` on that leaves no rest when the rope is cut.
            little = [least + (sum(lost) - least - factor * sum(large)) % piece]
        else:
            little = []
            # Never empty: both factors of _LENGTHS are even.
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
