"""Counts, pass rates, pass@k and paired changes of a small pool, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from rollmill.ground.pool import Pool, pool_of
from rollmill.ground.records import Completion, Decision, Outcome, Problem, Rollout, Verdict
from rollmill.metrics import (
    NO_RATES,
    CountsByProblem,
    PairedDecisions,
    PassAtLimit,
    counts_of,
    decision_counts,
    funnel_of,
    paired_pass_at,
    paired_rates,
    pass_at,
    pass_rate,
    pass_rates,
    rate_row,
    rate_words,
    tallied,
)
from rollmill.stats import pass_at_k
from rollmill.storage.segments.schema import to_table

LEVELS, TEMPLATES = (1, 1, 2, None), ("a", "a", "b", None)
OUTCOMES = ("ccii", "icuu", "cccc", "iiii")  # of each problem by sample index; u: undecided
NAMES: dict[str, Outcome] = {"c": "correct", "i": "incorrect", "u": "undecided"}
OWNERS = [Problem(f"problem {n}", str(n), level=LEVELS[n], template=TEMPLATES[n]) for n in range(4)]


def rollouts() -> Pool:
    """Four problems of four completions; correct ones with an even index are kept."""
    drawn, decisions = [], []
    for number, owner in enumerate(OWNERS):
        for index, letter in enumerate(OUTCOMES[number]):
            cid, outcome, kept = f"{number}-{index}", NAMES[letter], letter == "c" and index % 2 == 0
            model = "xy"[index % 2]
            drawn.append(Completion(cid, owner.prompt_id, "e", model, "d", "curate", index, 0, "t", "stop", 1, 3))
            reason = "kept" if kept else "quota" if letter == "c" else "not correct"
            decisions.append(Decision("run", owner.id, cid, "s", "1", kept, reason, outcome, "v", "1"))
    return pool_of(to_table("problems", OWNERS), to_table("completions", drawn), to_table("decisions", decisions))


def test_counts_are_of_the_prefix_and_rollouts_of_everything() -> None:
    counts = counts_of(rollouts().measured(2))
    assert counts.correct.tolist() == [2, 1, 2, 0]
    assert counts.judged.tolist() == [2, 2, 2, 2]
    assert counts.undecided.tolist() == [0, 0, 0, 0]
    assert (counts.rollouts.tolist(), counts.kept.tolist()) == ([4, 4, 4, 4], [1, 0, 2, 0])
    assert counts_of(rollouts().measured(None)).undecided.tolist() == [0, 2, 0, 0]


def test_decisions_are_counted_by_outcome_reason_and_level() -> None:
    assert decision_counts(rollouts()) == {
        "kept": 3,
        "dropped": 13,
        "outcomes": {"correct": 7, "incorrect": 7, "undecided": 2},
        "kept_by_reason": {"kept": 3},
        "dropped_by_reason": {"not correct": 9, "quota": 4},
        "levels": {
            "1": {"problems": 2, "correct": 3, "incorrect": 3, "unparsed": 0, "undecided": 2, "kept": 1},
            "2": {"problems": 1, "correct": 4, "incorrect": 0, "unparsed": 0, "undecided": 0, "kept": 2},
            "none": {"problems": 1, "correct": 0, "incorrect": 4, "unparsed": 0, "undecided": 0, "kept": 0},
        },
    }
    nothing = decision_counts(rollouts().where(np.zeros(16, dtype=bool)))
    assert (nothing["kept"], nothing["outcomes"], nothing["levels"]["1"]["problems"]) == (0, {}, 2)


def test_nothing_is_measured_on_another_step_or_with_no_prefix() -> None:
    for pool in (rollouts().measured(2, "strong"), rollouts().measured(0), rollouts()):
        assert counts_of(pool).judged.tolist() == [0, 0, 0, 0]
        assert pass_rate(counts_of(pool)).estimate is None


def test_rates_by_level_weigh_problems_alike_and_put_none_last() -> None:
    rates = pass_rates(counts_of(rollouts().measured(None)), "level")
    assert [(rate.group, rate.problems, rate.judged, rate.correct, rate.undecided) for rate in rates] == [
        (1, 2, 6, 3, 2),
        (2, 1, 4, 4, 0),
        (None, 1, 4, 0, 0),
    ]
    assert rates[0].estimate is not None
    assert rates[0].estimate.value == 0.5
    assert (rates[0].bounds, rates[0].estimate.clusters) == ((3 / 8, 5 / 8), 1)
    assert (rates[1].never_solved, rates[2].never_solved) == (0, 1)
    assert [rate.row()["interval"] for rate in rates[:2]] == ["one cluster: no interval", "Clopper-Pearson over clusters"]


@pytest.mark.parametrize("seed", range(20))
def test_the_rate_lies_within_its_bounds_whatever_the_number_of_rollouts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    judged, undecided = rng.integers(0, 9, 4), rng.integers(0, 9, 4)
    correct = rng.integers(0, judged + 1)
    counts = replace(counts_of(rollouts().measured(None)), correct=correct, judged=judged, undecided=undecided)
    rate = pass_rate(counts)
    if rate.estimate is not None and rate.bounds is not None:
        assert rate.bounds[0] - 1e-12 <= rate.estimate.value <= rate.bounds[1] + 1e-12


def test_the_estimand_says_templates_only_where_all_have_one() -> None:
    counts = counts_of(rollouts().measured(None))
    named = pass_rate(counts.where(counts.judged > 0)).estimate
    alone = pass_rate(counts.take(np.array([0, 1, 2]))).estimate
    assert named is not None
    assert alone is not None
    assert named.estimand == "mean pass rate of the population that these problems were drawn from"
    assert alone.estimand == "mean pass rate of problems from these templates"


def test_pass_at_k_goes_to_what_every_judged_problem_has() -> None:
    counts = counts_of(rollouts().measured(None))
    assert pass_at(counts) == {"1": 0.5, "2": pytest.approx((5 / 6 + 1 + 1 + 0) / 4)}
    assert pass_at(counts, most=1) == {"1": 0.5}
    assert pass_at(tallied([], [])) == {}
    assert rate_row(tallied([], []))["pass_rate"] is None


@pytest.mark.parametrize(("bound", "most"), [(None, None), (0.01, 10), (0.0, None)])
def test_pass_at_k_is_withheld_above_what_false_accepts_alone_could_make(bound: float | None, most: int | None) -> None:
    assert PassAtLimit(bound).most == most


def test_counts_of_rows_as_they_come_equal_those_of_columns() -> None:
    counter = CountsByProblem()
    for number, letters in enumerate(OUTCOMES):
        for letter in letters:
            counter.add(OWNERS[number].id, TEMPLATES[number], NAMES[letter])
    mine, pool = counter.counts(), counts_of(rollouts().measured(None))
    assert mine.correct.tolist() == pool.correct.tolist()
    assert mine.judged.tolist() == pool.judged.tolist()
    assert mine.bands() == pool.bands() == [".5-.8", ".5-.8", ".8-1", "0-.05"]


def test_paired_rates_compare_problems_that_are_judged_on_both_sides() -> None:
    before = tallied([(2, 4, 0), (0, 0, 4), (4, 4, 0)], ["a", "b", "c"])
    after = tallied([(1, 4, 0), (4, 4, 0), (4, 4, 0)], ["a", "b", "c"])
    row = paired_rates(before, after)
    assert (row["problems"], row["compared"], row["undecided_before"], row["undecided_after"]) == (3, 2, 4, 0)
    assert (row["before"], row["after"], row["difference"]) == (0.75, 0.625, -0.125)
    steps = paired_pass_at(before, after)
    assert list(steps) == ["pass@1", "pass@2", "pass@4"]
    assert steps["pass@2"]["after"] == pytest.approx((float(pass_at_k(4, 1, 2) or 0) + 1) / 2)
    assert paired_rates(tallied([], []), tallied([], []))["interval"] == "nothing judged"


def test_the_funnel_of_a_pool_adds_up() -> None:
    funnel = funnel_of(rollouts())
    funnel.reconcile()
    assert (funnel.problems, funnel.planned, funnel.solved, funnel.kept_problems) == (4, 16, 3, 2)
    assert funnel.outcomes() == {"correct": 7, "incorrect": 7, "unparsed": 0, "undecided": 2}
    assert (funnel.kept, funnel.dropped, funnel.dropped_by_reason) == (3, 13, {"not correct": 9, "quota": 4})
    one = rollouts()
    mine = funnel_of(one.where(one.model == one.models.index("x")))
    assert (mine.planned, mine.kept) == (8, 3)


def test_a_rollout_that_is_not_decided_is_neither_kept_nor_dropped() -> None:
    pool = rollouts()
    funnel = funnel_of(replace(pool, kept=np.where(pool.problem == 0, -1, pool.kept)))
    assert (funnel.kept, funnel.dropped) == (2, 10)
    with pytest.raises(RuntimeError, match="16 planned rollouts are not 2 kept and 10 dropped"):
        funnel.reconcile()


def decided(owner: Problem, *reasons: str) -> tuple[list[Rollout], list[Decision]]:
    """Rollouts of a problem, correct unless the reason says so, with a decision each."""
    graded, decisions = [], []
    for index, reason in enumerate(reasons):
        cid = f"{owner.id}-{index}"
        completion = Completion(cid, owner.prompt_id, "e", "m", "d", "curate", index, 0, "t", "stop", 1, 3)
        outcome: Outcome = "incorrect" if reason == "not correct" else "correct"
        graded.append(Rollout(owner, completion, Verdict(completion.id, owner.id, "v", "1", outcome, "same")))
        kept = reason == "kept"
        decisions.append(Decision("run", owner.id, completion.id, "s", "1", kept, reason, outcome, "v", "1"))
    return graded, decisions


def test_two_selections_are_compared_rollout_by_rollout() -> None:
    paired = PairedDecisions()
    paired.add(decided(OWNERS[0], "kept", "kept", "not correct"), decided(OWNERS[0], "kept", "quota", "kept"))
    paired.add(decided(OWNERS[2], "kept", "quota"), decided(OWNERS[2], "not correct", "quota"))
    assert paired.row() == {
        "kept_before": 3,
        "kept_after": 2,
        "moves": [
            {"before": "kept", "after": "not correct", "rows": 1},
            {"before": "kept", "after": "quota", "rows": 1},
            {"before": "not correct", "after": "kept", "rows": 1},
        ],
    }
    assert (dict(paired.kept_before), dict(paired.kept_after)) == ({1: 2, 2: 1}, {1: 2, 2: 0})
    assert (dict(paired.before.dropped), dict(paired.after.dropped)) == (
        {"not correct": 1, "quota": 1},
        {"not correct": 1, "quota": 2},
    )
    assert paired.after.outcomes == {"correct": 4, "incorrect": 1}


def test_one_sentence_says_over_what_rates_are() -> None:
    assert rate_words(4) == "Rates: the first 4 completions of each problem, fixed before any verdict."
    assert rate_words(4, "weak") == "Rates: the first 4 completions on step weak of each problem, fixed before any verdict."
    assert rate_words(None) == "Rates: all completions of each problem, as many as were imported."
    assert rate_words(0) == NO_RATES
