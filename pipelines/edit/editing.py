"""Result of every editor: the edited text with its changes, or the reason why it does not apply.

An editor is a pure function of a text, a random generator and its options. A text that it cannot edit raises CannotEdit,
which the engine `edit` turns into a row with the reason: texts come from models, and no text may end a run.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from typing import Any

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|\s+|.", re.DOTALL)
_WORD = re.compile(r"\S+")
_COMPARED = 250_000  # pairs of tokens that are compared; beyond that one change covers all that differs
_SHOWN = 200  # characters of an old or a new text that a change repeats; its places say where the whole is
_MOST = 100  # changes that a row records


class CannotEdit(Exception):  # noqa: N818 - says what happened
    """Refusal of an editor that cannot be applied to this text; the message says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """A changed place of a text: `line` (from 1) and `at` of the text before, `to` of the text after.

    `at` and `to` are characters, the first and the one behind the last. `old` and `new` repeat at most 200 characters.
    """

    line: int
    old: str
    new: str
    at: tuple[int, int]
    to: tuple[int, int]

    @classmethod
    def between(cls, before: str, after: str, at: tuple[int, int], to: tuple[int, int]) -> "Change":
        """The change of one span of a text into one of another."""
        line = before.count("\n", 0, at[0]) + 1
        return cls(line, _shortened(before[slice(*at)]), _shortened(after[slice(*to)]), at, to)


@dataclass(frozen=True, slots=True)
class EditedText:
    """An edited text, a short description of the edit, and its place; `facts`: further facts from the editor."""

    text: str
    how: str
    changes: Sequence[Change] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def meta(self) -> dict[str, Any]:
        """Record of the edit in a completion, as plain JSON."""
        rows = [{**asdict(change), "at": list(change.at), "to": list(change.to)} for change in self.changes[:_MOST]]
        more = {"changes_left_out": len(self.changes) - _MOST} if len(self.changes) > _MOST else {}
        return {"how": self.how, "changes": rows, **more, **self.facts}


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor with its version, which changes whenever its texts can. `takes`: the options that it knows, by name."""

    version: str
    edit: Callable[..., EditedText]
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def __call__(self, text: str, rng: random.Random, **options: Any) -> EditedText:
        """The edited text; CannotEdit if there is none."""
        return self.edit(text, rng, **options)


def changes_between(before: str, after: str) -> tuple[Change, ...]:
    """Differences of two texts, in words, numbers, blanks and signs."""
    return tuple(Change.between(before, after, at, to) for at, to in _spans(before, after))


def words_changed(before: str, after: str, changes: Sequence[Change]) -> int:
    """Number of words, as separated by blanks, that the changes touch: in the text before or after, whichever is larger."""
    return max(_touched(before, [change.at for change in changes]), _touched(after, [change.to for change in changes]))


def _touched(text: str, spans: Sequence[tuple[int, int]]) -> int:
    words = [word.span() for word in _WORD.finditer(text)]
    return sum(any(start < stop and begin < end for begin, stop in spans) for start, end in words)


def _spans(before: str, after: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """The places that differ, of both texts."""
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    # What both texts begin and end with is cut off: the comparison of the rest is quadratic.
    head = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    middle = old[head : len(old) - tail], new[head : len(new) - tail]
    begun = sum(map(len, old[:head]))
    starts = [_starts(part, begun) for part in middle]
    for i1, i2, j1, j2 in _blocks(*middle):
        yield (starts[0][i1], starts[0][i2]), (starts[1][j1], starts[1][j2])


def _blocks(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Runs of tokens that were replaced, with their replacements."""
    if not old or not new or len(old) * len(new) > _COMPARED:
        if old or new:
            yield 0, len(old), 0, len(new)
        return
    for tag, *block in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            i1, i2, j1, j2 = block
            yield i1, i2, j1, j2


def _starts(tokens: Sequence[str], begun: int) -> list[int]:
    """Start of each token, and the end of the last one."""
    places = [begun]
    for token in tokens:
        places.append(places[-1] + len(token))
    return places


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
