"""Cells of foreign files to values (text, whole numbers, yes or no, levels), and places inside a cell.

A place is written `metadata.ground_truth`, `choices[0].message.content` or `responses[*].text`. A cell that cannot be read
raises CellError, whose text says what the cell holds; the caller names the row.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import SURROGATE

_TRUE = frozenset({"true", "t", "yes", "1", "1.0", "correct"})
_FALSE = frozenset({"false", "f", "no", "0", "0.0", "incorrect", "wrong"})
_NO_TEST = frozenset({"", "{}", "[]", "null", "none", "nan", "false"})
_LEVEL = re.compile(r"(?!\s*-)\D*(\d{1,18})\s*")  # -3 is no level, and 18 digits fit 64 bits


class Targets(list[str]):
    """Several right answers to one problem, as evaluation logs name them; one of them suffices."""


class CellError(ValueError):
    """A cell that does not hold what its field needs."""


def text(value: Any) -> str | None:
    """A cell as text; numbers in their shortest spelling. NaN counts as missing, as in pandas. A list or an object is not a
    text.
    """
    if isinstance(value, list | tuple | dict):
        kind = "an object" if isinstance(value, dict) else "a list"
        raise CellError(f"{_short(value)} is {kind}, not a text: say --map FIELD=COLUMN[0] or COLUMN.KEY for what is in it")
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    value = plain(value)
    return None if value is None else str(value)


def identifier(value: Any) -> str | None:
    """A cell as an id: 3.0 is 3, as pandas makes whole numbers decimal ones where a cell is missing."""
    return text(int(value) if isinstance(value, float) and value.is_integer() else value)


def json_text(value: Any) -> str | None:
    """A cell as text, lists and objects as JSON: for what describes a row and for tests, which may be objects."""
    return json.dumps(plain(value), ensure_ascii=False) if isinstance(value, list | tuple | dict) else text(value)


def whole(value: Any) -> int | None:
    """A cell as a whole number that fits 64 bits."""
    if value is None:
        return None
    try:
        number = int(value)
        exact = not isinstance(value, float) or value == number
    except (TypeError, ValueError, OverflowError):
        exact, number = False, 0
    # int() takes True for 1.
    if not exact or isinstance(value, bool) or not -(2**63) <= number < 2**63:
        raise CellError(f"{_short(value)} is not a whole number")
    return number


def tally(value: Any) -> int | None:
    """A cell as a count or index."""
    count = whole(value)
    if count is not None and count < 0:
        raise CellError(f"{count} is negative, and counts are not")
    return count


def number(value: Any) -> float | None:
    """A cell as a finite number."""
    if value is None:
        return None
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise CellError(f"{_short(value)} is not a number")
    return result


def log_probability(value: Any) -> float | None:
    """A cell as the logarithm of a probability; a rounding error above 0 is accepted."""
    logarithm = number(value)
    if logarithm is not None and logarithm > 1e-3:  # tools that add float32 values end a little above 0
        raise CellError(f"{logarithm} is above 0, and the logarithm of a probability is not")
    return logarithm


def yes_or_no(value: Any) -> bool | None:
    """A cell as a truth value."""
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise CellError(f"{_short(value)} is neither true nor false")


def level(value: Any) -> int | None:
    """A difficulty level: 3, "3" or "Level 3". Words without a number ("hard", "Level ?") give none."""
    if isinstance(value, str):
        match = _LEVEL.fullmatch(value)
        return int(match[1]) if match else None
    # DeepMath's difficulties go by halves.
    return None if isinstance(value, float) and not value.is_integer() else whole(value)


def texts(value: Any) -> tuple[str, ...]:
    """Tests as a list of texts, JSON text of such a list, or one text."""
    # A single test may begin with a bracket as well: what is no JSON is that test.
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return (value,)
    items = value if isinstance(value, list | tuple) else [value]
    tests = (json_text(item) or "" for item in items if not isinstance(item, bool))
    return tuple(test for test in tests if test.strip().lower() not in _NO_TEST)


def plain(value: Any) -> Any:
    """A value as strict JSON can hold it: NaN and infinities become null, bytes and values of other types (dates, decimals)
    become text.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class Sanitiser:
    """Replaces lone surrogates, which no UTF-8 file can hold, by U+FFFD; counts them, the rows without an answer, by
    their filter the rows that repeat one, and the answers whose model a results file names.
    """

    def __init__(self) -> None:
        self.characters = 0
        self.empty = 0
        self.rows = 0
        self.filters: Counter[str] = Counter()
        self.models: Counter[tuple[str, str]] = Counter()

    def row(self, values: dict[str, Any]) -> dict[str, Any]:
        """The row's values with every text storable."""
        # Most rows have nothing to replace, and are known for it without a copy.
        if all(map(_needs_no_look, values)) and all(map(_needs_no_look, values.values())):
            return values
        before = self.characters
        clean = {self._clean(name): self._clean(value) for name, value in values.items()}
        self.rows += self.characters > before
        return clean

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self._clean(key): self._clean(item) for key, item in value.items()}
        # The kind of a list stays: several targets are no list of a person's file.
        return type(value)(map(self._clean, value)) if isinstance(value, list) else value

    def _text(self, value: str) -> str:
        try:
            value.encode()  # ten times as fast as a search
        except UnicodeEncodeError:
            value, replaced = SURROGATE.subn("\ufffd", value)
            self.characters += replaced
        return value


def _needs_no_look(value: Any) -> bool:
    # Python knows this of a text without going through it, and no surrogate is ASCII.
    return value.isascii() if isinstance(value, str) else not isinstance(value, (dict, list))


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\*|-1)\]")


def root(path: str) -> str:
    """The column that a path begins with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def steps(path: str) -> list[str | int]:
    """The steps of a path: names, positions, and `*` for every item; SetupError if it is none."""
    path_steps: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise SetupError(
                f"{path!r} is not a place in a row.", choices=("column", "column.key", "column[0]", "column[*].key")
            )
        path_steps.append(match[1] or (match[2] if match[2] == "*" else int(match[2])))
        at = match.end()
    return path_steps


def value_at(values: Mapping[str, Any], path: str) -> Any:
    """Value at a path of a row, None if missing; `[*]` gives a list. JSON texts on the path are parsed."""
    return _follow(values, steps(path))


def _follow(value: Any, rest: list[str | int]) -> Any:
    for place, step in enumerate(rest):
        value = parsed_cell(value)
        if step == "*":
            items = value if isinstance(value, list) else []
            values = [_follow(item, rest[place + 1 :]) for item in items]
            # Without any value the cell is missing, and a constant may stand in for it.
            return [item for item in values if item is not None] or None
        if isinstance(step, int):
            inside = isinstance(value, list) and -len(value) <= step < len(value)
            value = value[step] if inside else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return value


def parsed_cell(value: Any) -> Any:
    """A cell with JSON text of a list or an object as that value; every other cell unchanged."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        # json gives up with a RecursionError on brackets nested too deeply: such a cell stays text.
        except (ValueError, RecursionError):
            return value
    return value
