"""Expected results of a data set's tests, as values and printed texts, and their comparison with a program's results.
Runs nothing.

JSON has no tuples, sets, bytes, nan or keys other than texts, so one-key objects stand for them, in arguments and in
expectations: {"$tuple": [...]}, {"$set": [...]}, {"$frozenset": [...]}, {"$dict": [[key, value], ...]}, {"$bytes": "hex"},
{"$float": "nan" | "inf" | "-inf"}, {"$complex": [re, im]}.

Returned values are equal by type, on plain data only (`same`):
- a bool equals only a bool: True is not 1, False is not 0;
- an int equals the float of the same value (1 is 1.0), exactly; nan equals nan; -0.0 equals 0.0;
- a stated tolerance t allows |got - expected| <= t * max(1, |expected|) wherever a float stands on either side;
- a JSON array equals a list or a tuple with equal items; {"$tuple": ...} only a tuple; a set equals a set or a frozenset;
- a dict equals a dict with equal keys, in any order; keys and members of sets are compared exactly, never with a tolerance;
- text, bytes, None and complex equal only their own type.

Printed texts are compared by `same_output`. `lines` (default): spaces at the end of a line and blank lines at the end of
the text do not count, everything else does. `exact`: every character. `tokens`: only the words between white space. Line
ends may be \\n or \\r\\n, except in `exact`. With a tolerance t, words that are decimal numbers may differ by
t * max(1, |expected|).
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

DEEPEST = 200


class BadValueError(ValueError):
    """Unreadable tagged value of a test, a mistake of the dataset."""


def decode(value: Any) -> Any:
    """The Python value that a JSON value stands for; BadValueError for an invalid value of a tag."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(tag, content)] = value.items()
        if tag in _TAGS:
            return _tagged(tag, content)
    return {key: decode(item) for key, item in value.items()}


def same(expected: Any, got: Any, *, tolerance: float | None = None, depth: int = 0) -> bool:
    """True if a returned value is the expected one, by the rules above; a value that is not plain data equals nothing."""
    if depth > DEEPEST:
        return False
    if _is_number(expected):
        return _is_number(got) and _same_number(expected, got, tolerance)
    if type(expected) is complex:
        return type(got) is complex and all(
            _same_number(wanted, given, tolerance)
            for wanted, given in ((expected.real, got.real), (expected.imag, got.imag))
        )
    if type(expected) in (list, tuple):
        kinds = (list, tuple) if type(expected) is list else (tuple,)
        return (
            type(got) in kinds
            and len(got) == len(expected)
            and all(
                same(wanted, given, tolerance=tolerance, depth=depth + 1)
                for wanted, given in zip(expected, got, strict=True)
            )
        )
    if type(expected) is dict:
        return type(got) is dict and _same_dict(expected, got, tolerance, depth)
    if type(expected) in (set, frozenset):
        # By key: Python's own comparison takes {True} for {1}.
        return type(got) in (set, frozenset) and {_key(item) for item in expected} == {_key(item) for item in got}
    return type(expected) is type(got) and type(expected) in (bool, str, bytes, type(None)) and bool(expected == got)


