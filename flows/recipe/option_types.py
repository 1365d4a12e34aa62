"""Type check of a method's options against its constructor, for recipes whose YAML has a value of another type.

Only methods in the product's registries are checked, not a user's own classes.
"""

import inspect
import json
import math
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation

from rollmill.flows.recipe.parse import shortened
from rollmill.ground.errors import SetupError

_WORDS: Mapping[Any, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_PLURALS: Mapping[Any, str] = {int: "whole numbers", float: "numbers", str: "texts", bool: "truth values"}
_UNIONS = (Union, types.UnionType)


def check_option_types(where: str, cls: type[Any], options: Mapping[str, Any]) -> None:
    """SetupError for the first option that the constructor of `cls` cannot take, with what it takes.

    An option whose annotation is a class of ours is left to that class.
    """
    known = annotations(cls)
    for name, value in options.items():
        if name in known and not _fits(known[name], value):
            raise _refusal(f"{where}: option {name!r} is {shortened(value)}", known[name], value)


def _fits(annotation: Any, value: Any) -> bool:
    """True if a value of a recipe has an argument's type; numbers and texts are never converted into one another."""
    # Both are checked before JSON: it has no infinity, and makes a text of a key 1.
    if not _finite(value) or (isinstance(value, Mapping) and get_args(annotation)[:1] == (str,) and not _named(value)):
        return False
    adapter = _adapter(annotation)
    try:
        # Strict JSON takes a list for a tuple, strict Python does not; wrapped in a list, as 0 is valid and false.
        return adapter is None or bool([adapter.validate_json(json.dumps(value), strict=True)])
    except (ValidationError, TypeError):  # a TypeError: no value of JSON, a date for one
        return False


def _finite(value: Any) -> bool:
    """False for a number that is infinite or none, also one inside lists and mappings."""
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _refusal(message: str, annotation: Any, value: Any) -> SetupError:
    choices = [
        str(choice)
        # The literal may be one part of a union, as in `Literal["first"] | None`.
        for part in (annotation, *get_args(annotation))
        if get_origin(part) is Literal
        for choice in get_args(part)
    ]
    if choices:
        return SetupError(f"{message}.", choices=choices)
    # YAML reads yes and 12 as a truth value and a number; quotes make texts of them.
    quoted = isinstance(value, bool | int | float) and "a text" in words_for(annotation)
    finite = " that is finite" if isinstance(value, float) else ", with finite numbers alone"
    texts = ", texts in quotes" if isinstance(value, Mapping) and _numbers_for_texts(annotation, value) else ""
    more = ", in quotes" if quoted else texts if _finite(value) else finite
    return SetupError(f"{message}, and must be {words_for(annotation)}{more}.")


def _named(value: Mapping[Any, Any]) -> bool:
    """True if every key is a text; JSON would make one of a number."""
    return all(isinstance(name, str) for name in value)


def _numbers_for_texts(annotation: Any, value: Mapping[Any, Any]) -> bool:
    """True if a mapping fits once its numbers, alone and in lists, are texts."""

    def as_text(part: Any) -> Any:
        return [as_text(each) for each in part] if isinstance(part, list | tuple) else str(part)

    return _fits(annotation, {str(name): as_text(part) for name, part in value.items()})


def words_for(annotation: Any) -> str:
    """Name of a type in messages about recipes: `a whole number`, `a list of texts or null`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _WORDS:
        return _WORDS[annotation]
    if annotation in (None, type(None)):
        return "null"
    if origin in _UNIONS:
        return " or ".join(dict.fromkeys(words_for(argument) for argument in arguments))
    kind = origin or annotation
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return "a mapping"
    if (isinstance(kind, type) and issubclass(kind, Sequence | set | frozenset)) or kind in (tuple, list):
        plural = _PLURALS.get(arguments[0]) if arguments else None
        return f"a list of {plural}" if plural else "a list"
    return "another value"


def annotations(cls: type[Any]) -> Mapping[str, Any]:
    """The types of a constructor's arguments; none if they cannot be found out."""
    try:
        # NameError: an annotation that is imported for type checking only.
        hints = get_type_hints(cls.__init__)
    except (NameError, TypeError):
        return {}
    known = inspect.signature(cls).parameters
    return {name: hint for name, hint in hints.items() if name in known}


def _adapter(annotation: Any) -> TypeAdapter[Any] | None:
    """Validator for values of a type; None for one of the product's own classes."""
    try:
        return TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation):
        return None
