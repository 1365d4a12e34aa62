"""The verifier `optimization`: outcomes, references, the traps of the released evaluator, planted errors, limits."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.structured.linear_model import Optimum, optimum_of
from rollmill.pipelines.verify.structured.optimization import OptimizationVerifier
from rollmill.pipelines.verify.workers.worker_pool import WorkerLimits

MODEL: dict[str, Any] = {
    "sense": "max",
    "variables": {"x": {"type": "integer"}, "y": {}},
    "objective": {"x": 30, "y": 20},
    "constraints": [
        {"terms": {"x": 2, "y": 1}, "relation": "<=", "value": 9},
        {"terms": {"x": 1, "y": 3}, "relation": "<=", "value": 12},
    ],
}
OPTIMUM = 150.0


@pytest.fixture(scope="module")
def verifier() -> Iterator[OptimizationVerifier]:
    with OptimizationVerifier(workers=1) as chosen:
        yield chosen


def judged(verifier: OptimizationVerifier, text: Any, reference: str = "150", tests: tuple[Any, ...] = ()) -> Verdict:
    said = text if isinstance(text, str) else json.dumps(text)
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, said, "stop")
    rows = tuple(test if isinstance(test, str) else json.dumps(test) for test in tests)
    return verifier.verify(Problem("Maximise profit.", reference, "optimization", tests=rows), completion)


def changed(**keys: Any) -> dict[str, Any]:
    return {**MODEL, **keys}


def test_the_right_model_in_any_dress(verifier: OptimizationVerifier) -> None:
    renamed = json.loads(json.dumps(MODEL).replace('"x"', '"chairs"').replace('"y"', '"tables"'))
    doubled = changed(constraints=[*MODEL["constraints"], {"terms": {"x": 4, "y": 2}, "relation": "<=", "value": 18}])
    flipped = changed(sense="min", objective={"x": -30, "y": -20})
    for model in (MODEL, renamed, doubled, f"Here it is:\n```json\n{json.dumps(MODEL)}\n```\nDone."):
        verdict = judged(verifier, model)
        assert (verdict.outcome, verdict.normal_form, verdict.reference_form) == ("correct", "150", "150")
    assert judged(verifier, flipped, "-150").outcome == "correct"
    assert judged(verifier, flipped, "150").outcome == "incorrect"


def test_what_the_released_evaluator_lets_through_is_wrong_here(verifier: OptimizationVerifier) -> None:
    """Rounding, five percent, and retries with another sense, other kinds of variables, other inequalities."""
    assert judged(verifier, MODEL, "150.4").outcome == "incorrect"
    assert judged(verifier, MODEL, "157").outcome == "incorrect"
    assert judged(verifier, MODEL, "150.001").outcome == "incorrect"
    assert judged(verifier, MODEL, "150.0001").outcome == "correct"
    assert judged(verifier, changed(sense="min")).outcome == "incorrect"
    relaxed = changed(variables={"x": {}, "y": {}}, objective={"x": 31, "y": 20})
    assert judged(verifier, changed(objective={"x": 31, "y": 20}), "153").outcome == "correct"
    assert judged(verifier, relaxed, "153").outcome == "correct"
    turned = [{**MODEL["constraints"][0], "relation": ">="}, MODEL["constraints"][1]]
    assert judged(verifier, changed(constraints=turned)).outcome == "incorrect"


def test_integers_matter(verifier: OptimizationVerifier) -> None:
    one = {"sense": "max", "objective": {"x": 1}, "constraints": [{"terms": {"x": 2}, "relation": "<=", "value": 5}]}
    whole, part = {**one, "variables": {"x": {"type": "integer"}}}, {**one, "variables": {"x": {}}}
    assert [judged(verifier, model, "2").outcome for model in (whole, part)] == ["correct", "incorrect"]
    assert [judged(verifier, model, "5/2").outcome for model in (whole, part)] == ["incorrect", "correct"]


def test_infeasible_and_unbounded_are_outcomes(verifier: OptimizationVerifier) -> None:
    free = changed(constraints=[])
    closed = changed(constraints=[{"terms": {"x": 1}, "relation": "<=", "value": -1}])
    for reference, right, wrong in (("unbounded", free, closed), ("infeasible", closed, free)):
        assert judged(verifier, right, reference).outcome == "correct"
        assert judged(verifier, wrong, reference).outcome == "incorrect"
        assert judged(verifier, MODEL, reference).outcome == "incorrect"
        assert judged(verifier, right, "150").outcome == "incorrect"


def test_the_reference_may_be_a_model_or_a_test(verifier: OptimizationVerifier) -> None:
    assert judged(verifier, MODEL, json.dumps(MODEL)).outcome == "correct"
    assert judged(verifier, MODEL, "", (MODEL,)).outcome == "correct"
    assert judged(verifier, MODEL, "", ({"optimum": 150},)).outcome == "correct"
    assert judged(verifier, MODEL, "", ({"optimum": "unbounded"},)).outcome == "incorrect"
    assert judged(verifier, MODEL, "149", (MODEL,)).outcome == "incorrect"


@pytest.mark.parametrize(
    ("reference", "tests"),
    [("", ()), ("a lot", ()), ("", ("{",)), ("", ({"stdin": "x"},)), ("{}", ()), ("", ({"optimum": 1}, {"optimum": 2}))],
)
def test_a_problem_without_an_optimum_is_undecided(
    verifier: OptimizationVerifier, reference: str, tests: tuple[Any, ...]
) -> None:
    verdict = judged(verifier, MODEL, reference, tests)
    assert (verdict.outcome, verdict.rule) == ("undecided", "reference")


@pytest.mark.parametrize(
    ("text", "outcome", "rule"),
    [
        ("", "unparsed", "model"),
        ("The optimum is 150.", "unparsed", "model"),
        ("x is in [0, 4], so 150", "unparsed", "model"),
        ('{"optimum": 150}', "incorrect", "model"),
        ('{"sense": "max"', "incorrect", "model"),
        (json.dumps(changed(objective={"z": 1})), "incorrect", "model"),
        (json.dumps(changed(offset=1e13)), "undecided", "bounds"),
        (json.dumps(changed(variables={f"x{i}": {} for i in range(5_001)} | MODEL["variables"])), "undecided", "bounds"),
    ],
)
def test_what_is_no_model(verifier: OptimizationVerifier, text: str, outcome: str, rule: str) -> None:
    verdict = judged(verifier, text)
    assert (verdict.outcome, verdict.rule) == (outcome, rule)


@pytest.mark.integration
def test_a_hard_model_hits_the_limit_and_the_next_one_is_solved() -> None:
    """Market split (Cornuejols and Dawande 1998): small, and far beyond branch and bound."""
    generator = random.Random(1)
    names = [f"x{i}" for i in range(50)]
    rows = []
    for index in range(6):
        factors = {name: generator.randint(0, 99) for name in names}
        slack = {f"s{index}": 1, f"t{index}": -1}
        rows.append({"terms": factors | slack, "relation": "=", "value": sum(factors.values()) // 2})
    slacks = [name for index in range(6) for name in (f"s{index}", f"t{index}")]
    hard = {
        "sense": "min",
        "variables": {name: {"type": "binary"} for name in names} | {name: {} for name in slacks},
        "objective": dict.fromkeys(slacks, 1),
        "constraints": rows,
    }
    with OptimizationVerifier(workers=1, limits=WorkerLimits(cpu_seconds=0.5, memory_bytes=3 << 30)) as quick:
        verdict = judged(quick, hard, "0")
        assert (verdict.outcome, verdict.rule, verdict.cause) == ("undecided", "solver", "cpu_limit")
        assert judged(quick, MODEL).outcome == "correct"


def planted(generator: random.Random) -> dict[str, Any]:
    """A model with one planted error: a factor, the sense, a relation, a bound, or a constraint that is gone."""
    model: dict[str, Any] = json.loads(json.dumps(MODEL))
    kind = generator.choice(["objective", "factor", "value", "sense", "relation", "bound", "dropped"])
    row = generator.choice(model["constraints"])
    name = generator.choice(["x", "y"])
    if kind == "objective":
        model["objective"][name] += generator.choice([-2, -1, 1, 2])
    elif kind == "factor":
        row["terms"][name] += generator.choice([1, 2])
    elif kind == "value":
        row["value"] += generator.choice([-2, -1, 1, 2])
    elif kind == "sense":
        model["sense"] = "min"
    elif kind == "relation":
        row["relation"] = generator.choice([">=", "="])
    elif kind == "bound":
        model["variables"][name]["upper"] = generator.choice([1, 2])
    else:
        model["constraints"].remove(row)
    return model


def test_planted_errors_pass_only_with_the_same_optimum_and_more_so_under_the_lax_rule(
    verifier: OptimizationVerifier,
) -> None:
    """Equal optima of different models are the method's own false accepts; rounding and 5% would add to them."""
    generator = random.Random(7)
    verdicts = [judged(verifier, planted(generator)) for _ in range(200)]
    accepted = sum(verdict.outcome == "correct" for verdict in verdicts)
    values = [float(verdict.normal_form or 0) for verdict in verdicts if (verdict.normal_form or "")[0].isdigit()]
    assert accepted == sum(abs(value - OPTIMUM) <= 1e-6 * OPTIMUM for value in values)
    lax = sum(abs(round(value) - OPTIMUM) <= 0.05 * OPTIMUM for value in values)
    assert (accepted, lax) == (16, 54)


