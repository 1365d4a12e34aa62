"""The verifier `json_schema`: does the text hold a JSON value, and does that satisfy the schema?

The schema is the recipe's (`schema`), or the problem's: its first test, `meta["schema"]`, its reference, the first that is
given. Formats (`email`, `date`) are not asserted unless `formats: true`; references out of the schema are never fetched.
The library is `jsonschema_rs`: its patterns are those of ECMA-262, and numbers are compared as decimals, as written.
Validation runs in a worker process with limits, because a schema can cost any time (a pattern that backtracks, references
that multiply). Invalid JSON (NaN, a repeated key, a missing bracket) is `incorrect`; a text without any JSON is `unparsed`;
an invalid schema is `undecided`, or a SetupError in a recipe.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from itertools import islice
from typing import Any, Literal
from urllib.parse import unquote

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.formats.json_text import LONGEST, BadJsonError, JsonText, find_json, parse_json, too_deep
from rollmill.ground.ids import canonical_json, sha256_text
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.finding import Finding, OneByOne, rule_table, version_of, visible_text, worker_count
from rollmill.pipelines.verify.workers.worker_pool import WorkerLimits, WorkerPool

JOB = "rollmill.pipelines.verify.structured.json_schema:validate"
CPU = WorkerLimits(cpu_seconds=2.0)  # an honest schema takes milliseconds


class JsonSchemaVerifier(OneByOne):
    """Validation by the library `jsonschema_rs` in worker processes; usable from any thread."""

    name = "json_schema"
    rules, words = rule_table(
        ("schema", "1", "no usable schema"),
        ("json", "1", "no JSON value that can be read"),
        ("valid", "2", "validated against the schema"),
    )

    def __init__(
        self,
        *,
        schema: Mapping[str, Any] | None = None,
        formats: bool = False,
        duplicates: Literal["refuse", "last"] = "refuse",
        workers: int | None = None,
        limits: WorkerLimits | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            schema: The JSON schema; none: each problem brings its own.
            formats: Check `format` keywords too.
            duplicates: Keys given twice: `refuse` the value, or take the `last`.
        """
        if duplicates not in ("refuse", "last"):
            raise unknown_name("duplicates of verifier 'json_schema'", duplicates, ("last", "refuse"))
        self.workers = worker_count(workers)
        self._schema, self._formats, self._duplicates = schema, formats, duplicates
        self._pool = WorkerPool(JOB, workers=self.workers, limits=limits or CPU)
        self.version = version_of(
            self.rules,
            jsonschema_rs=version("jsonschema-rs"),
            schema="problem" if schema is None else sha256_text(canonical_json(schema))[:12],
            formats=formats,
            duplicates=duplicates,
        )
        if schema is not None:
            self._check_recipes(schema)

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        schema = self._schema if self._schema is not None else _of(problem)
        if isinstance(schema, str):
            return Finding("undecided", "schema", schema)
        json_text = find_json(visible_text(completion), duplicates=self._duplicates)
        if json_text is None:
            return Finding("unparsed", "json", "no JSON value in the text")
        if json_text.error is not None:
            return Finding("incorrect", "json", None, None, json_text.text, evidence={"not_json": json_text.error})
        reply = self._pool.ask({"schema": schema, "value": json_text.value, "formats": self._formats})
        return _finding(json_text, reply)

    def close(self) -> None:
        """End the worker processes; safe to call twice."""
        self._pool.close()

    def _check_recipes(self, schema: Mapping[str, Any]) -> None:
        """SetupError for a schema that no value could be judged by."""
        if not isinstance(schema, Mapping) or too_deep(schema):
            raise SetupError("verifier 'json_schema': schema is not a mapping of keys to values, or is nested too deep.")
        why = validate({"schema": schema, "formats": self._formats}).get("bad_schema")
        if why is not None:
            raise SetupError(f"verifier 'json_schema': the schema is none: {why}.")


