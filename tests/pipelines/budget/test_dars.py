"""DARS: rounds towards distinct solutions, targets by fail rate, and exact shares of a limited total."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget import BUDGETS
from rollmill.pipelines.budget.dars import DarsProp2Diff, DarsUniform, allot, prefix_fail_rate, targets_from_fail_rates
from rollmill.roles.tallies import Draw, PrefixTally, Stop, Tally
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


def prefix(key: str, correct: int, judged: int = 8) -> PrefixTally:
    return PrefixTally(key, 8, correct, judged - correct, 0, 8 - judged, correct, judged, correct)


def test_targets_are_rounded_up_so_every_problem_keeps_one() -> None:
    budget = DarsProp2Diff(initial=8, target=4)
    tallies = [prefix("never", 0), prefix("half", 4), prefix("most", 7), prefix("always", 8)]
    assert budget.targets(tallies) == {"never": 4, "half": 2, "most": 1, "always": 1}


def test_the_hardest_gets_the_target_however_easy_it_is() -> None:
    assert DarsProp2Diff(target=6).targets([prefix("a", 6), prefix("b", 7)]) == {"a": 6, "b": 3}


def test_where_nothing_fails_all_are_equally_the_hardest() -> None:
    assert DarsProp2Diff(target=3).targets([prefix("a", 8), prefix("b", 8)]) == {"a": 3, "b": 3}


def test_fractions_not_floats_decide() -> None:
    """4 * (1 - .7) / (1 - .4) is 2; in floats it is 2.0000000000000004 and rounds up to 3."""
    assert targets_from_fail_rates({"a": Fraction(6, 10), "b": Fraction(3, 10)}, 4) == {"a": 4, "b": 2}


def test_the_target_stays_while_more_is_drawn() -> None:
    """An adaptively drawn pool looks easier or harder than the problem is: it must not move the target."""
    before = prefix("p", 4)
    after = PrefixTally("p", 16, 4, 12, 0, 0, 1, 8, 4)
    hardest = prefix("q", 0)
    budget = DarsProp2Diff(target=4)
    assert budget.targets([before, hardest])["p"] == budget.targets([after, hardest])["p"] == 2


def test_a_tally_without_prefix_counts_cannot_answer_once_more_was_drawn() -> None:
    assert prefix_fail_rate(Tally("p", 8, 2, 6), 8) == Fraction(3, 4)
    with pytest.raises(ValueError, match="the tally of p holds 16 draws and no counts of the first 8"):
        prefix_fail_rate(Tally("p", 16, 2, 14), 8)


def test_a_prefix_that_nobody_could_judge_is_not_called_easy() -> None:
    assert prefix_fail_rate(prefix("p", 0, judged=0), 8) == 1


def test_undecided_is_in_no_fail_rate() -> None:
    assert prefix_fail_rate(prefix("p", 1, judged=4), 8) == Fraction(3, 4)


def test_meeting_its_own_target_stops_a_problem() -> None:
    plan = DarsProp2Diff(initial=8, target=4, cap=64).plan(1, [prefix("never", 0), prefix("half", 4)])
    assert plan.stops == (Stop("half", "target_met"),)
    assert [draw.problem_id for draw in plan.draws] == ["never"]


def test_hard_problems_keep_more_than_easy_ones() -> None:
    rates = {"easy": 0.9, "hard": 0.2}
    result = simulate(DarsProp2Diff(initial=8, target=8, cap=512), rates, seed=3)
    assert result.distinct["hard"] >= 8
    assert result.drawn["hard"] > result.drawn["easy"]


RATES = st.builds(Fraction, st.integers(0, 8), st.just(8))


@given(st.dictionaries(st.sampled_from("abcdefgh"), RATES, min_size=1), st.integers(1, 40))
def test_targets_lie_between_one_and_the_target_and_keep_the_order(rates: dict[str, Fraction], target: int) -> None:
    targets = targets_from_fail_rates(rates, target)
    assert max(targets.values()) == target
    assert min(targets.values()) >= 1
    ordered = sorted(rates, key=lambda key: rates[key])
    assert [targets[key] for key in ordered] == sorted(targets.values())


WISHES = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 50), max_size=12)


def test_everything_is_granted_while_it_fits() -> None:
    assert allot({"b": 3, "a": 2}, 5) == {"a": 2, "b": 3}


def test_one_draw_for_three_equal_wishes_goes_to_the_first_id() -> None:
    assert allot({"c": 1, "a": 1, "b": 1}, 1) == {"a": 1, "b": 0, "c": 0}


def test_largest_remainder_wins() -> None:
    assert allot({"a": 1, "b": 5, "c": 4}, 5) == {"a": 1, "b": 2, "c": 2}


@given(WISHES, st.integers(0, 300))
def test_the_parts_sum_exactly_and_exceed_no_wish(wishes: dict[str, int], available: int) -> None:
    parts = allot(wishes, available)
    assert sum(parts.values()) == min(available, sum(wishes.values()))
    assert all(0 <= parts[key] <= wishes[key] for key in wishes)


@given(WISHES, st.integers(0, 300))
def test_nobody_is_a_whole_draw_away_from_their_share(wishes: dict[str, int], available: int) -> None:
    total = sum(wishes.values())
    for key, part in allot(wishes, available).items():
        share = wishes[key] * min(available, total) / total if total else 0
        assert abs(part - share) < 1


@given(WISHES, st.integers(0, 300), st.randoms())
def test_the_order_of_the_wishes_is_irrelevant(wishes: dict[str, int], available: int, rng: object) -> None:
    keys = list(wishes)
    rng.shuffle(keys)  # type: ignore[attr-defined]
    assert allot({key: wishes[key] for key in keys}, available) == allot(wishes, available)
