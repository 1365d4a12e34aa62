"""Places inside a cell: `metadata.ground_truth`, `choices[0].message.content`, `responses[*].text`."""

import json
import re
from collections.abc import Mapping
from typing import Any

from storage.errors import SetupError

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\*|-1)\]")


def root(path: str) -> str:
    """The column that a path begins with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def steps(path: str) -> list[str | int]:
    """The steps of a path: names, positions, and `*` for every item; SetupError where it is none."""
    found: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise SetupError(
                f"{path!r} names no place in a row.", choices=("column", "column.key", "column[0]", "column[*].key")
            )
        found.append(match[1] or (match[2] if match[2] == "*" else int(match[2])))
        at = match.end()
    return found


def value_at(values: Mapping[str, Any], path: str) -> Any:
    """What lies at a path of a row, None where there is nothing; `[*]` gives a list. JSON texts on the way are opened."""
    return _follow(values, steps(path))


def _follow(value: Any, rest: list[str | int]) -> Any:
    for place, step in enumerate(rest):
        value = opened(value)
        if step == "*":
            items = value if isinstance(value, list) else []
            found = [_follow(item, rest[place + 1 :]) for item in items]
            return [item for item in found if item is not None] or None
        if isinstance(step, int):
            inside = isinstance(value, list) and -len(value) <= step < len(value)
            value = value[step] if inside else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return value


def opened(value: Any) -> Any:
    """A cell that is JSON text of a list or an object as that; every other cell as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
