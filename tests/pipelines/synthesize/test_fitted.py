"""Statistics fed back: the distance from a planted joint falls over rounds, pairs included, and beats one shot."""

from collections import Counter
from itertools import pairwise

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.fitted import CellShares, Fitted, cells_of
from rollmill.pipelines.synthesize.sources import Source
from rollmill.pipelines.synthesize.templates import Templates

EASY = list(Templates(levels=[1, 2], skills=["chained arithmetic"]).synthesize(60, 5))
HARD = list(Templates(levels=[7, 8], skills=["number theory"]).synthesize(60, 5))
REAL = Source("planted@v1", "0" * 64, tuple(EASY + HARD))
"""Level and skill hang together: independent draws of the right levels and skills would miss it."""


def mean(distances: dict[str, float]) -> float:
    return sum(distances.values()) / len(distances)


def test_the_distance_from_a_planted_joint_falls_over_rounds_and_beats_one_shot() -> None:
    fitted, once = (Fitted(statistics=["level", "skill"], rounds=rounds, source=REAL) for rounds in (10, 1))
    made = list(fitted.synthesize(400, 3))
    assert len(made) == len({problem.prompt_id for problem in made}) == 400
    list(once.synthesize(400, 3))
    falls = [mean(distances) for distances in fitted.discrepancies]
    assert len(falls) == 10
    assert sum(after < before for before, after in pairwise(falls)) >= 8
    assert falls[-1] < 0.35 * falls[0]
    assert fitted.discrepancies[-1]["level x skill"] < 0.4 * once.discrepancies[-1]["level x skill"]


def test_the_last_round_brings_the_planted_pairs_and_hardly_the_crossed_ones() -> None:
    made = list(Fitted(statistics=["level", "skill"], rounds=10, source=REAL).synthesize(400, 3))
    last = [problem for problem in made if problem.meta["made"]["round"] == 9]
    pairs = Counter((problem.skill, (problem.level or 0) > 4) for problem in last)
    planted = pairs["chained arithmetic", False] + pairs["number theory", True]
    assert planted / len(last) > 0.8


def test_discrepancies_by_hand() -> None:
    def of(*levels: int) -> CellShares:
        return CellShares.of([Problem(f"p{at}", "1", level=level) for at, level in enumerate(levels)], ["level"])

    assert of(1, 1, 2, 2).discrepancy(of(1, 1, 1, 3)) == {"level": 0.5}
    assert of(1, 2).discrepancy(of(2, 1)) == {"level": 0}
    assert of(1).discrepancy(of(2)) == {"level": 1}
    two = cells_of(Problem("a b", "12", level=3, skill="s"), ["level", "skill", "answer"])
    assert two[3:] == [("level x skill", "3 x s"), ("level x answer", "3 x 2"), ("skill x answer", "s x 2")]


def test_problems_are_the_same_for_a_seed_and_say_how_far_they_were() -> None:
    first, second = (list(Fitted(rounds=3, source=REAL).synthesize(300, 9)) for _ in range(2))
    assert first == second
    distances = [problem.meta["made"]["discrepancy"] for problem in first[::100]]
    assert distances[0] == 1
    assert distances[2] < distances[1] < 1
    assert {problem.meta["made"]["like"] for problem in first} == {"planted@v1"}


def test_a_statistic_that_the_source_lacks_is_refused() -> None:
    bare = Source("bare@v1", "0" * 64, (Problem("How many?", "7"),))
    with pytest.raises(SetupError, match=r"bare@v1 has no problem with a level"):
        list(Fitted(source=bare).synthesize(4, 1))
    with pytest.raises(SetupError, match="unknown statistic"):
        Fitted(statistics=["topic"])
    with pytest.raises(SetupError, match="rate 0"):
        Fitted(rate=0)
