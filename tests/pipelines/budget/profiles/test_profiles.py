"""Routing by profiles on six simulated models with skills of their own: against one model, chance and full knowledge."""

import math
import random
from collections import Counter

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.forecasts.simulate import Round, SimulatedProblem, SimulatedSample, run_budget
from rollmill.pipelines.budget.profiles.capability import Capability, CapabilityProfile, ProfileResult, profiles_of
from rollmill.pipelines.budget.router import Router
from rollmill.roles.tallies import Draw, Stop

MODELS = tuple(f"m{n}" for n in range(6))
FAMILIES = 10


def skills(seed: int) -> dict[str, list[float]]:
    """Pass rate of each model in each family: a general ability, and strengths of its own."""
    rng = np.random.default_rng(seed)
    ability, own = rng.normal(0.0, 0.5, 6), rng.normal(0.0, 1.5, (6, FAMILIES))
    hard = rng.normal(0.0, 0.7, FAMILIES)
    table = 1.0 / (1.0 + np.exp(-(ability[:, None] + own - hard)))
    return {model: table[place].tolist() for place, model in enumerate(MODELS)}


def results_of(rates: dict[str, list[float]], problems: int, draws: int, seed: int) -> list[ProfileResult]:
    rng = random.Random(seed)
    return [
        ProfileResult(
            model, f"t{n % FAMILIES}", sum(rng.random() < rates[model][n % FAMILIES] for _ in range(draws)), draws
        )
        for n in range(problems)
        for model in rates
    ]


def routed(budget: Router, rates: dict[str, list[float]], seed: int, count: int = 400) -> tuple[Round, dict[str, Stop]]:
    rng = random.Random(seed)
    asked = [SimulatedProblem(f"p{n:03}", template=f"t{n % FAMILIES}") for n in range(count)]
    family = {each.problem_id: n % FAMILIES for n, each in enumerate(asked)}

    def outcomes(draw: Draw) -> list[SimulatedSample]:
        right = (rng.random() < rates[draw.step][family[draw.problem_id]] for _ in range(draw.count))
        tokens = 100 if draw.step == "m5" else 20
        return [SimulatedSample("correct" if hit else "incorrect", None, tokens) for hit in right]

    rounds = list(run_budget(budget, asked, outcomes, MODELS))
    return rounds[-1], {stop.problem_id: stop for made in rounds for stop in made.plan.stops}


def test_a_group_that_was_not_tested_has_the_whole_rate_and_a_tested_one_is_shrunken() -> None:
    profile = CapabilityProfile({"a": (4, 4), "b": (0, 4)})
    assert (profile.rate, profile.at("c"), profile.at("a"), profile.at("b")) == (0.5, 0.5, 0.75, 0.25)
    assert profile.without("a", 2, 2).cells == {"a": (2, 2), "b": (0, 4)}


def test_without_a_judged_result_the_chance_is_the_rate_of_the_profile() -> None:
    fitted = Capability.fit([ProfileResult("m0", "a", 0, 0)])
    profile = CapabilityProfile({"a": (3, 4)})
    assert abs(fitted.chance(profile, "a") - profile.at("a")) < 1e-12


def test_the_regression_is_at_its_optimum() -> None:
    rows = results_of(skills(1), 60, 2, 1)
    fitted = Capability.fit(rows)
    profiles = profiles_of(rows)

    def loss(weights: list[float]) -> float:
        model, total = Capability(tuple(weights), fitted.groups), 0.5 * sum(weight**2 for weight in weights[1:])
        for row in rows:
            left = (row.group, row.correct, row.judged)
            there = Capability(model.coefficients, fitted.groups.without(*left))
            chance = there.chance(profiles[row.model].without(*left), row.group)
            total -= row.correct * math.log(chance) + (row.judged - row.correct) * math.log(1 - chance)
        return total

    best = list(fitted.coefficients)
    for place in range(len(best)):
        for step in (-0.05, 0.05):
            assert loss([*best[:place], best[place] + step, *best[place + 1 :]]) > loss(best)


def test_a_new_model_is_judged_by_its_profile_alone() -> None:
    errors, worse = [], []
    for seed in range(6):
        rates = skills(seed)
        known = {model: rates[model] for model in MODELS[:5]}
        fitted = Capability.fit(results_of(known, 200, 4, seed))
        new = profiles_of(results_of({"m5": rates["m5"]}, 200, 4, seed + 50))["m5"]
        chances = [fitted.chance(new, f"t{family}") for family in range(FAMILIES)]
        errors.append(np.mean(np.abs(np.array(chances) - rates["m5"])))
        worse.append(np.mean(np.abs(np.mean(rates["m5"]) - np.array(rates["m5"]))))
    assert np.mean(errors) < 0.06
    assert np.mean(worse) > 0.15  # what its rate over all families says of one


@pytest.mark.integration
def test_problems_go_where_most_is_expected_and_chances_are_calibrated_on_the_other_half() -> None:
    gained, promised, oracle, chance, single = [], [], [], [], []
    for seed in range(4):
        rates = skills(seed)
        last, stops = routed(Router(rule="profile", initial=4, entry=4, explore=0.1), rates, seed)
        assert Counter(tally.stopped for tally in last.tallies) == {"trial_cap": 200, "routed": 200}
        for tally in last.tallies:
            if tally.stopped == "routed":
                family, evidence = int((tally.template or "t0")[1:]), stops[tally.problem_id].evidence
                here = [rates[model][family] for model in MODELS]
                gained.append(rates[str(evidence["step"])][family])
                promised.append(float(evidence["chance"]))
                oracle.append(max(here))
                chance.append(float(np.mean(here)))
                single.append(max(float(np.mean(rates[model])) for model in MODELS))
    assert np.mean(gained) > np.mean(oracle) - 0.03
    assert np.mean(gained) > np.mean(single) + 0.1
    assert np.mean(single) > np.mean(chance)
    assert abs(np.mean(promised) - np.mean(gained)) < 0.03


def test_a_price_turns_problems_away_from_a_model_whose_tokens_are_dear() -> None:
    rates = skills(0)
    asked = {}
    for price in (0.0, 5.0):
        _, stops = routed(Router(rule="profile", token_price=price), rates, 0)
        asked[price] = sum(stop.evidence.get("step") == "m5" for stop in stops.values())
    assert asked[5.0] < asked[0.0]


def test_options_of_another_rule_are_refused() -> None:
    with pytest.raises(SetupError, match="'token_price' belongs to rule 'profile', not 'difficulty'"):
        Router(token_price=0.1)
    with pytest.raises(SetupError, match="'threshold' belongs to rule 'agreement', not 'profile'"):
        Router(rule="profile", threshold=0.5)
    with pytest.raises(SetupError, match="token_price is -1"):
        Router(rule="profile", token_price=-1)
