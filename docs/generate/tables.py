"""Cells of the generated tables: values as YAML writes them, and types in words."""

import json
import types
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

_WORDS: Mapping[Any, str] = {int: "whole number", float: "number", Decimal: "number", str: "text", bool: "true or false"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars and line ends in a cell are written so that they stay in it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """A text in one line, with bars that end no cell."""
    return " ".join(text.split()).replace("|", "\\|")


def shown_default(value: Any) -> str:
    """A default as a recipe would write it; empty if a value must be given."""
    if value is PydanticUndefined:
        return "*required*"
    text = json.dumps(_plain(value), ensure_ascii=False)
    if len(text) > 60:
        return "*a text*" if isinstance(value, str) else "*a mapping*" if isinstance(value, Mapping) else "*a list*"
    return {"null": "none", "[]": "none", "{}": "none", '""': "empty"}.get(text) or f"`{text}`"


def _plain(value: Any) -> Any:
    """A value of a recipe without the classes that hold it."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple | frozenset) else value


def type_words(annotation: Any) -> str:
    """A type in words: `list of text` for one. A value that may be left out has the words of the value."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{json.dumps(choice)}`" for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_words(argument) for argument in arguments if argument is not type(None)))
    if hasattr(annotation, "__metadata__"):
        return type_words(annotation.__origin__)
    if origin is tuple and Ellipsis not in arguments:
        return f"list of {', '.join(map(type_words, arguments))}"
    if isinstance(origin or annotation, type) and issubclass(origin or annotation, Mapping):
        return f"mapping to {type_words(arguments[-1])}"
    if origin is not None and issubclass(origin, Sequence):
        return f"list of {type_words(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return _WORDS.get(annotation, "value")
