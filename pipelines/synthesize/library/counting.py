"""Counting: choices that multiply, a counter that turns, overlapping groups."""

import random
from itertools import product

from rollmill.pipelines.synthesize.scenery import addend, by_level, listed, people
from rollmill.pipelines.synthesize.template import PHRASINGS, Calc, Params, Solution

# Kinds with two colours and with one, by level: a sum for each pair and the product make `level` steps.
_PAIRS = (0, 1, 2, 2, 3, 3, 4, 4)
_SINGLES = (2, 1, 0, 1, 0, 1, 0, 1)
_CLOTHES = ("shirts", "hats", "coats", "bags", "pens")
# `answer_check` lists every choice, so their number is bounded.
_MOST_CHOICES = 6000

# Days by level: their differences, the sum and on even levels one number more make `level` steps.
_RANGES = (1, 1, 2, 2, 3, 3, 4, 4)


class Outfits:
    """Choice of one item of each kind; kinds with two colours are added up first, then all are multiplied."""

    name = "outfits"
    skill = "counting"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        pairs, singles = by_level(_PAIRS, level), by_level(_SINGLES, level)
        # Smaller numbers at higher levels, where more kinds are multiplied.
        most = 9 if level == 1 else 6 if level < 5 else 5
        while True:
            kinds = [[rng.randint(1, most), rng.randint(1, most)] for _ in range(pairs)]
            kinds += [[rng.randint(2, most)] for _ in range(singles)]
            if self._count(kinds) <= _MOST_CHOICES:
                break
        what = rng.sample(_CLOTHES, len(kinds))
        return {"level": level, "who": people(1, rng), "what": what, "kinds": kinds}

    def render(self, params: Params, phrasing: int) -> str:
        who = params["who"][0]
        kinds = zip(params["kinds"], params["what"], strict=True)
        has = [f"{' red and '.join(str(n) for n in kind)}{' blue' if len(kind) > 1 else ''} {what}" for kind, what in kinds]
        return (
            f"{who} has {listed(has)}. How many ways are there to take one of each?",
            f"A shop sells {listed(has)}. {who} buys one of each. In how many ways?",
            f"There are {listed(has)} in a box. In how many ways does {who} take out one of each?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        return calc.done(calc.product([calc.total(kind) for kind in params["kinds"]]))

    def answer_check(self, params: Params) -> str:
        return str(sum(1 for _ in product(*[range(sum(kind)) for kind in params["kinds"]])))

    @staticmethod
    def _count(kinds: list[list[int]]) -> int:
        count = 1
        for kind in kinds:
            count *= sum(kind)
        return count


class Counter:
    """A counter at a door goes from one number to another on several days; on even levels more people come."""

    name = "counter"
    skill = "counting"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        days = [self._day(level, rng) for _ in range(by_level(_RANGES, level))]
        more = [addend(level, rng)] if level % 2 == 0 else []
        return {"level": level, "who": people(1, rng), "days": days, "more": more}

    def render(self, params: Params, phrasing: int) -> str:
        who = params["who"][0]
        many = len(params["days"]) > 1
        days = listed([f"from {first} to {last}" for first, last in params["days"]], last="and then")
        day = f" on {'the next days' if many else 'one day'}"
        more = params["more"][0] if params["more"] else 0
        ask = "How many people come in all?"
        tail = f" Then {more} people more come." if more else ""
        return (
            f"The counter at a door goes {days}{day}.{tail} {ask}",
            f"{who} has a counter for people. The counter goes {days}.{tail} {ask}",
            f"A machine at the door of a shop adds one for each person. The number goes {days}.{tail} {ask}",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        days = [calc.sub(last, first) for first, last in params["days"]]
        return calc.done(calc.total([*days, *params["more"]]))

    def answer_check(self, params: Params) -> str:
        return str(sum(len(range(first, last)) for first, last in params["days"]) + sum(params["more"]))

    @staticmethod
    def _day(level: int, rng: random.Random) -> list[int]:
        first = addend(level, rng)
        return [first, first + addend(level, rng)]


class Clubs:
    """Pupils who like two or three things, by inclusion and exclusion; then those who like none, then several classes."""

    name = "clubs"
    skill = "counting"
    phrasings = PHRASINGS

    # What each level counts: single sets, overlaps of two, overlap of three, those with none, classes alike.
    _PLAN = (
        (2, 0, 0, 0, 0),
        (2, 1, 0, 0, 0),
        (2, 1, 0, 1, 0),
        (2, 1, 0, 1, 1),
        (3, 2, 0, 1, 0),
        (3, 3, 1, 0, 0),
        (3, 3, 1, 1, 0),
        (3, 3, 1, 1, 1),
    )

    def sample(self, level: int, rng: random.Random) -> Params:
        sets, pairs, triple, none, classes = self._PLAN[level - 1]
        most = 4 + 2 * level
        all_three = rng.randint(2, most) if triple else 0
        both = [rng.randint(2, most) for _ in range(pairs)]
        alone = [rng.randint(2, 3 * most) for _ in range(sets)]
        members = [(0, 1), (1, 2), (0, 2)]
        # Groups are put together from disjoint parts, so that the overlaps always fit into them.
        groups = [
            alone[index] + all_three + sum(b for b, pair in zip(both, members, strict=False) if index in pair)
            for index in range(sets)
        ]
        # An overlap of two includes those in all three, as inclusion and exclusion counts it.
        numbers = {"groups": groups, "both": [b + all_three for b in both], "three": [all_three] if triple else []}
        rest = {"none": [rng.randint(2, 3 * most)] if none else [], "classes": [rng.randint(2, 6)] if classes else []}
        what = rng.sample(("chess", "music", "art", "sport", "cooking", "dance"), sets)
        return {"level": level, "who": people(1, rng), "what": what, **numbers, **rest}

    def render(self, params: Params, phrasing: int) -> str:
        what, two = params["what"], len(params["groups"]) == 2
        verb = ("like", "choose", "learn")[phrasing]
        where = f"In each of {params['classes'][0]} classes" if params["classes"] else "In a class"
        facts = [listed([f"{n} {verb} {item}" for n, item in zip(params["groups"], what, strict=True)])]
        named = ((0, 1), (1, 2), (0, 2))
        both = [f"{n} {verb} {what[i]} and {what[j]}" for n, (i, j) in zip(params["both"], named, strict=False)]
        if two and both:
            both = [f"{params['both'][0]} {verb} both"]
        three = [f"{n} {verb} all" for n in params["three"]]
        none = [f"{n} {verb} none" for n in params["none"]]
        # Overlaps that are not stated are excluded, or several totals would fit the text.
        if not both:
            facts.append("No one is in both groups")
        else:
            facts.append(listed([*both, *three, *none]))
        if len(params["both"]) == 2:
            facts.append(f"No one has both {what[0]} and {what[2]}")
        ask = "How many people are there in all?" if params["none"] else f"How many people {verb} one or more of them?"
        return f"{where} {'. '.join(facts)}. {ask}"

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        value = calc.total(params["groups"])
        for both in params["both"]:
            value = calc.sub(value, both)
        value = calc.total([value, *params["three"], *params["none"]])
        return calc.done(calc.product([value, *params["classes"]]))

    def answer_check(self, params: Params) -> str:
        """Builds the people one by one as sets of what they like, and counts them."""
        three, both = sum(params["three"]), params["both"]
        crowd = [frozenset({0, 1, 2})] * three
        for count, pair in zip(both, ((0, 1), (1, 2), (0, 2)), strict=False):
            crowd += [frozenset(pair)] * (count - three)
        for index, count in enumerate(params["groups"]):
            crowd += [frozenset({index})] * (count - sum(1 for person in crowd if index in person))
        return str((len(crowd) + sum(params["none"])) * sum(params["classes"] or [1]))
