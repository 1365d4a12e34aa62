"""DARS-Prop2Diff: targets proportional to the fail rate of the prefix, rounded up, exact."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.budget.prop2diff import DarsProp2Diff, targets_from_fail_rates
from pipelines.budget.tallies import PrefixTally, prefix_fail_rate
from pipelines.protocols import Stop, Tally
from tests.pipelines.budget.simulation import simulate


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
@settings(deadline=None)
def test_targets_lie_between_one_and_the_target_and_keep_the_order(rates: dict[str, Fraction], target: int) -> None:
    targets = targets_from_fail_rates(rates, target)
    assert max(targets.values()) == target
    assert min(targets.values()) >= 1
    ordered = sorted(rates, key=lambda key: rates[key])
    assert [targets[key] for key in ordered] == sorted(targets.values())
