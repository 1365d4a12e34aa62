"""Turns tokens into a tree by fixed rules of notation. Evaluates nothing; what the rules do not cover raises `Unsupported`.

Conventions where notation is ambiguous: products and quotients are read from left to right (1/2x is (1/2)x); a function
without brackets takes the factors up to the next sign or function (\\sin 2x is sin(2x)); f, g and h before a bracket are
functions, every other letter is a factor; a power of a power is read from the right.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from pipelines.verify.answers.algebra import Unsupported
from pipelines.verify.answers.notation import Token

MAX_DEPTH = 60  # how deep brackets lie is the model's to choose
RELATIONS = frozenset("=<>≤≥≠∈≈")
_OPENING = {"(": ")", "[": "]", "{.": ".}", "{": "}", "⌊": "⌋", "⌈": "⌉"}
_CLOSING = frozenset([")", "]", ".}", "}", "⌋", "⌉", "endmatrix"])
_SEPARATORS = frozenset([",", ";", "or", "∧"])
_APPLIED = frozenset("fgh")  # names that are functions before a bracket
_DOUBLE_FACTORIAL = 300  # the largest n of n!! that is multiplied out
_INVERSES = frozenset(["arcsin", "arccos", "arctan"])


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: `op` with its arguments; leaves carry `text` (a name, a word) or `value` (a number)."""

    op: str
    args: tuple["Node", ...] = ()
    text: str = ""
    value: Fraction | None = None

    def walk(self, *, below: frozenset[str] | None = None) -> Iterator["Node"]:
        """This node and all under it, in no order, without recursion; does not enter nodes whose op is in `below`."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            if below is None or node.op not in below:
                stack.extend(node.args)

    def spine(self, ops: frozenset[str]) -> list[tuple[str, "Node"]]:
        """A chain a + b - c of binary operations, first operand first: [("", a), ("+", b), ("-", c)]."""
        chain: list[tuple[str, Node]] = []
        node = self
        while node.op in ops and len(node.args) == 2:
            chain.append((node.op, node.args[1]))
            node = node.args[0]
        return [("", node), *reversed(chain)]


def parse(tokens: list[Token]) -> Node:
    """The tree of a whole answer: every token is used, or `Unsupported`."""
    if not tokens:
        raise Unsupported("empty")
    parser = _Parser(tokens)
    node = parser.sequence()
    if parser.position < len(tokens):
        raise Unsupported(f"unexpected {tokens[parser.position].text!r}")
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
            raise Unsupported(f"expected {sign!r}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unsupported("too deep")

    def sequence(self) -> Node:
        """Relations separated by commas, `and`, `or`; one alone is itself. With an `or` the order says nothing."""
        self.deeper()
        items, either, both = [self.union()], False, False
        while self.sign() in _SEPARATORS:
            while self.sign() in _SEPARATORS:
                either |= self.sign() == "or"
                both |= self.sign() == "∧"
                self.position += 1
            if self.sign() not in _CLOSING and self.peek() is not None:
                items.append(self.union())
        self.depth -= 1
        if both and (either or any(item.op != "relation" for item in items)):
            raise Unsupported("a conjunction of no equations")
        return items[0] if len(items) == 1 else Node("either" if either else "list", tuple(items))

    def union(self) -> Node:
        items = [self.ratio()]
        while self.take("∪"):
            items.append(self.ratio())
        return items[0] if len(items) == 1 else Node("union", tuple(items))

    def ratio(self) -> Node:
        items = [self.relation()]
        while self.take(":"):
            items.append(self.relation())
        equations = [place for place, item in enumerate(items) if item.op == "relation"]
        if len(items) > 1 and len(equations) == 1 and items[equations[0]].text == "=":  # a : b = 1 : 2
            place = equations[0]
            left, right = items[place].args
            sides = ((*items[:place], left), (right, *items[place + 1 :]))
            return Node("relation", tuple(side[0] if len(side) == 1 else Node("ratio", side) for side in sides), "=")
        return items[0] if len(items) == 1 else Node("ratio", tuple(items))

    def relation(self) -> Node:
        sides, signs = [self.sum()], ""
        while self.sign() in RELATIONS:
            signs += self.sign()
            self.position += 1
            sides.append(self.union() if signs[-1] == "∈" else self.sum())
        return sides[0] if not signs else Node("relation", tuple(sides), signs)

    def sum(self) -> Node:
        self.deeper()
        first = self.sign()
        node = Node(first, (self.product(),)) if self.take("±", "∓") else self.product()
        while self.sign() in ("+", "-", "±", "∓"):
            sign = self.sign()
            self.position += 1
            node = Node(sign, (node, self.product()))
        self.depth -= 1
        return node

    def product(self) -> Node:
        node = self.factor()
        while True:
            if self.take("*"):
                node = Node("*", (node, self.factor()))
            elif self.take("/"):
                node = Node("/", (node, self.factor()))
            elif self.starts_factor():
                node = self.juxtaposed(node)
            else:
                return node

    def juxtaposed(self, node: Node) -> Node:
        """A factor without a sign before it; two numbers side by side are only a mixed number."""
        token = self.peek()
        assert token is not None
        before = self.tokens[self.position - 1]
        right = self.power()
        if token.kind == "number" or (token.text == "frac" and before.kind == "number"):
            if token.text == "frac" and node.op == "number" and _proper_fraction(node, right):
                return Node("+", (node, right))
            raise Unsupported("two numbers side by side")
        return Node("*", (node, right))

    def starts_factor(self) -> bool:
        token = self.peek()
        if token is None:
            return False
        if token.kind != "sign":
            return True
        if token.text == "|":
            # Inside an absolute value the next bar closes it.
            return self.bars == 0
        return token.text in ("(", "[", "{.", "{", "frac", "sqrt", "binom", "∞", "matrix", "⌊", "⌈", "∅", "ℝ", "…")

    def factor(self) -> Node:
        self.deeper()
        if self.take("-"):
            node = Node("neg", (self.factor(),))
        elif self.take("+"):
            node = self.factor()
        else:
            node = self.power()
        self.depth -= 1
        return node

    def power(self) -> Node:
        node = self.postfix(self.atom())
        if self.take("^"):
            node = self.postfix(Node("^", (node, self.exponent())))
        return node

    def exponent(self) -> Node:
        self.deeper()
        node = Node("neg", (self.exponent(),)) if self.take("-") else self.power()
        self.depth -= 1
        return node

    def postfix(self, node: Node) -> Node:
        while True:
            if self.take("!"):
                node = self.double_factorial(node) if self.take("!") else Node("!", (node,))
            elif self.take("%"):
                if node.op == "%":
                    raise Unsupported("percent of a percentage")
                node = Node("%", (node,))
            elif self.take("°"):
                node = Node("°", (node,))
            elif self.take("'"):
                node = Node("prime", (node,))
            elif self.take("_"):
                node = Node("_", (node, self.atom()))
            else:
                return node

    def double_factorial(self, node: Node) -> Node:
        """n!! = n (n-2) (n-4) ...; of a plain number only, and never the factorial of a factorial."""
        value = node.value
        if node.op != "number" or value is None or value.denominator != 1 or value > _DOUBLE_FACTORIAL:
            raise Unsupported("double factorial")
        product = Fraction(prod(range(int(value), 0, -2)))
        return Node("number", (), str(product), product)

    def atom(self) -> Node:
        token = self.peek()
        if token is None:
            raise Unsupported("ends too early")
        self.position += 1
        if token.kind == "number":
            return Node("number", (), token.text, token.value)
        if token.kind == "word":
            return Node("word", (), token.text)
        if token.kind == "name":
            return self.named(token)
        self.deeper()
        node = self.function(token.text) if token.kind == "function" else self.marked(token.text)
        self.depth -= 1
        return node

    def named(self, token: Token) -> Node:
        node = Node("name", (), token.text)
        primes = 0
        while token.text in _APPLIED and (after := self.peek(primes)) is not None and after.text == "'":
            primes += 1
        if primes and (after := self.peek(primes)) is not None and after.text == "(":
            self.position += primes
            token = Token("name", token.text, None)
            node = Node("name", (), token.text + "'" * primes)
        following = self.peek()
        if token.text in _APPLIED and following is not None and following.text == "(" and not following.spaced:
            return Node("apply", (node, self.atom()))
        return node

    def marked(self, sign: str) -> Node:
        if sign in ("(", "[", "{.", "{", "⌊", "⌈"):
            return self.bracketed(sign)
        if sign == "frac":
            return self.fraction()
        if sign == "sqrt":
            return self.root()
        if sign == "binom":
            return Node("binom", (self.argument(), self.argument()))
        if sign == "|":
            return self.absolute()
        if sign == "matrix":
            return self.matrix()
        if sign in ("∞", "∅", "ℝ", "…"):
            return Node(sign)
        raise Unsupported(f"unexpected {sign!r}")

    def bracketed(self, opening: str) -> Node:
        if opening == "{." and self.take(".}"):
            return Node("∅")
        # Within brackets a bar opens a new absolute value, whatever is open outside of them.
        bars, self.bars = self.bars, 0
        inner = self.sequence()
        self.bars = bars
        closing = self.sign()
        if closing not in _CLOSING or (closing != _OPENING[opening] and not {opening, closing} <= {"(", ")", "[", "]"}):
            raise Unsupported("brackets do not match")
        self.position += 1
        if opening == "{":
            return inner
        if opening in "⌊⌈":
            return Node("floor" if opening == "⌊" else "ceil", (inner,))
        if opening == "(" and closing == ")" and inner.op != "list":
            return Node("group", (inner,))
        return Node("bracket", inner.args if inner.op == "list" else (inner,), opening + closing)

    def fraction(self) -> Node:
        token = self.peek()
        if token is not None and token.kind == "number" and len(token.text) == 2 and token.text.isdigit():
            self.position += 1
            top, bottom = (Node("number", (), digit, Fraction(digit)) for digit in token.text)
            return Node("/", (top, bottom))
        return Node("/", (self.argument(), self.argument()))

    def root(self) -> Node:
        degree = Node("number", (), "2", Fraction(2))
        if self.take("["):
            degree = self.sum()
            self.expect("]")
        return Node("root", (degree, self.argument()))

    def argument(self) -> Node:
        """What a command takes: a braced formula, one letter, one digit or another command."""
        token = self.peek()
        if token is not None and token.kind == "number" and len(token.text) > 1:
            raise Unsupported("digits without braces")
        return self.atom()

    def absolute(self) -> Node:
        self.bars += 1
        inner = self.sum()
        self.expect("|")
        self.bars -= 1
        return Node("abs", (inner,))

    def matrix(self) -> Node:
        rows, row = [], [self.relation()]
        while not self.take("endmatrix"):
            if self.take("&"):
                row.append(self.relation())
            elif self.take("row"):
                rows.append(Node("row", tuple(row)))
                if self.take("endmatrix"):
                    return Node("matrix", tuple(rows))
                row = [self.relation()]
            else:
                raise Unsupported("matrix")
        return Node("matrix", (*rows, Node("row", tuple(row))))

    def function(self, name: str) -> Node:
        """A function with its base (log_2), its exponent (sin^2) and its argument."""
        base: tuple[Node, ...] = ()
        exponent: Node | None = None
        while self.sign() in ("_", "^"):
            if self.take("_"):
                base = (self.atom(),)
            else:
                self.position += 1
                exponent = self.exponent()
        if exponent is not None and _is_minus_one(exponent) and not base:
            if f"arc{name}" not in _INVERSES:
                raise Unsupported(f"inverse of {name}")
            return self.call(f"arc{name}", base)
        node = self.call(name, base)
        return node if exponent is None else Node("^", (node, exponent))

    def call(self, name: str, base: tuple[Node, ...]) -> Node:
        if name == "sqrt":
            return Node("root", (Node("number", (), "2", Fraction(2)), self.atom()))
        if self.sign() in ("(", "{", "["):
            inner = self.atom()
            while inner.op == "group":
                inner = inner.args[0]
            args = inner.args if inner.op in ("list", "bracket") else (inner,)
            return Node("call", (*base, *args), f"{name}_" if base else name)
        argument = self.power()
        while self.starts_factor() and self.stays_in_argument():
            argument = Node("*", (argument, self.power()))
        return Node("call", (*base, argument), f"{name}_" if base else name)

    def stays_in_argument(self) -> bool:
        token = self.peek()
        return token is not None and (token.kind in ("number", "name") or token.text in ("frac", "sqrt"))


def _is_minus_one(exponent: Node) -> bool:
    """sin^{-1} is the inverse function, by every textbook's convention, and no reciprocal."""
    inner = exponent.args[0] if exponent.op == "group" else exponent
    return inner.op == "neg" and inner.args[0].value == 1


def _proper_fraction(whole: Node, part: Node) -> bool:
    """Whether 1\\frac{1}{2} is a mixed number: a plain integer before a plain proper fraction."""
    if part.op != "/" or whole.value is None or whole.value.denominator != 1:
        return False
    top, bottom = part.args
    return (
        top.op == bottom.op == "number" and top.value is not None and bottom.value is not None and top.value < bottom.value
    )
