"""Targets of a logged problem: one right answer, or several of which each is right."""

from ast import literal_eval
from collections.abc import Iterable
from typing import Any

from rollmill.storage.imports.reading.cells import Targets

SEVERAL = "several targets, of which each is right"
_LONGEST = 100_000  # characters of a target that may be the text of a list


def reference_of(target: Any) -> Any:
    """The reference of a target: the only text of a list, or all texts of it where they differ."""
    if not isinstance(target, list):
        return target
    # An empty target is none: a verifier would hold every answer against an empty reference.
    texts = list(dict.fromkeys(str(text) for text in target if str("" if text is None else text).strip()))
    return Targets(texts) if len(texts) > 1 else texts[0] if texts else ""


def listed_target(target: Any, document: Any) -> Any:
    """A target that was logged as the text of a list of texts ("['a', 'b']") as this list.

    A document that holds that very text has it for its answer, as one about lists of Python does.
    """
    if not isinstance(target, str) or not target.startswith(("['", '["')) or len(target) > _LONGEST:
        return target
    try:
        texts = literal_eval(target)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return target
    whole = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    return texts if whole and target not in _texts_in(document) else target


def _texts_in(document: Any) -> Iterable[str]:
    """The texts of a document, and those of its parts."""
    left = [document]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            left.extend(value.values() if isinstance(value, dict) else value)
