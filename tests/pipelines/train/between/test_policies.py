"""Round policies against their formulas and simulations, and the mistakes that they name."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.between import ROUND_POLICIES
from rollmill.pipelines.train.between.difficulty import in_band, posterior_means
from rollmill.pipelines.train.between.mastering_rate import MasteringRate
from rollmill.pipelines.train.between.roles import SeenProblem, SeenRound
from rollmill.pipelines.train.between.toolace_r import ToolaceR


def seen(correct: list[int], judged: int = 8, number: int = 0, levels: list[int] | None = None) -> SeenRound:
    problems = {
        str(place): SeenProblem(str(place), judged, right, {"level": levels[place] if levels else 1})
        for place, right in enumerate(correct)
    }
    return SeenRound(number, problems)


def row(problem: int, outcome: str = "correct", step: str | None = "solve") -> Mapping[str, Any]:
    return {"problem_id": str(problem), "outcome": outcome, "step": step}


def test_hpt_trains_demonstrations_of_unsolved_problems_and_advantages_of_the_others() -> None:
    weigh = ROUND_POLICIES["hpt"](coefficient=0.3).weigh(seen([0, 2, 8]))
    assert weigh(row(0, step="shown")) == 0.3
    assert weigh(row(0, "incorrect")) is None
    assert weigh(row(1, step="shown")) is None
    assert weigh(row(1)) == pytest.approx(0.75)
    assert weigh(row(1, "incorrect")) == pytest.approx(-0.25)
    assert weigh(row(2)) is None  # all right: no advantage
    advantages = [weigh(row(1, outcome)) or 0.0 for outcome in ["correct"] * 2 + ["incorrect"] * 6]
    assert sum(advantages) == pytest.approx(0.0)
    assert ROUND_POLICIES["hpt"](gate=2).weigh(seen([0, 2, 8]))(row(1, step="shown")) == 1.0


def test_hpt_routes_the_share_that_mathematics_foresees() -> None:
    """Of problems with Beta(1, 2) pass rates E[(1 - p)^8] = B(1, 10) / B(1, 2) = .2 has none right of 8."""
    rng = np.random.default_rng(5)
    correct = rng.binomial(8, rng.beta(1, 2, size=20_000)).tolist()
    share = ROUND_POLICIES["hpt"]().figures(seen(correct))["to demonstrations"]
    assert share == pytest.approx(0.2, abs=4 * (0.2 * 0.8 / 20_000) ** 0.5)


def test_itool_warms_up_from_easy_to_hard_and_then_trains_what_fails() -> None:
    policy = ROUND_POLICIES["itool"](warmup=1, most=0.5)
    assert policy.keys([]).train["order"]["options"] == {"by": "pass_rate", "descending": True}
    assert policy.keys([seen([8])]).train == {}
    assert policy.weigh(seen([0, 8]))(row(1)) == 1.0
    later = policy.weigh(seen([0, 1, 7, 8], number=1))
    assert [later(row(place)) for place in range(4)] == [1.0, 1.0, None, None]


def test_toolace_r_admits_harder_problems_every_round() -> None:
    policy = ToolaceR(least=0.6, step=0.25, floor=0.1)
    admitted = [len(policy.admitted(seen([0, 1, 2, 3, 4, 5, 6, 7, 8], number=number))) for number in range(4)]
    assert admitted == sorted(admitted)
    assert 2 <= admitted[0] < admitted[1] < admitted[2]


def test_a_band_by_posterior_is_not_fooled_by_a_lucky_draw() -> None:
    """One problem of 400 has one right of 8, the others none: by share it is in [.1, .9], by posterior it is not."""
    lucky = seen([1] + [0] * 399)
    assert 1 / 8 > 0.1
    assert in_band(lucky, 0.1, 0.9)["0"] < 0.5
    assert posterior_means(lucky)["0"] < 0.1
    wide = seen([0, 2, 4, 6, 8] * 20)
    assert in_band(wide, 0.1, 0.9)["2"] > 0.9
    assert in_band(wide, 0.0, 1.0)["0"] == pytest.approx(1.0)


def test_gvm_takes_the_norms_of_the_round_before() -> None:
    policy = ROUND_POLICIES["gvm_norms"]()
    assert policy.keys([]).curate == {}
    rounds = [SeenRound(0, {}, {"b": 2.0, "a": 1.23456789}), SeenRound(1, {}, {"a": 3.0})]
    assert policy.keys(rounds[:1]).curate == {"budget.options.norms": {"a": 1.23457, "b": 2.0}}
    assert policy.keys(rounds).curate == {"budget.options.norms": {"a": 3.0}}


def test_targeted_shares_follow_the_fail_rates_and_keep_a_rehearsal() -> None:
    one = seen([8, 8, 4, 0], levels=[1, 1, 2, 3])
    shares = ROUND_POLICIES["targeted"](by="level", rehearsal=0.0).keys([one]).curate["problems.options.shares"]
    assert shares == {"1": 0.0, "2": pytest.approx(1 / 3, abs=1e-8), "3": pytest.approx(2 / 3, abs=1e-8)}
    kept = ROUND_POLICIES["targeted"](by="level", rehearsal=0.3).keys([one]).curate["problems.options.shares"]
    assert kept["1"] == pytest.approx(0.1 / 1.1, abs=1e-8)
    # A kind that a round did not draw keeps its earlier rate.
    later = ROUND_POLICIES["targeted"](by="level").keys([one, seen([8], levels=[3], number=1)])
    assert set(later.curate["problems.options.shares"]) == {"1", "2", "3"}


def test_attention_is_the_papers_formula_on_a_chain_of_two() -> None:
    policy = MasteringRate(most=1.0, gamma=0.5, power=6, to_before=0.2, to_after=0.05)
    rates = [{"1": 0.5, "2": 0.0}, {"1": 0.8, "2": 0.1}]
    mastered = {"1": 0.65, "2": 0.05}  # the mean of both rounds over (1 - 0)
    pre_1 = (0.5 * 1.0 + 0.5 * (1 - 0.65)) * (1 - mastered["2"])
    pre_2 = 0.65**6 * (0.5 * (0.1 / 0.3) + 0.5 * (1 - 0.05))
    got = policy.attention(rates)
    # 1 has no predecessor and 2 no successor: those shares stay.
    assert got["1"] == pytest.approx(pre_1 * 0.95 + pre_2 * 0.2)
    assert got["2"] == pytest.approx(pre_2 * 0.8 + pre_1 * 0.05)


def test_attention_moves_to_the_next_task_when_one_is_mastered() -> None:
    policy = MasteringRate(gamma=1.0, power=6)
    early = policy.attention([{"1": 0.1, "2": 0.0, "3": 0.0}])
    late = policy.attention([{"1": 1.0, "2": 0.1, "3": 0.0}])
    assert max(early, key=lambda task: early[task]) == "1"
    assert max(late, key=lambda task: late[task]) == "2"
    shares = policy.keys([seen([8, 1, 0], levels=[1, 2, 3])]).curate["problems.options.shares"]
    assert sum(shares.values()) == pytest.approx(1.0)
    with pytest.raises(SetupError, match="comes before itself"):
        MasteringRate(after={"1": ["2"], "2": ["1"]}).attention([{"1": 0.5, "2": 0.5}])


@pytest.mark.parametrize(
    ("name", "options"),
    [("hpt", {"gate": -1}), ("itool", {"most": 0.0}), ("toolace_r", {"least": 0.1, "floor": 0.5}),
     ("targeted", {"rehearsal": 2.0}), ("mastering_rate", {"gamma": 2.0})],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        ROUND_POLICIES[name](**options)
