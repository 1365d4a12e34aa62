"""Lines of solutions to fill in: each with what stands before and behind it, in the marks of a fill-in-the-middle model.

MathFimer (Yan et al. 2025, arXiv:2502.11684) takes three lines of each solution at random and trains on the line alone,
behind prefix and suffix in this order. Its marks are kept. Here the last line, which states the answer, is never taken, nor
the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from storage.ground.ids import digest128, seed_of

NO_MIDDLE = "solutions without a line between others, or with marks of gaps"
PREFIX, SUFFIX, MIDDLE = "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"


@dataclass(frozen=True, slots=True)
class MiddleLine:
    """A line of a solution: its number from 1, its text, and the texts before and behind it without the line breaks."""

    number: int
    text: str
    before: str
    behind: str

    @property
    def begun(self) -> str:
        """The beginning of an answer that the line ends."""
        return f"{PREFIX}{self.before}{SUFFIX}{self.behind}{MIDDLE}"


def middles_of(text: str, count: int, seed: str) -> Sequence[MiddleLine]:
    """At most `count` lines of a text, in order, chosen by the seed; blank lines are none."""
    lines = [number for number, line in enumerate(text.split("\n")) if line.strip()]
    between = lines[1:-1]
    if not between or any(mark in text for mark in (PREFIX, SUFFIX, MIDDLE)):
        return []
    chosen = Random(seed_of(digest128(["middle", seed]))).sample(between, min(count, len(between)))
    return [_middle(text, lines, place) for place in sorted(chosen)]


def _middle(text: str, lines: Sequence[int], place: int) -> MiddleLine:
    parts, at = text.split("\n"), lines.index(place)
    before = "\n".join(parts[: lines[at - 1] + 1])
    return MiddleLine(at + 1, parts[place], before, "\n".join(parts[lines[at + 1] :]))
