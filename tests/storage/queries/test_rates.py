"""Pass rates and shares: over the prefix, problem by problem, with intervals that cannot be mistaken for certainty."""

from dataclasses import replace
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.queries import counts_by, models_of, pass_rates, run_scope
from rollmill.storage.segments.keys import SegmentKey
from tests.storage.accepted import accept
from tests.storage.queries.conftest import _verdict, completion, plan

pytestmark = pytest.mark.integration

DONE = "toy-aaaaaaaa"


def test_rates_by_level_are_means_over_problems_of_the_prefix(curated: Any) -> None:
    low, high = pass_rates(run_scope(curated.reader, DONE))
    # Level 1 holds problems 0, 2, 4: 0, 2 and 4 of 4 right. Level 2 holds 1, 3, 5: 1, 3 and 4 of 4.
    assert (low.group, low.problems, low.judged, low.correct, low.rollouts, low.kept) == (1, 3, 12, 6, 24, 4)
    assert (high.group, high.problems, high.judged, high.correct, high.rollouts, high.kept) == (2, 3, 12, 8, 24, 5)
    assert low.estimate is not None
    assert (low.estimate.value, low.estimate.clusters) == (0.5, 3)
    assert low.estimate.method == "cluster t on the logit scale, cut to a beta-binomial posterior"
    assert (round(low.estimate.low, 4), round(low.estimate.high, 4)) == (0.054, 0.946)
    assert high.estimate is not None
    assert round(high.estimate.value, 6) == 0.666667
    assert low.bounds == (0.5, 0.5)


def test_a_level_where_all_succeed_is_not_certain(curated: Any) -> None:
    always = [rate for rate in pass_rates(run_scope(curated.reader, DONE), "template") if rate.group == "template-4"]
    assert always[0].estimate is not None
    assert (always[0].estimate.value, always[0].estimate.method) == (1.0, "Clopper-Pearson over clusters")
    assert always[0].estimate.low < 0.03


@pytest.mark.parametrize(("by", "groups"), [("skill", ["skill-0", "skill-1", "skill-2"]), ("source", [""])])
def test_other_groupings(curated: Any, by: str, groups: list[str]) -> None:
    assert [rate.group for rate in pass_rates(run_scope(curated.reader, DONE), by)] == groups


def test_an_unknown_grouping_is_refused(curated: Any) -> None:
    with pytest.raises(SetupError, match=r"unknown grouping 'levl'\. Did you mean 'level'"):
        pass_rates(run_scope(curated.reader, DONE), "levl")


def test_counts_have_every_grouping_but_the_model(curated: Any) -> None:
    counts = counts_by(run_scope(curated.reader, DONE), "level")
    assert set(counts.groups) == {"problem", "level", "skill", "template", "source"}
    assert (counts.rollouts.tolist(), counts.kept.sum()) == ([8] * 6, 9)


def test_a_template_alone_has_the_interval_of_its_problems(curated: Any) -> None:
    rates = pass_rates(run_scope(curated.reader, DONE), "template")
    assert [rate.estimate.estimand for rate in rates if rate.estimate] == [
        "mean pass rate of the population that these problems were drawn from"
    ] * len(rates)
    assert all(rate.estimate.clusters == rate.problems for rate in rates if rate.estimate)


def test_rates_of_a_run_under_way(curated: Any, live_run: Any) -> None:
    live_run(curated)
    rates = pass_rates(run_scope(curated.reader, "toy-bbbbbbbb"))
    assert [(rate.group, rate.judged, rate.correct, rate.kept) for rate in rates] == [(1, 12, 6, 0), (2, 12, 8, 0)]


def test_rates_by_model_hold_each_models_own_rollouts(curated: Any) -> None:
    """The run is drawn again as an import of two models: the even sample indices are n's, the odd ones o's."""
    run = curated.ws.runs.get(DONE)
    recipe = {**run.recipe, "generate": {"engine": "imported"}, "prefix": None}
    curated.ws.runs.open("two", name="toy", recipe=recipe, recipe_hash="c" * 64)
    named = [completion(owner, index) for owner in curated.problems for index in range(8)]
    renamed = [
        replace(completion, id=f"i{completion.id}", model="on"[completion.sample_index % 2 == 0]) for completion in named
    ]
    curated.ws.segments.commit(SegmentKey("completions", "import:x", "1", "all"), renamed)
    rows = [
        replace(row, run="two", completion_id=f"i{row.completion_id}") for row in plan("two", curated.problems, 0, range(8))
    ]
    curated.ws.runs.commit_plan("two", 0, rows, [])
    verdicts = [replace(_verdict(owner, completion(owner, index)), completion_id=f"i{completion(owner, index).id}")
                for owner in curated.problems for index in range(8)]  # fmt: skip
    accept(curated.ws, "two", verdicts)
    scope = run_scope(curated.reader, "two")
    assert models_of(scope) == ["n", "o"]
    assert [
        (rate.group, rate.problems, rate.rollouts, rate.judged, rate.correct) for rate in pass_rates(scope, "model")
    ] == [
        ("n", 6, 24, 24, 9),
        ("o", 6, 24, 24, 6),
    ]
    assert models_of(run_scope(curated.reader, DONE)) == []
