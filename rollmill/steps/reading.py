"""Fields read out of a completion's text, by a regular expression or a JSON path; another reader reads the stored texts
again.

A pattern that begins with `$` is a JSON path (`$.verdict`, `$.steps[0].ok`) into the last JSON value of the text. Any other
is a regular expression in the dialect of the library `regex`; the last match counts, as models end on their answer, and its
first group if it has one. An unreadable field is missing, and a search that takes too long finds nothing.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.json_text import find_json
from rollmill.ground.formats.patterns import BadPatternError, SearchLimitError, compiled_pattern, last_match
from rollmill.ground.ids import canonical_json

FIELD = re.compile(r"[a-z_][a-z0-9_]*")
_PATH = re.compile(r"\$((?:\.[A-Za-z_][A-Za-z0-9_]*|\[\d+\])*)")
_PART = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")
VERSION = "1"
_SHOWN, _MOST_VALUES = 40, 5  # characters of a value, and values, that are told
FEW, SELDOM = 32, 0.05  # texts after which it is told that a field is read in a smaller share of them


def check_reader(where: str, read: Mapping[str, str]) -> None:
    """SetupError for an invalid name or pattern of a field."""
    for name, pattern in read.items():
        # Every step has these two facts, which would hide a field of their name.
        if not FIELD.fullmatch(name) or name in ("outcome", "truncated"):
            raise SetupError(f"{where} reads a field {name!r}: letters, digits and _, and neither outcome nor truncated.")
        # No regular expression is lost: one that begins with `$` could match only the end of a text.
        if pattern.startswith("$"):
            if not _PATH.fullmatch(pattern):
                raise SetupError(
                    f"{where} reads {name!r} by {pattern!r}, which is not a JSON path.", choices=("$.a.b", "$.a[0]")
                )
            continue
        try:
            compiled_pattern(pattern)
        except BadPatternError as error:
            raise SetupError(f"{where} reads {name!r} by {pattern[:100]!r}: {error}.") from None


def fields_of(text: str, read: Mapping[str, str]) -> dict[str, str]:
    """The fields that can be read, white space around them dropped."""
    values = (
        (name, _by_path(text, pattern) if pattern.startswith("$") else _by_regex(text, pattern))
        for name, pattern in read.items()
    )
    return {name: value.strip() for name, value in values if value is not None}


class ReadCounts:
    """Number of texts of a step in which each field can be read; `compared`: fields whose values are counted too."""

    def __init__(self, read: Mapping[str, str], compared: Collection[str] = ()) -> None:
        self._read = read
        self.texts, self.counts = 0, dict.fromkeys(read, 0)
        self._values: dict[str, Counter[str]] = {name: Counter() for name in compared if name in read}
        self._told: set[str] = set()

    def add(self, text: str) -> None:
        """Count one more."""
        self.texts += 1
        for name, value in fields_of(text, self._read).items():
            self.counts[name] += 1
            if name in self._values:
                self._values[name][value] += 1

    def unmet(self, name: str, wanted: Collection[str]) -> dict[str, int] | None:
        """The commonest values of a compared field if none is a wanted one; None if one is, or none could be read."""
        values = self._values.get(name, Counter())
        if not values or not values.keys().isdisjoint(wanted):
            return None
        return {value[:_SHOWN]: count for value, count in values.most_common(_MOST_VALUES)}

    def seldom(self) -> dict[str, int]:
        """The fields that are almost never readable, with their counts, each reported once and after enough texts."""
        if self.texts < FEW:
            return {}
        seldom = {name: count for name, count in self.counts.items() if count < SELDOM * self.texts}
        news = {name: count for name, count in seldom.items() if name not in self._told}
        self._told.update(news)
        return news


def unmet_words(step: str, field: str, wanted: Collection[str], values: Mapping[str, int], texts: int) -> str:
    """Message about a condition that never held."""
    seen = ", ".join(f"{value!r} {count:,}" for value, count in values.items())
    return (
        f"it follows where {step}.{field} is {' or '.join(map(repr, wanted))}, which none of {texts:,} texts says ({seen})"
    )


def _by_regex(text: str, pattern: str) -> str | None:
    try:
        match = last_match(pattern, text, full=False)
    except SearchLimitError:
        return None
    if match is None:
        return None
    # None if the first group took no part in the match.
    value: str | None = match[1] if match.re.groups else match[0]
    return value


def _by_path(text: str, path: str) -> str | None:
    record = find_json(text, duplicates="last")
    if record is None or record.error is not None:
        return None
    value: Any = record.value
    for key, index in _PART.findall(path):
        if key and isinstance(value, dict) and key in value:
            value = value[key]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return None
    # A null of JSON says that there is no value.
    if value is None:
        return None
    # Conditions compare texts, so every value needs one spelling.
    return value if isinstance(value, str) else canonical_json(value)
