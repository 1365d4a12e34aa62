"""Rows that hold several answers, or an answer within a conversation, as rows with one answer and its prompt each."""

import json
from collections.abc import Iterator
from typing import Any

from storage.imports.cells import CellError
from storage.imports.columns import Columns
from storage.imports.readers import Row
from storage.imports.turns import is_turn

_OF_EACH = ("is_correct", "finish_reason", "tokens_out", "logprob_sum", "reasoning", "model")
_INSIDE = {
    "text": ("text", "content", "response", "generation", "completion", "output"),
    "finish_reason": ("finish_reason", "stop_reason"),
}


def each_answer(row: Row, columns: Columns) -> Iterator[Row]:
    """The row once per answer in its text cell. CellError where lists beside the answers are of another length."""
    column = columns.fields.get("text")
    cell = None if column is None else several(row.values.get(column))
    if column is None or cell is None:
        yield row
        return
    if "sample_index" in columns.fields and len(cell) > 1:
        raise CellError(f"{len(cell)} answers have one sample index")
    for place, answer in enumerate(cell):
        values = {**row.values, column: answer}
        for name in _OF_EACH:
            other = columns.fields.get(name)
            beside = row.values.get(other) if other is not None else None
            if other is not None and isinstance(beside, list):
                if len(beside) != len(cell):
                    raise CellError(f"{column} holds {len(cell)} answers and {other} {len(beside)} values")
                values[other] = beside[place]
        yield Row(row.where, _with_parts(values, answer, columns), row.format)


def several(cell: Any) -> list[Any] | None:
    """The answers in a cell: the items of a list, of lists of lists theirs; None for one text or one conversation."""
    if isinstance(cell, str) and cell.lstrip().startswith('["'):
        cell = _texts_in(cell)
    if not isinstance(cell, list) or (cell and all(map(is_turn, cell))):
        return None
    if cell and all(isinstance(item, list) and not (item and all(map(is_turn, item))) for item in cell):
        cell = [answer for item in cell for answer in item]
    if not cell:
        raise CellError("there is no answer in the list")
    return list(cell)


def _texts_in(cell: str) -> Any:
    """A JSON text of a list of texts as that list; everything else as it is (an answer may be JSON itself)."""
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else cell


def _with_parts(values: dict[str, Any], answer: Any, columns: Columns) -> dict[str, Any]:
    """An answer that is an object, by its parts: its text, and its finish reason where the file has a column for it."""
    if not isinstance(answer, dict) or is_turn(answer):
        return values
    column = columns.fields["text"]
    name = next((name for name in _INSIDE["text"] if isinstance(answer.get(name), str)), None)
    if name is None:
        raise CellError(f"an answer is an object with {', '.join(map(repr, answer))}: say --map text={column}[*].KEY")
    return {**values, column: answer[name]}
