"""A table as aligned text, made to fit a terminal: heads fold, long texts are cut, and columns that are still too wide are
set below.

Numbers, intervals and identifiers are never cut short: a number without its end is another number.
"""

import re
import textwrap
from collections.abc import Sequence
from typing import Any

LEAST_WIDTH = 12  # a text column is not cut below this
_GAP = 2  # spaces between two columns
_FIGURES = re.compile(r"[-+±\[(]?[\d.,]+[^A-Za-z]*|-|")  # a number, an interval, a day, nothing


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], room: int | None) -> str:
    """Rows under their heads, numbers to the right; `room`: the columns of the terminal, None for lines of any length.

    Where not even short texts make it fit, its last columns stand in a table of their own below, with the first one again.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    right = [bool(rows) and all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(head))]
    columns = [_Column(name, [row[i] for row in cells], right[i]) for i, name in enumerate(head)]
    if room is None:
        return _lines(columns, [column.natural for column in columns])
    parts = [_lines(part, _widths(part, room)) for part in _panels(columns, room)]
    return "\n\n".join(parts)


class _Column:
    """A head with its cells, and how narrow it may become."""

    def __init__(self, name: str, cells: Sequence[str], right: bool) -> None:
        self.name, self.cells, self.right = name, cells, right
        longest = max((len(text) for text in cells), default=0)
        words = max((len(word) for word in name.split()), default=0)
        figures = all(_FIGURES.fullmatch(text) for text in cells)
        self.natural = max(longest, len(name))
        self.folded = max(longest, words)
        self.least = self.folded if figures else max(min(longest, LEAST_WIDTH), words)


def _panels(columns: Sequence[_Column], room: int) -> list[list[_Column]]:
    """The columns in as many tables as it takes, each beginning with the first column."""
    panels = [list(columns[:1])]
    for column in columns[1:]:
        wide = sum(member.least + _GAP for member in panels[-1]) + column.least
        if wide > room and len(panels[-1]) > 1:
            panels.append(list(columns[:1]))
        panels[-1].append(column)
    return panels


def _widths(columns: Sequence[_Column], room: int) -> list[int]:
    """The width of each column: heads fold first, then the longest text gives way, the first column's after all others'."""
    room -= _GAP * (len(columns) - 1)
    widths = [column.natural for column in columns]
    if sum(widths) > room:
        widths = [column.folded for column in columns]
    while sum(widths) > room:
        longer = [i for i, column in enumerate(columns) if widths[i] > column.least]
        if not longer:
            break
        widths[max(longer, key=lambda i: (i > 0, widths[i]))] -= 1
    spare = room - sum(widths)
    for i, column in enumerate(columns):  # what is left goes to heads, so that few fold
        more = max(0, min(spare, column.natural - widths[i]))
        if widths[i] >= column.folded and more == column.natural - widths[i]:
            widths[i], spare = widths[i] + more, spare - more
    return widths


def _lines(columns: Sequence[_Column], widths: Sequence[int]) -> str:
    heads = [textwrap.wrap(column.name, width) or [""] for column, width in zip(columns, widths, strict=True)]
    height = max(map(len, heads))
    rows = [[head[i - height + len(head)] if i >= height - len(head) else "" for head in heads] for i in range(height)]
    rows += [
        [_cut(column.cells[i], width) for column, width in zip(columns, widths, strict=True)]
        for i in range(len(columns[0].cells))
    ]
    return "\n".join(_aligned(row, widths, [column.right for column in columns]) for row in rows)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if isinstance(value, float) else str(value)


def _aligned(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    pairs = zip(cells, widths, right, strict=True)
    return (
        (" " * _GAP).join(text.rjust(width) if to_right else text.ljust(width) for text, width, to_right in pairs).rstrip()
    )
