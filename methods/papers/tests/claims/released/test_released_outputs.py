"""Values of published numbers on small pools of released outputs, each counted by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rollmill.methods import NotTestable
from rollmill_papers.claims.released import released_outputs
from rollmill_papers.claims.released.published import VALUES
from rollmill_papers.claims.released.released_outputs import (
    CORRECT,
    GeneratedTests,
    Recorded,
    chance_of_groups,
    elected,
    estimated,
    pass_rates,
    passes_at,
    selected,
)
from tests.metrics.pools import pool


def made(rows: list[str], labels: list[int] | None = None, **columns: Any) -> Recorded:
    return Recorded(pool(rows, **columns), np.array(labels or [], dtype=np.int64))


def test_a_run_that_was_released_in_part_is_left_out() -> None:
    """Sample index 2 is there for one problem of two alone, and wrong: of it no rate can be told."""
    part = made(["cii", "cc"])
    assert pass_rates(part, model="m") == {"p0": 0.5, "p1": 1.0}
    with pytest.raises(NotTestable, match="no model 'other'"):
        pass_rates(part, model="other")
    of_two = made(["ci", "cc"], strata={"source": ("GSM8K", "SVAMP")})
    assert pass_rates(of_two, model="m", source="SVAMP") == {"p1": 1.0}
    with pytest.raises(NotTestable, match="no whole run of m on MATH"):
        pass_rates(of_two, model="m", source="MATH")


def test_passes_are_the_unbiased_estimator() -> None:
    assert passes_at(made(["cii", "iii"]), model="m", k=2) == pytest.approx({"p0": 2 / 3, "p1": 0.0})
    with pytest.raises(NotTestable, match="fewer than 4"):
        passes_at(made(["cii"]), model="m", k=4)


def test_labels_stand_in_for_verdicts_where_every_row_has_one() -> None:
    judged = made(["ci"], labels=[0, 1])
    by_label = judged.labelled
    assert by_label is not None
    assert (by_label.pool.outcome == CORRECT).tolist() == [False, True]
    assert made(["ci"], labels=[1, -1]).labelled is None
    assert made(["ci"]).labelled is None


def test_an_election_is_of_all_completions() -> None:
    assert elected(made(["cci", "cii"], answers=["RRx", "Rxx"]), aggregator="majority") == {"p0": 1.0, "p1": 0.0}


def test_one_pick_of_each_of_the_strongest_groups() -> None:
    """Groups by strength: {right, wrong}, then {wrong}, then {right}."""
    strength, right = np.array([9.0, 9.0, 5.0, 1.0]), np.array([True, False, False, True])
    assert chance_of_groups(strength, right, 1) == 0.5
    assert chance_of_groups(strength, right, 2) == 0.5
    assert chance_of_groups(strength, right, 3) == 1.0
    assert chance_of_groups(strength[:3], right[:3], 3) == 0.75  # two groups: the strongest is asked again


def test_programs_are_chosen_by_generated_tests() -> None:
    """Programs 0 and 1 pass test 0, which was written once; program 2 passes tests 1 and 2; program 3 none."""
    passes = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 1], [0, 0, 0]], dtype=bool)
    recorded = made(["cici", "ciii"])
    recorded = replace(recorded, tests={"p0": GeneratedTests(passes, np.array([1, 1, 1]))})
    # CodeT: 1 test times the root of 2 programs against 2 tests times the root of 1
    chosen = selected(recorded, aggregator="codet", k=1, model="m")
    assert chosen == {"p0": 1.0, "p1": 0.25}  # p1 has no test, so by lot
    assert selected(recorded, aggregator="max_pass", k=1, model="m")["p0"] == 1.0
    assert selected(recorded, aggregator="mbr_exec", k=1, model="m")["p0"] == 0.5
    often = replace(recorded, tests={"p0": GeneratedTests(passes, np.array([9, 1, 1]))})
    by_count = [selected(often, aggregator=name, k=1, model="m")["p0"] for name in ("codet", "max_pass")]
    assert by_count == [0.5, 0.5]  # a test counts as often as it was written
    assert selected(often, aggregator="codet", k=2, model="m")["p0"] == 1.0
    none = replace(recorded, tests={"p0": GeneratedTests(np.zeros((4, 2), dtype=bool), np.array([1, 1]))})
    assert selected(none, aggregator="codet", k=2, model="m")["p0"] == pytest.approx(5 / 6)  # 1 - C(2, 2) / C(4, 2)
    assert selected(none, aggregator="codet", k=9, model="m")["p0"] == 1.0  # more picks than programs: all of them
    with pytest.raises(NotTestable, match="no generated tests"):
        selected(made(["ci"]), aggregator="codet", k=1, model="m")


def test_a_difference_is_paired_over_the_problems_of_both() -> None:
    both = estimated({"a": 1.0, "b": 0.0, "c": 1.0}, {"a": 0.0, "b": 0.0})
    assert (both.value, both.n) == (0.5, 2)
    assert estimated({"a": 1.0, "b": 0.0}).value == 0.5
    with pytest.raises(NotTestable, match="no problem"):
        estimated({})


def test_every_value_can_be_named_in_the_table() -> None:
    assert set(VALUES) == {"pass_rates", "passes_at", "elected", "selected"}
    assert all(callable(getattr(released_outputs, name)) for name in VALUES)
