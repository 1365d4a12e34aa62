"""The editors of whole steps: cut a text behind one or before one, drop some, mark a gap, insert one. A step is a line.

Blank lines are not steps. As published, an unreadable step is taken for the last one (LEMMA), and an inserted step stays
unless it repeats a neighbour, right or wrong (MathFimer). Here a step number that is invalid or out of range is refused; so
is a step that repeats a neighbour, and one with a false calculation.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from rollmill.pipelines.edit.editing import CannotEdit, Change, EditedText, Editor
from rollmill.pipelines.verify.calculation_steps import steps_of

GAP = "<|gap|>"
"""Stands on a line of its own where a step is to be written."""
_NUMBER = re.compile(r"[0-9]{1,6}")
_COMPARED = 2_000  # characters of a step that are compared with a neighbour
_LONGEST, _MOST = 20_000, 50  # characters and lines that are inserted: all of them are checked


@dataclass(frozen=True, slots=True)
class LineSteps:
    """A text and the places of its lines that are not blank."""

    text: str
    spans: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, text: str) -> "LineSteps":
        """CannotEdit for a text without any."""
        spans, start = [], 0
        # Not `splitlines`, which also splits at separators of other lengths and would move the offsets.
        for line in text.split("\n"):
            if line.strip():
                spans.append((start, start + len(line)))
            start += len(line) + 1
        if not spans:
            raise CannotEdit("the text has no steps")
        return cls(text, spans)

    def number(self, value: Any, *, least: int = 1) -> int:
        """The number of a step; CannotEdit for a value that is not the number of a step."""
        written = str(value).strip()
        if isinstance(value, bool) or not _NUMBER.fullmatch(written):
            raise CannotEdit(f"step is {str(value)[:40]!r}, and no number")
        if not least <= int(written) <= len(self.spans):
            raise CannotEdit(f"step {int(written)} of {len(self.spans)} is not there")
        return int(written)

    def step(self, number: int) -> str:
        """The text of a step, empty before the first and behind the last."""
        return self.text[slice(*self.spans[number - 1])] if 0 < number <= len(self.spans) else ""


def upto_step(text: str, rng: random.Random, *, step: Any) -> EditedText:
    """The text up to a step, that step included."""
    del rng
    steps = LineSteps.of(text)
    number = steps.number(step)
    return _cut(text, steps.spans[number - 1][1], f"up to step {number} of {len(steps.spans)}")


def before_step(text: str, rng: random.Random, *, step: Any) -> EditedText:
    """The text before a step."""
    del rng
    steps = LineSteps.of(text)
    number = steps.number(step)
    if number == 1:
        raise CannotEdit("nothing stands before step 1")
    return _cut(text, steps.spans[number - 2][1], f"before step {number} of {len(steps.spans)}")


def before_error(text: str, rng: random.Random) -> EditedText:
    """The text before its first step that calculates wrongly, which is an error even without a reference."""
    return before_step(text, rng, step=_first_error(text))


def upto_error(text: str, rng: random.Random) -> EditedText:
    """The text up to its first step that calculates wrongly, that step included."""
    return upto_step(text, rng, step=_first_error(text))


def _first_error(text: str) -> int:
    steps = LineSteps.of(text)
    for number in range(1, len(steps.spans) + 1):
        if not all(calculation.true for calculation in steps_of(steps.step(number))):
            return number
    raise CannotEdit("no step calculates wrongly")


def _cut(text: str, end: int, how: str) -> EditedText:
    gone = (end, len(text))
    return EditedText(text[:end], how, (Change.between(text, text[:end], gone, (end, end)),) if text[end:].strip() else ())


def drop_lines(text: str, rng: random.Random, *, step: Any = None, count: int = 1) -> EditedText:
    """The text without some steps: those that `step` numbers ("3" or "2, 4"), else `count` chosen by the seed.

    The last step, which states the answer, is never chosen. Of one seed, what a smaller count drops a larger one drops too.
    """
    steps = LineSteps.of(text)
    if step is None:
        others = list(range(1, len(steps.spans)))
        rng.shuffle(others)
        if len(others) < count:
            raise CannotEdit(f"{len(others)} steps before the last one, and {count} to drop")
        chosen = sorted(others[:count])
    else:
        chosen = sorted({steps.number(number) for number in str(step).split(",")})
        if len(chosen) == len(steps.spans):
            raise CannotEdit("no step would be left")
    return _without(steps, chosen)


def _without(steps: LineSteps, chosen: Sequence[int]) -> EditedText:
    """Each step goes with its line break; at the end of a text without one, with the break before it."""
    text, places = steps.text, list[tuple[int, int]]()
    for number in chosen:
        start, stop = steps.spans[number - 1]
        # Neighbouring steps are one place, so that the record has one change for them.
        if places and places[-1][1] == start:
            start = places.pop()[0]
        places.append((start, min(stop + 1, len(text))))
    if places[-1][1] == len(text) and not text.endswith("\n"):
        places[-1] = max(0, places[-1][0] - 1), len(text)
    kept, gone = "", []
    # There is one end more than places: the text behind the last place is added below.
    for end, place in zip([0, *(stop for _, stop in places)], places, strict=False):
        kept += text[end : place[0]]
        gone.append((place, (len(kept), len(kept))))
    kept += text[places[-1][1] :]
    how = f"without step{'s' * (len(chosen) > 1)} {', '.join(map(str, chosen))} of {len(steps.spans)}"
    return EditedText(kept, how, [Change.between(text, kept, at, to) for at, to in gone], {"steps": list(chosen)})


def gap(text: str, rng: random.Random, *, step: Any = None) -> EditedText:
    """The text with a mark of its own line where `insert_line` continues: behind a step, else between two, by the seed."""
    steps = _unmarked(text)
    number = steps.number(step, least=0) if step is not None else _between(steps, rng)
    return _inserted(steps, number, GAP)


def hole(text: str, rng: random.Random, *, step: Any = None) -> EditedText:
    """The text with that mark in place of a step, else of one that the seed chooses; the last is never chosen."""
    steps = _unmarked(text)
    number = steps.number(step) if step is not None else _between(steps, rng)
    return _replaced(steps, number, GAP, f"a gap for step {number} of {len(steps.spans)}")


def insert_line(text: str, rng: random.Random, *, line: str, step: Any = None, most_alike: float = 0.8) -> EditedText:
    """The text with a line behind a step (0: before the first), else at its gap, else between two steps, by the seed.

    Refused if one of its lines is more similar to a neighbouring step than `most_alike` (1: equal), or calculates wrongly.
    """
    steps = LineSteps.of(text)
    inserted = line.strip("\n")
    gaps = [number for number in range(1, len(steps.spans) + 1) if steps.step(number).strip() == GAP]
    if step is None and len(gaps) > 1:
        raise CannotEdit(f"the text has {len(gaps)} gaps")
    if step is None and gaps:
        _check_inserted(inserted, [steps.step(gaps[0] - 1), steps.step(gaps[0] + 1)], most_alike)
        return _replaced(steps, gaps[0], inserted, f"in the gap at {gaps[0]}")
    number = steps.number(step, least=0) if step is not None else _between(steps, rng)
    _check_inserted(inserted, [steps.step(number), steps.step(number + 1)], most_alike)
    return _inserted(steps, number, inserted)


def before_gap(text: str, rng: random.Random) -> EditedText:
    """The text before its mark: the prompt of a model that writes the missing step."""
    return before_step(text, rng, step=_gap_of(LineSteps.of(text)))


def behind_gap(text: str, rng: random.Random) -> EditedText:
    """The text behind its mark."""
    del rng
    steps = LineSteps.of(text)
    number = _gap_of(steps)
    if number == len(steps.spans):
        raise CannotEdit("nothing stands behind the gap")
    start = steps.spans[number][0]
    return EditedText(text[start:], "behind the gap", (Change.between(text, text[start:], (0, start), (0, 0)),))


def _gap_of(steps: LineSteps) -> int:
    """The number of the only mark of a text."""
    marked = [number for number in range(1, len(steps.spans) + 1) if steps.step(number).strip() == GAP]
    if len(marked) != 1:
        raise CannotEdit(f"the text has {len(marked) or 'no'} gap{'s' * (len(marked) > 1)}")
    return marked[0]


def _unmarked(text: str) -> LineSteps:
    if GAP in text:
        raise CannotEdit(f"the text has {GAP} in it")
    return LineSteps.of(text)


def _between(steps: LineSteps, rng: random.Random) -> int:
    """A step that another one follows."""
    if len(steps.spans) < 2:
        raise CannotEdit("the text has one step: nothing lies between two")
    return rng.randrange(1, len(steps.spans))


def _inserted(steps: LineSteps, number: int, line: str) -> EditedText:
    at = steps.spans[number - 1][1] if number else steps.spans[0][0]
    # Step 0 stands before the first step, so its line break follows it.
    new = f"\n{line}" if number else f"{line}\n"
    edited = steps.text[:at] + new + steps.text[at:]
    change = Change.between(steps.text, edited, (at, at), (at, at + len(new)))
    return EditedText(edited, f"behind step {number} of {len(steps.spans)}", (change,))


def _replaced(steps: LineSteps, number: int, line: str, how: str) -> EditedText:
    start, end = steps.spans[number - 1]
    edited = steps.text[:start] + line + steps.text[end:]
    return EditedText(edited, how, (Change.between(steps.text, edited, (start, end), (start, start + len(line))),))


def _check_inserted(inserted: str, beside: Sequence[str], most_alike: float) -> None:
    if not inserted.strip():
        raise CannotEdit("there is nothing to insert")
    if len(inserted) > _LONGEST or inserted.count("\n") >= _MOST:
        raise CannotEdit(f"more than {_MOST} lines or {_LONGEST:,} characters to insert")
    for place, other in zip(("before", "behind"), beside, strict=True):
        alike = max(_alike(line, other) for line in inserted.split("\n"))
        if alike > most_alike:
            raise CannotEdit(f"it repeats the step {place} it: {alike:.2f} alike, more than {most_alike:g}")
    false = next((step.text for step in steps_of(inserted) if not step.true), None)
    if false is not None:
        raise CannotEdit(f"a false calculation: {false[:100]}")


def _alike(one: str, other: str) -> float:
    """The share of two lines that both contain in the same order, 0 to 1."""
    # Quadratic in the length, so both are cut; autojunk would ignore frequent letters of a long line.
    pair = one.strip()[:_COMPARED], other.strip()[:_COMPARED]
    return SequenceMatcher(None, *pair, autojunk=False).ratio() if all(pair) else 0.0


LINES: Mapping[str, Editor] = {
    "upto_step": Editor("1", upto_step, takes=("step",), needs=("step",)),
    "before_step": Editor("1", before_step, takes=("step",), needs=("step",)),
    "before_error": Editor("2", before_error),
    "upto_error": Editor("2", upto_error),
    "drop_lines": Editor("1", drop_lines, takes=("step", "count")),
    "gap": Editor("1", gap, takes=("step",)),
    "hole": Editor("1", hole, takes=("step",)),
    "before_gap": Editor("1", before_gap),
    "behind_gap": Editor("1", behind_gap),
    "insert_line": Editor("2", insert_line, takes=("line", "step", "most_alike"), needs=("line",)),
}
