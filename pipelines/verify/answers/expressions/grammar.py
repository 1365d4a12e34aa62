"""Turns tokens into a tree by fixed rules of notation. Evaluates nothing; what the rules do not cover raises `Unsupported`.

Conventions where notation is ambiguous: products and quotients are read from left to right (1/2x is (1/2)x); a function
without brackets takes the factors up to the next sign or function (\\sin 2x is sin(2x)); f, g and h before a bracket are
functions, every other letter is a factor; a power of a power is read from the right.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from rollmill.pipelines.verify.answers.expressions.algebra import UnsupportedForm
from rollmill.pipelines.verify.answers.expressions.notation import Token

MAX_DEPTH = 60  # how deep brackets lie is the model's to choose
SUMS, PRODUCTS = frozenset("+-"), frozenset("*/")
RELATIONS = frozenset("=<>≤≥≠∈≈")
_OPENING = {"(": ")", "[": "]", "{.": ".}", "{": "}", "⌊": "⌋", "⌈": "⌉"}
_CLOSING = frozenset([")", "]", ".}", "}", "⌋", "⌉", "endmatrix"])
_SEPARATORS = frozenset([",", ";", "or", "∧"])
_APPLIED = frozenset("fgh")  # names that are functions before a bracket
_DOUBLE_FACTORIAL = 300  # the largest n of n!! that is multiplied out
_INVERSES = frozenset(["arcsin", "arccos", "arctan"])


@dataclass(frozen=True, slots=True)
class ExpressionNode:
    """An operation: `op` with its arguments; leaves carry `text` (a name, a word) or `value` (a number)."""

    op: str
    args: tuple["ExpressionNode", ...] = ()
    text: str = ""
    value: Fraction | None = None

    def walk(self, *, below: frozenset[str] | None = None) -> Iterator["ExpressionNode"]:
        """Yield this node and all under it, in no order, without recursion; nodes whose op is in `below` are skipped."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            if below is None or node.op not in below:
                stack.extend(node.args)

    def folded(self, value: Callable[["ExpressionNode"], Any], combine: Mapping[str, Callable[[Any, Any], Any]]) -> Any:
        """The value of a sum or a product, from left to right; long chains without recursion."""
        chain, ops = [self], SUMS if self.op in SUMS else PRODUCTS
        while chain[-1].op in ops and len(chain[-1].args) == 2:
            chain.append(chain[-1].args[0])
        total = value(chain.pop())
        for node in reversed(chain):
            total = combine[node.op](total, value(node.args[1]))
        return total


def parse(tokens: list[Token]) -> ExpressionNode:
    """The tree of a whole answer: every token is used, or `Unsupported`."""
    if not tokens:
        raise UnsupportedForm("empty")
    parser = _Parser(tokens)
    node = parser.sequence()
    if parser.position < len(tokens):
        raise UnsupportedForm(f"unexpected {tokens[parser.position].text!r}")
    return node


