"""Answers that are still to be evaluated: an expression of the problem, copied, or arithmetic where the reference has none.

`8 \\div 2 + 6` equals 10, and who boxes it has not solved "Find 8 \\div 2 + 6". A fraction, a root or a power that the
reference has too is an answer.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from rollmill.pipelines.verify.answers.expressions.algebra import UnsupportedForm
from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode, parse
from rollmill.pipelines.verify.answers.expressions.notation import tokens
from rollmill.pipelines.verify.answers.questions.labels import equals_sign, label_and_value

_OPERATIONS = frozenset(["+", "-", "*", "/", "^", "root", "!", "binom", "call", "abs", "floor", "ceil", "apply", "matrix"])
_OPEN = re.compile(
    r"\\(?:sum|prod|int|iint|oint|lim|limsup|det|gcd|lcm|binom|dbinom|tbinom|max|min|log|ln)(?![A-Za-z])|[∑∏∫]"
)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$((?:\\.|[^$\\])+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_PARTS = re.compile(r"=|\\(?:quad|text\{[^{}]*\})|,\s")
_PLAIN = re.compile(r"[\d(][\d\s.,()+\-−–*/^×÷·]{2,200}[\d)!]")
_SIGN = re.compile(r"[-+*/^×÷·−]|\\|!")
_RATHER = re.compile(
    r"(?i)\b(?:simplify|reduce|simplest form|lowest terms|simplified|rationali[sz]e|convert|rewrite"
    r"|as an? (?:\w+ ){0,3}(?:fraction|percent(?:age)?|decimal|mixed number|integer|power|product))\b"
)
_EXPAND = re.compile(r"(?i)\b(?:expand|multiply out)\b")
_MOST_FORMULAS = 60


@lru_cache(maxsize=16_384)
def asks_rewriting(prompt: str) -> bool:
    """True if the text asks for a value that it shows in another form: "Write 6/4 in lowest terms"."""
    return _RATHER.search(prompt) is not None


@lru_cache(maxsize=16_384)
def is_unevaluated(reference: str, answer: str, prompt: str) -> bool:
    """True if an answer that equals its reference in value is only what the problem shows, or leaves arithmetic undone."""
    if not _SIGN.search(answer) and not (answer.strip(" $") in prompt and asks_rewriting(prompt)):
        return False
    reference, answer = _right_side(reference), _right_side(answer)
    given, is_open = _tree(answer), _OPEN.search(answer) is not None
    left_undone = given is not None and _leaves_arithmetic(given, "+" in answer)
    copied = _EXPAND.search(prompt) is not None and "".join(answer.strip(" $.").split()) in "".join(prompt.split())
    shown = given is not None and (_is_shown(given, prompt) or (copied and given.op in ("*", "^")))
    if not (is_open or left_undone or shown):
        return False  # most answers, whatever their reference is
    left = _tree(reference)
    if left is None or given is None:
        return is_open and not _OPEN.search(reference)
    if _spelled(left) == _spelled(given):
        return False
    return shown or (left_undone and _is_plain(left))


def _right_side(text: str) -> str:
    labelled = label_and_value(text) if "=" in text else None
    if labelled is not None:
        return labelled[1]
    place = equals_sign(text)
    return text if place is None else text[place + 1 :]


def _tree(text: str) -> ExpressionNode | None:
    try:
        return parse(tokens(text.strip().strip("$").rstrip(".;, \n")))
    except (UnsupportedForm, RecursionError):
        return None


def _leaves_arithmetic(answer: ExpressionNode, added: bool) -> bool:
    """True if an answer of numbers alone has sums or products."""
    if any(node.op in ("name", "word", "±") for node in answer.walk()):
        return False
    if _is_literal(answer) or any(node.op == "root" for node in answer.walk()):
        return False
    chains = [node for node in answer.walk() if node.op in ("+", "-", "*")]
    if not added and [node.op for node in chains] == ["+"]:
        return False  # 3 1/2
    return any(node.op != "*" or not _are_powers(node) for node in chains)


def _are_powers(node: ExpressionNode) -> bool:
    """True for a product of powers, 2^6 3^5."""
    return any(part.op == "^" for part in node.args) and all(part.op in ("^", "number", "*") for part in node.args)


def _is_plain(node: ExpressionNode) -> bool:
    """True for 3, -3, 3/4, 2.5%, 3 cm."""
    inner = _stripped(node)
    if inner.op in ("%", "°"):
        return _is_plain(inner.args[0])
    if inner.op == "*" and inner.args[1].op == "word":
        return _is_plain(inner.args[0])
    return inner.op == "number" or (inner.op == "/" and all(_stripped(part).op == "number" for part in inner.args))


def _is_literal(node: ExpressionNode) -> bool:
    """True for a number as people write one: 3/4, 2 1/2, 3 × 10^8, 5 cm."""
    node = _stripped(node)
    if node.op == "number":
        return True
    # a mixed number has no plus sign: its fraction is smaller than 1
    if node.op not in ("+", "*", "/", "^"):
        return False
    left, right = node.args
    if right.op == "word" or (right.op == "^" and right.args[0].op == "word"):
        return _is_literal(left)
    if node.op == "*":
        return left.op == "number" and right.op == "^" and right.args[0].value == 10
    if node.op == "/":
        return _is_literal(left) and _stripped(right).op == "number"
    return node.op == "^" and left.value == 10


def _stripped(node: ExpressionNode) -> ExpressionNode:
    while node.op in ("neg", "group"):
        node = node.args[0]
    return node


def _is_shown(answer: ExpressionNode, prompt: str) -> bool:
    """True if the problem's text has the answer's tree, or a sum of which it is a part, as one of its formulas."""
    if _is_literal(answer) or answer.op in ("name", "number", "neg", "group"):
        wanted = asks_rewriting(prompt)
    else:
        wanted = answer.op in _OPERATIONS or answer.op in ("relation", "list", "bracket")
    spelled = _spelled(answer)
    return wanted and any(spelled == _spelled(tree) for tree in _formulas(prompt))


def _formulas(prompt: str) -> Iterator[ExpressionNode]:
    texts = [next(filter(None, match.groups())) for match in _FORMULA.finditer(prompt)][:_MOST_FORMULAS]
    texts += [match[0] for match in _PLAIN.finditer(prompt)][:_MOST_FORMULAS]
    for text in texts:
        for part in dict.fromkeys((text, *_PARTS.split(text))):
            tree = _tree(part)
            if tree is not None:
                yield from tree.walk()


def _spelled(node: ExpressionNode) -> str:
    """A tree as text, without brackets that only group."""
    if node.op == "group":
        return _spelled(node.args[0])
    return f"{node.op}:{node.text if node.value is None else node.value}({','.join(map(_spelled, node.args))})"
