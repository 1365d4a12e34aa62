"""Checks of values that a user's own object returned against its role; a wrong one is reported with file and line.

A shipped method is tested for this; a user's may return anything, and all other parts read the stored values.
"""

import inspect
import types
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from rollmill.ground.errors import contract_error

_SHOWN = 60  # characters of a value


def check_returned(owner: object, method: str, values: Iterable[object], kind: type) -> None:
    """SetupError if a user's own `owner` returned anything but records of a kind with values of their types."""
    if not is_users_own(owner):
        return
    for value in values:
        if (problem := record_fault(value, kind)) is not None:
            raise contract_error(f"{place_of(owner, method)} returned {problem}")


def check_named(owner: object, method: str, what: str, given: str, known: Iterable[str]) -> None:
    """Raise the contract error if a method of the user's own class returned a name that is not a valid one."""
    if is_users_own(owner) and given not in (names := sorted(known)):
        raise contract_error(
            f"{place_of(owner, method)} returned the {what} {given!r:.{_SHOWN}}, which is none of {', '.join(names)}"
        )


def is_users_own(owner: object) -> bool:
    """True if an object's class is a user's own."""
    return _is_own(type(owner).__module__)


@cache  # asked for every row
def _is_own(module: str) -> bool:
    return module.partition(".")[0] != "rollmill"


def place_of(owner: object, method: str) -> str:
    """File, line and name of an object's method, as far as Python knows them."""
    cls = type(owner)
    function = inspect.unwrap(getattr(cls, method, cls))
    code = getattr(function, "__code__", None)
    name = f"{cls.__name__}.{method}"
    return name if code is None else f"{Path(code.co_filename).name}:{code.co_firstlineno} ({name})"


def record_fault(value: object, kind: type) -> str | None:
    """Description of the fault of a value that should be a record of this kind; None if there is none."""
    if not isinstance(value, kind):
        return f"{value!r:.{_SHOWN}}, which is not a {kind.__name__}"
    for name, hint in _hints(kind).items():
        held = getattr(value, name)
        if not _fits(held, hint):
            return f"a {kind.__name__} with {name}={held!r:.{_SHOWN}}, which is not {_words(hint)}"
    return None


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    return {name: hints[name] for name in kind.__dataclass_fields__}


def _fits(value: object, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return any(isinstance(value, type(known)) and value == known for known in get_args(hint))
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if hint is type(None):
        return value is None
    if hint is float:
        return isinstance(value, Real) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if hint is bool:
        return isinstance(value, bool) or type(value).__module__ == "numpy"
    return isinstance(value, str) if hint is str else value is not None


def _words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", type(None): "None"}
    return " or ".join(names.get(part, getattr(part, "__name__", str(part))) for part in parts)