def _of(problem: Problem) -> Any:
    """The schema of a problem, or in words why there is none."""
    candidates: Sequence[Any] = [*problem.tests[:1], problem.meta.get("schema"), problem.reference]
    chosen = next((item for item in candidates if item), None)
    if chosen is None:
        return "neither the recipe nor the problem has a schema"
    if isinstance(chosen, str):
        if len(chosen) > LONGEST:
            return f"the schema is longer than {LONGEST} characters"
        try:
            chosen = parse_json(chosen)
        except BadJsonError as error:
            return f"the problem's schema is not JSON: {error}"
    if not isinstance(chosen, (Mapping, bool)) or too_deep(chosen):
        return "the problem's schema is not an object, or is nested too deep"
    return chosen


def _finding(json_text: JsonText, reply: Mapping[str, Any]) -> Finding:
    if "failed" in reply:
        return Finding("undecided", "valid", str(reply["failed"]), None, json_text.text)
    if "bad_schema" in reply:
        return Finding("undecided", "valid", f"the problem's schema is none: {reply['bad_schema']}", None, json_text.text)
    errors = reply["errors"]
    form = json.dumps(json_text.value, sort_keys=True, ensure_ascii=False)
    if errors:
        return Finding("incorrect", "valid", None, None, json_text.text, form, evidence={"errors": errors})
    return Finding("correct", "valid", None, None, json_text.text, form)


_ERRORS = 20  # violations that the evidence lists
_SHOWN = 200  # characters of each
_GAVE_UP = "Error executing regex"  # a pattern with a back reference or a look-around that tried too often


def warm_up() -> None:
    """Imports that no question should pay for."""
    import jsonschema_rs  # noqa: F401


def validate(question: dict[str, Any]) -> dict[str, Any]:
    """{"bad_schema": why}, or {"errors": [...]} for {"schema", "value", "formats"}; no errors means that it is valid."""
    import jsonschema_rs

    if _is_circular(question["schema"]):
        return {"bad_schema": "its references go round in circles"}
    try:
        # As text, because the cache needs a key that can be hashed.
        validator = _validator(canonical_json(question["schema"]), bool(question["formats"]))
    except jsonschema_rs.ValidationError as error:
        return {"bad_schema": _cut(f"{'/'.join(map(str, error.instance_path))}: {error.message}".lstrip(": "))}
    if "value" not in question:
        return {"errors": []}
    errors = list(islice(validator.iter_errors(question["value"]), _ERRORS))
    if any(error.message.startswith(_GAVE_UP) for error in errors):
        return {"failed": "cpu_limit"}
    return {"errors": [_row(error) for error in errors]}


@lru_cache(maxsize=256)
def _validator(schema_text: str, formats: bool) -> Any:
    import jsonschema_rs

    # Without a retriever it would ask the network for what a reference names.
    return jsonschema_rs.validator_for(json.loads(schema_text), validate_formats=formats, retriever=_refuse)


def _refuse(address: str) -> Any:
    raise ValueError(f"{address} leads outside the schema")


def _is_circular(schema: Any) -> bool:
    """True if references lead back to a schema before any part of a value is checked: such a schema says nothing."""
    waiting: list[tuple[Any, frozenset[str]]] = [(schema, frozenset("#"))]
    passed: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        part, seen = waiting.pop()
        if not isinstance(part, dict):
            continue
        address = part.get("$ref")
        if isinstance(address, str) and address.startswith("#"):
            if address in seen:
                return True
            if (address, seen) not in passed:
                passed.add((address, seen))
                waiting.append((_pointed_at(schema, address), seen | {address}))
        inner = [part.get(key) for key in ("not", "if", "then", "else")]
        inner += [
            applied for key in ("allOf", "anyOf", "oneOf") if isinstance(part.get(key), list) for applied in part[key]
        ]
        waiting += [(applied, seen) for applied in inner]
    return False


def _pointed_at(schema: Any, address: str) -> Any:
    """The part of a schema that a JSON pointer in a fragment names (RFC 6901); None for any other address."""
    for name in unquote(address[1:]).split("/")[1:]:
        key = name.replace("~1", "/").replace("~0", "~")
        schema = schema.get(key) if isinstance(schema, dict) else None
    return schema


def _row(error: Any) -> dict[str, str]:
    return {
        "at": _cut("/".join(map(str, error.instance_path))),
        "rule": str(error.kind.name),
        "why": _cut(error.message),
    }


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
