"""Validates a value against a JSON Schema in a worker process: is the schema one, and what in the value breaks it?

It runs in a worker because a schema can cost any time (a pattern that backtracks, references that multiply). References
outside the schema are never fetched. Formats are only asserted where the question says so.
"""

from functools import lru_cache
from itertools import islice
from typing import Any

from storage.ids import canonical_json

_ERRORS = 20
_SHOWN = 200


def warm_up() -> None:
    """Imports that no question should pay for."""
    import jsonschema  # noqa: F401
    import referencing  # noqa: F401


def validate(question: dict[str, Any]) -> dict[str, Any]:
    """{"bad_schema": why}, or {"errors": [...]} for {"schema", "value", "formats"}; no errors means that it is valid."""
    import jsonschema
    import referencing.exceptions

    try:
        validator = _validator(canonical_json(question["schema"]), bool(question["formats"]))
        if "value" not in question:
            return {"errors": []}
        errors = [_row(error) for error in islice(validator.iter_errors(question["value"]), _ERRORS)]
    except jsonschema.exceptions.SchemaError as error:
        return {"bad_schema": _cut(f"{'/'.join(map(str, error.absolute_path))}: {error.message}".lstrip(": "))}
    except (referencing.exceptions.Unresolvable, referencing.exceptions.NoSuchResource) as error:
        return {"bad_schema": _cut(f"a reference leads outside the schema or nowhere: {error}")}
    except jsonschema.exceptions.UnknownType as error:
        return {"bad_schema": _cut(f"unknown type {error.type!r}")}
    except RecursionError:
        return {"bad_schema": "its references go round in circles, or it is nested too deep"}
    return {"errors": errors}


@lru_cache(maxsize=256)
def _validator(schema_text: str, formats: bool) -> Any:
    import json

    import jsonschema
    import referencing

    schema = json.loads(schema_text)
    cls = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    cls.check_schema(schema)
    registry = referencing.Registry()  # empty, and without a way to retrieve anything
    return cls(schema, registry=registry, format_checker=cls.FORMAT_CHECKER if formats else None)


def _row(error: Any) -> dict[str, str]:
    return {
        "at": _cut("/".join(map(str, error.absolute_path))),
        "rule": str(error.validator),
        "why": _cut(error.message),
    }


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
