"""A tiny evaluator of step lines, written apart from the calculator that makes them.

Numbers are integers, decimals or fractions such as 3/4, all taken exactly. It knows no template.
"""

import re
from collections.abc import Iterable
from fractions import Fraction

NUMBER = re.compile(r"\d+(?:\.\d+)?")


def evaluate_line(line: str) -> tuple[Fraction, Fraction, Fraction]:
    """The operands and result of a line `a op b = c`; ValueError if it is not one or not true."""
    parts = line.split(" ")
    if len(parts) != 5 or parts[3] != "=" or parts[1] not in {"+", "-", "*", "/", "%"}:
        raise ValueError(f"{line!r} is not of the form 'a op b = c'")
    a, b, stated = (Fraction(parts[index]) for index in (0, 2, 4))
    if parts[1] in "/%" and b == 0:
        raise ValueError(f"{line!r} divides by zero")
    if _result(parts[1], a, b) != stated:
        raise ValueError(f"{line!r} is not true")
    return a, b, stated


def check_steps(steps: Iterable[str], answer: str, given: Iterable[int | Fraction]) -> str | None:
    """Why the steps do not lead from the given numbers to the answer, or None when they do.

    Every operand must be given or the result of an earlier step, every line true, and the answer the last result or (as in
    Euclid's algorithm) an operand of the last line.
    """
    known = {Fraction(number) for number in given}
    last: tuple[Fraction, ...] = ()
    try:
        for line in steps:
            a, b, result = last = evaluate_line(line)
            unknown = [str(number) for number in (a, b) if number not in known]
            if unknown:
                return f"{line!r} uses {unknown[0]}, which is neither in the text nor an earlier result"
            known.add(result)
        return None if Fraction(answer) in last else f"the answer {answer} is not what the last step gives"
    except (ValueError, ZeroDivisionError) as error:
        return str(error)


def numbers_in(text: str) -> set[Fraction]:
    """The unsigned numbers that a text states in digits."""
    return {Fraction(number) for number in NUMBER.findall(text)}


def _result(op: str, a: Fraction, b: Fraction) -> Fraction:
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    if op == "*":
        return a * b
    return a / b if op == "/" else a - b * (a // b)
