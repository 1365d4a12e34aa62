"""Generated optimisation models: the window is hit, the optimum is the solver's, and planted text errors are refused."""

import itertools
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.structured.linear_model import model_of, solve
from rollmill.pipelines.verify.structured.optimization import OptimizationVerifier
from rollmill_reasoning.tasks.linear_families import FAMILIES, Weights, complexity
from rollmill_reasoning.tasks.optimization_models import OptimizationModels

STOCK = re.compile(r"(\d+) (?:units|grams) of (\w+)")


@pytest.fixture(scope="module")
def verifier() -> Iterator[OptimizationVerifier]:
    with OptimizationVerifier(workers=1) as chosen:
        yield chosen


def judged(verifier: OptimizationVerifier, problem: Problem, model: Any) -> str:
    completion = Completion("c", problem.id, "e", "m", "", "curate", 0, None, json.dumps(model), "stop")
    return verifier.verify(problem, completion).outcome


def read_back(story: str) -> dict[str, Any]:
    """The model that a story tells: an autoformulator for the three families, which sees the text and nothing else."""
    if "machines" in story:
        return read_machines(story)
    most = "largest" in story
    items = re.findall(r"(?:Making one of the|One portion of) (\w+) (?:takes|has) (.+?) and (?:earns|costs) (\d+)", story)
    [sides] = re.findall(r"At (?:most|least) (.+?) (?:can|are)", story)
    needs = {name: {what: int(number) for number, what in STOCK.findall(parts)} for name, parts, _ in items}
    return {
        "sense": "max" if most else "min",
        "variables": {name: {} for name in needs},
        "objective": {name: int(value) for name, _, value in items},
        "constraints": [
            {
                "terms": {name: needs[name].get(what, 0) for name in needs},
                "relation": "<=" if "At most" in story else ">=",
                "value": int(number),
            }
            for number, what in STOCK.findall(sides)
        ],
    }


def read_machines(story: str) -> dict[str, Any]:
    found = re.findall(r"Using the (\w+) at all costs (\d+) .+? at most (\d+) .+? needs (\d+) .+? earns (\d+)", story)
    [(relation, stock)] = re.findall(r"At (most|least) (\d+) units of metal", story)
    rows = [{"terms": {name: 1, f"o{name}": -int(cap)}, "relation": "<=", "value": 0} for name, _, cap, _, _ in found]
    metal = {"terms": {n: int(use) for n, _, _, use, _ in found}, "relation": "<=" if relation == "most" else ">="}
    return {
        "sense": "max" if "largest profit" in story else "min",
        "variables": {n: {} for n, *_ in found} | {f"o{n}": {"type": "binary"} for n, *_ in found},
        "objective": {n: int(gain) for n, *_, gain in found} | {f"o{n}": -int(charge) for n, charge, *_ in found},
        "constraints": [*rows, {**metal, "value": int(stock)}],
    }


def with_an_error(story: str, rng: random.Random) -> str:
    """The story with one error: a changed number, two numbers exchanged, the other sense, or the other relation."""
    kind = rng.choice(["number", "number", "exchange", "sense", "relation"])
    places = list(re.finditer(r"\d+", story))
    if kind == "sense":
        return story.replace("largest", "smallest") if "largest" in story else story.replace("smallest", "largest")
    if kind == "relation":
        head, word, tail = story.rpartition("At most" if "At most" in story else "At least")
        return head + ("At least" if word == "At most" else "At most") + tail
    if kind == "exchange":
        pairs = [(a, b) for a, b in itertools.pairwise(places) if a[0] != b[0]]
        first, second = rng.choice(pairs)
        return story[: first.start()] + second[0] + story[first.end() : second.start()] + first[0] + story[second.end() :]
    place = rng.choice(places)
    return story[: place.start()] + str(int(place[0]) + rng.choice([1, 2, 5])) + story[place.end() :]


def test_the_window_is_hit_by_nine_of_ten_of_500_models() -> None:
    for window in ((8, 14), (14, 20), (20, 26)):
        maker = OptimizationModels(window=window)
        made = list(maker.synthesize(500, 7))
        assert len({problem.id for problem in made}) == 500
        assert all(window[0] <= problem.meta["complexity"] <= window[1] for problem in made)
        assert maker.hits / maker.tried >= 0.9


def test_the_complexity_by_hand() -> None:
    instance = FAMILIES["fixed_charge"](2, random.Random(1))
    # 4 variables, 3 constraints, 2 of them x <= M open, 2 terms in each
    assert complexity(instance.model) == 4 + 3 + 2 * 2 + 0.5 * 2
    assert complexity(instance.model, Weights(0, 0, 1, 0)) == 2
    assert complexity(FAMILIES["diet"](3, random.Random(1)).model) == 3 + 3 + 0.5 * 3


@pytest.mark.parametrize("family", FAMILIES)
def test_the_optimum_is_the_solver_s(family: str) -> None:
    for seed in range(25):
        instance = FAMILIES[family](2 + seed % 4, random.Random(seed))
        assert solve(model_of(instance.model).question())["value"] == pytest.approx(instance.optimum, rel=1e-9)


@pytest.mark.integration
def test_faithful_texts_are_accepted_and_planted_errors_hardly_ever(verifier: OptimizationVerifier) -> None:
    """The card's check: equal optima as the way back, .338 false accepts where numbers need not matter, <= .1 here."""
    rng = random.Random(11)
    faithful, planted = [], []
    for problem in OptimizationModels(form="story", window=(8, 20)).synthesize(300, 3):
        story = problem.meta["story"]
        faithful.append(judged(verifier, problem, read_back(story)) == "correct")
        planted.append(judged(verifier, problem, read_back(with_an_error(story, rng))) == "correct")
    assert sum(faithful) == 300
    assert sum(planted) / 300 <= 0.1


def test_every_number_of_a_story_is_one_of_its_model() -> None:
    for problem in OptimizationModels(form="story").synthesize(30, 5):
        model = json.loads(problem.meta["model"])
        stated = sorted(map(int, re.findall(r"\d+", problem.meta["story"])))
        numbers = [abs(value) for value in model["objective"].values()]
        for row in model["constraints"]:
            numbers += [abs(v) for v in row["terms"].values()] + [row["value"]]
        switches = sum(given.get("type") == "binary" for given in model["variables"].values())
        for plain in (0, 1):  # of x - M open <= 0
            numbers = sorted(numbers)
            for _ in range(switches):
                numbers.remove(plain)
        assert stated == sorted(numbers)


def test_a_window_that_no_size_reaches_is_refused_with_the_sizes_that_there_are() -> None:
    with pytest.raises(SetupError, match=r"complexity from 5\.1 to 5\.2"):
        list(OptimizationModels(families=["diet"], window=(5.1, 5.2)).synthesize(1, 1))
    with pytest.raises(SetupError, match="unknown family"):
        OptimizationModels(families=["knapsack"])
    with pytest.raises(SetupError, match="unknown weight"):
        OptimizationModels(weights={"bigm": 1})
    with pytest.raises(SetupError, match=r"window is \[9, 3\]"):
        OptimizationModels(window=(9, 3))