class _Parser:
    """Recursive descent with a depth limit. Each rule consumes at least one token or raises."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.signs = [token.text if token.kind == "sign" else "" for token in tokens]
        # One more, so that `sign` and `take` may look behind the last token.
        self.signs.append("")
        self.position = 0
        self.depth = 0
        self.bars = 0

    def peek(self, ahead: int = 0) -> Token | None:
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    def sign(self) -> str:
        return self.signs[self.position]

    def take(self, *signs: str) -> bool:
        if self.signs[self.position] in signs:
            self.position += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise UnsupportedForm(f"expected {sign!r}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise UnsupportedForm("too deep")

    def sequence(self) -> ExpressionNode:
        """Relations separated by commas, `and`, `or`; one alone is itself. With an `or` the order says nothing.

        The text of such a node has the places of the items behind an `or`, and of the first.
        """
        self.deeper()
        items, groups, either, both = [self.union()], [0], False, False
        while self.sign() in _SEPARATORS:
            while self.sign() in _SEPARATORS:
                either |= self.sign() == "or"
                both |= self.sign() == "∧"
                groups += [len(items)] if self.sign() == "or" else []
                self.position += 1
            if self.sign() not in _CLOSING and self.peek() is not None:  # a comma may end the list
                items.append(self.union())
        self.depth -= 1
        if both and (either or any(item.op != "relation" for item in items)):
            raise UnsupportedForm("a conjunction of no equations")
        places = " ".join(map(str, groups)) if either else ""
        return items[0] if len(items) == 1 else ExpressionNode("either" if either else "list", tuple(items), places)

    def union(self) -> ExpressionNode:
        items = [self.ratio()]
        while self.take("∪"):
            items.append(self.ratio())
        return items[0] if len(items) == 1 else ExpressionNode("union", tuple(items))

    def ratio(self) -> ExpressionNode:
        items = [self.relation()]
        while self.take(":"):
            items.append(self.relation())
        equations = [place for place, item in enumerate(items) if item.op == "relation"]
        if len(items) > 1 and len(equations) == 1 and items[equations[0]].text == "=":  # a : b = 1 : 2
            place = equations[0]
            left, right = items[place].args
            sides = ((*items[:place], left), (right, *items[place + 1 :]))
            return ExpressionNode(
                "relation", tuple(side[0] if len(side) == 1 else ExpressionNode("ratio", side) for side in sides), "="
            )
        return items[0] if len(items) == 1 else ExpressionNode("ratio", tuple(items))

    def relation(self) -> ExpressionNode:
        sides, signs = [self.sum()], ""
        while self.sign() in RELATIONS:
            signs += self.sign()
            self.position += 1
            sides.append(self.union() if signs[-1] == "∈" else self.sum())  # x ∈ A ∪ B
        return sides[0] if not signs else ExpressionNode("relation", tuple(sides), signs)

    def sum(self) -> ExpressionNode:
        self.deeper()
        first = self.sign()
        node = ExpressionNode(first, (self.product(),)) if self.take("±", "∓") else self.product()
        while self.sign() in ("+", "-", "±", "∓"):
            sign = self.sign()
            self.position += 1
            node = ExpressionNode(sign, (node, self.product()))
        self.depth -= 1
        return node

    def product(self) -> ExpressionNode:
        node = self.factor()
        while True:
            sign = self.sign()
            if self.take("*", "/"):
                node = ExpressionNode(sign, (node, self.factor()))
            elif self.starts_factor():
                node = self.juxtaposed(node)
            else:
                return node

    def juxtaposed(self, node: ExpressionNode) -> ExpressionNode:
        """A factor without a sign before it; two numbers side by side are only a mixed number."""
        token = self.peek()
        assert token is not None
        before = self.tokens[self.position - 1]
        right = self.power()
        if token.kind == "number" or (token.text == "frac" and before.kind == "number"):
            if token.text == "frac" and node.op == "number" and _proper_fraction(node, right):
                return ExpressionNode("+", (node, right))
            if right.op == "^" and (node if node.op != "*" else node.args[1]).op == "^":
                return ExpressionNode("*", (node, right))  # 2^6 3^5
            raise UnsupportedForm("two numbers side by side")
        return ExpressionNode("*", (node, right))

    def starts_factor(self) -> bool:
        token = self.peek()
        if token is None or token.kind != "sign":
            return token is not None
        if token.text == "|":
            # Inside an absolute value the next bar closes it.
            return self.bars == 0
        return token.text in ("(", "[", "{.", "{", "frac", "sqrt", "binom", "∞", "matrix", "⌊", "⌈", "∅", "ℝ", "…")

    def factor(self) -> ExpressionNode:
        self.deeper()
        if self.take("-"):
            node = ExpressionNode("neg", (self.factor(),))
        elif self.take("+"):
            node = self.factor()
        else:
            node = self.power()
        self.depth -= 1
        return node

    def power(self) -> ExpressionNode:
        node = self.postfix(self.atom())
        if self.take("^"):
            node = self.postfix(ExpressionNode("^", (node, self.exponent())))
        return node

    def exponent(self) -> ExpressionNode:
        self.deeper()
        node = ExpressionNode("neg", (self.exponent(),)) if self.take("-") else self.power()
        self.depth -= 1
        return node

    def postfix(self, node: ExpressionNode) -> ExpressionNode:
        while True:
            if self.take("!"):
                node = self.double_factorial(node) if self.take("!") else ExpressionNode("!", (node,))
            elif self.take("%"):
                if node.op == "%":
                    raise UnsupportedForm("percent of a percentage")
                node = ExpressionNode("%", (node,))
            elif self.take("°"):
                node = ExpressionNode("°", (node,))
            elif self.take("'"):
                node = ExpressionNode("prime", (node,))
            elif self.take("_"):
                node = ExpressionNode("_", (node, self.atom()))
            else:
                return node

    def double_factorial(self, node: ExpressionNode) -> ExpressionNode:
        """n!! = n (n-2) (n-4) ...; of a plain number only, and never the factorial of a factorial."""
        value = node.value
        if node.op != "number" or value is None or value.denominator != 1 or value > _DOUBLE_FACTORIAL:
            raise UnsupportedForm("double factorial")
        product = Fraction(prod(range(int(value), 0, -2)))
        return ExpressionNode("number", (), str(product), product)

    def atom(self) -> ExpressionNode:
        token = self.peek()
        if token is None:
            raise UnsupportedForm("ends too early")
        self.position += 1
        if token.kind == "number":
            return ExpressionNode("number", (), token.text, token.value)
        if token.kind == "word":
            return ExpressionNode("word", (), token.text)
        if token.kind == "name":
            return self.named(token)
        self.deeper()
        node = self.function(token.text) if token.kind == "function" else self.marked(token.text)
        self.depth -= 1
        return node

    def named(self, token: Token) -> ExpressionNode:
        node = ExpressionNode("name", (), token.text)
        primes = 0
        while token.text in _APPLIED and (after := self.peek(primes)) is not None and after.text == "'":
            primes += 1
        if primes and (after := self.peek(primes)) is not None and after.text == "(":
            self.position += primes
            token = Token("name", token.text, None)
            node = ExpressionNode("name", (), token.text + "'" * primes)
        following = self.peek()
        if token.text in _APPLIED and following is not None and following.text == "(" and not following.spaced:
            return ExpressionNode("apply", (node, self.atom()))
        return node

    def marked(self, sign: str) -> ExpressionNode:
        if sign in ("(", "[", "{.", "{", "⌊", "⌈"):
            return self.bracketed(sign)
        if sign == "frac":
            return self.fraction()
        if sign == "sqrt":
            return self.root()
        if sign == "binom":
            return ExpressionNode("binom", (self.argument(), self.argument()))
        if sign == "|":
            return self.absolute()
        if sign == "matrix":
            return self.matrix()
        if sign in ("∞", "∅", "ℝ", "…"):
            return ExpressionNode(sign)
        raise UnsupportedForm(f"unexpected {sign!r}")

    def bracketed(self, opening: str) -> ExpressionNode:
        if opening == "{." and self.take(".}"):
            return ExpressionNode("∅")
        # Within brackets a bar opens a new absolute value, whatever is open outside of them.
        bars, self.bars = self.bars, 0
        inner = self.sequence()
        self.bars = bars
        closing = self.sign()
        if closing not in _CLOSING or (closing != _OPENING[opening] and not {opening, closing} <= {"(", ")", "[", "]"}):
            raise UnsupportedForm("brackets do not match")
        self.position += 1
        if opening == "{":
            return inner
        if opening in "⌊⌈":
            return ExpressionNode("floor" if opening == "⌊" else "ceil", (inner,))
        if opening == "(" and closing == ")" and inner.op != "list":
            return ExpressionNode("group", (inner,))
        return ExpressionNode("bracket", inner.args if inner.op == "list" else (inner,), opening + closing)

    def fraction(self) -> ExpressionNode:
        token = self.peek()
        if token is not None and token.kind == "number" and len(token.text) == 2 and token.text.isdigit():
            self.position += 1
            top, bottom = (ExpressionNode("number", (), digit, Fraction(digit)) for digit in token.text)
            return ExpressionNode("/", (top, bottom))  # \frac12: TeX takes one digit for each argument
        return ExpressionNode("/", (self.argument(), self.argument()))

    def root(self) -> ExpressionNode:
        degree = ExpressionNode("number", (), "2", Fraction(2))
        if self.take("["):
            degree = self.sum()
            self.expect("]")
        return ExpressionNode("root", (degree, self.argument()))

    def argument(self) -> ExpressionNode:
        """Argument of a command: a braced formula, one letter, one digit or another command."""
        token = self.peek()
        if token is not None and token.kind == "number" and len(token.text) > 1:
            raise UnsupportedForm("digits without braces")  # \sqrt12 is (√1)2 for TeX, but hardly for its writer
        return self.atom()

    def absolute(self) -> ExpressionNode:
        self.bars += 1
        inner = self.sum()
        self.expect("|")
        self.bars -= 1
        return ExpressionNode("abs", (inner,))

    def matrix(self) -> ExpressionNode:
        rows, row = [], [self.relation()]
        while not self.take("endmatrix"):
            if self.take("&"):
                row.append(self.relation())
            elif self.take("row"):
                rows.append(ExpressionNode("row", tuple(row)))
                if self.take("endmatrix"):  # the last row may end with \\ too
                    return ExpressionNode("matrix", tuple(rows))
                row = [self.relation()]
            else:
                raise UnsupportedForm("matrix")
        return ExpressionNode("matrix", (*rows, ExpressionNode("row", tuple(row))))

    def function(self, name: str) -> ExpressionNode:
        """A function with its base (log_2), its exponent (sin^2) and its argument."""
        base: tuple[ExpressionNode, ...] = ()
        exponent: ExpressionNode | None = None
        while self.sign() in ("_", "^"):
            if self.take("_"):
                base = (self.atom(),)
            else:
                self.position += 1
                exponent = self.exponent()
        if exponent is not None and _is_minus_one(exponent) and not base:
            if f"arc{name}" not in _INVERSES:
                raise UnsupportedForm(f"inverse of {name}")
            return self.call(f"arc{name}", base)
        node = self.call(name, base)
        return node if exponent is None else ExpressionNode("^", (node, exponent))

    def call(self, name: str, base: tuple[ExpressionNode, ...]) -> ExpressionNode:
        if name == "sqrt":
            return ExpressionNode("root", (ExpressionNode("number", (), "2", Fraction(2)), self.atom()))
        if self.sign() in ("(", "{", "["):
            inner = self.atom()
            while inner.op == "group":  # sin((x)) is sin(x)
                inner = inner.args[0]
            args = inner.args if inner.op in ("list", "bracket") else (inner,)
            return ExpressionNode("call", (*base, *args), f"{name}_" if base else name)
        argument = self.power()
        while self.starts_factor() and self.stays_in_argument():
            argument = ExpressionNode("*", (argument, self.power()))
        return ExpressionNode("call", (*base, argument), f"{name}_" if base else name)

    def stays_in_argument(self) -> bool:
        token = self.peek()
        return token is not None and (token.kind in ("number", "name") or token.text in ("frac", "sqrt"))


def _is_minus_one(exponent: ExpressionNode) -> bool:
    """sin^{-1} is the inverse function, by every textbook's convention, and no reciprocal."""
    inner = exponent.args[0] if exponent.op == "group" else exponent
    return inner.op == "neg" and inner.args[0].value == 1


def _proper_fraction(whole: ExpressionNode, part: ExpressionNode) -> bool:
    """True if 1\\frac{1}{2} is a mixed number: a plain integer before a plain proper fraction."""
    if part.op != "/" or whole.value is None or whole.value.denominator != 1:
        return False
    top, bottom = part.args
    return top.op == bottom.op == "number" and (top.value or 0) < (bottom.value or 0)
