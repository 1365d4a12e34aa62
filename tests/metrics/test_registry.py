"""`measure`: the numbers of small pools by hand or by brute force, strata, undecided rollouts, and what it refuses."""

import json
import math
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Pool
from rollmill.metrics import registry
from rollmill.metrics.registry import METRICS, MetricRow, measure
from rollmill.metrics.sample import Metric, MetricValue, Options
from rollmill.pipelines.aggregate.best_of import BestOfNElection
from rollmill.pipelines.select import SELECTORS
from rollmill.stats import pass_at_k
from tests.known import known
from tests.metrics.pools import pool
from tests.pipelines.budget.simulation import until_target


def values(rows: list[Any]) -> dict[Any, float]:
    """By k, tokens, attempts or nothing."""
    return {next(iter(row.setting.values()), None): row.value for row in rows}


FOUR = pool(["cciiiiii", "ccccccii", "iiiiiiii", "cccccccc"], ["a", "a", "b", "b"])


def test_pass_at_k_and_its_kin_are_means_over_problems() -> None:
    counts = [2, 6, 0, 8]
    rows = measure(FOUR, "pass@k")
    assert values(rows) == pytest.approx({k: np.mean([pass_at_k(8, c, k) for c in counts]) for k in (1, 2, 4, 8)})
    assert {row.estimand for row in rows[:1]} == {"mean pass@1 of problems from these templates"}
    assert [(row.n, row.clusters) for row in rows[:1]] == [(4, 2)]
    every = measure(FOUR, "pass^k", Options(ks=(4,)))[0]
    assert every.value == pytest.approx(np.mean([math.comb(c, 4) / math.comb(8, 4) for c in counts]))
    at_least = measure(FOUR, "g_pass@k", Options(ks=(4,), tau=0.5))[0]
    tails = [sum(math.comb(c, j) * math.comb(8 - c, 4 - j) for j in (2, 3, 4)) / math.comb(8, 4) for c in counts]
    assert at_least.value == pytest.approx(np.mean(tails))
    assert at_least.setting == {"k": 4, "tau": 0.5}
    assert values(measure(FOUR, "mg_pass@k", Options(ks=(7,))))[7] < values(measure(FOUR, "pass@k", Options(ks=(7,))))[7]


def test_a_mean_that_hangs_on_one_template_says_which() -> None:
    """Nineteen templates are right in 7 or 9 of 10, one in none."""
    outcomes = ["c" * 7 + "i" * 3, "c" * 9 + "i"] * 19 + ["i" * 10] * 2
    twenty = pool(outcomes, [f"t{at}" for at in range(20) for _ in range(2)])
    note = "cluster t19 carries 95% of the variation between clusters (0.000, all others 0.800)"
    for name in ("pass@k", "pass^k"):
        [row] = measure(twenty, name, Options(ks=(1,)))
        assert (row.why, row.row()["why"]) == (note, note)
        assert row.value == pytest.approx(0.76)
    assert measure(twenty, "pass@k", Options(ks=(1,), of="these problems"))[0].why == ""
    assert measure(FOUR, "pass@k", Options(ks=(1,)))[0].why == ""


def test_rows_are_json_and_nothing_inside_has_no_width() -> None:
    for name in ("pass@k", "pass^k", "g_pass@k", "mg_pass@k", "coverage_curve", "tokens_per_correct", "solved_by"):
        for row in measure(FOUR, name):
            assert row.value is not None
            assert known(row.high) - known(row.low) > 0
            assert json.loads(json.dumps(row.row(), allow_nan=False))["metric"] == name


def width(row: MetricRow) -> float:
    return known(row.high) - known(row.low)


def test_of_these_problems_the_interval_is_another() -> None:
    wide = measure(FOUR, "pass@k", Options(ks=(4,)))[0]
    own = measure(FOUR, "pass@k", Options(ks=(4,), of="these problems"))[0]
    assert own.value == pytest.approx(wide.value)
    assert width(own) < width(wide)
    assert own.estimand == "mean pass@4 of these problems"
    with pytest.raises(SetupError, match=r"population of problems only. Valid: pass@k, pass\^k"):
        measure(FOUR, "coverage_curve", Options(of="these problems"))


