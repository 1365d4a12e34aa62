"""Arithmetic: a changing stock, a bill, a number machine; greatest common divisors and remainders."""

import math
import random
from collections.abc import Sequence

from rollmill.pipelines.synthesize.scenery import addend, big, by_level, cap, listed, people, small, thing
from rollmill.pipelines.synthesize.template import PHRASINGS, Calc, Params, Solution

# Goods by level: their products, the sum and on even levels the change make `level` steps.
_ITEMS = (1, 1, 2, 2, 3, 3, 4, 4)

ORDERS = {"+": "add", "-": "subtract", "*": "multiply by", "/": "divide by"}
DEEDS = {"+": "adds", "-": "subtracts", "*": "multiplies by", "/": "divides by"}


def chain_ops(start: int, level: int, rng: random.Random) -> tuple[list[str], list[int]]:
    """`level` operations from `start` on, every value on the way a whole number from 1 on.

    A product stays within the level's cap; sums may go beyond it.
    """
    ops: list[str] = []
    numbers: list[int] = []
    value = start
    for _ in range(level):
        op, number = _next_op(value, level, rng)
        ops.append(op)
        numbers.append(number)
        value = run_ops(value, [op], [number])
    return ops, numbers


def run_ops(value: int, ops: Sequence[str], numbers: Sequence[int]) -> int:
    """The result of the operations in order, by plain integer arithmetic."""
    for op, number in zip(ops, numbers, strict=True):
        value = {"+": value + number, "-": value - number, "*": value * number, "/": value // number}[op]
    return value


def _next_op(value: int, level: int, rng: random.Random) -> tuple[str, int]:
    for op in rng.sample("+-*/", 4):
        if op == "+":
            return op, addend(level, rng)
        if op == "-" and value > 3:
            return op, min(addend(level, rng), rng.randint(2, value - 1))
        if op == "*" and 2 <= value <= cap(level) // 2:
            return op, rng.randint(2, min(9, cap(level) // value))
        divisors = [d for d in range(2, 10) if value % d == 0 and value > d]
        if op == "/" and divisors:
            return op, rng.choice(divisors)
    # Never reached, since the loop meets "+" and takes it at once.
    return "+", addend(level, rng)


class Basket:
    """A stock of things that grows and shrinks; level = number of changes."""

    name = "basket"
    skill = "chained arithmetic"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        stock = start = addend(level, rng)
        changes: list[int] = []
        for _ in range(level):
            change = addend(level, rng)
            changes.append(-change if change < stock and rng.random() < 0.5 else change)
            stock += changes[-1]
        return {"level": level, "who": people(1, rng), "what": thing(rng), "start": start, "changes": changes}

    def render(self, params: Params, phrasing: int) -> str:
        who, what, start = params["who"][0], params["what"], params["start"]
        gain, loss = (("finds", "gives away"), ("puts in", "takes out"), ("buys", "sells"))[phrasing]
        deeds = listed([f"{gain if change > 0 else loss} {abs(change)}" for change in params["changes"]])
        return (
            f"{who} starts with {start} {what}. Then {who} {deeds}. How many {what} does {who} have now?",
            f"There are {start} {what} in a box. Then {who} {deeds}. How many {what} are in the box now?",
            f"A shop has {start} {what} in the morning. Then the shop {deeds}. How many {what} are left in the shop?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        value = calc.total([params["start"]])
        for change in params["changes"]:
            value = calc.add(value, change) if change > 0 else calc.sub(value, -change)
        return calc.done(value)

    def answer_check(self, params: Params) -> str:
        return str(params["start"] + sum(params["changes"]))


class Shop:
    """A bill of several goods; odd levels ask for the bill, even ones for the change from a given sum."""

    name = "shop"
    skill = "chained arithmetic"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        items = by_level(_ITEMS, level)
        prices = [big(level, rng) for _ in range(items)]
        counts = [small(level, rng) for _ in range(items)]
        bill = sum(price * count for price, count in zip(prices, counts, strict=True))
        paid = [bill + rng.randint(1, 20 * level)] if level % 2 == 0 else []
        what = rng.sample(("apples", "books", "cards", "coins", "pens", "stamps", "shells", "cookies"), items)
        return {"level": level, "who": people(1, rng), "what": what, "prices": prices, "counts": counts, "paid": paid}

    def render(self, params: Params, phrasing: int) -> str:
        who = params["who"][0]
        goods = list(zip(params["counts"], params["what"], params["prices"], strict=True))
        each = listed([f"{count} {what} for {price} dollars each" for count, what, price in goods])
        every = listed([f"{count} {what} at {price} dollars each" for count, what, price in goods])
        if params["paid"]:
            paid = params["paid"][0]
            return (
                f"{who} buys {each}. {who} pays with {paid} dollars. How many dollars does {who} get back?",
                f"{who} has {paid} dollars and buys {every}. How many dollars are left?",
                f"A shop sells {who} {each}. {who} pays with {paid} dollars. What is the difference in dollars?",
            )[phrasing]
        return (
            f"{who} buys {each}. How many dollars does {who} pay in all?",
            f"In a shop {who} takes {every}. How many dollars does this cost in all?",
            f"A shop sells {who} {each}. How many dollars does the shop get in all?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        costs = [calc.mul(price, count) for price, count in zip(params["prices"], params["counts"], strict=True)]
        bill = calc.total(costs)
        return calc.done(calc.sub(params["paid"][0], bill) if params["paid"] else bill)

    def answer_check(self, params: Params) -> str:
        lots = [price for price, count in zip(params["prices"], params["counts"], strict=True) for _ in range(count)]
        # Without a payment the bill comes out negative.
        return str(abs(sum(params["paid"]) - sum(lots)))


class Machine:
    """A number sent through add, subtract, multiply and divide; level = number of operations."""

    name = "machine"
    skill = "chained arithmetic"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        start = addend(level, rng)
        ops, numbers = chain_ops(start, level, rng)
        return {"level": level, "who": people(1, rng), "start": start, "ops": ops, "numbers": numbers}

    def render(self, params: Params, phrasing: int) -> str:
        who, start = params["who"][0], params["start"]
        pairs = list(zip(params["ops"], params["numbers"], strict=True))
        orders = listed([f"{ORDERS[op]} {number}" for op, number in pairs])
        deeds = listed([f"{DEEDS[op]} {number}" for op, number in pairs], last="and then")
        return (
            f"Start with the number {start}. Then {orders}. What is the result?",
            f"{who} writes the number {start}. Then {who} {deeds}. Which number does {who} get?",
            f"A machine takes the number {start}. The machine {deeds}. Which number does the machine give?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        value = calc.total([params["start"]])
        for op, number in zip(params["ops"], params["numbers"], strict=True):
            value = calc.apply(op, value, number)
        return calc.done(value)

    def answer_check(self, params: Params) -> str:
        return str(run_ops(params["start"], params["ops"], params["numbers"]))


# Packs and loose things by level: products, sum and remainder make `level` steps.
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
            # Built from the last division backwards; with a quotient of 1 there the one before it would have no rest.
            large = small_one * rng.randint(2, 9)
            for _ in range(level - 1):
                # Mostly quotients of 1, with which numbers grow slowest: level 8 stays below 1,000.
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
        # The last remainder is 0, and its shape holds all divisions; that of the answer lacks the last.
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
