"""The fixed budget: the same number for all, in one round."""

from rollmill.pipelines.budget.fixed import Fixed
from rollmill.roles.tallies import Draw, Stop, Tally


def test_all_draws_are_in_round_0() -> None:
    assert Fixed(initial=2).plan(0, [Tally("a")]).draws == (Draw("a", 0, 2),)
    plan = Fixed(initial=2).plan(1, [Tally("a", 2, 2)])
    assert (plan.draws, plan.stops) == ((), (Stop("a", "trial_cap"),))


def test_a_shorter_pool_is_topped_up() -> None:
    assert Fixed(initial=8).plan(1, [Tally("a", 4, 4)]).draws == (Draw("a", 4, 4),)
