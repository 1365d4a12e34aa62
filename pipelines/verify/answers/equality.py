"""The equality policies: what counts as the same answer where mathematicians and graders differ.

Named and versioned; the name and version of the chosen policy, and of the order, are part of a verifier's version. If
notation is ambiguous, the problem's text decides. No policy cares which side is the reference.

strict (the default)
- percent (and dozen, thousand, million ...): 50% is 1/2. Where the problem asks in percent it also equals 50, and a plain
  number above 1 is in percent: 12 is not 1200%.
- units: a unit behind the answer is dropped; if both sides name a unit we know, they must be the same unit, or convert: 5 m
  is 500 cm, unless the problem asks for a unit by name.
- brackets: part of the answer; (1, 2) never equals [1, 2], {1, 2} or 1, 2.
- decimals: exact; 0.333 is not 1/3. A decimal of 15 or more significant digits is a floating-point print and equals what
  it prints to its last places; an integer is always exact.
lenient (also accepts)
- decimals: a plain decimal equals every value that rounds to it: |x - decimal| is at most half a unit of its last place,
  and the decimal keeps two places and two significant digits, or one place and three significant digits. Integers stay
  exact.
- percent and scale words: as written or multiplied out, whatever the problem context. 1/2 never equals 1/2%.
- units and currency: never compared. Words that turn an answer round (loss, below, south) still count.
- brackets: around the whole of one side only they are layout: 1, 2 equals (1, 2). Two kinds of brackets still differ.
- options: a letter equals its option's value in the problem's text.
incomplete (as strict; for references known to hold one of several requested quantities; of `math` only)
- an answer of two to four values of which exactly one is the reference is correct, by the rule `incomplete`, under which
  such verdicts can be counted. It accepts a list whose other values are wrong.
Order of a bare list: `by_problem` (unordered where the problem asks for roots, solutions, all values, and where the items
are tuples; ordered where it asks for an order), `ordered` or `unordered`. (a, b) is ordered and {a, b} is not under every
one of them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

from rollmill.ground.errors import unknown_name
from rollmill.ground.ids import digest128
from rollmill.pipelines.verify.answers.expressions.quantity import SCALES, Quantity
from rollmill.pipelines.verify.answers.expressions.units import (
    kind_of_unit,
    known_unit,
    same_sense,
    same_unit,
    size_of_unit,
)
from rollmill.pipelines.verify.answers.questions.asked import (
    letters_of,
    order_asked,
    ratio_asked,
    scales_asked,
)

Order = Literal["by_problem", "ordered", "unordered"]
_ONE = Fraction(1)
_PROMPT = 20_000  # characters that go to a worker process: what is asked for stands in them
_UNIT_ASKED = re.compile(
    r"(?i)\b(?:how many|wie viele|combien d[e'’]|cu[aá]nt[oa]s|quant[ieao]s|сколько|ile|in|of|en|em|в) ?"
    r"((?:square |cubic )?(?:[^\W\d_]{2,}|[msghlL](?=[?.,)\s]))(?:\^?[23²³])?(?:(?: per |/)[a-z]+)?)"
)
_QUESTION = 200  # last characters of a problem, in which the unit stands that it asks for
_CENTS = (("euro", "cent"), ("pound", "penny"))  # a dollar's are in the table of sizes
ORDERS = ("by_problem", "ordered", "unordered")


@dataclass(frozen=True, slots=True, eq=False)
class EqualityPolicy:
    """A named policy: the equalities that it accepts beyond exact ones; A verifier's version contains `summary`."""

    name: str
    version: str
    summary: str
    rounded: bool = False
    scales_either: bool = False
    units_ignored: bool = False
    brackets_loose: bool = False
    options_resolved: bool = False
    parts_accepted: bool = False

    @property
    def label(self) -> str:
        """The policy as written in a verifier's version."""
        return f"{self.name}.{self.version}+{self.summary}"


STRICT = EqualityPolicy("strict", "5", "percent.asked-units.known-brackets.kept-decimals.exact")
LENIENT = EqualityPolicy(
    "lenient",
    "4",
    "percent.either-units.ignored-brackets.loose-decimals.rounded-options.resolved",
    rounded=True,
    scales_either=True,
    units_ignored=True,
    brackets_loose=True,
    options_resolved=True,
)
INCOMPLETE = replace(
    STRICT, name="incomplete", version="3", summary=f"{STRICT.summary}-references.incomplete", parts_accepted=True
)
POLICIES: Mapping[str, EqualityPolicy] = {policy.name: policy for policy in (STRICT, LENIENT, INCOMPLETE)}
"""The policies by name; raise a policy's version with any change of its rules."""


