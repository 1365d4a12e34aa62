"""DARS-Uniform: draws until the target and not one more, in rounds whose size is literal here."""

import pytest

from pipelines.budget import BUDGETS
from pipelines.budget.tallies import PrefixTally
from pipelines.budget.uniform import DarsUniform
from pipelines.protocols import Draw, Stop, Tally
from storage.errors import SetupError
from tests.pipelines.budget.simulation import simulate


def test_exactly_the_target_stops_the_problem() -> None:
    """DART-Math's own code tests `n_corrects > min_n_corrects` and draws one more."""
    plan = DarsUniform(initial=4, target=2, cap=64).plan(1, [Tally("p", 4, 2, 2, 0, 0, 2)])
    assert plan.draws == ()
    assert plan.stops == (Stop("p", "target_met"),)


def test_copies_of_one_solution_count_once() -> None:
    plan = DarsUniform(initial=4, target=2, cap=64).plan(1, [Tally("p", 4, 4, 0, 0, 0, 1)])
    assert plan.draws == (Draw("p", 4, 4),)


def test_success_is_called_target_met_even_at_the_cap() -> None:
    tallies = [Tally("met", 8, 2, 6, 0, 0, 2), Tally("never", 8, 0, 8, 0, 0, 0)]
    plan = DarsUniform(initial=4, target=2, cap=8).plan(2, tallies)
    assert plan.stops == (Stop("met", "target_met"), Stop("never", "trial_cap"))


def test_a_problem_that_is_never_solved_stops_at_the_cap() -> None:
    result = simulate(DarsUniform(initial=8, target=4, cap=50), {"hopeless": 0.0})
    assert result.drawn == {"hopeless": 50}
    assert result.reasons == {"hopeless": "trial_cap"}
    assert result.rounds == 4  # 8, 16, 32, 50: a round at most doubles what was drawn


def test_undecided_completions_use_up_trials_and_no_target() -> None:
    plan = DarsUniform(initial=4, target=1, cap=4).plan(1, [Tally("p", 4, 0, 0, 0, 4, 0)])
    assert plan.stops == (Stop("p", "trial_cap"),)


@pytest.mark.parametrize(
    ("distinct", "drawn", "count"),
    [
        (0, 8, 8),  # ceil(4 / (.5/9)) = 72, but a round at most doubles
        (2, 8, 8),  # ceil(2 / (2.5/9)) = 8
        (3, 8, 3),  # ceil(1 / (3.5/9)) = 3
        (3, 60, 4),  # ceil(1 / (3.5/61)) = 18, but the cap is 64
    ],
)
def test_the_size_of_a_round(distinct: int, drawn: int, count: int) -> None:
    tally = Tally("p", drawn, distinct, drawn - distinct, 0, 0, distinct)
    assert DarsUniform(initial=8, target=4, cap=64).plan(1, [tally]).draws == (Draw("p", drawn, count),)


def test_the_prefix_is_topped_up_before_anything_else() -> None:
    tallies = [Tally("new"), Tally("old", 8, 0, 8)]
    plan = DarsUniform(initial=8, target=4, cap=64).plan(1, tallies)
    assert plan.draws == (Draw("new", 0, 8),)
    assert plan.stops == ()


def test_a_total_is_spent_exactly_and_the_rest_stops_for_the_budget() -> None:
    rates = {f"p{number}": 0.0 for number in range(7)}
    result = simulate(DarsUniform(initial=4, target=4, cap=64, total=101), rates)
    assert sum(result.drawn.values()) == 101
    assert set(result.reasons.values()) == {"budget"}


def test_a_limited_round_is_shared_by_largest_remainder_ties_to_the_smaller_id() -> None:
    tallies = [Tally(key, 4, 0, 4) for key in ("c", "a", "b")]
    plan = DarsUniform(initial=4, target=4, cap=64, total=17).plan(1, tallies)
    assert plan.draws == (Draw("a", 4, 2), Draw("b", 4, 2), Draw("c", 4, 1))


def test_what_is_met_when_the_budget_ends_is_still_called_met() -> None:
    tallies = [Tally("hard", 4, 0, 4), Tally("met", 4, 4, 0, 0, 0, 4)]
    plan = DarsUniform(initial=4, target=4, cap=64, total=8).plan(1, tallies)
    assert plan.stops == (Stop("hard", "budget"), Stop("met", "target_met"))


def test_a_total_that_cuts_the_prefix_is_refused() -> None:
    with pytest.raises(SetupError, match=r"total 15 does not cover initial 8 for every problem \(16 more are needed, 15"):
        DarsUniform(initial=8, total=15).plan(0, [Tally("a"), Tally("b")])


def test_hard_problems_get_the_draws() -> None:
    result = simulate(BUDGETS["uniform"](), {"easy": 1.0, "hard": 0.1})
    assert result.drawn["easy"] == 8
    assert result.drawn["hard"] > 16


def test_prefix_counts_do_not_matter_to_it() -> None:
    plain, rich = Tally("p", 8, 1, 7, 0, 0, 1), PrefixTally("p", 8, 1, 7, 0, 0, 1, 8, 1)
    assert DarsUniform().plan(1, [plain]) == DarsUniform().plan(1, [rich])
