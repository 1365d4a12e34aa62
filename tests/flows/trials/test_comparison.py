"""Comparisons of a trial: differences by brute force, Holm over arms, looks, what a design can show."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rollmill.flows.trials.comparison import by_benchmark, changed_share, compared, decided, detectable, units_of
from rollmill.flows.trials.references import MEASURE
from rollmill.flows.trials.students import StudentCounts
from rollmill.flows.trials.trial_job import unplanned_seed_notes
from rollmill.flows.trials.trial_report import sentence, trial_page, write_trial
from rollmill.stats.trials.counts import ArmCounts
from rollmill.stats.trials.two_way import two_way

SAMPLES = 4


def counts(*arms: float, seeds: int = 5, problems: int = 60, noise: int = 3) -> StudentCounts:
    """Arms of students that solve every problem with these chances."""
    chance = np.random.default_rng(noise)
    tables = {}
    for place, rate in enumerate(arms):
        correct = chance.binomial(SAMPLES, rate, size=(seeds, problems))
        tables[f"arm{place}"] = ArmCounts(np.full((seeds, problems), SAMPLES), correct)
    keys = [("easy" if place < problems // 2 else "hard", f"p{place:03}") for place in range(problems)]
    return StudentCounts(keys, [None] * problems, tables, dict.fromkeys(tables, 40.0))


def test_the_difference_is_that_of_the_means() -> None:
    made = counts(0.5, 0.7)
    (row,) = [row for row in compared(made, (1,), 0.05, (5,)) if row["primary"]]
    before, after = (np.asarray(table.correct).sum() / (5 * 60 * SAMPLES) for table in made.arms.values())
    assert row["difference"] == pytest.approx(after - before)
    assert (row["value_before"], row["value_after"]) == (pytest.approx(before), pytest.approx(after))
    assert row["by_seed"] == pytest.approx(
        [
            (np.asarray(made.arms["arm1"].correct)[seed].sum() - np.asarray(made.arms["arm0"].correct)[seed].sum()) / 240
            for seed in range(5)
        ]
    )
    assert row["low"] > 0.1
    assert (row["n"], row["over_seeds"]) == (60, True)


def test_pass_at_four_is_one_where_any_of_four_is_right() -> None:
    made = counts(0.3, 0.5)
    row = next(row for row in compared(made, (1, 4), 0.05, (5,)) if row["k"] == 4)
    solved = [float((np.asarray(table.correct) > 0).mean()) for table in made.arms.values()]
    assert row["difference"] == pytest.approx(solved[1] - solved[0])


def test_two_seeds_speak_of_these_models_only() -> None:
    (row,) = compared(counts(0.5, 0.5, seeds=2), (1,), 0.05, ())
    assert row["over_seeds"] is False
    assert "of these trained models only" in sentence({**row, "shown": False})


def test_three_arms_are_tested_by_holm() -> None:
    assert decided([[0.03, 0.04]], (), 0.05) == [False, False]
    assert decided([[0.02, 0.04]], (), 0.05) == [True, True]
    rows = [row for row in compared(counts(0.5, 0.5, 0.8), (1,), 0.05, (5,)) if row["primary"]]
    assert [row["confidence"] for row in rows] == pytest.approx([0.975, 0.975])
    assert decided([[row["p"] for row in rows]], (5,), 0.05) == [False, True]


def test_an_early_look_needs_a_smaller_p() -> None:
    assert decided([[0.03]], (5,), 0.05) == [True]
    assert decided([[0.03]], (3, 5)[:1], 0.05) == [True]
    assert decided([[0.03], [0.06]], (3, 8), 0.05) == [False]


def test_equal_arms_are_undecided_and_the_sentence_says_what_would_have_been_seen() -> None:
    made = counts(0.5, 0.5)
    (row,) = compared(made, (1,), 0.05, (5,))
    said = sentence({**row, "shown": False})
    assert said.startswith("Undecided between arm1 and arm0: pass@1 ")
    assert f"A difference of {row['detectable']:.3f} would have been seen in 80%." in said


def test_log_probabilities_of_references_are_compared_where_every_student_has_one() -> None:
    made = counts(0.5, 0.5, seeds=3, problems=8)
    chance = np.random.default_rng(0)
    before = chance.normal(-1.0, 0.3, size=(3, 8))
    after = before + 0.25 + chance.normal(0.0, 0.05, size=(3, 8))
    after[1, 2] = np.nan
    known = replace(made, logprobs={"arm0": before, "arm1": after})
    *_, row = compared(known, (1,), 0.05, (3,))
    kept = [place for place in range(8) if place != 2]
    expected = two_way(after[:, kept] - before[:, kept], bounded=False)
    assert expected is not None
    assert (row["measure"], row["k"], row["primary"], row["n"], row["left_out"]) == (MEASURE, None, False, 7, 1)
    assert (row["difference"], row["low"], row["high"]) == (
        pytest.approx(expected.change.value), pytest.approx(expected.change.low), pytest.approx(expected.change.high),
    )  # fmt: skip
    assert row["low"] > 0.0
    assert row["value_after"] - row["value_before"] == pytest.approx(row["difference"])
    assert MEASURE not in {other["measure"] for other in compared(made, (1,), 0.05, (3,))}
    equal = replace(made, logprobs={"arm0": before, "arm1": before})
    assert MEASURE not in {other["measure"] for other in compared(equal, (1,), 0.05, (3,))}


def test_each_benchmark_has_its_difference() -> None:
    rows = by_benchmark(counts(0.4, 0.6), 1)
    assert [(row["benchmark"], row["n"]) for row in rows] == [("easy", 30), ("hard", 30)]


def test_problems_that_changed_are_those_with_another_rate() -> None:
    same = counts(0.5)
    twice = StudentCounts(same.problems, same.templates, {"a": same.arms["arm0"], "b": same.arms["arm0"]}, {})
    assert changed_share(twice, "a", "b") == 0.0


def test_a_design_of_more_seeds_shows_less() -> None:
    can = detectable(counts(0.5, 0.5, seeds=3), 5, SAMPLES, arms=2, alpha=0.05)
    assert can is not None
    effects = list(can["by_seeds"].values())
    assert effects == sorted(effects, reverse=True)
    assert can["effect"] == can["by_seeds"]["5"]
    assert detectable(counts(0.5, seeds=1), 5, SAMPLES, arms=2, alpha=0.05) is None


def test_templates_are_the_units() -> None:
    made = counts(0.5, 0.6, problems=6)
    grouped = StudentCounts(made.problems, ["a", "a", "b", "b", None, None], made.arms, made.tokens)
    assert (units_of(grouped), units_of(made)) == (4, 6)


def test_seeds_that_were_not_planned_are_another_look() -> None:
    record = {"looks": [{"seeds": 5}]}
    assert unplanned_seed_notes(record, (5,)) == []
    (said,) = unplanned_seed_notes(record, (8,))
    assert said == (
        "results were looked at before, with 5 seeds, and 8 were not planned then: at .05 each, such looks err in 8% of "
        "trials of equal arms."
    )


def test_the_report_has_every_number(tmp_path: Path) -> None:
    made = counts(0.5, 0.7)
    rows = compared(made, (1, 4), 0.05, (5,))
    rows[0] |= {"shown": True, "p_holm": 0.5}
    arm = {
        "data": [],
        "rows": 10,
        "students": ["a@v1"],
        "tokens_each": [50],
        "epochs": 1.0,
        "seconds": 2.0,
        "tokens_out": 40.0,
    }
    outcome = {
        "trial": "toy",
        "equal": "loss_tokens",
        "samples": 4,
        "problems": 60,
        "arms": [{"arm": "arm0", **arm}, {"arm": "arm1", **arm}],
        "comparisons": rows,
        "by_benchmark": by_benchmark(made, 1),
    }
    page = trial_page(outcome)
    assert "Students of arm1 are better than those of arm0: pass@1 " in page
    assert f"The pass rate of {rows[0]['changed']:.0%} of problems changed." in page
    assert "(Holm 0.5000)" in page
    assert all(f"{row['difference']:+.3f}" in page for row in rows)
    assert [path.name for path in write_trial(tmp_path, outcome)] == ["trial.json", "trial.md"]
    assert "seconds in all | tokens of a completion |" in page
    priced = trial_page({**outcome, "currency": "EUR", "arms": [{"arm": "arm0", **arm, "money": 1.234}]})
    assert "seconds in all | EUR in all | tokens of a completion |" in priced
    assert "| 2 | 1.23 | 40.0 |" in priced


def test_a_problem_with_an_undecided_completion_is_left_out_of_the_pass_rate_of_all_draws() -> None:
    made = counts(0.5, 0.7, problems=10)
    judged = np.asarray(made.arms["arm0"].judged).copy()
    judged[2, 3] = 3
    short = StudentCounts(
        made.problems,
        made.templates,
        {**made.arms, "arm0": ArmCounts(judged, np.minimum(made.arms["arm0"].correct, judged))},
        {},
    )
    one, four = compared(short, (1, 4), 0.05, (5,))
    assert (one["n"], one["left_out"], four["n"], four["left_out"]) == (10, 0, 9, 1)
