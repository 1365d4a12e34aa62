"""Linear models: what is read and what is refused; the solver against brute force, and the traps of solvers."""

import random
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from rollmill.pipelines.verify.structured.linear_model import (
    CONSTRAINTS,
    VARIABLES,
    MalformedError,
    TooBigError,
    model_of,
    solve,
)

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


def solved(**model: Any) -> dict[str, Any]:
    return solve(model_of({"sense": "max", "objective": {}, **model}).question())


def row(relation: str, value: float, **terms: float) -> dict[str, Any]:
    return {"terms": terms, "relation": relation, "value": value}


def test_a_linear_program_of_the_textbook() -> None:
    found = solved(
        variables={"x": {}, "y": {}},
        objective={"x": 3, "y": 5},
        offset=10,
        constraints=[row("<=", 4, x=1), row("<=", 12, y=2), row("<=", 18, x=3, y=2)],
    )
    assert found == {"status": "optimal", "value": pytest.approx(46, rel=1e-12)}


def test_the_sense_and_the_kinds_of_variables() -> None:
    x = {"x": {"upper": 2.5}}
    assert solved(variables=x, objective={"x": 1})["value"] == 2.5
    assert solved(variables=x, objective={"x": 1}, sense="min")["value"] == 0
    assert solved(variables={"x": {"upper": 2.5, "type": "integer"}}, objective={"x": 1})["value"] == 2
    assert solved(variables={"x": {"type": "binary"}}, objective={"x": 7})["value"] == 7
    assert solved(variables={"x": {"lower": -2.5, "type": "integer"}}, objective={"x": 1}, sense="min")["value"] == -2


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ({"variables": {"x": {}}, "objective": {"x": 1}}, "unbounded"),
        ({"variables": {"x": {"type": "integer"}}, "objective": {"x": 1}}, "unbounded"),
        ({"variables": {"x": {"lower": None}}, "objective": {"x": 1}, "sense": "min"}, "unbounded"),
        ({"variables": {"x": {"lower": 2, "upper": 1}}}, "infeasible"),
        ({"variables": {"x": {"lower": 0.2, "upper": 0.8, "type": "integer"}}}, "infeasible"),
        ({"variables": {"x": {}}, "constraints": [row("<=", -1, x=1)]}, "infeasible"),
        ({"variables": {"x": {}, "y": {}}, "objective": {"x": 1}, "constraints": [row("<=", -1, y=1)]}, "infeasible"),
        ({"variables": {"x": {}, "y": {}}, "objective": {"x": 1}, "constraints": [row("=", 0, x=1, y=-1)]}, "unbounded"),
        (
            {
                "variables": {"x": {"type": "integer"}, "y": {"type": "integer"}},
                "objective": {"x": 1},
                "constraints": [row("=", 1, x=2, y=-2)],
            },
            "infeasible",
        ),
        ({"variables": {"x": {}}, "constraints": [row("=", 1)]}, "infeasible"),
        ({"variables": {"x": {}}, "constraints": [row("<=", 1)], "objective": {}}, "optimal"),
    ],
)
def test_infeasible_and_unbounded_are_told_apart(model: dict[str, Any], status: str) -> None:
    if status == "infeasible" and model["variables"].get("y", {}).get("type") == "integer":
        model = {**model, "variables": {name: {**v, "upper": 1000} for name, v in model["variables"].items()}}
    assert solved(**model)["status"] == status


def test_a_failure_of_the_solver_is_not_taken_for_an_unbounded_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """SciPy's status is 4 for both."""
    results = [
        scipy.optimize.OptimizeResult(status=4, x=None, message="(HiGHS Status 4: model_status is Solve error)"),
        scipy.optimize.OptimizeResult(status=0, x=np.zeros(1), message="Optimization terminated successfully."),
    ]
    monkeypatch.setattr(scipy.optimize, "milp", lambda *_, **__: results.pop(0))
    found = solved(variables={"x": {"upper": 1}}, objective={"x": 1})
    assert found == {"failed": "solver: (HiGHS Status 4: model_status is Solve error)"}


def knapsack(generator: random.Random, size: int) -> tuple[dict[str, Any], int]:
    """A binary knapsack and its optimum by trying every subset."""
    weights = [generator.randint(1, 30) for _ in range(size)]
    values = [generator.randint(1, 30) for _ in range(size)]
    limit = sum(weights) // 2
    chosen = (pick for pick in product((0, 1), repeat=size) if sum(map(int.__mul__, weights, pick)) <= limit)
    best = max(sum(map(int.__mul__, values, pick)) for pick in chosen)
    names = [f"x{i}" for i in range(size)]
    model = {
        "variables": {name: {"type": "binary"} for name in names},
        "objective": dict(zip(names, values, strict=True)),
        "constraints": [row("<=", limit, **dict(zip(names, weights, strict=True)))],
    }
    return model, best


def test_knapsacks_against_every_subset() -> None:
    generator = random.Random(11)
    for _ in range(40):
        model, best = knapsack(generator, 8)
        assert solved(**model)["value"] == pytest.approx(best, rel=1e-12)


def best_vertex(objective: np.ndarray, matrix: np.ndarray, most: np.ndarray) -> float | None:
    """The maximum over x, y >= 0 and matrix @ x <= most, by trying every crossing of two borders."""
    rows = np.vstack([matrix, -np.eye(2)])
    ends = np.concatenate([most, np.zeros(2)])
    found = []
    for pair in combinations(range(len(rows)), 2):
        if abs(np.linalg.det(rows[list(pair)])) > 1e-9:
            point = np.linalg.solve(rows[list(pair)], ends[list(pair)])
            if (rows @ point <= ends + 1e-9).all():
                found.append(float(objective @ point))
    return max(found, default=None)


def test_linear_programs_against_every_vertex() -> None:
    generator = np.random.default_rng(5)
    for _ in range(60):
        objective, matrix = generator.integers(1, 9, 2), generator.integers(1, 9, (3, 2))
        most = generator.integers(-2, 20, 3)
        wanted = best_vertex(objective, matrix, most)
        rows = [row("<=", int(end), x=int(a), y=int(b)) for (a, b), end in zip(matrix, most, strict=True)]
        found = solved(
            variables={"x": {}, "y": {}}, objective={"x": int(objective[0]), "y": int(objective[1])}, constraints=rows
        )
        if wanted is None:
            assert found == {"status": "infeasible"}
        else:
            assert found["value"] == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_no_gap_is_left() -> None:
    """Within SciPy's default gap of 1e-4 the solver may stop at 10,000 of 10,001; many near-equal packings invite it."""
    generator = random.Random(3)
    values = [10_000 + generator.randint(0, 3) for _ in range(14)]
    names = [f"x{i}" for i in range(14)]
    found = solved(
        variables={name: {"type": "binary"} for name in names},
        objective=dict(zip(names, values, strict=True)),
        constraints=[row("<=", 7, **dict.fromkeys(names, 1))],
    )
    assert found["value"] == sum(sorted(values)[-7:])


def test_a_value_rests_on_whole_integers() -> None:
    """A big-M switch that is off by the solver's integrality tolerance would let a millionth of 1e6 through."""
    found = solved(
        variables={"open": {"type": "binary"}, "made": {"upper": 1e6}},
        objective={"made": 1, "open": -1e7},
        constraints=[row("<=", 0, made=1, open=-1e6)],
    )
    assert found["value"] == 0