def test_strata_by_one_or_two_columns_and_templates_have_problems_for_clusters() -> None:
    mixed = pool(["ci", "cc", "ii", "ci"], ["a", "a", "b", "b"], strata={"level": (1, 2, 1, None), "meta.x": tuple("yzyz")})
    assert [(row.group, row.value) for row in measure(mixed, "pass@k", Options(ks=(1,)), by=["level"])] == [
        ({"level": 1}, 0.25),
        ({"level": 2}, 1.0),
        ({"level": None}, 0.5),
    ]
    both = measure(mixed, "pass@k", Options(ks=(1,)), by=["meta.x", "template"])
    assert [list(row.group.values()) for row in both] == [["y", "a"], ["y", "b"], ["z", "a"], ["z", "b"]]
    by_template = measure(mixed, "pass@k", Options(ks=(1,)), by=["template"])
    assert [row.clusters for row in by_template] == [2, 2]
    with pytest.raises(SetupError, match="at most two"):
        measure(mixed, "pass@k", by=["level", "template", "meta.x"])
    with pytest.raises(SetupError, match="level"):
        measure(mixed, "pass@k", by=["levle"])


def test_models_and_steps_are_never_pooled() -> None:
    two = pool(["cici", "iicc"], model=np.array([0, 0, 1, 1] * 2), models=("weak", "strong"))
    with pytest.raises(SetupError, match=r"2 models, which are never pooled\. Valid: weak, strong"):
        measure(two, "pass@k")
    assert len(measure(two, "pass@k", Options(ks=(1,)), by=["model", "level", "template"])) == 2
    rows = measure(two, "pass@k", Options(ks=(2,)), by=["model"])
    assert [(row.group, row.value) for row in rows] == [({"model": "weak"}, 0.5), ({"model": "strong"}, 1.0)]
    steps = pool(["cici", "iicc"], step=np.array([0, 0, 1, 1] * 2), steps=("x", "y"))
    with pytest.raises(SetupError, match="2 steps"):
        measure(steps, "pass@k", by=["model"])
    assert [row.group for row in measure(steps, "pass@k", Options(ks=(1,)), by=["step"])] == [{"step": "x"}, {"step": "y"}]


def test_only_the_prefix_is_measured_and_without_one_nothing() -> None:
    adaptive = pool(["cccc", "iiiiiiii", "iciccc"])
    with pytest.raises(SetupError, match=r"4 to 8 measured rollouts.*first=4, or pool.measured\(4\)"):
        measure(adaptive, "pass@k")
    assert measure(adaptive.measured(4), "pass@k", Options(ks=(1,)))[0].value == pytest.approx((1 + 0 + 0.5) / 3)
    with pytest.raises(SetupError, match="fixed before any verdict"):
        measure(adaptive.measured(0), "pass@k")
    with pytest.raises(SetupError, match="1 measured rollouts are not judged yet"):
        measure(pool(["cp"]), "pass@k")


def test_fewer_completions_than_k_are_refused_with_what_is_possible() -> None:
    with pytest.raises(SetupError, match=r"k = 9 is undefined for 4 of 4 problems.*Valid: k up to 8"):
        measure(FOUR, "pass@k", Options(ks=(9,)))
    with pytest.raises(SetupError, match="k = 0"):
        measure(FOUR, "pass@k", Options(ks=(0,)))
    with pytest.raises(SetupError, match="k from 2 on"):
        measure(FOUR, "mg_pass@k", Options(ks=(1, 2)))
    with pytest.raises(SetupError, match="No problem has a judged rollout"):
        measure(pool(["uu", "u"]).measured(1), "pass@k")


def test_what_false_accepts_could_make_is_withheld() -> None:
    rows = measure(FOUR, "pass@k", Options(largest_k=2))
    assert [row.value is None for row in rows] == [False, False, True, True]
    assert rows[3].why == "withheld: false accepts of the verifier alone could make it"


VOTES = pool(["cciii", "ccuii", "cinin"], answers=["aabcd", "aabbc", "abc-a"])


def by_subsets(answers: str, right: dict[str, float], k: int) -> float:
    shares = []
    for subset in combinations(answers, k):
        given = [a for a in subset if a != "-"]
        top = {a for a in given if given.count(a) == max(map(given.count, given))}
        shares.append(sum(right.get(a, 0.0) for a in top) / len(top) if top else 0.0)
    return float(np.mean(shares))