def shown(value: Any, width: int = 160) -> str:
    """A value as a person reads it, cut at `width` characters; never fails."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int too long to print, a value too deep
        text = f"<{type(value).__name__} that cannot be printed>"
    return text if len(text) <= width else text[: width - 1] + "…"


def _is_number(value: Any) -> bool:
    # Not isinstance, which takes True for an int.
    return type(value) in (int, float)


def _same_number(expected: Any, got: Any, tolerance: float | None) -> bool:
    if expected == got:
        return True
    if isinstance(expected, float) and isinstance(got, float) and math.isnan(expected) and math.isnan(got):
        return True
    if tolerance is None or (type(expected) is int and type(got) is int):
        return False
    try:
        distance = abs(float(got) - float(expected))
        # An infinite expected value would allow every distance.
        return math.isfinite(distance) and distance <= tolerance * max(1.0, abs(float(expected)))
    except OverflowError:  # an int beyond 1e308 has no float
        return False


def _same_dict(expected: dict[Any, Any], got: dict[Any, Any], tolerance: float | None, depth: int) -> bool:
    wanted = {_key(key): value for key, value in expected.items()}
    returned = {_key(key): value for key, value in got.items()}
    return wanted.keys() == returned.keys() and all(
        same(value, returned[key], tolerance=tolerance, depth=depth + 1) for key, value in wanted.items()
    )


def _key(value: Any, depth: int = 0) -> Any:
    """A hashable key that distinguishes True from 1 and lets nan equal nan."""
    if depth > DEEPEST:
        # Unique, so that what lies too deep to look at equals nothing.
        return ("deep", id(value))
    if _is_number(value):
        # Whole floats are equal to their ints and have their hash, so 1 and 1.0 are one key.
        return ("number", "nan") if value != value else ("number", value)
    if type(value) in (tuple, list):
        return ("sequence", type(value).__name__, tuple(_key(item, depth + 1) for item in value))
    if type(value) in (set, frozenset):
        return ("set", frozenset(_key(item, depth + 1) for item in value))
    if type(value) in (bool, str, bytes, complex, type(None)):
        return (type(value).__name__, value)
    return ("opaque", id(value))


def _tagged(tag: str, content: Any) -> Any:
    try:
        return _TAGS[tag](content)
    except BadValueError:  # a ValueError as well, and its own message says more
        raise
    except (TypeError, ValueError, LookupError) as error:
        raise BadValueError(f"{tag} cannot hold {shown(content, 60)}: {error}") from None


def _items(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise BadValueError(f"{shown(content, 60)} is not a list")
    return [decode(item) for item in content]


_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_TAGS: Mapping[str, Callable[[Any], Any]] = {
    "$tuple": lambda content: tuple(_items(content)),
    "$set": lambda content: set(_items(content)),
    "$frozenset": lambda content: frozenset(_items(content)),
    "$dict": lambda content: {decode(key): decode(value) for key, value in content},
    "$bytes": bytes.fromhex,
    "$float": lambda content: _FLOATS[content],
    "$complex": lambda content: complex(float(content[0]), float(content[1])),
}


Spacing = Literal["lines", "exact", "tokens"]
SPACINGS: tuple[Spacing, ...] = get_args(Spacing)

_NUMBER = re.compile(r"[-+]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][-+]?\d{1,4})?")


def same_output(expected: str, printed: str, *, spacing: Spacing = "lines", tolerance: float | None = None) -> bool:
    """True if the printed text is the expected one."""
    if tolerance is not None:
        return _close(expected, printed, tolerance, by_line=spacing != "tokens")
    if spacing == "exact":
        return expected == printed
    if spacing == "tokens":
        return expected.split() == printed.split()
    return lines(expected) == lines(printed)


def lines(text: str) -> list[str]:
    """The lines that count, without the white space at their ends."""
    # Not splitlines, which also breaks at form feeds and U+2028.
    counted = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while counted and not counted[-1]:
        counted.pop()
    return counted


def _close(expected: str, printed: str, tolerance: float, *, by_line: bool) -> bool:
    wanted = [line.split() for line in lines(expected)] if by_line else [expected.split()]
    got = [line.split() for line in lines(printed)] if by_line else [printed.split()]
    if [len(words) for words in wanted] != [len(words) for words in got]:
        return False
    pairs = zip((word for words in wanted for word in words), (word for words in got for word in words), strict=True)
    return all(_same_word(wanted, got, tolerance) for wanted, got in pairs)


def _same_word(wanted: str, printed: str, tolerance: float) -> bool:
    if wanted == printed:
        return True
    if not (_NUMBER.fullmatch(wanted) and _NUMBER.fullmatch(printed)):
        return False
    expected, got = float(wanted), float(printed)
    # A word such as 1e999 is infinite as a float, and of an infinite expected value every number is within the tolerance.
    finite = math.isfinite(expected) and math.isfinite(got)
    return finite and abs(got - expected) <= tolerance * max(1.0, abs(expected))
