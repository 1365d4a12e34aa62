"""Tables of answers, read from the files in this folder: pairs, sentences about a number, multiple-choice answers.

A comment in each file describes its rows.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Pairs = tuple[tuple[str, str], ...]
Choices = tuple[tuple[str, str, str], ...]
"""(prompt, letter, completion) of multiple-choice problems."""


def _file(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


def _pairs(rows: Iterable[Sequence[str]]) -> Pairs:
    return tuple((left, right) for left, right in rows)


def _by_class(table: Mapping[str, Iterable[Sequence[str]]]) -> dict[str, Pairs]:
    return {name: _pairs(rows) for name, rows in table.items()}


_equal, _different, _sentences, _choices = map(_file, ("math_equal", "math_different", "sentences", "choices"))

EQUAL: Mapping[str, Pairs] = _by_class(_equal["equal"])
SELF: Sequence[str] = tuple(_equal["self"])
DIFFERENT: Mapping[str, Pairs] = _by_class(_different["different"])
POLICY: Mapping[str, Pairs] = _by_class(_different["policy"])

SENTENCE_ANSWER: str = _sentences["answer"]
SENTENCE_FORMS: Sequence[str] = tuple(_sentences["forms"])
CHANGED: Mapping[str, Sequence[str]] = {name: tuple(texts) for name, texts in _sentences["changed"].items()}
PLAIN: Sequence[str] = tuple(_sentences["plain"])
BOXES: Pairs = _pairs(_sentences["boxes"])
COPIED: Sequence[tuple[str, str, str]] = tuple((prompt, right, text) for prompt, right, text in _sentences["copied"])
READ: Pairs = _pairs(_sentences["read"])

PLANETS: str = _choices["prompts"]["planets"]


def _prompted(rows: Iterable[Sequence[str]]) -> Choices:
    return tuple((_choices["prompts"][prompt], letter, text) for prompt, letter, text in rows)


RIGHT_CHOICES: Mapping[str, Choices] = {name: _prompted(rows) for name, rows in _choices["right"].items()}
WRONG_CHOICES: Mapping[str, Choices] = {name: _prompted(rows) for name, rows in _choices["wrong"].items()}
UNCLEAR_CHOICES: Choices = _prompted(_choices["unclear"])
