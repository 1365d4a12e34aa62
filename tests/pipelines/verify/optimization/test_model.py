"""The model's JSON: read strictly, never repaired, bounded."""

from typing import Any

import pytest

from pipelines.verify.optimization.model import CONSTRAINTS, VARIABLES, MalformedError, TooBigError, model_of

GOOD: dict[str, Any] = {
    "sense": "max",
    "variables": {"x": {"lower": 1, "upper": 4, "type": "integer"}, "y": {}, "z": {"lower": None}, "b": {"type": "binary"}},
    "objective": {"x": 3, "y": 2.5, "b": 0},
    "offset": -1,
    "constraints": [{"terms": {"x": 1, "y": 1}, "relation": "<=", "value": 5, "name": "limit"}],
}


def changed(**keys: Any) -> dict[str, Any]:
    return {key: value for key, value in {**GOOD, **keys}.items() if value is not ...}


def test_what_it_says_and_what_it_leaves_out() -> None:
    model = model_of(GOOD)
    assert (model.sense, model.names, model.offset) == ("max", ("x", "y", "z", "b"), -1.0)
    assert model.bounds == ((1.0, 4.0), (0.0, None), (None, None), (0.0, 1.0))
    assert model.integral == (True, False, False, True)
    assert model.objective == {0: 3.0, 1: 2.5}
    assert model.rows == (({0: 1.0, 1: 1.0}, "<=", 5.0),)


def test_a_binary_variable_keeps_narrower_bounds() -> None:
    given = {
        "x": {"type": "binary", "lower": 1},
        "y": {"type": "binary", "lower": -3, "upper": 9},
        "z": {"type": "binary", "upper": 0},
    }
    assert model_of(changed(variables=given, objective={}, constraints=...)).bounds == ((1, 1), (0, 1), (0, 0))


def test_spellings_of_sense_and_relation() -> None:
    for said in ("max", "maximize", "Maximise"):
        assert model_of(changed(sense=said)).sense == "max"
    for said, meant in (("==", "="), ("≥", ">="), ("≤", "<=")):
        assert model_of(changed(constraints=[{"terms": {}, "relation": said, "value": 0}])).rows[0][1] == meant


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"sense": ...}, "no sense"),
        ({"sense": "up"}, "sense is 'up'"),
        ({"sense": 1}, "sense is 1"),
        ({"variables": ...}, "no variables"),
        ({"variables": {}}, "no variables"),
        ({"variables": ["x"]}, "variables is not an object"),
        ({"variables": {"x": {"low": 0}}}, "unknown key 'low'"),
        ({"variables": {"x": {"type": "int"}}}, "type of 'x' is 'int'"),
        ({"variables": {"x": {"lower": "0"}}}, "lower of 'x' is not a number"),
        ({"variables": {"x": 3}}, "variable 'x' is not an object"),
        ({"objective": ...}, "no objective"),
        ({"objective": {"w": 1}}, "objective names 'w', which is no variable"),
        ({"objective": {"x": True}}, "is not a number"),
        ({"objective": "3x"}, "terms of objective is not an object"),
        ({"offset": None}, "offset is not a number"),
        ({"constraints": {}}, "constraints is not a list"),
        ({"constraints": [{"terms": {}, "relation": "<=", "rhs": 1}]}, "unknown key 'rhs'"),
        ({"constraints": [{"terms": {}, "relation": "<="}]}, "constraint 0 has no value"),
        ({"constraints": [{"terms": {}, "relation": "<", "value": 1}]}, "relation of constraint 0 is '<'"),
        ({"constraints": [3]}, "constraint 0 is not an object"),
        ({"more": 1}, "unknown key 'more'"),
    ],
)
def test_nothing_is_repaired(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(MalformedError) as caught:
        model_of(changed(**keys))
    assert why in str(caught.value)


@pytest.mark.parametrize("value", [[], "x", 3, None, True])
def test_what_is_no_object_is_no_model(value: Any) -> None:
    with pytest.raises(MalformedError, match="the model is not an object"):
        model_of(value)


@pytest.mark.parametrize(
    "keys",
    [
        {"variables": {f"x{i}": {} for i in range(VARIABLES + 1)}, "objective": {}, "constraints": []},
        {"constraints": [{"terms": {}, "relation": "<=", "value": 0}] * (CONSTRAINTS + 1)},
        {"objective": {"x": 1e13}},
        {"objective": {"x": 1e-13}},
        {"variables": {"x": {"upper": 10**400}, "y": {}}},
        {"offset": -1e300},
    ],
)
def test_what_is_beyond_the_bounds_is_told_apart(keys: dict[str, Any]) -> None:
    with pytest.raises(TooBigError):
        model_of(changed(**keys))