@pytest.mark.parametrize(
    ("text", "optimum"),
    [
        ("12", 12.0), ("-3.5", -3.5), ("1,234.5", 1234.5), ("#### 7", 7.0), ("7.", 7.0), ("1/4", 0.25), ("2e3", 2000.0),
        (".5", 0.5), ("so\n#### -2", -2.0),
    ],
)  # fmt: skip
def test_references_that_are_numbers(text: str, optimum: float) -> None:
    assert optimum_of(text) == Optimum("optimal", optimum)


def test_references_that_state_no_optimum() -> None:
    stated: tuple[Any, ...] = ("", "x", "1 2", "nan", "inf", "1/0", "1e400", "9" * 101, True, None, [])
    assert [optimum_of(text) for text in stated] == [None] * 11
    assert optimum_of("Infeasible.") == Optimum("infeasible")
    assert optimum_of("unbounded") == Optimum("unbounded")


def test_the_comparison_is_relative_and_symmetric() -> None:
    big, near, small, zero = (Optimum("optimal", value) for value in (1e6, 1e6 + 0.5, 1e-4, 0.0))
    assert big.same(near, 1e-6)
    assert near.same(big, 1e-6)
    assert not big.same(near, 1e-7)
    assert not small.same(zero, 1e-6)
    assert Optimum("optimal", 1e-10).same(zero, 1e-6)
    assert not zero.same(Optimum("infeasible"), 1e-6)


def test_options_are_checked_and_change_the_version() -> None:
    with pytest.raises(SetupError, match="Valid: code, json"):
        OptimizationVerifier(form="text")  # type: ignore[arg-type]
    with pytest.raises(SetupError, match="tolerance is 1"):
        OptimizationVerifier(tolerance=1)
    with pytest.raises(SetupError, match="sandbox is 'off'"):
        OptimizationVerifier(sandbox="off")  # type: ignore[arg-type]
    options: tuple[dict[str, Any], ...] = ({}, {"tolerance": 1e-4}, {"form": "code"}, {"form": "code", "sandbox": "shared"})
    assert len({OptimizationVerifier(**chosen).version for chosen in options}) == 4
    assert OptimizationVerifier(sandbox="shared").version == OptimizationVerifier().version
