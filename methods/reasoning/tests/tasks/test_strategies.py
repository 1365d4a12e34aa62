"""Problems in two strategies: both ways agree where the familiar one is short enough, and on the other side it never is."""

from collections import Counter

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.metrics.registry import measure
from rollmill.metrics.sample import Options
from rollmill.roles.registries import registry
from rollmill_reasoning.tasks.strategies import FAMILIES, FEASIBLE
from tests.metrics.pools import pool


def made(count: int, **options: object) -> list[Problem]:
    return list(registry("synthesizer")["strategies"](**options).synthesize(count, 4))


def test_both_ways_give_one_answer_wherever_the_familiar_one_can_be_gone() -> None:
    checked = Counter[str]()
    for problem in made(700, sides=["familiar"]):
        family, numbers = FAMILIES[str(problem.skill)], problem.meta["numbers"]
        assert str(family.slow(*numbers)) == problem.reference
        checked[str(problem.skill)] += 1
    assert set(checked) == set(FAMILIES)
    middle = {
        "sum": (3, 4, 900),
        "last_digit": (7, 403),
        "paths": (5, 6, 7),
        "handshakes": (44, 3),
        "divisors": (1_260,),
        "telescope": (4, 200),
        "multiples": (3, 7, 1_999),
    }
    for name, numbers in middle.items():  # between the two sides
        assert FAMILIES[name].slow(*numbers) == FAMILIES[name].quick(*numbers), name


def test_the_other_side_asks_the_same_of_more_cases_than_anyone_goes_through() -> None:
    cases: dict[str, list[int]] = {"familiar": [], "other": []}
    for problem in made(560):
        cases[problem.meta["strategy"]].append(problem.meta["cases"])
    assert max(cases["familiar"]) <= 120
    assert min(cases["other"]) > FEASIBLE
    assert len(cases["familiar"]) == len(cases["other"]) == 280
    assert min(problem.meta["cases"] for problem in made(300, families=["divisors"], sides=["other"])) > FEASIBLE


def test_a_solver_by_the_familiar_way_passes_one_side_alone() -> None:
    """The axis: a model that goes through at most 120 cases is right on one side and on none of the other."""
    problems = made(140)
    outcomes = ["c" if problem.meta["cases"] <= 120 else "i" for problem in problems]
    strata = {"strategy": tuple(problem.meta["strategy"] for problem in problems)}
    rows = measure(pool(outcomes, strata=strata), "pass@k", Options(ks=(1,)), by=["strategy"])
    assert [(row.group["strategy"], row.value, row.n) for row in rows] == [("familiar", 1.0, 70), ("other", 0.0, 70)]


def test_splits_share_nothing_and_mistakes_are_named() -> None:
    train, held = made(300), made(60, split="heldout")
    assert not {problem.prompt for problem in train} & {problem.prompt for problem in held}
    with pytest.raises(SetupError, match="families is 'de_moivre'"):
        made(1, families=["de_moivre"])