@lru_cache(maxsize=16)
def _rounding(policy: EqualityPolicy) -> EqualityPolicy:
    """A policy that also accepts rounded values."""
    return replace(policy, rounded=True)


_OPTION = re.compile(r"(?:(?<=\s)|\A)\(?([A-Ja-j])[).:]\s+(?=\S)|(?:(?<=\s)|\A)\(([A-Ja-j])\)\s*(?=\S)")


class EqualityContext:
    """Form of the answer that the problem's text requests, and the policy in force. Reads the text when first asked."""

    __slots__ = ("order", "policy", "prompt")

    def __init__(self, prompt: str, policy: EqualityPolicy = STRICT, order: Order = "by_problem") -> None:
        self.prompt, self.policy, self.order = prompt, policy, order

    @property
    def scales(self) -> frozenset[str]:
        """The percent sign and scale words in the problem's text."""
        return scales_asked(self.prompt)

    @property
    def unordered(self) -> bool:
        """True if a bare list may come in any order."""
        return self._ordering()[0]

    @property
    def ordered(self) -> bool:
        """True if the text requests an order explicitly."""
        return self._ordering()[1]

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """The options of a multiple-choice problem."""
        return options_of(self.prompt)

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters that the problem uses as names, in their order."""
        return letters_of(self.prompt)

    @property
    def asks_ratio(self) -> bool:
        """True if 5:8 may be written as 5/8."""
        return ratio_asked(self.prompt)

    def _ordering(self) -> tuple[bool, bool]:
        if self.order == "by_problem":
            return order_asked(self.prompt)
        return self.order == "unordered", self.order == "ordered"

    def key(self) -> tuple[object, ...]:
        """Key of everything that a decision may depend on."""
        # Not the prompt itself: problems that ask alike share remembered decisions.
        return self.scales, self._ordering(), self.policy.name, self.options, self.letters, self.asks_ratio

    def rounding(self) -> "EqualityContext | None":
        """The same under a policy that also accepts rounded values; None if the policy does."""
        policy = self.policy
        return None if policy.rounded else EqualityContext(self.prompt, _rounding(policy), self.order)

    def to_json(self) -> dict[str, Any]:
        """Message of this context for a worker."""
        return {"prompt": self.prompt[:_PROMPT], "order": self.order, "policy": self.policy.name}

    @classmethod
    def from_json(cls, context: Mapping[str, Any]) -> "EqualityContext":
        """The policy from its `to_json` form."""
        return cls(str(context["prompt"]), POLICIES[context["policy"]], order_named(context["order"]))


def policy_named(name: str) -> EqualityPolicy:
    """The policy of that name; `SetupError` with the valid ones for any other."""
    if name not in POLICIES:
        raise unknown_name("policy", name, POLICIES)
    return POLICIES[name]


def versioned(number: str, rules: Iterable[tuple[str, str]], *parts: str) -> str:
    """A verifier's version: its own number, a digest of its rules with their versions, and whatever else decides."""
    return "+".join([number, f"rules.{digest128([list(rule) for rule in rules])[:8]}", *parts])


def order_named(order: str) -> Order:
    """The given order; `SetupError` with the valid ones for any other."""
    if order not in ORDERS:
        raise unknown_name("order", order, ORDERS)
    return order  # type: ignore[return-value]


@lru_cache(maxsize=4_096)
def options_of(prompt: str) -> tuple[tuple[str, str], ...]:
    """(letter, text) of the options a prompt lists, at least A and B in a row; the letters in upper case."""
    marks = list(_OPTION.finditer(prompt))
    letters = [(mark[1] or mark[2]).upper() for mark in marks]
    # Marks that do not run from A without a gap may be anything, such as (b) in a sentence.
    if len(letters) < 2 or letters != list("ABCDEFGHIJ"[: len(letters)]):
        return ()
    ends = [mark.start() for mark in marks[1:]] + [len(prompt)]
    # Later lines are not part of an option: the last one would take the rest of the prompt.
    texts = (prompt[mark.end() : end].split("\n", 1)[0].strip(" \t,;") for mark, end in zip(marks, ends, strict=True))
    return tuple(zip(letters, texts, strict=True))


