"""The options of a multiple-choice problem: from its metadata, or read from its prompt. Knows nothing of answers.

In a prompt an option begins with `A)`, `(A)`, `A.` or `A:` (or `a)`, `(a)`) at the start of a line, or with `(A)`, `A)` or
`(a)` within one; the letters must run from A without a gap, and the last such run counts (a worked example may stand before
it).
"""

import re
import string
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

LETTERS = "ABCDEFGHIJ"
META_KEYS = ("options", "choices")
_LINE = re.compile(r"(?m)^[ \t]*(?:[-*•][ \t]+)?(?:\*\*)?(?:\(([A-Ja-j])\)|([A-J])[).:]|([a-j])\))(?:\*\*)?")
_INLINE = re.compile(r"(?<![\w\\])(?:\(([A-Ja-j])\)|([A-J])\))")
_EDGES = string.whitespace + ".,;:*_`$\"'’‘“”[]"

Options = Mapping[str, str]


def options_of(meta: Mapping[str, Any], prompt: str) -> Options:
    """Letter to text; empty where the problem shows no options."""
    for key in META_KEYS:
        if key in meta:
            found = _from_meta(meta[key])
            if found:
                return found
    return options_in(prompt)


@lru_cache(maxsize=16_384)
def options_in(prompt: str) -> Options:
    """The options that a prompt lists, by letter."""
    for marks in (_LINE, _INLINE):
        found = marks.finditer(prompt)
        run = _last_run([(next(filter(None, match.groups())), match.start(), match.end()) for match in found])
        if run:
            ends = [start for _, start, _ in run[1:]] + [len(prompt)]
            texts = [prompt[end:stop] for (_, _, end), stop in zip(run, ends, strict=True)]
            texts[-1] = texts[-1].lstrip("\n").split("\n", 1)[0]  # what follows the last option is not part of it
            return {letter.upper(): text.strip().rstrip(",;") for (letter, _, _), text in zip(run, texts, strict=True)}
    return {}


def same_text(text: str) -> str:
    """The form in which an answer's text and an option's text are compared."""
    return " ".join(text.replace("\\text{", " ").replace("}", " ").strip(_EDGES).split()).casefold()


def _from_meta(value: Any) -> Options:
    """A list of texts, a mapping of letters to texts, or Hugging Face's {"label": [...], "text": [...]}."""
    if isinstance(value, Mapping) and {"label", "text"} <= value.keys():
        value = dict(zip(value["label"], value["text"], strict=False))
    if isinstance(value, Mapping):
        pairs = {str(key).strip().upper(): str(text) for key, text in value.items()}
        return pairs if pairs.keys() == set(LETTERS[: len(pairs)]) else {}
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) <= len(LETTERS):
        return {letter: str(text) for letter, text in zip(LETTERS, value, strict=False)}
    return {}


def _last_run(marks: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """The last marks that read A, B, C, ...: at least two."""
    best: list[tuple[str, int, int]] = []
    run: list[tuple[str, int, int]] = []
    for mark in marks:
        if mark[0] in "Aa":
            run = [mark]
        elif run and len(run) < len(LETTERS) and ord(mark[0]) == ord(run[0][0]) + len(run):  # of the same case
            run.append(mark)
        if len(run) >= 2:
            best = run
    return best
