"""The solver against brute force, and the traps of solvers: gaps, near-integers, unbounded or infeasible."""

import random
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from pipelines.verify.optimization.model import model_of
from pipelines.verify.optimization.solving import solve


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
