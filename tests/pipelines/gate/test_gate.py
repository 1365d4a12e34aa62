"""The gate passes a sound dataset and names the rows of every planted defect."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rollmill.ground.records import Problem
from rollmill.metrics.drift import Drift
from rollmill.pipelines.contamination import RecallFloor
from rollmill.pipelines.gate import Check, Gate, GateResult, render_report
from rollmill.stats import total_variation

pytestmark = pytest.mark.integration

NAMES = [
    "schema",
    "nulls",
    "not empty",
    "unique",
    "one reference",
    "evaluation, exact",
    "evaluation, edited",
    "kept correct",
    "verdicts",
    "reconcile",
    "drawn",
    "undecided",
    "kept",
    "level shares",
]


def failed(result: GateResult) -> dict[str, tuple[str, ...]]:
    return {check.name: check.failing for check in result.failed}


def check_of(result: GateResult, name: str) -> Check:
    return next(check for check in result.checks if check.name == name)


def test_a_sound_dataset_passes_every_check(toy: Any) -> None:
    result = Gate(min_kept=24, level_shares={1: (0.5, 0.5), 2: (0.4, 0.6)}).check(toy.tables, toy.expected())
    assert [check.name for check in result.checks] == NAMES
    assert [check.name for check in result.failed] == []
    assert result.passed
    assert check_of(result, "level shares").observed == "1: 50.0%, 2: 50.0%"


def test_facts_are_counted_from_the_rows(toy: Any) -> None:
    facts = Gate().check(toy.tables, toy.expected(prefix=1)).facts
    assert facts["funnel"] == {
        "problems": 12,
        "drawn": 48,
        "unjudged": 0,
        "outcomes": {"correct": 24, "incorrect": 22, "unparsed": 2, "undecided": 0},
        "kept": 24,
        "dropped": 24,
        "kept_problems": 12,
        "dropped_by_reason": {"not correct": 24},
    }
    first = facts["levels"][0]
    assert {key: first[key] for key in ("level", "problems", "rollouts", "measured", "rate", "kept", "kept_share")} == {
        "level": 1,
        "problems": 6,
        "rollouts": 24,
        "measured": 6,
        "rate": 1.0,
        "kept": 12,
        "kept_share": 0.5,
    }
    assert first["method"] == "Clopper-Pearson over clusters"


def test_rates_are_over_the_prefix_only(toy: Any) -> None:
    rates = [Gate().check(toy.tables, toy.expected(prefix=prefix)).facts["levels"][0]["rate"] for prefix in (1, 3, None)]
    assert rates == [1.0, 0.666666666667, 0.5]


@pytest.mark.parametrize(
    ("kind", "row", "values", "check", "failing"),
    [
        ("completions", 5, {"text": None}, "nulls", "c-9-1"),
        ("decisions", 0, {"reason": None}, "nulls", "c-7-0"),
        ("decisions", 2, {"verifier_version": "0"}, "verdicts", "c-7-2"),
        ("decisions", 1, {"outcome": "unparsed"}, "verdicts", "c-7-1"),
        ("decisions", 1, {"kept": True}, "kept correct", "c-7-1"),
        ("verdicts", 0, {"outcome": "incorrect"}, "kept correct", "c-7-0"),
        ("verdicts", 0, {"version": "0"}, "kept correct", "c-7-0"),
        ("verdicts", 47, {"verifier": "other"}, "verdicts", "c-29-3"),
        ("decisions", 3, {"completion_id": "c-none"}, "reconcile", "c-none"),
        ("decisions", 4, {"problem_id": "p-none"}, "reconcile", "c-9-0"),
    ],
)
def test_a_planted_defect_is_named_by_its_row(
    toy: Any, kind: Any, row: int, values: dict[str, Any], check: str, failing: str
) -> None:
    result = Gate().check(toy.tables.spoiled(kind, row, **values), toy.expected())
    assert not result.passed
    assert failing in failed(result)[check]


def test_rows_that_lack_several_values_are_named_once_in_the_order_of_kinds_and_columns(toy: Any) -> None:
    spoiled = toy.tables.spoiled("completions", 9, engine=None).spoiled("completions", 2, engine=None, text=None)
    spoiled = spoiled.spoiled("problems", 3, prompt=None).spoiled("decisions", 9, selector=None)
    held_out = [toy.problem(5)]  # its text is looked for in every other problem's, that without one passed over
    result = Gate().check(spoiled, toy.expected(evaluation=held_out))
    named = (toy.tables.problems["id"][3].as_py(), "c-7-2", "c-11-1")
    assert failed(result) == {"nulls": named, "evaluation, exact": (toy.problem(5).id,)}
    assert check_of(result, "nulls").observed == "3 of 156 rows against it"


def test_a_completion_without_its_models_name_is_no_crash(toy: Any) -> None:
    result = Gate().check(toy.tables.spoiled("completions", 0, model=None), toy.expected())
    assert result.passed
    assert result.facts["models"] == ["toy"]


def test_an_expectation_that_cannot_be_validated_fails_and_says_so(toy: Any) -> None:
    absent = {"table": "kept", "type": "expect_column_max_to_be_between", "kwargs": {"column": "absent", "max_value": 1}}
    result = Gate(suite=[absent]).check(toy.tables, toy.expected())
    [check] = result.failed
    assert check.name == "expect_column_max_to_be_between on kept.absent"
    assert check.observed.startswith("the check broke: ")
    assert "absent" in check.observed


def test_a_rollout_without_a_decision_is_named(toy: Any) -> None:
    rows = toy.tables.decisions.to_pylist()
    result = Gate().check(toy.tables.with_rows("decisions", rows[:7] + rows[8:]), toy.expected())
    assert failed(result) == {"reconcile": ("c-9-3",), "drawn": ()}
    assert check_of(result, "drawn").observed == "47"


def test_ids_that_come_twice_are_named(toy: Any) -> None:
    rows = toy.tables.decisions.to_pylist()
    result = Gate().check(toy.tables.with_rows("decisions", [*rows, rows[3]]), toy.expected(drawn=None))
    assert failed(result)["unique"] == ("c-7-3",)
    assert failed(result)["reconcile"] == ("c-7-3",)
    problems = toy.tables.problems.to_pylist()
    doubled = toy.tables.with_rows("problems", [*problems, problems[0]])
    assert failed(Gate().check(doubled, toy.expected()))["unique"] == (toy.problem(0).id,)


def test_problems_of_one_prompt_with_two_references_are_named(toy: Any) -> None:
    """SFT rows would teach both answers, and pairs prefer each over the other."""
    prompt = toy.tables.problems["prompt"][0].as_py()
    twin = toy.tables.spoiled("problems", 1, prompt=prompt.replace("Ann has", "Ann\\n has"))
    result = Gate().check(twin, toy.expected())
    assert failed(result)["one reference"] == (toy.problem(0).id, toy.problem(1).id)
    assert check_of(result, "one reference").observed.startswith(
        "2 of 12 problems against it: '7' and '9' for Ann has 0 apples"
    )
    spelled = twin.spoiled("problems", 1, prompt=prompt, reference="7.0")
    assert "one reference" not in failed(Gate().check(spelled, toy.expected()))


def test_undecided_rollouts_beyond_the_share_are_named(toy: Any) -> None:
    tables = toy.tables.spoiled(
        "decisions", 1, outcome="undecided", verifier="math", verifier_version="1+math-verify-0.9.0"
    )
    rows = tables.verdicts.to_pylist()
    rows[1]["outcome"] = "undecided"
    last = {**rows[1], "verifier": "math", "version": "1+math-verify-0.9.0"}
    tables = tables.with_rows("verdicts", [*rows, last])
    assert failed(Gate().check(tables, toy.expected())) == {"undecided": ("c-7-1",)}
    assert check_of(Gate().check(tables, toy.expected()), "undecided").observed == "2.08%"
    assert Gate(max_undecided=0.03).check(tables, toy.expected()).passed


def test_the_first_verifier_that_decides_counts(toy: Any) -> None:
    tables = toy.tables.spoiled("decisions", 0, verifier="math", verifier_version="1+math-verify-0.9.0")
    rows = tables.verdicts.to_pylist()
    rows[0]["outcome"] = "undecided"
    later = {**rows[0], "verifier": "math", "version": "1+math-verify-0.9.0", "outcome": "correct"}
    assert Gate().check(tables.with_rows("verdicts", [*rows, later]), toy.expected()).passed
    rows[0]["outcome"] = "incorrect"
    result = Gate().check(tables.with_rows("verdicts", [*rows, later]), toy.expected())
    assert failed(result) == {"kept correct": ("c-7-0",), "verdicts": ("c-7-0",)}


def test_too_few_kept_and_shares_out_of_bounds(toy: Any) -> None:
    result = Gate(min_kept=25, level_shares={2: (0.6, 1.0), 3: (0.1, 1.0)}).check(toy.tables, toy.expected())
    assert failed(result) == {"kept": (), "level shares": ("level 2 (50.0%)", "level 3 (0.0%)")}
    assert check_of(result, "kept").line() == "FAILED  kept: expected at least 25 rollouts, found 24"


def test_an_empty_dataset_fails(toy: Any) -> None:
    empty = toy.tables
    for kind in ("problems", "completions", "verdicts", "decisions"):
        empty = empty.with_rows(kind, [])
    result = Gate().check(empty, toy.expected(drawn=0))
    assert [check.name for check in result.failed] == ["not empty", "kept"]


def test_a_broken_schema_stops_the_gate(toy: Any) -> None:
    from dataclasses import replace

    levels = toy.tables.problems.schema.get_field_index("level")
    problems = toy.tables.problems.set_column(levels, "level", pa.array(["one"] * 12)).drop_columns(["reference"])
    result = Gate().check(replace(toy.tables, problems=problems), toy.expected())
    assert failed(result) == {
        "schema": ("problems.reference (missing)", "problems.level (string)"),
        "all others": (),
    }
    assert not result.passed


def test_an_evaluation_problem_inside_is_named(toy: Any) -> None:
    result = Gate().check(toy.tables, toy.expected(evaluation=[toy.problem(3), toy.problem(77)]))
    assert failed(result) == {"evaluation, exact": (toy.problem(3).id,)}
    # The other apple stories share its wording and have other numbers: told, but no leak.
    assert result.facts["evaluation"] == {"problems": 2, "classes": {"exact": 1, "same problem": 0, "new numbers": 11}}


def test_an_edited_evaluation_problem_is_named(toy: Any) -> None:
    edited = str(toy.problem(3).prompt).replace("Ann", "Ben").replace("before lunch", "after lunch")
    result = Gate().check(toy.tables, toy.expected(evaluation=[Problem(edited, "13")]))
    assert failed(result) == {"evaluation, edited": (toy.problem(3).id,)}


def test_an_evaluation_problem_repeated_in_a_kept_answer_is_named(toy: Any) -> None:
    held_out = Problem(
        "A farmer sells 31 eggs on Monday and 47 eggs on Tuesday for 3 coins each. What does he earn?", "234"
    )
    tables = toy.tables.spoiled("completions", 0, text=f"As in: {held_out.prompt} So 234.")
    assert failed(Gate().check(tables, toy.expected(evaluation=[held_out]))) == {"evaluation, edited": ("c-7-0",)}
    dropped = toy.tables.spoiled("completions", 1, text=f"As in: {held_out.prompt} So 234.")
    assert Gate().check(dropped, toy.expected(evaluation=[held_out])).passed


def test_the_same_rows_give_the_same_json(toy: Any) -> None:
    import json

    evaluation = [toy.problem(3)]
    first, second = (Gate().check(toy.tables, toy.expected(evaluation=evaluation)).json for _ in range(2))
    assert json.dumps(first) == json.dumps(second)
    assert first["passed"] is False
    assert first["checks"][5] == {
        "name": "evaluation, exact",
        "passed": False,
        "expected": "none of 1 evaluation problems inside",
        "observed": "1 of 12 problems against it",
        "failing": [toy.problem(3).id],
        "failing_count": 1,
        "measures": [{"what": "rows against it", "value": 1, "least": None, "most": 0, "option": ""}],
        "severity": "critical",
    }


def _drift(kind: str, before: list[list[float]], after: list[list[float]]) -> Drift:
    shift = total_variation(np.array(before), np.array(after))
    return Drift(kind, shift, (round(np.sum(before)), round(np.sum(after))))


def test_drift_beyond_its_limit_and_rows_too_few_to_tell_stop_a_version(toy: Any) -> None:
    moved = _drift("level", [[6.0, 4.0]] * 20, [[4.0, 6.0]] * 20)
    same = _drift("source", [[6.0, 4.0]] * 20, [[6.0, 4.0]] * 20)
    few = _drift("length", [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    limits = {"level": 0.1, "length": 0.1, "source": 0.1, "pass_rate": 0.1}
    result = Gate(max_drift=limits).check(toy.tables, toy.expected(before="3f9a", drifts=[moved, few, same]))
    assert list(failed(result)) == ["drift, level", "drift, length"]
    level, length = check_of(result, "drift, level"), check_of(result, "drift, length")
    assert level.expected == "at most 0.1 from 3f9a"
    assert level.observed.startswith("0.200 [")
    assert "200 and 200 rows of 20 clusters" in level.observed
    assert "2 and 2 rows of 3 clusters; too few to tell: chance alone gives 0." in length.observed
    assert check_of(result, "drift, pass rate").observed == "the first version: nothing to compare with"
    assert next(row for row in result.measures() if row["check"] == "drift, level") == {
        "check": "drift, level",
        "what": "distance",
        "value": pytest.approx(0.2),
        "least": None,
        "most": 0.1,
        "option": "max_drift.level",
    }
    assert result.facts["drift"]["kinds"]["level"]["value"] == 0.2
    assert "Drift from the version before (3f9a)" in render_report(result, {})


def test_a_refused_number_names_the_option_that_limits_it(toy: Any) -> None:
    result = Gate(min_kept=50, level_shares={1: (0.9, 1.0), 2: (0.0, 1.0)}).check(toy.tables, toy.expected())
    briefs = {check.name: check.brief() for check in result.checks}
    [kept] = briefs["kept"]["outside"]
    assert (kept["value"], kept["least"], kept["most"], kept["option"]) == (24, 50, None, "min_kept")
    [share] = briefs["level shares"]["outside"]
    assert (share["what"], share["least"], share["most"], share["option"]) == ("level 1", 0.9, 1.0, "level_shares.1")
    assert briefs["schema"]["outside"] == briefs["undecided"]["outside"] == []


def test_of_many_failing_rows_all_are_counted_and_a_thousand_named() -> None:
    check = Check("kept", False, "e", "o", tuple(f"r{n}" for n in range(1000)), 2500)
    assert check.line() == "FAILED  kept: expected e, found o: r0, r1, r2 and 2,497 more"


def test_a_floor_of_recall_is_measured_on_planted_copies(toy: Any) -> None:
    """20 of 20 found has a lower limit of .83: a floor of .9 needs more copies, whatever was found of these."""
    held_out = [toy.problem(number) for number in range(90, 110)]
    result = Gate(contamination=RecallFloor(0.7, ("exact", "respaced"), copies=20)).check(
        toy.tables, toy.expected(evaluation=held_out)
    )
    certificate = result.facts["evaluation"]["certificate"]
    assert (certificate["problems"], certificate["copies"]) == (20, 20)
    assert check_of(result, "evaluation, recall").passed
    assert check_of(result, "evaluation, recall").observed.endswith("over 4 kinds of copies")
    high = Gate(contamination=RecallFloor(0.9, ("exact",), copies=20)).check(toy.tables, toy.expected(evaluation=held_out))
    assert check_of(high, "evaluation, recall").failing == (
        "exact in a problem: 20 of 20",
        "exact in a completion: 20 of 20",
    )
    assert "planted copies found" in render_report(high, {"name": "apples"})


def test_a_floor_of_recall_is_not_reached_where_no_copy_could_be_made(toy: Any) -> None:
    """A problem of one sentence cannot be reordered, so nothing says that a reordered copy would be found."""
    held_out = [Problem(f"How many apples are {number} and 4?", str(number + 4), level=1) for number in range(20)]
    result = Gate(contamination=RecallFloor(0.7, ("reordered",), copies=20)).check(
        toy.tables, toy.expected(evaluation=held_out)
    )
    assert check_of(result, "evaluation, recall").failing == ("no planted copy could be made",)