def test_majority_at_k_equals_every_subset_and_an_undecided_answer_votes() -> None:
    """Of the second problem answer b was judged wrong once and left undecided once: it is wrong."""
    for k in range(1, 6):
        wanted = [
            by_subsets("aabcd", {"a": 1.0}, k),
            by_subsets("aabbc", {"a": 1.0}, k),
            by_subsets("abc-a", {"a": 1.0}, k),
        ]
        (row,) = measure(VOTES, "maj@k", Options(ks=(k,)))
        assert row.value == pytest.approx(np.mean(wanted))
        (same,) = measure(VOTES, "aggregate@k", Options(ks=(k,), aggregator="majority"))
        assert same.value == pytest.approx(row.value)
        assert (same.error, same.setting) == (0.0, {"k": k, "aggregator": "majority"})


def test_answers_that_were_judged_both_ways_are_counted() -> None:
    (row,) = measure(pool(["cci", "cii"], answers=["aab", "bbb"]), "maj@k", Options(ks=(3,)))
    assert (row.value, row.why) == (0.5, "1 answers were judged both ways; the more frequent verdict counts")


def test_any_aggregator_with_scores_equals_every_subset() -> None:
    scores = {"s": np.array([0.1, 0.9, 0.5, 0.2, 0.2, *[0.3] * 10])}
    scored = pool(["cciii", "ccuii", "cinin"], answers=["aabcd", "aabbc", "abc-a"], scores=scores)
    (row,) = measure(scored, "aggregate@k", Options(ks=(2,), aggregator=BestOfNElection(score="s")))
    first = np.mean([max(pair, key=lambda at: scores["s"][at]) in (0, 1) for pair in combinations(range(5), 2)])
    ties = [by_subsets(answers, {"a": right}, 2) for answers, right in (("aabbc", 1.0), ("abc-a", 1.0))]
    tied = first - 0.0  # 3 and 4 tie and are both wrong
    assert row.value == pytest.approx((tied + sum(ties)) / 3, abs=0.02)


def test_verdicts_that_are_permuted_change_no_election() -> None:
    """What is elected follows from the blind pool: with all verdicts right, whatever is elected is right."""
    for name in ("majority", "weighted", "borda", "best_of_n"):
        scored = pool(
            ["cic", "iic"],
            answers=["aba", "abb"],
            scores={n: np.arange(6.0) for n in ("logprob_per_token", "self_certainty")},
        )
        every = pool(["ccc", "ccc"], answers=["aba", "abb"], scores=scored.scores)
        assert measure(every, "aggregate@k", Options(ks=(2,), aggregator=name))[0].value == pytest.approx(1.0)
        assert known(measure(scored, "aggregate@k", Options(ks=(2,), aggregator=name))[0].value) < 1.0


@pytest.mark.parametrize("aggregator", ["oracle", "any_correct"])
def test_an_oracle_is_refused_as_an_aggregator(aggregator: str) -> None:
    with pytest.raises(SetupError, match=r"would see the verdicts.*ask `pass@k`"):
        measure(VOTES, "aggregate@k", Options(aggregator=aggregator))


def test_what_sees_verdicts_or_is_not_there_is_refused_as_an_aggregator() -> None:
    selector: Any = SELECTORS["all_correct"]()
    with pytest.raises(SetupError, match=r"no `elect\(pool\)` of a blind pool.*sees their verdicts"):
        measure(VOTES, "aggregate@k", Options(aggregator=selector))
    with pytest.raises(SetupError, match="majority"):
        measure(VOTES, "aggregate@k", Options(aggregator="majorty"))
    with pytest.raises(SetupError, match="needs texts, which this pool has not"):
        measure(VOTES, "aggregate@k", Options(aggregator="similarity"))
    with pytest.raises(SetupError, match="every problem has 5"):
        measure(VOTES, "maj@k", Options(ks=(6,)))
    with pytest.raises(SetupError, match="has no answers"):
        measure(FOUR, "maj@k")


def test_diversity_counts_answers_that_differ() -> None:
    row = measure(VOTES, "distinct@k", Options(ks=(5,)))[0]
    assert row.value == pytest.approx((4 + 3 + 3) / 3 / 5)
    (agree,) = measure(VOTES, "agreement")
    assert agree.value == pytest.approx((2 / 20 + 4 / 20 + 2 / 20) / 3)


SCORED = pool(["ci", "ci", "cc"], ["a", "a", None], scores={"s": np.array([0.9, 0.8, 0.2, 0.4, 1.0, 0.6])})