def same_quantity(left: Quantity, right: Quantity, context: EqualityContext) -> bool:
    """True if two plain numbers are the same answer under the policy; symmetric in both."""
    if left.scale == right.scale and left.unit == right.unit:  # nearly all; `==` of fractions takes three times as long
        equal = left.value.as_integer_ratio() == right.value.as_integer_ratio()
        if equal or not (context.policy.rounded or left.slack or right.slack):
            return equal
    if left.unit != right.unit and not compatible(left.unit, right.unit, context):
        return False
    near = (spread(left.value, left.slack, left.places, context), spread(right.value, right.slack, right.places, context))
    if left.scale == right.scale:
        return same_number(left.value, right.value, max(near))
    factors = (SCALES.get(left.scale, _ONE), SCALES.get(right.scale, _ONE))
    if multiplied_out(left.scale, right.scale, right.value if left.scale else left.value, context) and same_number(
        left.value * factors[0], right.value * factors[1], max(near[0] * factors[0], near[1] * factors[1])
    ):
        return True
    return as_written(left.scale, right.scale, left.value, context) and same_number(left.value, right.value, max(near))


def same_converted(left: Quantity, right: Quantity, context: EqualityContext) -> bool | None:
    """True if two numbers are one quantity in two units, 5 m and 500 cm; None if the problem asks for another unit."""
    if left.scale or right.scale:
        return False
    asked = units_asked(context.prompt)
    only = next(iter(asked)) if len(asked) == 1 else ""
    same = sizes_agree(left.unit or only, right.unit or only, left.value, right.value)
    return same and (None if only and not (left.unit and right.unit and known_unit(right.unit) == only) else True)


def sizes_agree(left: str, right: str, first: Fraction, second: Fraction) -> bool:
    """True if two numbers of two units of one dimension are one quantity."""
    if left == right:
        return False
    named = {known_unit(left): first, known_unit(right): second}
    for whole, part in _CENTS:
        if named.keys() == {whole, part}:
            return named[whole] * 100 == named[part]
    sizes = size_of_unit(left), size_of_unit(right)
    if sizes[0] is None or sizes[1] is None or sizes[0][0] != sizes[1][0]:
        return False
    return first * sizes[0][1] == second * sizes[1][1]


@lru_cache(maxsize=4_096)
def units_asked(prompt: str) -> frozenset[str]:
    """The units with a size that the end of a problem asks for by name."""
    nouns = (noun.strip() for noun in _UNIT_ASKED.findall(prompt[-_QUESTION:]))
    return frozenset(name for noun in nouns if size_of_unit(noun) and (name := known_unit(noun)))


def same_when_rounded(reference: Quantity, answer: Quantity, context: EqualityContext) -> bool:
    """True if a reference that is a decimal may be the answer, rounded; an answer that rounds an exact one is wrong."""
    if not reference.places:
        return False
    rounding = context.rounding()
    return rounding is not None and same_quantity(reference, answer, rounding)


def multiplied_out(left: str, right: str, plain: Fraction | None, context: EqualityContext) -> bool:
    """True if two numbers, only one with a percent sign or scale word, may be compared with it multiplied out.

    Where the problem asks in percent a plain number above 1 is in percent too: 12 is then 12%, and never 1200%.
    """
    percent = (left or right) == "%" and not (left and right) and "%" in context.scales
    return not percent or plain is None or abs(plain) <= 1


def as_written(left: str, right: str, value: Fraction | None, context: EqualityContext) -> bool:
    """True if two numbers, only one with a percent sign or scale word, may be compared without it."""
    if left and right:
        return False
    if (left or right) in context.scales:  # asked for in percent, 50 is 50%
        return True
    if not context.policy.scales_either or value is None:
        return False
    return abs(value) > 1 and (left or right) not in ("tenths", "hundredths", "thousandths")


def spread(value: Fraction, slack: Fraction, places: int | None, context: EqualityContext) -> Fraction:
    """Largest distance of a value from its number as written: the slack of its print; half a unit under `lenient`."""
    if not places or not context.policy.rounded:
        return slack
    digits = abs(value) * 10**places  # as a whole number: from 10 on it has two significant digits, from 100 on three
    return max(slack, Fraction(1, 2 * 10**places)) if digits >= (10 if places > 1 else 100) else slack


def same_number(left: Fraction, right: Fraction, near: Fraction) -> bool:
    """Exact equality, or a distance of at most `near`."""
    return left == right or (near > 0 and abs(right - left) <= near)


def compatible(left: str, right: str, context: EqualityContext) -> bool:
    """True if the units of two numbers are interchangeable."""
    if context.policy.units_ignored:
        return same_sense(left, right)
    return same_unit(left, right) and (bool(left and right) or not _another_asked(left or right, context.prompt))


def _another_asked(unit: str, prompt: str) -> bool:
    """True for 18 cents where the problem asks how many dollars, and the other side names no unit."""
    kind = kind_of_unit(unit)
    if kind is None:
        return False
    asked = {kind_of_unit(noun) for noun in _UNIT_ASKED.findall(prompt[-_QUESTION:])} - {None}
    return len(asked) == 1 and kind not in asked and {each[0] for each in asked if each is not None} == {kind[0]}
