"""Sequential: stops with evidence, rounds that waste little, a total that goes where it counts, a rule that is measured."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem
from rollmill.pipelines.budget.sequential import Sequential
from rollmill.roles.tallies import PrefixTally, Tally
from tests.pipelines.budget.simulation import Simulated, simulate

RNG = random.Random(4)
POOL = {f"p{number:03}": RNG.betavariate(0.4, 0.8) if number % 3 else 0.001 for number in range(240)}


def tokens(result: Simulated) -> int:
    return sum(tally.tokens for tally in result.tallies)


def test_a_problem_stops_when_it_has_its_target() -> None:
    met = Tally("met", 4, 4, distinct_correct=4)
    plan = Sequential(initial=4, target=4).plan(1, [met])
    assert [(stop.problem_id, stop.reason) for stop in plan.stops] == [("met", "target_met")]
    assert plan.draws == ()


def test_copies_of_one_solution_make_a_quota_of_two_hopeless_however_high_the_pass_rate() -> None:
    """The shipped model answers easy problems always rightly and always in one way: 64 draws of it are wasted."""
    rates = {f"p{number:02}": 1.0 for number in range(20)}
    result = simulate(Sequential(target=2, explore=0.0, hopeless=0.05), rates, wordings=1)
    assert set(result.reasons.values()) == {"hopeless"}
    assert max(result.drawn.values()) <= 32
    assert result.stops["p00"].evidence["correct"] == result.drawn["p00"]


def test_the_evidence_of_giving_up() -> None:
    tallies = [Tally(f"p{number}", 32, 0, 32, tokens=320) for number in range(9)]
    plan = Sequential(explore=0.0, hopeless=0.05).plan(3, tallies)
    evidence = plan.stops[0].evidence
    assert [stop.reason for stop in plan.stops] == ["hopeless"] * 9
    assert (evidence["drawn"], evidence["judged"], evidence["correct"], evidence["distinct"]) == (32, 32, 0, 0)
    assert 0 <= float(evidence["chance"]) < evidence["threshold"] == 0.05  # type: ignore[operator]
    assert 0 < float(evidence["upper"]) < 0.05


def test_what_one_solution_may_cost_is_a_limit() -> None:
    rare = Tally("rare", 40, 1, 39, distinct_correct=1, tokens=4000)
    cheap = Sequential(prior="jeffreys", hopeless=0.0, cap=200)
    assert cheap.plan(3, [rare]).stops == ()
    stop = replace(cheap, tokens_per_kept=1000.0, explore=0.0).plan(3, [rare]).stops[0]
    assert (stop.reason, stop.evidence["most_tokens_per_kept"]) == ("hopeless", 1000.0)
    assert float(stop.evidence["tokens_per_kept"]) > 2000


def test_a_rate_known_to_a_width_is_enough_where_that_is_asked_for() -> None:
    half = Tally("half", 60, 30, 30, distinct_correct=1)
    assert Sequential(hopeless=0.0).plan(2, [half]).stops == ()
    stop = Sequential(hopeless=0.0, width=0.3).plan(2, [half]).stops[0]
    assert (stop.reason, stop.evidence["width"]) == ("known", 0.3)
    assert 0.35 < float(stop.evidence["low"]) < 0.4 < 0.6 < float(stop.evidence["high"]) < 0.65


def test_it_needs_fewer_draws_than_dars_and_fixed_for_the_same_coverage() -> None:
    """Here every solution differs; with one in five problems impossible for practical purposes."""
    sequential = simulate(Sequential(), POOL, 1)
    dars = simulate(DarsUniform(initial=4, target=4, cap=64), POOL, 1)
    fixed = simulate(Fixed(initial=64), POOL, 1)
    covered = [sum(count >= 4 for count in result.distinct.values()) for result in (sequential, dars, fixed)]
    assert covered[0] >= 0.95 * covered[1]
    assert tokens(sequential) < 0.7 * tokens(dars)
    assert tokens(sequential) < 0.45 * tokens(fixed)


def test_rounds_waste_little_and_are_few() -> None:
    easy = {f"p{number:02}": 0.5 for number in range(60)}
    result = simulate(Sequential(initial=4, target=4), easy, 2)
    needed = 60 * 4 / 0.5
    assert sum(result.drawn.values()) < 1.25 * needed
    assert result.rounds <= 8


def test_some_of_the_hopeless_go_on_to_the_cap_and_are_noted() -> None:
    rates = {f"p{number:03}": 0.0 for number in range(300)}
    result = simulate(Sequential(explore=0.1), rates)
    assert 15 <= len(result.continued) <= 45
    assert {result.reasons[key] for key in result.continued} == {"trial_cap"}
    assert {result.drawn[key] for key in result.continued} == {64}
    assert {result.reasons[key] for key in rates if key not in result.continued} == {"hopeless"}
    again = simulate(Sequential(explore=0.1, salt="other"), rates)
    assert set(again.continued) != set(result.continued)


def test_those_who_go_on_measure_how_many_were_given_up_wrongly() -> None:
    """The share of the continued ones that meet their target estimates that share of all problems given up."""
    rng = random.Random(6)
    rates = {f"p{number:04}": rng.betavariate(0.3, 4.0) for number in range(700)}
    budget = Sequential(initial=4, target=2, cap=32, hopeless=0.25, explore=0.2)
    half = simulate(budget, rates, 3)
    everybody = simulate(replace(budget, explore=1.0), rates, 3)
    met = sum(half.reasons[key] == "target_met" for key in half.continued) / len(half.continued)
    truth = sum(everybody.reasons[key] == "target_met" for key in everybody.continued) / len(everybody.continued)
    assert 0.05 < truth < 0.25
    assert met == pytest.approx(truth, abs=0.07)


def test_a_limited_total_goes_to_the_cheaper_new_solutions_first() -> None:
    cheap = [Tally(f"a{number}", 8, 4, 4, distinct_correct=3, tokens=80) for number in range(3)]
    dear = [Tally(f"b{number}", 8, 4, 4, distinct_correct=3, tokens=800) for number in range(3)]
    plan = Sequential(total=48 + 4).plan(1, [*dear, *cheap])
    assert {draw.problem_id[0] for draw in plan.draws} == {"a"}
    assert plan.stops == ()


def test_where_the_total_is_spent_the_rest_stops_for_the_budget_and_what_is_met_is_met() -> None:
    tallies = [Tally("hard", 4, 1, 3, distinct_correct=1), Tally("met", 4, 4, distinct_correct=4)]
    plan = Sequential(total=8).plan(1, tallies)
    assert [(stop.problem_id, stop.reason) for stop in plan.stops] == [("hard", "budget"), ("met", "target_met")]
    with pytest.raises(SetupError, match=r"budget 'sequential': total 7 does not cover initial 4"):
        Sequential(total=7).plan(0, [Tally("a"), Tally("b")])


@given(seed=st.integers(0, 99), total=st.integers(24, 200), count=st.integers(1, 6))
@settings(max_examples=30)
def test_a_total_is_never_exceeded_and_spent_unless_all_stopped_for_themselves(seed: int, total: int, count: int) -> None:
    rates = {f"p{number}": 0.2 + 0.1 * number for number in range(count)}
    result = simulate(Sequential(total=total, target=6, hopeless=0.0), rates, seed)
    assert sum(result.drawn.values()) <= total
    if "budget" in result.reasons.values():
        assert sum(result.drawn.values()) == total


def test_what_was_stopped_stays_stopped_whatever_the_others_show() -> None:
    """The priors move with every round; a stop does not."""
    gone = PrefixTally("gone", 8, 0, 8, stopped="hopeless")
    good = [PrefixTally(f"p{number}", 8, 4, 4, 0, 0, 2) for number in range(20)]
    plan = Sequential().plan(3, [gone, *good])
    assert "gone" not in {draw.problem_id for draw in plan.draws} | {stop.problem_id for stop in plan.stops}


def test_a_problem_is_believed_to_be_like_those_of_its_template() -> None:
    """After 0 of 4, a problem from a template that is otherwise solved goes on; one among unsolved ones is given up."""
    subjects = {f"{kind}{n:02}": SimulatedProblem(f"{kind}{n:02}", 3, kind) for kind in ("easy", "hard") for n in range(16)}
    rates = {key: 0.6 if key.startswith("easy") else 0.0 for key in subjects}
    tallies = simulate(Fixed(initial=16), rates, subjects=subjects).tallies
    told = [replace(tally, stopped=None) for tally in tallies]
    fresh = [
        PrefixTally("easy-new", 4, 0, 4, level=3, template="easy"),
        PrefixTally("hard-new", 4, 0, 4, level=3, template="hard"),
    ]
    plan = Sequential(explore=0.0, hopeless=0.05).plan(2, [*told, *fresh])
    assert "easy-new" in {draw.problem_id for draw in plan.draws}
    assert "hard-new" in {stop.problem_id for stop in plan.stops}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hopeless": 1.5}, "budget 'sequential': option 'hopeless' is 1.5, and must be a number from 0 to 1."),
        ({"explore": "5%"}, "budget 'sequential': option 'explore' is '5%', and must be a number from 0 to 1."),
        ({"width": -1}, "budget 'sequential': option 'width' is -1, and must be a number from 0 to 1."),
        ({"prior": "guess"}, "budget 'sequential': option 'prior' is 'guess'."),
    ],
)
def test_senseless_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError) as error:
        Sequential(**options)  # type: ignore[arg-type]
    assert error.value.message == message
