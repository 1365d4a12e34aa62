"""The question a worker process answers: is this answer that reference? Numbers first, then the library math-verify.

The library reads what our own rules cannot, and its yes alone is not sufficient. Its parser drops what
it does not know (`1, 2, \\ldots, n` becomes 2, `1/\\mathrm{e}` is 1) and its grader compares with an absolute tolerance
(1/2004! equals 1/2006!). So both texts must be read faithfully, with every number and letter found in the parsed
expression, and the values must agree to 300 digits, or the expressions be one. Only its LaTeX reader is used: the other one
hands text to sympy's `parse_expr`, which is `eval`.
"""

import re
from fractions import Fraction
from typing import Any

from rollmill.pipelines.verify.answers import numeric
from rollmill.pipelines.verify.answers.equality import EqualityContext
from rollmill.pipelines.verify.answers.expressions.notation import UNGROUPED, clean
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.answers.same import Judge


def decide(question: dict[str, Any]) -> dict[str, Any]:
    """{"outcome", "rule"} for {"reference", "answer", "asks"}; may be slow, may be killed."""
    reference, answer = str(question["reference"]), str(question["answer"])
    context = EqualityContext.from_json(question["asks"])
    left, right = read(reference).value, read(answer).value
    if left is not None and right is not None:
        same = Judge(context, numeric.agree).same(left, right)
        if same is not None:
            return {"outcome": "correct" if same else "incorrect", "rule": "numbers"}
    outcome, rule = opinion(reference, answer)
    return {"outcome": outcome, "rule": rule}


_LETTER = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
_LOST = re.compile(
    r"\\frac\s*\{\s*d\s?[A-Za-z]"
    r"|\\[lc]?dots|\.\.\.|…|(?<!\\):|'|\\prime|\\text|\\mathrm|\\mbox|\\operatorname|[^\x00-\x7f]"
)
_WORDS = re.compile(r"(?:\A|(?<=\s))(?!(?:sin|cos|tan|log|ln|exp|max|min)\b)[A-Za-z]{2,}(?=\s|\Z)")
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\s*\{[A-Za-z*]+\}")
_LONG_NAME = re.compile(r"(?<![A-Za-z\\])(?!(?:sin|cos|tan|cot|sec|csc|log|exp|max|min|gcd|lcm)(?![A-Za-z]))[A-Za-z]{3,}")
_NESTED_POWER = re.compile(r"\^\s*\{?[^{}]*\^|\d{5,}\s*!|\^\s*\{?\s*\d{5,}")
_DIGITS = 330  # 300 must agree; the others are for the errors of the operations
_HUGE = 30
_POINTS = ((13, 7), (29, 17), (41, 11), (-19, 23), (-31, 13))


def opinion(reference: str, answer: str) -> tuple[str, str]:
    """(outcome, rule) where outcome is correct, incorrect or undecided, with the rule or cause that led to it."""
    wanted, reason = _parse(reference), "the reference is not readable"
    if wanted is None or not _faithful(reference, wanted):
        return "undecided", reason
    expression = _parse(answer)
    if expression is None:
        return "undecided", "the answer is not readable"
    from math_verify import verify  # takes half a second: only the first question that needs it waits for that

    # Without the library's own timeout, which counts wall time: the worker's limit of CPU time holds.
    if not verify([wanted], [expression], timeout_seconds=None):
        return ("incorrect", "library") if _faithful(answer, expression) else ("undecided", "the answer is not readable")
    if not _faithful(answer, expression):
        return "undecided", "the library lost a part of the answer"
    confirmed = _confirmed(wanted, expression)
    if confirmed is None:
        return "undecided", "the library says equal, unconfirmed"
    return ("correct", "library-confirmed") if confirmed else ("incorrect", "library-refuted")


def _parse(text: str) -> Any:
    """The expression the library reads, or None when it reads none or only the text."""
    from math_verify import parse
    from math_verify.parser import LatexExtractionConfig

    if _NESTED_POWER.search(text):
        return None
    text = text.strip().strip("$")
    if "$" in text or "\\(" in text:
        return None  # the library would read the part between them
    try:
        expressions = parse(f"${text}$", extraction_config=[LatexExtractionConfig()], parsing_timeout=None)
    except RecursionError:
        return None
    return next((item for item in expressions if not isinstance(item, str)), None)


def _faithful(text: str, expression: Any) -> bool:
    """True if all numbers and letters of a text survived its parsing."""
    import sympy

    spelled = clean(text)
    if _LOST.search(spelled) or _WORDS.search(text) or _LONG_NAME.search(_ENVIRONMENT.sub(" ", text)):
        return False
    numbers = {Fraction(int(n)) for n in _integers(expression)}
    for numeral in UNGROUPED.findall(spelled.replace(",", " ")):
        value = Fraction(numeral)
        if value not in numbers and not {Fraction(value.numerator), Fraction(value.denominator)} <= numbers | {Fraction(1)}:
            return False
    symbols = expression.atoms(sympy.Symbol) | {part.func for part in expression.atoms(sympy.Function)}
    names = "".join(str(symbol) for symbol in symbols).lower()
    return all(letter.lower() in names or letter in "eid" for letter in _LETTER.findall(spelled))


def _integers(expression: Any) -> set[int]:
    import sympy

    integers: set[int] = set()
    for part in sympy.preorder_traversal(expression):
        if isinstance(part, sympy.Rational):
            integers |= {abs(int(part.p)), int(part.q)}
        elif isinstance(part, sympy.Float):
            # By its decimal digits: those of the exact binary value are not in the text.
            exact = Fraction(str(part))
            integers |= {abs(exact.numerator), exact.denominator}
    return integers


def _confirmed(gold: Any, given: Any) -> bool | None:
    """Identity of expressions, or agreement of values to 300 digits relative to their size."""
    import sympy

    if gold == given:
        return True
    if not isinstance(gold, sympy.Expr) or not isinstance(given, sympy.Expr):
        return None
    symbols = sorted(gold.free_symbols | given.free_symbols, key=str)
    agreed = 0
    for index, (top, bottom) in enumerate(_POINTS):
        point = {symbol: sympy.Rational(top + index + place, bottom) for place, symbol in enumerate(symbols)}
        values = [sympy.N(side.doit().subs(point), _DIGITS) for side in (gold, given)]
        if not all(value.is_number and value.is_finite for value in values):
            return None
        size = max(abs(value) for value in values)
        if size > 10**_HUGE:
            return None
        if size and abs(values[0] - values[1]) > size * sympy.Float(10) ** -(_DIGITS - 30):
            return False
        agreed += 1
        if not symbols:
            break
    return agreed > 0
