"""Tests that a model wrote, cut out of its texts as CodeT does: the first asserts of each text that call the function.

Chen et al. 2022, arXiv:2207.10397, section 2.1 and the released `postprocess.py`. A text continues a prompt that ends in
`assert `. Two differences: an assert must be a separate statement and must call the function, so that it can run alone.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator

STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Texts that end a sampled program in CodeT: what follows is no longer the function."""
MOST = 5  # asserts of one text


def until_stop(text: str) -> str:
    """A sampled text up to the first thing that is not the function's body."""
    for stop in STOPS:
        text = text.partition(stop)[0]
    return text


def asserts_in(text: str, entry_point: str) -> Iterator[str]:
    """The asserts of one text that can run alone, in order, at most `MOST`."""
    taken = 0
    for part in text.split("assert "):
        statement = until_stop(f"assert {part}".strip()).strip()
        if taken < MOST and _calls(statement, entry_point):
            taken += 1
            yield statement


def counted_asserts(texts: Iterable[str], entry_point: str) -> Counter[str]:
    """The asserts of all texts of a problem with how often each was written, in the order of their first appearance."""
    return Counter(statement for text in texts for statement in asserts_in(text, entry_point))


def _calls(source: str, entry_point: str) -> bool:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if len(body) != 1 or not isinstance(body[0], ast.Assert):
        return False
    calls = (node.func for node in ast.walk(body[0].test) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Name) and called.id == entry_point for called in calls)
