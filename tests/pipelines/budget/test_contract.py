"""What every budget must do, whatever its rule: one test per promise, over the registry."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget import BUDGETS, STOP_REASONS
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem
from rollmill.roles.protocols import Budget
from rollmill.roles.tallies import PrefixTally, RoundPlan
from tests.pipelines.budget.simulation import simulate, tally

NAMES = sorted(BUDGETS)
WITHOUT_PREFIX = {
    "frontier",  # draws only levels that tell something
    "search",  # draws pieces
    "sweep",  # draws half of the problems by verdicts
}
PREFIXED = sorted(set(BUDGETS) - WITHOUT_PREFIX)
LEVELS = {f"p{number:02}": SimulatedProblem(f"p{number:02}", level=number % 5) for number in range(12)}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_built_without_arguments_and_says_who_it_is(name: str) -> None:
    budget: Budget = BUDGETS[name]()
    assert (budget.name, budget.version) == (name, "2" if name in ("frontier", "router") else "1")


@pytest.mark.parametrize("name", NAMES)
def test_it_says_which_estimate_of_rates_its_draws_allow(name: str) -> None:
    assert BUDGETS[name].estimator in ("prefix", "path_counting", "none")
    assert (BUDGETS[name].estimator == "path_counting") == (name == "passuntil")


@pytest.mark.parametrize("name", PREFIXED)
def test_round_0_draws_the_whole_prefix_of_every_problem(name: str) -> None:
    plan = BUDGETS[name](initial=3).plan(0, [PrefixTally("b"), PrefixTally("a")])
    assert [(draw.problem_id, draw.first_index, draw.count) for draw in plan.draws] == [("a", 0, 3), ("b", 0, 3)]
    assert plan.stops == ()


@pytest.mark.parametrize("name", NAMES)
def test_no_problems_is_an_empty_plan(name: str) -> None:
    assert BUDGETS[name]().plan(0, []) == RoundPlan((), ())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "search"])  # a search is not over completions
@given(rates=st.lists(st.sampled_from([0.0, 0.05, 0.3, 0.7, 1.0]), min_size=1, max_size=12), seed=st.integers(0, 999))
@settings(max_examples=25)
def test_every_problem_ends_with_one_known_reason_within_its_cap(name: str, rates: list[float], seed: int) -> None:
    budget = BUDGETS[name]()
    result = simulate(budget, {f"p{number:02}": rate for number, rate in enumerate(rates)}, seed, subjects=LEVELS)
    assert set(result.reasons) == set(result.drawn)
    assert set(result.reasons.values()) <= set(STOP_REASONS)
    assert all(budget.prefix <= n <= getattr(budget, "cap", budget.prefix) for n in result.drawn.values())


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=25)
def test_the_plan_is_pure_and_ignores_the_order_of_the_tallies(name: str, data: st.DataObject) -> None:
    budget = BUDGETS[name](**({"initial": 4} if name in PREFIXED else {}))
    hits = data.draw(st.lists(st.lists(st.integers(-1, 5), min_size=4, max_size=30), min_size=1, max_size=8))
    tallies = [replace(tally(f"p{number}", outcomes, 4), level=number % 3) for number, outcomes in enumerate(hits)]
    shuffled = data.draw(st.permutations(tallies))
    first = budget.plan(1, tallies)
    assert budget.plan(1, shuffled) == first
    assert budget.plan(1, tallies) == first


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fixed", {"initial": 0}, "budget 'fixed': option 'initial' is 0, and must be a whole number of at least 1."),
        ("uniform", {"initial": -8}, "budget 'uniform': option 'initial' is -8, and must be a whole number of at least 1."),
        ("uniform", {"target": 2.5}, "budget 'uniform': option 'target' is 2.5, and must be a whole number of at least 1."),
        ("uniform", {"cap": 7}, "budget 'uniform': option 'cap' is 7, and must be a whole number of at least 8."),
        ("prop2diff", {"total": 0}, "budget 'prop2diff': option 'total' is 0, and must be a whole number of at least 1."),
        (
            "prop2diff",
            {"cap": True},
            "budget 'prop2diff': option 'cap' is True, and must be a whole number of at least 8.",
        ),
    ],
)
def test_senseless_options_are_named(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError) as error:
        BUDGETS[name](**options)
    assert error.value.message == message
