"""Types of fields by their annotations, and values as `--set` reads them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest
import yaml
from annotated_types import Ge, Gt, Le

from rollmill.ground.form_fields import FieldType, FormField, type_of, yaml_text


@pytest.mark.parametrize(
    ("annotation", "metadata", "expected"),
    [
        (int, (Ge(1),), FieldType("whole", least=1)),
        (float, (Gt(0.0), Le(1.0)), FieldType("number", least=0.0, most=1.0)),
        (Annotated[float, Ge(0.0), Le(1.0)] | None, (), FieldType("number", least=0.0, most=1.0, empty=True)),
        (bool, (), FieldType("switch")),
        (str, (), FieldType("text")),
        (str | None, (), FieldType("text", empty=True)),
        (Literal["strict", "shared"], (), FieldType("choice", ("strict", "shared"))),
        (Literal["a", "b"] | None, (), FieldType("choice", ("a", "b"), empty=True)),
        (Sequence[int], (), FieldType("yaml")),
        (Mapping[str, Any] | None, (), FieldType("yaml", empty=True)),
        (float | str, (), FieldType("yaml")),
        (bool | str | None, (), FieldType("yaml", empty=True)),
        (Any, (), FieldType("yaml")),
    ],
)
def test_the_type_of_an_annotation(annotation: Any, metadata: tuple[Any, ...], expected: FieldType) -> None:
    assert type_of(annotation, metadata) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8, "8"),
        (1e-05, "1.0e-05"),
        (True, "true"),
        (None, "null"),
        ("a b", "a b"),
        ("8", "'8'"),
        ("yes", "'yes'"),
        ("x: y # z", "'x: y # z'"),
        ("", "''"),
        ([1, "two"], "[1, two]"),
        ({"method": "fixed", "options": {"initial": 8}}, "{method: fixed, options: {initial: 8}}"),
        ("one\ntwo", '"one\\ntwo"'),
        ("a\u2028b\u0085c", '"a\\Lb\\Nc"'),
        ({"a": "b\nc", "n": [1]}, '{"a": "b\\nc", "n": [!!int "1"]}'),
        ("😀 é", "😀 é"),
    ],
)
def test_a_value_is_one_line_that_gives_it_back(value: Any, text: str) -> None:
    assert yaml_text(value) == text
    assert yaml.safe_load(text) == value


def test_a_long_text_is_not_folded() -> None:
    assert yaml_text("word " * 500 + "end") == "word " * 500 + "end"


def test_a_field_is_the_same_as_json_values_and_back() -> None:
    field = FormField("budget.options.near_cap", FieldType("whole", (), 1, 9), 4, 8, "Cap.", "Budget", first=("a=1",))
    row = field.row()
    assert row["label"] == "Near cap"
    assert FormField.of(row) == field
