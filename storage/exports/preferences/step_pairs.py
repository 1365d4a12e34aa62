"""Pairs across steps: completions of two steps on one thread, and the spans in which they differ."""

import json
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import duckdb

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.recipe_steps import step_names
from rollmill.ground.threads import lineage
from rollmill.storage.exports.thread_rows import ProblemThreads, manifest_of
from rollmill.storage.exports.write import Row

Spans = list[list[int]]
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")  # every character is in one part, so offsets add up
_COMPARED = 1_000_000  # pairs of words compared; for longer texts one span covers all differences


class Steps(NamedTuple):
    """The step of the chosen completion and that of the rejected one."""

    chosen: str
    rejected: str

    @classmethod
    def of(cls, text: str, known: Sequence[str]) -> "Steps":
        """Steps from a person's spelling, `solve:error`; SetupError for unknown steps."""
        chosen, colon, rejected = (part.strip() for part in text.partition(":"))
        if not colon or chosen == rejected:
            raise SetupError(f"pair is {text!r}; it names two steps.", next_command="--set pair=solve:error")
        for name in (chosen, rejected):
            if name not in known:
                raise unknown_name("step", name, known)
        return cls(chosen, rejected)


def steps_of_version(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The steps of the version's recipe."""
    return step_names(manifest_of(connection).get("recipe", {}))


def on_one_thread(problem: ProblemThreads, steps: Steps) -> Iterator[tuple[Row, Row]]:
    """(row of the first step, row of the second) with one in the lineage of the other, in the order of the first, then the
    second."""
    rests_on = {
        cid: {turn.completion_id for turn in lineage(problem.turns, cid)}
        for cid, row in problem.rows.items()
        if row["step"] in steps
    }
    for first in (row for row in problem.rows.values() if row["step"] == steps.chosen):
        for second in (row for row in problem.rows.values() if row["step"] == steps.rejected):
            a, b = first["completion_id"], second["completion_id"]
            if a in rests_on[b] or b in rests_on[a]:
                yield first, second


def changed_spans(before: Row, after: Row, *, follows: bool) -> tuple[Spans, Spans]:
    """Character spans in which two texts differ, as [first, behind the last].

    `follows`: the second text is an edit of the first one, and its record has the spans. Otherwise, or if the record does
    not fit, the words of both are compared.
    """
    recorded = _recorded_spans(before["text"], after) if follows else None
    return recorded if recorded is not None else _compared_spans(before["text"], after["text"])


def _recorded_spans(before: str, after: Row) -> tuple[Spans, Spans] | None:
    """Spans recorded by the engine `edit`, if they hold: outside of the spans the texts are equal."""
    meta = json.loads(after["meta"] or "{}")
    changes: Any = meta.get("changes")
    # Of very many changes only the first are recorded, and spans must cover all.
    if not isinstance(changes, list) or "changes_left_out" in meta:
        return None
    try:
        spans = [
            sorted([int(start), int(end)] for start, end in (change[side] for change in changes)) for side in ("at", "to")
        ]
    except (KeyError, TypeError, ValueError):
        return None
    return (spans[0], spans[1]) if _between_spans(before, spans[0]) == _between_spans(after["text"], spans[1]) else None


def _between_spans(text: str, spans: Spans) -> list[str]:
    """The parts of a text between spans."""
    bounds = [0, *(place for span in spans for place in span), len(text)]
    return [text[start:end] for start, end in zip(bounds[::2], bounds[1::2], strict=True)]


def _compared_spans(before: str, after: str) -> tuple[Spans, Spans]:
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if len(old) * len(new) > _COMPARED:
        return _differing_span(before, after)
    starts = [_word_offsets(part) for part in (old, new)]
    # autojunk would begin no match at a word that is more than 1% of a text of 200 words or more, such as a blank.
    codes = [code for code in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if code[0] != "equal"]
    return (
        [[starts[0][i1], starts[0][i2]] for _, i1, i2, _, _ in codes],
        [[starts[1][j1], starts[1][j2]] for _, _, _, j1, j2 in codes],
    )


def _differing_span(before: str, after: str) -> tuple[Spans, Spans]:
    """Span in each text between their common beginning and their common end."""
    short = min(len(before), len(after))
    head = next((place for place in range(short) if before[place] != after[place]), short)
    # The common end must not reach into the common beginning: `aa` and `aaa` share two letters, not four.
    rest = short - head
    tail = next((place for place in range(rest) if before[-1 - place] != after[-1 - place]), rest)
    return [[head, len(before) - tail]], [[head, len(after) - tail]]


def _word_offsets(words: Sequence[str]) -> list[int]:
    """Offsets of the words' beginnings, and of the end of the last one."""
    places = [0]
    for word in words:
        places.append(places[-1] + len(word))
    return places
