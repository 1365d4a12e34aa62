"""Marks around texts that a model is shown: nothing inside can end its own block, whatever it says."""

from collections.abc import Sequence

from storage.ids import digest128


def block(name: str, text: str, mark: str) -> str:
    """A text between marks; what is no Unicode text is replaced."""
    return f"<<<{name} {mark}>>>\n{text.encode('utf-8', 'replace').decode('utf-8')}\n<<<END {name} {mark}>>>"


def free_mark(texts: Sequence[str]) -> str:
    """Characters that none of the texts contains; the same for the same texts."""
    for attempt in range(1_000):
        mark = digest128(["mark", attempt, *texts])[:12]
        if not any(mark in text for text in texts):
            return mark
    raise ValueError("no mark is free")  # a thousand hashes would have to be fixed points
