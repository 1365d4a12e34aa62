"""A text as the insertions that write it, each a unified diff without context, and back again.

Only line feeds separate lines, so that everything else in a line is preserved; a text that ends in a line
feed has an empty last line. The separator and the hunks' heads begin no line of a diff's content, which begins with a plus.
"""

import re
from collections.abc import Iterator, Sequence

SEPARATOR = "<|diff|>"
"""Stands on a line of its own before every diff."""
# At most nine digits: the text may be a model's.
_HUNK = re.compile(r"@@ -(\d{1,9}),0 \+(\d{1,9})(?:,(\d{1,9}))? @@")


def insertion_diff(lines: Sequence[str], before: Sequence[int], after: Sequence[int]) -> str:
    """The diff between two states of a text, each some of its lines, sorted; the second has all of the first."""
    kept = set(before)
    hunks: list[str] = []
    old = 0
    run: list[int] = []
    for place, number in enumerate(after):
        if number not in kept:
            run.append(number)
        if run and (number in kept or place == len(after) - 1):
            # At the end `place` is the last inserted line itself, not the one behind the run.
            first = place - len(run) + (0 if number in kept else 1)
            hunks += [_head(old, first + 1, len(run)), *(f"+{lines[line_number]}" for line_number in run)]
            run = []
        old += number in kept
    return "\n".join(hunks)


def _head(old: int, new: int, count: int) -> str:
    """`old`: the line behind which is inserted; `new`: the number of the first inserted line."""
    # Unified diffs leave out a count of 1.
    return f"@@ -{old},0 +{new}{'' if count == 1 else f',{count}'} @@"


def edit_sequence(diffs: Sequence[str]) -> str:
    """The diffs as one text."""
    return "".join(f"{SEPARATOR}\n{diff}\n" for diff in diffs)


def states_of(sequence: str) -> Iterator[str]:
    """The text after each diff of an edit sequence, the last one whole. ValueError if it is none."""
    lines: list[str] = []
    # The line break in front lets a separator on the first line be found like the others.
    for place, diff in enumerate(f"\n{sequence}".split(f"\n{SEPARATOR}\n")):
        if place:
            lines = _applied(lines, diff.removesuffix("\n").split("\n"))
            yield "\n".join(lines)
        elif diff.strip("\n"):
            raise ValueError(f"what stands before the first {SEPARATOR} is no diff")


def _applied(lines: Sequence[str], diff: Sequence[str]) -> list[str]:
    written: list[str] = []
    taken = wanted = 0
    for row in diff:
        head = _HUNK.fullmatch(row)
        # Asked first: a line to be inserted may look like a head behind its plus.
        if wanted and row.startswith("+"):
            written.append(row[1:])
            wanted -= 1
        elif head and not wanted and taken <= int(head[1]) <= len(lines):
            written += lines[taken : int(head[1])]
            taken, wanted = int(head[1]), int(head[3] or 1)
            # The second number follows from the first and the lines so far, so it is only compared.
            if len(written) != int(head[2]) - 1:
                raise ValueError(f"{row} does not follow from what stands before it")
        else:
            raise ValueError(f"no place for {row[:80]!r}")
    if wanted:
        raise ValueError(f"{wanted} inserted lines are missing")
    return [*written, *lines[taken:]]
