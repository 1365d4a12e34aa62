"""Linear equations: one unknown, a number that was changed, and (evaluation only) two numbers from sum and difference."""

import random

from rollmill.pipelines.synthesize.library.arithmetic import DEEDS, chain_ops, run_ops
from rollmill.pipelines.synthesize.scenery import addend, big, listed, people, small
from rollmill.pipelines.synthesize.template import PHRASINGS, Calc, Params, Solution, Value

_INVERSE = {"+": "-", "-": "+", "*": "/", "/": "*"}


class Linear:
    """a * (x + b) + e = c * (x + d) + f + g * x, growing term by term from x + b = d at level 1."""

    name = "linear"
    skill = "linear equations"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        x, apart = big(level, rng), small(level, rng)
        c = rng.randint(2, 9) if level > 2 else 0
        g = rng.randint(2, 5) if level == 8 else 0
        # x has the coefficient a - c - g = `apart`, which is at least 2, so there is exactly one solution.
        a = 1 if level == 1 else c + g + apart
        # From level 5 on b is multiplied by a, so it does not grow with the level.
        b = addend(min(level, 5), rng)
        e = addend(level, rng) if level > 3 else 0
        # what the right side must come to once c * x and g * x are taken off
        right = (a - c - g) * x + (a * b if level > 4 else b) + e
        d, f = right, 0
        if level == 6:
            # The right side is c * (x + d), so what is missing to a multiple of c is added on both sides.
            e += -right % c
            d = (right + -right % c) // c
        elif level > 6:
            # c * d stays below the right side, so that f is at least 1.
            d = rng.randint(1, min(20, (right - 1) // c))
            f = right - c * d
        # Absent terms are empty lists, since every number of the parameters must be in the text.
        numbers = {"a": [a] * (level > 1), "b": b, "c": [c] * (level > 2), "d": d}
        return {
            "level": level,
            "who": people(1, rng),
            **numbers,
            "e": [e] * (e > 0),
            "f": [f] * (f > 0),
            "g": [g] * (g > 0),
        }

    def render(self, params: Params, phrasing: int) -> str:
        equation, who = self._equation(params), params["who"][0]
        return (
            f"Find the number x. We know that {equation}. What is x?",
            f"{who} writes {equation}. Which number is x?",
            f"What is the number x if {equation}?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        level, b, d = params["level"], params["b"], params["d"]
        left = calc.total([calc.mul(params["a"][0], b) if level > 4 else b, *params["e"]])
        right = calc.total([calc.mul(params["c"][0], d) if level > 5 else d, *params["f"]])
        rest = calc.sub(right, left)
        if level == 1:
            return calc.done(rest)
        factor: int | Value = params["a"][0]
        if level > 2:
            factor = calc.sub(factor, calc.total([*params["c"], *params["g"]]))
        return calc.done(calc.div(rest, factor))

    def answer_check(self, params: Params) -> str:
        """Tries numbers until both sides of the equation agree."""
        left, right = self._equation(params).replace("x", "{x}").split(" = ")
        # x is at most 99, so a wrong equation ends the search with a message.
        for x in range(10_000):
            sides = [_evaluate(side.format(x=x)) for side in (left, right)]
            if sides[0] == sides[1]:
                return str(x)
        return "no solution below 10000"

    @staticmethod
    def _equation(params: Params) -> str:
        level, b, d = params["level"], params["b"], params["d"]
        extra = "".join(f" + {n}" for n in params["e"])
        if level == 1:
            return f"x + {b} = {d}"
        a = params["a"][0]
        left = f"{a} * (x + {b}){extra}" if level > 4 else f"{a} * x + {b}{extra}"
        if level == 2:
            return f"{left} = {d}"
        c = params["c"][0]
        right = f"{c} * (x + {d})" if level > 5 else f"{c} * x + {d}"
        return f"{left} = {right}{''.join(f' + {n}' for n in params['f'])}{''.join(f' + {n} * x' for n in params['g'])}"


def _evaluate(side: str) -> int:
    """The value of a sum of products with one level of brackets, such as `3 * (4 + 5) + 6`."""
    while "(" in side:
        start, end = side.index("("), side.index(")")
        side = f"{side[:start]}{_evaluate(side[start + 1 : end])}{side[end + 1 :]}"
    total = 0
    for term in side.split(" + "):
        value = 1
        for factor in term.split(" * "):
            value *= int(factor)
        total += value
    return total


class Undo:
    """Someone changes a number step by step and tells the result; the start is found by going back."""

    name = "undo"
    skill = "linear equations"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        start = addend(level, rng)
        ops, numbers = chain_ops(start, level, rng)
        result = run_ops(start, ops, numbers)
        return {"level": level, "who": people(1, rng), "ops": ops, "numbers": numbers, "result": result}

    def render(self, params: Params, phrasing: int) -> str:
        who, result = params["who"][0], params["result"]
        deeds = [f"{DEEDS[op]} {n}" for op, n in zip(params["ops"], params["numbers"], strict=True)]
        done = listed(deeds, last="and then")
        return (
            f"{who} takes a number. {who} {done}. The result is {result}. Which number was it before?",
            f"A machine takes a number. The machine {done}. The machine gives {result}. What was the number before?",
            f"{who} starts with a number. {who} {done}. Now {who} has {result}. Which number was there at the start?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        value = calc.total([params["result"]])
        for op, number in zip(reversed(params["ops"]), reversed(params["numbers"]), strict=True):
            value = calc.apply(_INVERSE[op], value, number)
        return calc.done(value)

    def answer_check(self, params: Params) -> str:
        """Tries starts and runs them forward until the result fits."""
        for start in range(1, 10_000):
            if _forward(start, params["ops"], params["numbers"]) == params["result"]:
                return str(start)
        return "no start below 10000"


def _forward(value: int, ops: list[str], numbers: list[int]) -> int | None:
    for op, number in zip(ops, numbers, strict=True):
        # Without this several starts would give one result, as 6 // 2 and 7 // 2 do.
        if op == "/" and value % number:
            return None
        value = run_ops(value, [op], [number])
    return value


class TwoNumbers:
    """The larger of two numbers from sum and difference, then changed step by step. Evaluation only; level + 1 steps."""

    name = "two_numbers"
    skill = "linear equations"
    phrasings = PHRASINGS

    def sample(self, level: int, rng: random.Random) -> Params:
        smaller, gap = addend(level, rng), rng.randint(2, 8 + 4 * level)
        value = smaller + gap
        numbers: list[int] = []
        for index in range(level - 1):
            numbers.append(rng.randint(2, value - 1) if index % 2 else addend(level, rng))
            value += -numbers[-1] if index % 2 else numbers[-1]
        # The 2 is a parameter too, since the text must state each number that a step uses.
        pair = {"sum": 2 * smaller + gap, "gap": gap, "halves": 2}
        return {"level": level, "who": people(1, rng), **pair, "numbers": numbers}

    def render(self, params: Params, phrasing: int) -> str:
        who, pair = params["who"][0], f"The sum of {params['halves']} numbers is {params['sum']}"
        gap = f"the difference of the numbers is {params['gap']}"
        if not params["numbers"]:
            return (
                f"{pair} and {gap}. What is the larger number?",
                f"{pair}. We know that {gap}. Which is the larger number?",
                f"{who} writes {params['halves']} numbers. {pair} and {gap}. What is the larger number?",
            )[phrasing]
        deeds = listed([f"{('adds', 'subtracts')[index % 2]} {n}" for index, n in enumerate(params["numbers"])])
        return (
            f"{pair} and {gap}. {who} takes the larger number. Then {who} {deeds}. Which number does {who} get?",
            f"{pair}. We know that {gap}. A machine takes the larger number and {deeds}. What is the result?",
            f"{pair} and {gap}. {who} starts with the larger number. Then {who} {deeds}. What is the result?",
        )[phrasing]

    def solve(self, params: Params) -> Solution:
        calc = Calc()
        value = calc.div(calc.add(params["sum"], params["gap"]), params["halves"])
        for index, number in enumerate(params["numbers"]):
            value = calc.sub(value, number) if index % 2 else calc.add(value, number)
        return calc.done(value)

    def answer_check(self, params: Params) -> str:
        """Tries the smaller number upwards until the sum fits."""
        smaller = next(n for n in range(params["sum"] + 1) if n + n + params["gap"] == params["sum"])
        return str(smaller + params["gap"] + sum(params["numbers"][::2]) - sum(params["numbers"][1::2]))
