"""A right answer in another dress: it must stay correct. Other marks, spaces, separators, equal fractions and decimals.

Every dress of a number is read back and has exactly the same value. Answers that are several values get other marks only.
"""

import re
from decimal import ROUND_DOWN
from fractions import Fraction

from pipelines.audit.planted_answer import Answer, rational
from pipelines.audit.planted_values import as_decimal, terminates

_BOX = re.compile(r"\\boxed\s*\{")
_THOUSANDS = 1_000


def reformatted(answer: Answer) -> list[tuple[str, str]]:
    """(name of the dress, text) for every dress that fits."""
    own = answer.text[answer.start : answer.end].strip()
    texts = [(f"mark {name}", text) for name, text in _marked(answer, own)]
    if answer.mark != "phrase":
        texts.append(("spaces", answer.replaced(f"  {own.removeprefix(answer.money)} ")))
    if answer.value is None:
        return texts
    numbers = [(name, dress) for name, dress in _dresses(answer.value, own) if rational(dress) == answer.value]
    return texts + [(name, answer.replaced(dress)) for name, dress in numbers if dress != answer.written]


def _marked(answer: Answer, own: str) -> list[tuple[str, str]]:
    """The same answer behind other marks, on a line of its own at the end; older marks are taken away."""
    before = answer.text[: answer.start]
    if answer.mark == "hash":
        before = before.rpartition("####")[0].rstrip()
    elif answer.mark == "box":
        before = answer.text[: before.rfind("\\boxed")] + own + answer.text[answer.end + 1 :]
    else:
        before = answer.text
    if _BOX.search(before) or "####" in before:
        return []
    bare = own.removeprefix("\\") if own.startswith("\\$") else own
    texts = {
        "hash": f"{before}\n#### {bare}",
        "phrase": f"{before}\nThe answer is {bare}.",
        "box": f"{before}\nSo it is \\boxed{{{own}}}.",
        "box in display": f"{before}\n\\[\n\\boxed{{{own}}}\n\\]",
    }
    return [(name, text) for name, text in texts.items() if name != answer.mark]


def _dresses(value: Fraction, own: str) -> list[tuple[str, str]]:
    """Other spellings of one number."""
    minus, size = ("-" if value < 0 else ""), abs(value)
    dresses = []
    if size.denominator == 1:
        if size >= _THOUSANDS:
            grouped = f"{size.numerator:,}"
            dresses += [("thousands", minus + grouped), ("no thousands", f"{minus}{size.numerator}")]
            dresses += [("thousands in braces", minus + grouped.replace(",", "{,}"))]
        dresses += [("decimal zero", f"{minus}{size.numerator}.0"), ("as a quotient", f"{minus}{size.numerator * 2}/2")]
    else:
        dresses += [("fraction", f"{minus}\\frac{{{size.numerator}}}{{{size.denominator}}}")]
        dresses += [("quotient", f"{minus}{size.numerator}/{size.denominator}")]
        if terminates(size):
            decimal = as_decimal(size, 60, ROUND_DOWN).rstrip("0")
            dresses += [("decimal", minus + decimal), ("trailing zero", f"{minus}{decimal}0")]
    return [(name, dress) for name, dress in dresses if dress != own]
