"""Refusal of texts that are not a new problem: copies, near copies, apologies, remains of the prompt, revealed answers,
talk about a missing problem.

Evol-Instruct (Xu et al. 2023) drops texts that add nothing or contain words of its own prompt, Self-Instruct (Wang et al.
2022) those too similar to an earlier task. Each refusal has one reason, counted.
"""

import re
from collections import Counter
from collections.abc import Iterable

from rollmill.pipelines.select.near_duplicates import NearDuplicates

_SORRY = re.compile(
    r"\b(?:i(?:'m| am) sorry|as an ai\b|i can(?:not|'t) (?:help|assist|create|write)|language model)", re.IGNORECASE
)
_REMAINS = re.compile(
    r"#?(?:given|rewritten|created|new) (?:prompt|problem)#|\{(?:prompt|problem|answer)\}|^\s*(?:sure|here is|here's)\b",
    re.IGNORECASE,
)
_GIVEN_AWAY = re.compile(r"(?:####|\\boxed|\b(?:the )?(?:final )?answer (?:is|:)|\bsolution:)", re.IGNORECASE)
_ELSEWHERE = re.compile(  # "What is the answer to the problem?", "The problem is 10": a small writer's most common texts
    r"\b(?:above|previous|aforementioned|preceding) (?:problem|question)\b|\banswer to (?:the|this) (?:problem|question)\b"
    r"|^\W*the problem is\b|\bcode (?:above|below)\b",
    re.IGNORECASE,
)
_PATTERNS = {
    "apology": _SORRY,
    "remains_of_prompt": _REMAINS,
    "answer_inside": _GIVEN_AWAY,
    "refers_elsewhere": _ELSEWHERE,
}
_FEWEST = 4  # words


class Refusals:
    """Filter of texts in sequence; later texts are compared with the accepted ones. `counts`: refused, by reason."""

    def __init__(self, known: Iterable[str], threshold: float) -> None:
        self._near = NearDuplicates(threshold)
        self._exact: set[str] = set()
        self.counts: Counter[str] = Counter()
        for text in known:
            self._add(text)

    def refused(self, text: str | None) -> bool:
        """True if a text is not a new problem; counts it either way."""
        reason = "unread" if text is None or not text.strip() else self._reason(text)
        if reason is None:
            assert text is not None
            self._add(text)
            return False
        self.counts[reason] += 1
        return True

    def _reason(self, text: str) -> str | None:
        if _plain(text) in self._exact:
            return "copy"
        if len(text.split()) < _FEWEST:
            return "too_short"
        for reason, pattern in _PATTERNS.items():
            if pattern.search(text):
                return reason
        return "near_copy" if self._near.find(text) is not None else None

    def _add(self, text: str) -> None:
        if _plain(text) not in self._exact:
            self._exact.add(_plain(text))
            self._near.add(text)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
