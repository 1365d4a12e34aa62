"""Finds and reads the JSON value in what a model wrote, strictly and within bounds, for several verifiers.

Where the value is, first that applies:
1. the last closed fenced block marked `json`, or, if none is marked, the last fenced block whose content is JSON;
2. the whole text, when it is one JSON value of any kind;
3. the last object or array in the text.
Strict: no NaN or infinities, no number beyond the range of a double, no key twice in one object (unless the caller takes
the last), nothing deeper than the bound. Values inside a broken value do not count.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

LONGEST = 200_000
"""Characters in which a value is looked for, from the end."""
DEEPEST = 64
_TOO_DEEP = f"deeper than {DEEPEST} levels"
_DIGITS = 400  # of an integer
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*([A-Za-z0-9_+-]*)[^\n]*$", re.MULTILINE)
# possessive (*+): a text of a million spaces must not be read again from each of them
_OPENING = re.compile(r"\{\s*+[\"}]|\[\s*+[\"{\[\]\-0-9tfn]")
_ATTEMPTS = 5_000  # a text of opening braces costs no more than this many readings
Duplicates = Literal["refuse", "last"]


class BadJsonError(ValueError):
    """Text without a JSON value as defined here; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class JsonText:
    """A JSON value with its text and where it stood, or why the text at that place is none (`error`)."""

    text: str
    place: Literal["fence", "whole", "embedded"]
    value: Any = None
    error: str | None = None


def find_json(text: str, *, duplicates: Duplicates = "refuse") -> JsonText | None:
    """The last JSON value of a text, None if there is nothing that could be one."""
    text = text[-LONGEST:]
    blocks = fenced_blocks(text)
    marked = [content for language, content in blocks if language in ("json", "jsonc", "json5")]
    if marked:
        return _read(marked[-1], "fence", duplicates)
    for _, content in reversed(blocks):
        json_text = _read(content, "fence", duplicates)
        if json_text.error is None:
            return json_text
    whole = text.strip()
    if not whole:
        return None
    json_text = _read(whole, "whole", duplicates)
    if json_text.error is None:
        return json_text
    meant = whole[0] + whole[-1] in ("{}", "[]") or _OPENING.match(whole)
    return _embedded(text, duplicates) or (json_text if meant else None)


def fenced_blocks(text: str) -> list[tuple[str, str]]:
    """(language in lower case, content) of the closed fenced blocks of a text, in order."""
    blocks: list[tuple[str, str]] = []
    fence: re.Match[str] | None = None
    for mark in _FENCE.finditer(text):
        if fence is None:
            fence = mark
        elif mark[1].startswith(fence[1]) and not mark[2]:
            blocks.append((fence[2].lower(), text[fence.end() + 1 : mark.start()].strip()))
            fence = None
    return blocks


def parse_json(text: str, *, duplicates: Duplicates = "refuse") -> Any:
    """The value of a whole text; BadJsonError with the reason otherwise."""
    try:
        value = _decoder(duplicates).decode(text)
    except BadJsonError:
        raise
    except RecursionError:
        raise BadJsonError(_TOO_DEEP) from None
    except ValueError as error:
        raise BadJsonError(f"{error}"[:200]) from None
    if too_deep(value):
        raise BadJsonError(_TOO_DEEP)
    return value


def too_deep(value: Any) -> bool:
    """True if a value is nested deeper than the bound; without recursion."""
    level, depth = [value], 0
    while level:
        level = [child for item in level for child in _children(item)]
        depth += 1
        if depth > DEEPEST:
            return True
    return False


def _children(item: Any) -> Any:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


def _read(text: str, place: Literal["fence", "whole", "embedded"], duplicates: Duplicates) -> JsonText:
    try:
        return JsonText(text, place, parse_json(text, duplicates=duplicates))
    except BadJsonError as error:
        return JsonText(text, place, error=str(error))


def _embedded(text: str, duplicates: Duplicates) -> JsonText | None:
    """The last object or array; one that breaks off with the text, or is refused, is a value with an error."""
    decoder, at = _decoder(duplicates), 0
    last: JsonText | None = None
    for _ in range(_ATTEMPTS):
        if (mark := _OPENING.search(text, at)) is None:
            break
        start = mark.start()
        try:
            value, end = decoder.raw_decode(text, start)
            last, at = JsonText(text[start:end], "embedded", value, _TOO_DEEP if too_deep(value) else None), end
        except json.JSONDecodeError as error:
            at = max(error.pos, start + 1)
            if at >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
                last = JsonText(text[start:], "embedded", error=str(error)[:200])
        except RecursionError:
            return JsonText(text[start:], "embedded", error=_TOO_DEEP)
        except ValueError as error:
            at = _end_of(text, start)
            last = JsonText(text[start:at], "embedded", error=str(error)[:200])
    return last


def _end_of(text: str, start: int) -> int:
    """End of a value that is refused for its content: read again without the refusals."""
    # Digits stay text, because int() refuses more than 4,300 of them.
    decoder = json.JSONDecoder(parse_int=str)
    try:
        return decoder.raw_decode(text, start)[1]
    except json.JSONDecodeError as error:
        # Always forward, or the search would find the same opening again.
        return max(error.pos, start + 1)
    except RecursionError:
        return len(text)


def _decoder(duplicates: Duplicates) -> json.JSONDecoder:
    hook = _unique if duplicates == "refuse" else None
    return json.JSONDecoder(parse_constant=_no_constant, parse_int=_integer, parse_float=_float, object_pairs_hook=hook)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        raise BadJsonError(f"the key {next(key for key in keys if keys.count(key) > 1)[:100]!r} is given twice")
    return value


def _no_constant(name: str) -> Any:
    raise BadJsonError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise BadJsonError(f"a number of {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise BadJsonError(f"the number {digits[:40]} is beyond the range of a double")
    return value
