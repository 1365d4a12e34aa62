"""Rates: journeys by leg, a tank with pumps and leaks, a pursuit (evaluation only)."""

import random
from itertools import pairwise

from rollmill.pipelines.synthesize.scenery import addend, big, by_level, listed, people, small
from rollmill.pipelines.synthesize.template import PHRASINGS, Calc, Params, Solution

# Numbers of parts by level, with which a solution has `level` steps (that of `CatchUp` one more).
_LEGS = (1, 1, 2, 2, 3, 3, 4, 4)
_PUMPS = (1, 1, 2, 2, 3, 3, 4, 4)
_LEAKS = (0, 0, 0, 1, 1, 2, 2, 2)
_LEADS = (1, 0, 1, 1, 2, 2, 2, 3)


class Trips:
    """A journey in legs of speed and hours, on even levels with a walk at the end."""

    name = "trips"
    skill = "rates"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        legs = by_level(_LEGS, level)
        speeds = [big(level, rng) for _ in range(legs)]
        hours = [small(level, rng) for _ in range(legs)]
        walk = [addend(level, rng)] if level % 2 == 0 else []
        return {"level": level, "who": people(1, rng), "speeds": speeds, "hours": hours, "walk": walk}

    def render(self, params: Params, phrasing: int) -> str:
        who = params["who"][0]
        verb = ("drives", "rides", "travels")[phrasing]
        legs = zip(params["speeds"], params["hours"], strict=True)
        ways = [f"{hours} hours at {speed} miles per hour" for speed, hours in legs]
        walk = f" At the end {who} walks {params['walk'][0]} miles." if params["walk"] else ""
        ask = (
            f"How many miles does {who} travel in all?",
            "How many miles is the trip in all?",
            f"How far does {who} get, in miles?",
        )[phrasing]
        return f"{who} {verb} for {listed(ways, last='and then')}.{walk} {ask}"

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        legs = [calc.mul(speed, hours) for speed, hours in zip(params["speeds"], params["hours"], strict=True)]
        return calc.done(calc.total([*legs, *params["walk"]]))

    def answer_check(self, params: Params) -> str:
        # Hour by hour, without the products of `solve`.
        far = sum(params["walk"])
        for speed, hours in zip(params["speeds"], params["hours"], strict=True):
            for _ in range(hours):
                far += speed
        return str(far)