def test_scores_against_verdicts() -> None:
    (pooled,), (within,) = (measure(SCORED, name, Options(score="s")) for name in ("auroc", "auroc_within"))
    assert pooled.value == pytest.approx((2 + 0 + 2 + 1) / 8)
    assert (within.value, pooled.clusters) == (0.5, 2)
    (turned,) = measure(SCORED, "auroc", Options(score="-s"))
    assert turned.value == pytest.approx(1 - known(pooled.value))
    (brier,) = measure(SCORED, "brier", Options(score="s"))
    assert brier.value == pytest.approx((0.01 + 0.64 + 0.64 + 0.16 + 0.0 + 0.16) / 6)
    error, *bins = measure(SCORED, "calibration", Options(score="s", bins=2))
    assert [row.setting["bin"] for row in bins] == [0, 1]
    assert error.value == pytest.approx((3 * abs(2 / 3 - 0.4) + 3 * abs(2 / 3 - 0.9)) / 6)
    chosen = measure(SCORED, "selected@k", Options(score="s", ks=(2,)))[0]
    assert chosen.value == pytest.approx((1 + 0 + 1) / 3)


def test_the_best_score_of_k_with_and_without_a_range() -> None:
    open_ended = measure(SCORED, "best_score@k", Options(score="s", ks=(2,)))[0]
    assert open_ended.value == pytest.approx((0.9 + 0.2 + 1.0) / 3)
    bounded = measure(SCORED, "best_score@k", Options(score="s", ks=(2,), score_range=(0.0, 2.0)))[0]
    assert bounded.value == pytest.approx(open_ended.value)
    assert 0.0 <= known(bounded.low) < known(bounded.value) < known(bounded.high) <= 2.0
    with pytest.raises(SetupError, match=r"leaves the range 0 to 0.5"):
        measure(SCORED, "best_score@k", Options(score="s", score_range=(0.0, 0.5)))


def test_scores_that_are_missing_or_no_chances_are_refused() -> None:
    holes = pool(["ci"], scores={"s": np.array([0.5, math.nan]), "l": np.array([-3.0, 2.0])})
    with pytest.raises(SetupError, match="1 of 2 measured rollouts have no score 's'"):
        measure(holes, "auroc", Options(score="s"))
    with pytest.raises(SetupError, match="no chance of being right"):
        measure(holes, "brier", Options(score="l"))
    with pytest.raises(SetupError, match="score"):
        measure(holes, "auroc", Options(score="x"))
    (one_kind,) = measure(pool(["cc"], scores={"s": np.ones(2)}), "auroc", Options(score="s"))
    assert (one_kind.value, one_kind.why) == (None, "all judged rollouts are correct, or none is")


def test_tokens_buy_correct_answers() -> None:
    tokens = np.array([5, 5, 5, 10, 10, 10])
    mine = pool(["cii", "icc"], tokens=tokens)
    assert values(measure(mine, "pass@t", Options(budgets=(5, 15)))) == pytest.approx(
        {5: (1 / 3 + 0) / 2, 15: (1 + 2 / 3) / 2}
    )
    (cost,) = measure(mine, "tokens_per_correct")
    assert cost.value == pytest.approx(45 / 3)
    (regret,) = measure(mine, "regret", Options(budgets=(15,)))
    assert regret.value == pytest.approx(((5 + 10 + 15) / 3 / 15 + (10 + 10 + 15) / 3 / 15) / 2)
    with pytest.raises(SetupError, match="A budget of 16 tokens"):
        measure(mine, "pass@t", Options(budgets=(16,)))
    with pytest.raises(SetupError, match="no token count"):
        measure(pool(["ci"], tokens=np.array([3, -1])), "pass@t")
    assert measure(pool(["ii"]), "tokens_per_correct")[0].why == "no correct completion"


def test_attempts_may_stop_at_success_and_are_undefined_where_they_stopped_before() -> None:
    rows = measure(pool(["c", "iic", "iii"]), "solved_by")
    assert [row.setting["attempts"] for row in rows] == [1, 2, 3]
    assert [row.value for row in rows] == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert measure(pool(["ii", "iic"]), "solved_by")[2].why == "undefined for 1 of 2 problems"
    with pytest.raises(SetupError, match="not numbered"):
        measure(pool(["ic"], index=np.array([3, 5])), "solved_by")


