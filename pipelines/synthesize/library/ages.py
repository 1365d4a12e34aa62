"""Ages: a chain of comparisons, the sum of several ages, and (evaluation only) a multiple of a difference of ages."""

import random

from rollmill.pipelines.synthesize.scenery import addend, by_level, listed, people
from rollmill.pipelines.synthesize.template import PHRASINGS, Calc, Params, Solution

# Given and compared ages by level: a step for each comparison and the sum of all ages make `level` steps.
_GIVEN = (2, 1, 2, 1, 2, 1, 2, 1)
_LINKS = (0, 1, 1, 2, 2, 3, 3, 4)
_OLDEST = {"years": 110, "months": 1300}  # 1300 months are about 108 years


def _unit(level: int) -> str:
    """Ages are in months from level 6 on, where numbers are larger than the years of a life."""
    return "months" if level > 5 else "years"


def _links(age: int, count: int, level: int, rng: random.Random) -> list[list[int | str]]:
    """Comparisons, each with the one before: ["+", 5] is five years older, ["*", 3] is three times as old."""
    links: list[list[int | str]] = []
    oldest = _OLDEST[_unit(level)]
    for _ in range(count):
        op = rng.choice("++--*")
        number = addend(level, rng)
        # 4 is the largest factor, so the age stays within a life whichever is drawn.
        if op == "*" and age * 4 <= oldest:
            number = rng.randint(2, 4)
            age *= number
        # Ages up to 3 only grow, so that none falls to 0.
        elif age > 3 and (op == "-" or age + number > _OLDEST[_unit(level)]):
            op, number = "-", min(number, rng.randint(2, age - 1))
            age -= number
        else:
            op = "+"
            age += number
        links.append([op, number])
    return links


def _compare(person: str, other: str, op: str, number: int, unit: str) -> str:
    if op == "*":
        return f"{person} is {number} times as old as {other}"
    return f"{person} is {number} {unit} {'older' if op == '+' else 'younger'} than {other}"


class AgeChain:
    """Each person is compared with the one before; the last age is asked for. Level = number of comparisons."""

    name = "age_chain"
    skill = "ages"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        age = addend(level, rng)
        return {"level": level, "who": people(level + 1, rng), "age": age, "links": _links(age, level, level, rng)}

    def render(self, params: Params, phrasing: int) -> str:
        who, unit = params["who"], _unit(params["level"])
        links = enumerate(params["links"])
        facts = [f"{who[0]} is {params['age']} {unit} old"]
        facts += [_compare(who[index + 1], who[index], op, number, unit) for index, (op, number) in links]
        return (
            f"{'. '.join(facts)}. How old is {who[-1]}, in {unit}?",
            f"How old is {who[-1]}, in {unit}? We know that {listed(facts)}.",
            f"{listed(facts)}. What is the age of {who[-1]} in {unit}?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        value = calc.total([params["age"]])
        for op, number in params["links"]:
            value = calc.apply(op, value, number)
        return calc.done(value)

    def answer_check(self, params: Params) -> str:
        # Without `Calc`, so that a wrong operation of `solve` shows.
        age = params["age"]
        for op, number in params["links"]:
            age = age * number if op == "*" else age + int(f"{op}{number}")
        return str(age)


class AgeSum:
    """Some ages are given, some compared with the one before; their sum is asked for."""

    name = "age_sum"
    skill = "ages"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        ages = [addend(level, rng) for _ in range(by_level(_GIVEN, level))]
        links = _links(ages[-1], by_level(_LINKS, level), level, rng)
        return {"level": level, "who": people(len(ages) + len(links), rng), "ages": ages, "links": links}

    def render(self, params: Params, phrasing: int) -> str:
        who, ages, unit = params["who"], params["ages"], _unit(params["level"])
        facts = [f"{who[index]} is {age} {unit} old" for index, age in enumerate(ages)]
        for index, (op, number) in enumerate(params["links"], start=len(ages)):
            facts.append(_compare(who[index], who[index - 1], op, number, unit))
        return (
            f"{'. '.join(facts)}. What is the sum of the ages of {listed(who)}?",
            f"What do you get if you add the ages of {listed(who)}? We know that {listed(facts)}.",
            f"{listed(facts)}. How old are they in all, in {unit}?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        ages = [calc.total([age]) for age in params["ages"]]
        for op, number in params["links"]:
            ages.append(calc.apply(op, ages[-1], number))
        return calc.done(calc.total(ages))

    def answer_check(self, params: Params) -> str:
        last, total = params["ages"][-1], sum(params["ages"])
        for op, number in params["links"]:
            last = last * number if op == "*" else last + int(f"{op}{number}")
            total += last
        return str(total)


class AgeGap:
    """A multiple of the difference of two ages, then comparisons. Evaluation only; level + 1 steps."""

    name = "age_gap"
    skill = "ages"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        young = addend(level, rng)
        ages, times = [young + rng.randint(2, 10 + level), young], rng.randint(2, 4)
        age = (ages[0] - ages[1]) * times
        shifts: list[int] = []
        for index in range(level - 1):
            # An older one comes first and they alternate, so that an age is never too small to take 2 from it.
            shifts.append(addend(level, rng) if index % 2 == 0 else rng.randint(2, age - 1))
            age += -shifts[-1] if index % 2 else shifts[-1]
        return {"level": level, "who": people(level + 2, rng), "ages": ages, "times": times, "shifts": shifts}

    def render(self, params: Params, phrasing: int) -> str:
        who, (old, young), times, unit = params["who"], params["ages"], params["times"], _unit(params["level"])
        facts = []
        for index, number in enumerate(params["shifts"]):
            facts.append(_compare(who[index + 3], who[index + 2], "+-"[index % 2], number, unit))
        more = f" {'. '.join(facts)}." if facts else ""
        first = f"{who[0]} is {old} {unit} old and {who[1]} is {young} {unit} old."
        gap = f"The age of {who[2]} is {times} times the difference of the ages of {who[0]} and {who[1]}."
        return (
            f"{first} {gap}{more} How old is {who[-1]}, in {unit}?",
            f"{gap} {first}{more} What is the age of {who[-1]} in {unit}?",
            f"How old is {who[-1]}, in {unit}? We know that {first} {gap}{more}",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        value = calc.mul(calc.sub(*params["ages"]), params["times"])
        for index, number in enumerate(params["shifts"]):
            value = calc.sub(value, number) if index % 2 else calc.add(value, number)
        return calc.done(value)

    def answer_check(self, params: Params) -> str:
        # Counted and not subtracted, which would repeat the first step of `solve`.
        gap = len(range(params["ages"][1], params["ages"][0]))
        return str(gap * params["times"] + sum(params["shifts"][::2]) - sum(params["shifts"][1::2]))