class Tank:
    """Water that pumps add and leaks lose per minute, from a given start."""

    name = "tank"
    skill = "rates"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        pumps = [big(level, rng) + 1 for _ in range(by_level(_PUMPS, level))]
        # A quarter of the inflow at most, so that two leaks cannot empty the tank.
        leaks = [rng.randint(1, max(1, sum(pumps) // 4)) for _ in range(by_level(_LEAKS, level))]
        minutes = small(level, rng)
        start = [addend(level, rng)] if level > 1 else []
        full = (sum(pumps) - sum(leaks)) * minutes + sum(start)
        used = [rng.randint(10, full - 1)] if level == 8 else []
        who = people(1, rng)
        return {
            "level": level,
            "who": who,
            "pumps": pumps,
            "leaks": leaks,
            "minutes": minutes,
            "start": start,
            "used": used,
        }

    def render(self, params: Params, phrasing: int) -> str:
        who, minutes = params["who"][0], params["minutes"]
        start = f"A tank has {params['start'][0]} litres of water." if params["start"] else "A tank is empty."
        pumps = listed([str(number) for number in params["pumps"]])
        one = len(params["pumps"]) == 1
        source = (
            f"{'A pump adds' if one else 'Pumps add'}",
            f"{who} adds",
            f"{'A machine adds' if one else 'Machines add'}",
        )
        leaks = ""
        if params["leaks"]:
            leaks = f" and leaks lose {listed([str(number) for number in params['leaks']])} litres per minute"
        used = f" At the end {who} takes out {params['used'][0]} litres." if params["used"] else ""
        ask = (
            f"How many litres are in the tank after {minutes} minutes?",
            f"After {minutes} minutes, how many litres of water does the tank have?",
            f"How much water is in the tank after {minutes} minutes, in litres?",
        )[phrasing]
        return f"{start} {source[phrasing]} {pumps} litres per minute{leaks}.{used} {ask}"

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        rate = calc.total(params["pumps"])
        for leak in params["leaks"]:
            rate = calc.sub(rate, leak)
        water = calc.mul(rate, params["minutes"])
        for start in params["start"]:
            water = calc.add(water, start)
        for used in params["used"]:
            water = calc.sub(water, used)
        return calc.done(water)

    def answer_check(self, params: Params) -> str:
        water = sum(params["start"])
        for _ in range(params["minutes"]):
            water += sum(params["pumps"])
            water -= sum(params["leaks"])
        return str(water - sum(params["used"]))


class CatchUp:
    """Chase of one person by another on the same road: a lead divided by the difference of the speeds. Evaluation only."""

    name = "catch_up"
    skill = "rates"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        diff, hours, slow = rng.randint(2, 5), small(level, rng), rng.randint(3, 8 + level)
        early = [rng.randint(2, 3)] if level > 1 else []
        parts = by_level(_LEADS, level)
        if level == 2:
            # Without miles ahead the hours are slow * early / diff, which must be whole.
            slow = diff * rng.randint(2, 4)
        # The miles ahead must be positive and enough to be cut into their parts.
        while parts and diff * hours < slow * sum(early) + 2 * parts:
            hours += 1
        cuts = sorted(rng.sample(range(1, diff * hours - slow * sum(early)), parts - 1)) if parts else []
        ends = [0, *cuts, diff * hours - slow * sum(early)]
        ahead = [high - low for low, high in pairwise(ends)] if parts else []
        walk = [addend(level, rng)] if level > 5 else []
        back = [rng.randint(2, 9)] if level > 6 else []
        speeds = [slow + diff, slow]
        who = people(2, rng)
        return {"level": level, "who": who, "speeds": speeds, "early": early, "ahead": ahead, "walk": walk, "back": back}

    def render(self, params: Params, phrasing: int) -> str:
        first, second = params["who"]
        fast, slow = params["speeds"]
        verb = ("drives", "rides", "travels")[phrasing]
        text = [f"{first} {verb} at {slow} miles per hour and {second} {verb} at {fast} miles per hour."]
        if params["early"]:
            text.append(f"{first} starts {params['early'][0]} hours before {second}.")
        if params["ahead"]:
            text.append(f"{first} has {listed([str(miles) for miles in params['ahead']])} miles more at the start.")
        if params["level"] < 4:
            return " ".join([*text, f"After how many hours does {second} get to {first}?"])
        text.append(f"Then {second} gets to {first}.")
        more = [f"{miles} miles more" for miles in params["walk"]] + [f"{miles} miles back" for miles in params["back"]]
        if more:
            text.append(f"After that {second} walks {listed(more, last='and then')}.")
        return " ".join([*text, f"How many miles from the start is {second} now?"])

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        fast, slow = params["speeds"]
        value = calc.total([*[calc.mul(slow, hours) for hours in params["early"]], *params["ahead"]])
        value = calc.div(value, calc.sub(fast, slow))
        if params["level"] >= 4:
            value = calc.mul(fast, value)
        for miles in params["walk"]:
            value = calc.add(value, miles)
        for miles in params["back"]:
            value = calc.sub(value, miles)
        return calc.done(value)

    def answer_check(self, params: Params) -> str:
        fast, slow = params["speeds"]
        ahead, behind, hours = slow * sum(params["early"]) + sum(params["ahead"]), 0, 0
        # Exact, as the two meet after a whole number of hours.
        while behind < ahead:
            ahead, behind, hours = ahead + slow, behind + fast, hours + 1
        return str(behind + sum(params["walk"]) - sum(params["back"]) if params["level"] >= 4 else hours)
