"""The arguments of an instruction: bounds, texts, numbers, checked against what it takes. Knows no text that is judged."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

BOUNDS = ("at_least", "at_most", "exactly", "less_than", "more_than")
REQUIRED = object()


class BadConstraintError(ValueError):
    """The problem asks for what is no constraint here; the message names it and what is valid."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range of counts, both ends included; `most` None is unbounded."""

    least: int = 0
    most: int | None = None

    def hold(self, count: int) -> bool:
        """Whether a count lies within."""
        return self.least <= count and (self.most is None or count <= self.most)


def bounds_of(name: str, given: Mapping[str, Any], default: Bounds | None) -> Bounds:
    """The bounds among the arguments; the default where there are none."""
    stated = {key: given[key] for key in BOUNDS if key in given}
    if not stated:
        if default is None:
            raise BadConstraintError(f"{name!r} needs one of {', '.join(BOUNDS)}")
        return default
    for key, value in stated.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise BadConstraintError(f"{name!r}: {key} is {value!r:.40}, and must be a count")
    exactly = stated.get("exactly")
    least = max(stated.get("at_least", 0), stated.get("more_than", -1) + 1, exactly or 0)
    tops = [stated.get("at_most"), exactly, stated["less_than"] - 1 if "less_than" in stated else None]
    most = min((top for top in tops if top is not None), default=None)
    if most is not None and least > most:
        raise BadConstraintError(f"{name!r}: no count is {', '.join(f'{key} {value}' for key, value in stated.items())}")
    return Bounds(least, most)


def checked(name: str, given: Mapping[str, Any], takes: Mapping[str, Any], *, bounded: bool) -> dict[str, Any]:
    """The arguments with defaults filled in. A default says the type: a text, a number, a list of texts, a flag."""
    known = [*takes, *(BOUNDS if bounded else ())]
    for key in given:
        if key not in known:
            raise BadConstraintError(f"{name!r} takes no {key!r}. Valid: {', '.join(known) or 'nothing'}.")
    found: dict[str, Any] = {}
    for key, kind in takes.items():
        wanted, default = kind if isinstance(kind, tuple) else (kind, REQUIRED)
        if key not in given:
            if default is REQUIRED:
                raise BadConstraintError(f"{name!r} needs {key!r}")
            found[key] = default
        else:
            found[key] = _typed(name, key, given[key], wanted)
    return found


def unknown(name: str, known: Iterable[str]) -> BadConstraintError:
    """An error that names an unknown instruction, the nearest known one and all valid ones."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return BadConstraintError(f"unknown constraint {name[:100]!r}.{hint} Valid: {', '.join(choices)}.")


def _typed(name: str, key: str, value: Any, wanted: Any) -> Any:
    """A value of the wanted type; `wanted` is a type, `list` for texts, or a tuple of choices as a frozenset."""
    if isinstance(wanted, frozenset):
        fine = isinstance(value, str) and value in wanted
    elif wanted is list:
        fine = isinstance(value, list) and bool(value) and all(isinstance(item, str) and item.strip() for item in value)
    elif wanted is str:
        fine = isinstance(value, str) and bool(value.strip())
    elif wanted is float:
        fine = isinstance(value, (int, float)) and not isinstance(value, bool)
    else:
        fine = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
    if not fine:
        valid = f" Valid: {', '.join(sorted(wanted))}." if isinstance(wanted, frozenset) else ""
        raise BadConstraintError(f"{name!r}: {key} is {value!r:.60}, which is not valid.{valid}")
    return value
