"""Marks around texts that a model is shown: nothing inside can end its own block, whatever it says."""

import re
from collections.abc import Sequence

from rollmill.ground.ids import digest128


def block(name: str, text: str, mark: str) -> str:
    """A text between marks; invalid Unicode is replaced."""
    return f"<<<{name} {mark}>>>\n{text.encode('utf-8', 'replace').decode('utf-8')}\n<<<END {name} {mark}>>>"


def numbered_blocks(name: str, texts: Sequence[str]) -> str:
    """Each text as a block `NAME NUMBER`, counted from 1, all under one mark that none of them contains."""
    mark = free_mark(texts)
    return "\n\n".join(block(f"{name} {place}", given, mark) for place, given in enumerate(texts, 1))


_MARKS = re.compile(r"<<<(?!END )(?P<name>[^<>\n]{1,80}) [0-9a-f]{12}>>>\n?|\n?<<<END [^<>\n]{1,80} [0-9a-f]{12}>>>")


def has_marks(text: str) -> bool:
    """True if a text contains such marks, for example because a model repeats its prompt."""
    return _MARKS.search(text) is not None


def unmarked(text: str) -> str:
    """The text with its blocks plain; a block that is one of several keeps its number as a line `NAME NUMBER:`."""
    return _MARKS.sub(lambda mark: f"{mark['name']}:\n" if (mark["name"] or "")[-1:].isdigit() else "", text)


def free_mark(texts: Sequence[str]) -> str:
    """Characters that none of the texts contains; the same for the same texts."""
    for attempt in range(1_000):
        mark = digest128(["mark", attempt, *texts])[:12]
        if not any(mark in text for text in texts):
            return mark
    raise ValueError("no mark is free")  # a thousand hashes would have to be fixed points
