"""The verifier `json_schema`: whose schema, what is valid, what is refused, and schemas that attack."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.structured.json_schema import JsonSchemaVerifier, validate
from rollmill.pipelines.verify.workers.worker_pool import WorkerLimits

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}, "mail": {"format": "email"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def verifier() -> Iterator[JsonSchemaVerifier]:
    with JsonSchemaVerifier(workers=1, limits=WorkerLimits(cpu_seconds=0.5)) as chosen:
        yield chosen


def said(text: str) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")


def judged(verifier: JsonSchemaVerifier, text: str, schema: Any = PERSON) -> Verdict:
    return verifier.verify(Problem("A person?", "", "json", tests=(json.dumps(schema),)), said(text))


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ('{"name": "Ann", "age": 3}', "correct"),
        ('Sure!\n```json\n{"name": "Ann", "age": 3}\n```\nBye.', "correct"),
        ('{"name": "Ann", "age": 3, "mail": "no address"}', "correct"),
        ('{"name": "Ann", "age": -1}', "incorrect"),
        ('{"name": "Ann", "age": 3.5}', "incorrect"),
        ('{"name": "Ann", "age": true}', "incorrect"),
        ('{"name": "Ann", "age": "3"}', "incorrect"),
        ('{"name": "Ann"}', "incorrect"),
        ('{"name": "Ann", "age": 3, "more": 1}', "incorrect"),
        ('{"name": "Ann", "age": NaN}', "incorrect"),
        ('{"name": "Ann", "age": 3, "age": 4}', "incorrect"),
        ('{"name": "Ann", "age": 3', "incorrect"),
        ("[]", "incorrect"),
        ("Ann is 3.", "unparsed"),
        ("", "unparsed"),
    ],
)
def test_a_text_is_judged_by_its_last_json_value(verifier: JsonSchemaVerifier, text: str, outcome: str) -> None:
    assert judged(verifier, text).outcome == outcome


def test_what_broke_the_schema_is_in_the_evidence(verifier: JsonSchemaVerifier) -> None:
    errors = json.loads(judged(verifier, '{"name": 1, "age": -1}').evidence or "")["errors"]
    assert {(error["at"], error["rule"]) for error in errors} == {("name", "type"), ("age", "minimum")}


def test_the_schema_comes_from_tests_then_meta_then_reference(verifier: JsonSchemaVerifier) -> None:
    whole, text = json.dumps({"type": "integer"}), json.dumps({"type": "string"})
    assert verifier.verify(Problem("?", text, tests=(whole,)), said("3")).outcome == "correct"
    assert verifier.verify(Problem("?", text, meta={"schema": {"type": "integer"}}), said("3")).outcome == "correct"
    assert verifier.verify(Problem("?", text), said("3")).outcome == "incorrect"
    assert verifier.verify(Problem("?", ""), said("3")).outcome == "undecided"


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "nothing"}, "is not valid under any of the schemas"),
        ({"$ref": "https://example.invalid/schema.json"}, "outside the schema"),
        ({"$ref": "file:///etc/passwd"}, "outside the schema"),
        ({"$ref": "#/nowhere"}, "Pointer '/nowhere' does not exist"),
        ({"$ref": "#"}, "round in circles"),
        (
            {"$defs": {"a/b": {"anyOf": [{"$ref": "#/$defs/c"}]}, "c": {"$ref": "#/$defs/a~1b"}}, "$ref": "#/$defs/c"},
            "circles",
        ),
        ([], "is not an object"),
        ({"pattern": "["}, 'is not a "regex"'),
    ],
)
def test_a_schema_that_is_none_is_undecided(verifier: JsonSchemaVerifier, schema: Any, why: str) -> None:
    verdict = judged(verifier, '{"name": "Ann", "age": 3}', schema)
    assert verdict.outcome == "undecided"
    assert why in (verdict.cause or "")


def test_a_pattern_that_never_ends_hits_the_limit(verifier: JsonSchemaVerifier) -> None:
    verdict = judged(verifier, json.dumps("a" * 60 + "b"), {"type": "string", "pattern": r"^(a|aa)+\1$"})
    assert (verdict.outcome, verdict.cause) == ("undecided", "cpu_limit")
    assert judged(verifier, '"aaa"', {"type": "string", "pattern": r"^(a|aa)+\1$"}).outcome == "correct"
    assert judged(verifier, json.dumps("a" * 40 + "b"), {"pattern": "^(a|aa)+$"}).outcome == "incorrect"


@pytest.mark.parametrize(
    ("pattern", "text", "outcome"),
    [
        ("^[a-z]+$", "abc", "correct"), ("^[a-z]+$", "abc\n", "incorrect"), (r"^\d+$", "12", "correct"),
        (r"^\d+$", "\u0661\u0662", "incorrect"), (r"^\w+$", "\u00e9", "incorrect"), (r"^\p{L}+$", "ol\u00e9", "correct"),
        (r"^\p{L}+$", "a1", "incorrect"), (r"^\s$", "\ufeff", "correct"), ("^.$", "\U0001f600", "correct"),
        (r"^\cC$", "\x03", "correct"), ("(?<=a)b", "ab", "correct"),
    ],
)  # fmt: skip
def test_patterns_are_those_of_ecma_262(verifier: JsonSchemaVerifier, pattern: str, text: str, outcome: str) -> None:
    """JSON Schema 2020-12, section 6.4. Python's `$` takes a line break before the end."""
    assert judged(verifier, json.dumps(text), {"pattern": pattern}).outcome == outcome


def test_a_multiple_is_one_of_decimals_as_they_are_written() -> None:
    """Of the prices .01 to 100.00 binary floats refuse 1,363."""
    asked = {"schema": {"multipleOf": 0.01}, "formats": False}
    assert [cents for cents in range(1, 10_001) if validate({**asked, "value": cents / 100})["errors"]] == []
    refused = [validate({**asked, "value": value})["errors"] for value in (0.005, 7.007, 99.999)]
    assert [len(errors) for errors in refused] == [1, 1, 1]


def test_references_within_the_schema_work(verifier: JsonSchemaVerifier) -> None:
    tree = {"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"}
    assert judged(verifier, "[[], [[]]]", tree).outcome == "correct"
    assert judged(verifier, "[[], [1]]", tree).outcome == "incorrect"


def test_formats_and_double_keys_are_options() -> None:
    with JsonSchemaVerifier(schema=PERSON, formats=True, duplicates="last", workers=1) as strict:
        text = '{"name": "Ann", "age": 3, "age": 4, "mail": "%s"}'
        assert strict.verify(Problem("?", ""), said(text % "no address")).outcome == "incorrect"
        assert strict.verify(Problem("?", ""), said(text % "ann@example.org")).outcome == "correct"


def test_the_draft_is_the_schemas_own(verifier: JsonSchemaVerifier) -> None:
    old = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True}
    assert judged(verifier, "3", old).outcome == "incorrect"
    assert judged(verifier, "3.5", old).outcome == "correct"


def test_a_recipes_schema_that_is_none_is_the_users_mistake() -> None:
    with pytest.raises(SetupError, match="the schema is none"):
        JsonSchemaVerifier(schema={"type": "nothing"})
    with pytest.raises(SetupError, match="Valid: last, refuse"):
        JsonSchemaVerifier(duplicates="first")  # type: ignore[arg-type]


def test_the_schema_is_part_of_the_version() -> None:
    versions = {JsonSchemaVerifier(schema=schema).version for schema in (None, {"type": "object"}, {"type": "array"})}
    assert len(versions) == 3
