"""The input that a completion gives: a value, or Python that makes one. Runs nothing.

The last fenced block, first that applies: `generator`, Python that defines `generate()`; `value`, JSON or a Python
literal, the list of all arguments or an object of named ones (for stdin: any block that is not a Python program is the text
itself); `program`, Python that prints the input. Without a block: the marked final answer as a value (never for stdin), or
the whole text as Python.
"""

import ast
import json
from dataclasses import dataclass
from typing import Any

from rollmill.pipelines.verify.code.expected_values import BadValueError, decode
from rollmill.pipelines.verify.code.program import blocks
from rollmill.pipelines.verify.code.syntax import FUNCTIONS, LONGEST, defined_names, does_something, parses
from rollmill.pipelines.verify.extract import THOUGHT_END, final_answer

GENERATE = "generate"
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


@dataclass(frozen=True, slots=True)
class Input:
    """Arguments for a function, or a text for stdin."""

    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class InputProposal:
    """Input that a completion proposes: the input itself, or the source that makes it; and the rule that found it."""

    rule: str
    input: Input | None = None
    source: str = ""


def proposal_of(text: str, *, stdin: bool) -> InputProposal | None:
    """The test input that a completion proposes; None if it proposes none."""
    answer = text.rpartition(THOUGHT_END)[2]
    fenced = [block for block in blocks(answer) if block.text.strip()]
    if fenced:
        return _from_text(fenced[-1].text, stdin=stdin, bare=stdin)
    whole = _from_text(answer, stdin=stdin, bare=False)
    if whole is not None:
        return whole
    marked = None if stdin else final_answer(answer)
    value = None if marked is None else read_value(marked.text)
    return None if value is None else InputProposal("value", value)


def read_value(text: str) -> Input | None:
    """A value as written: JSON (with the tags of `code.expected_values`), else a Python literal."""
    # `parses` has this bound itself; json.loads has none.
    if len(text) > LONGEST:
        return None
    try:
        # JSON first: as a Python literal a tagged value would be a plain dict, and `true` and `null` are none.
        return input_of(decode(json.loads(text)))
    except (ValueError, RecursionError, BadValueError):
        pass
    tree = parses(text.strip())
    if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return None
    try:
        return input_of(ast.literal_eval(tree.body[0].value))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def input_of(value: Any) -> Input | None:
    """A value as arguments: a list or tuple of all of them, or a dict of named ones; None for anything else."""
    if not is_plain(value):
        return None
    if type(value) in (list, tuple):
        return Input(tuple(value))
    # Only texts can name arguments.
    if type(value) is dict and all(type(key) is str for key in value):
        return Input(kwargs=tuple(value.items()))
    return None


def listed(given: Input, source: str, function: str | None) -> list[Any]:
    """All arguments in one list, named ones in the order of the function's parameters, not in that of the text."""
    tree = parses(source)
    body = [] if tree is None else tree.body
    defined = [part.args for part in body if isinstance(part, FUNCTIONS) and part.name == function]
    # The last definition of a name counts.
    parameters = [*defined[-1].posonlyargs, *defined[-1].args, *defined[-1].kwonlyargs] if defined else []
    places = {parameter.arg: place for place, parameter in enumerate(parameters)}
    named = sorted(given.kwargs, key=lambda pair: places.get(pair[0], len(places)))
    return [*given.args, *(value for _, value in named)]


def is_plain(value: Any, depth: int = 0) -> bool:
    """True if a value is plain data through and through."""
    # The sandbox's encoding gives up at a depth of 100, and the arguments lie a few levels down in its message.
    if depth > 90:
        return False
    if type(value) in (list, tuple, set, frozenset):
        return all(is_plain(item, depth + 1) for item in value)
    if type(value) is dict:
        return all(is_plain(item, depth + 1) for pair in value.items() for item in pair)
    # Exact types: what the sandbox cannot send comes back as an Opaque, which equals nothing.
    return type(value) in _PLAIN


def _from_text(text: str, *, stdin: bool, bare: bool) -> InputProposal | None:
    tree = parses(text)
    if tree is not None and GENERATE in defined_names(tree):
        return InputProposal("generator", None, text)
    value = None if stdin else read_value(text)
    if value is not None:
        return InputProposal("value", value)
    if tree is not None and does_something(tree):
        return InputProposal("program", None, text)
    # The last line of a block has no line end, which an input file would have.
    return InputProposal("value", Input(text=text + "\n")) if bare else None