class UntilTwo:
    """A budget that draws one after another until two are correct, at most six."""

    cap = 6
    rule = staticmethod(until_target(2, 6))


def test_draws_of_a_stopping_rule_are_counted_by_paths() -> None:
    budget: Any = UntilTwo()
    stopped = pool(["cic", "iiiiic", "cc"])
    (row,) = measure(stopped, "path_rate", Options(stopping=budget))
    assert row.value == pytest.approx((1 / 2 + 1 / 6 + 1 / 1) / 3)
    (lost,) = measure(pool(["ci"]), "path_rate", Options(stopping=budget))
    assert lost.why.startswith("the rule does not stop at 1 correct of 2")
    with pytest.raises(SetupError, match="needs the rule"):
        measure(stopped, "path_rate")


def test_the_compositional_gap_multiplies_the_rates_of_the_parts() -> None:
    mine = pool(["ci", "cc", "ci", "ii"])
    (row,) = measure(mine, "compositional_gap", Options(parts={"p2": ("p0", "p1"), "p3": ("p0",)}))
    assert row.value == pytest.approx((0.5 * 0.5 + 0.5 * 1.0) / (0.5 + 0.5))
    with pytest.raises(SetupError, match="not in the pool: p9"):
        measure(mine, "compositional_gap", Options(parts={"p2": ("p9",)}))


def test_a_pair_is_solved_jointly_if_both_are_right() -> None:
    mine = pool(["ci", "cc", "ci", "ii"])
    (row,) = measure(mine, "joint", Options(parts={"p1": ("p0",), "p2": ("p0",), "p3": ("p1",)}))
    assert row.value == pytest.approx((0.5 + 0.25 + 0.0) / 3)


def test_the_law_of_coverage_gives_its_parameters_or_its_reasons() -> None:
    rng = np.random.default_rng(0)
    letters = ["".join("c" if one else "i" for one in rng.random(64) < rate) for rate in rng.beta(0.4, 2, size=150)]
    rows = measure(pool(letters), "coverage_law")
    assert [row.setting["parameter"] for row in rows] == ["a", "b", "coverage"]
    assert all(known(row.low) < known(row.value) < known(row.high) for row in rows)
    (_, why, _) = measure(pool(["ii", "ii"]), "coverage_law")
    assert why.value is None
    assert why.why == "fewer than 4 points of rising coverage strictly between 0 and 1"


def test_what_a_metric_cannot_do_is_said_in_words_and_not_by_a_crash() -> None:
    refused = []
    for name in METRICS:
        try:
            measure(FOUR, name)
        except SetupError as error:
            refused.append(error)
    assert len(refused) == 17
    assert all(error.next_command or error.choices for error in refused)
    with pytest.raises(SetupError, match="pass@k"):
        measure(FOUR, "pass@kk")


OF_FOUR = {
    "pass@k": 0.5,
    "agreement": None,
}
"""Metrics of the four problems by hand: the first number that each gives; None where it cannot be measured."""


def test_the_first_number_of_a_metric() -> None:
    for name, value in OF_FOUR.items():
        try:
            [first, *_] = measure(FOUR, name)
        except SetupError:
            assert value is None
        else:
            assert first.value == pytest.approx(value)


def test_a_new_metric_is_one_function_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unparsed(sample: Any, _options: Options) -> list[MetricValue]:
        return [MetricValue({"problems": len(sample)}, None, "counted only")]

    monkeypatch.setattr(registry, "METRICS", {**METRICS, "mine": Metric(unparsed)})
    assert measure(FOUR, "mine")[0].setting == {"problems": 4}


def test_the_order_of_rollouts_changes_nothing() -> None:
    order = np.random.default_rng(1).permutation(len(VOTES))
    shuffled: Pool = VOTES.where(np.ones(len(VOTES), dtype=bool))
    columns = {name: getattr(shuffled, name)[order] for name in ("problem", "index", "outcome", "answer", "completion")}
    turned = replace(shuffled, **columns)
    for name in ("maj@k", "pass@k", "solved_by", "agreement"):
        assert measure(turned, name) == measure(VOTES, name)


def test_the_page_defines_every_metric_and_names_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/metrics.md").read_text()
    table = page[page.index("## The metrics") : page.index("## Intervals")]
    assert re.findall(r"^\| `([^`]+)` \|", table, flags=re.MULTILINE) == list(METRICS)
