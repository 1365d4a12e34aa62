"""Tasks of recursion: answers by a second way, depths that are what they say, and the coverage of a training."""

from collections import Counter

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.metrics.registry import measure
from rollmill.metrics.sample import Options
from rollmill.roles.registries import registry
from rollmill_reasoning.tasks.recursion import carries, nesting, order, successor, written
from tests.known import known
from tests.metrics.pools import pool


def made(count: int, **options: object) -> list[Problem]:
    return list(registry("synthesizer")["recursion"](**options).synthesize(count, 4))


def bits_of(problem: Problem) -> str:
    return str(problem.prompt).split("number ")[1].split(".")[0]


def test_the_successor_is_binary_addition_and_its_depth_the_length_of_its_carry() -> None:
    for number in range(300):
        assert int(successor(format(number, "b")), 2) == number + 1
    grown = 0
    for problem in made(400, tasks=["successor"], depths=range(13)):
        bits = bits_of(problem)
        assert int(problem.reference, 2) == int(bits, 2) + 1
        assert carries(bits) == problem.meta["depth"] == (problem.level or 0) - 1
        grown += set(bits) == {"1"}
    assert grown >= 5  # the edge of all edges: a number of ones alone grows by a digit


def test_trees_are_traversed_by_hand_and_as_high_as_they_say() -> None:
    tree = ("A", ("B", None, ("C", None, None)), ("D", None, None))
    assert written(tree) == "A(B(_ C) D)"
    assert ("".join(order(tree, "preorder")), "".join(order(tree, "inorder"))) == ("ABCD", "BCAD")
    for problem in made(200, tasks=["preorder", "inorder"], depths=[2, 5]):
        text = str(problem.prompt).split("tree ")[1].split(" has")[0]
        assert nesting("".join(sign for sign in text if sign in "()")) == problem.meta["depth"]
        assert sorted(problem.reference) == sorted(sign for sign in text if sign.isalpha())
        if problem.skill == "preorder":
            assert problem.reference == "".join(sign for sign in text if sign.isalpha())


def test_brackets_are_as_deep_as_they_say() -> None:
    assert nesting("()[{()}][]") == 3
    for problem in made(100, tasks=["nesting"], depths=[0, 3, 6]):
        text = str(problem.prompt).split("of ")[1].split(" ")[0]
        assert nesting(text) == int(problem.reference) == problem.meta["depth"] + 1


def test_the_coverage_is_the_share_of_the_training_that_has_the_depth() -> None:
    """Drawn as it is trained, a depth is as frequent as its column says, within 4 standard errors of 4,000 draws."""
    trained = {0: 5, 1: 3, 2: 2}
    drawn = made(4_000, tasks=["successor"], depths=[0, 1, 2], trained=trained, draw="trained")
    counts = Counter(problem.meta["depth"] for problem in drawn)
    for depth, weight in trained.items():
        assert abs(counts[depth] / 4_000 - weight / 10) < 0.032
    assert {problem.meta["coverage"] for problem in drawn} == {5_000, 3_000, 2_000}
    even = made(90, tasks=["successor"], depths=[0, 1, 4], trained=trained)
    assert Counter(problem.meta["coverage"] for problem in even) == {5_000: 30, 3_000: 30, 0: 30}
    natural = made(4_000, tasks=["successor"], draw="trained")
    assert abs(sum(problem.meta["depth"] == 0 for problem in natural) / 4_000 - 64 / 127) < 0.032


def test_a_shortcut_fails_where_the_carry_is_longer_than_what_it_learnt() -> None:
    """A model that carries at most twice, as rare long carries let it learn: all rates by depth and by coverage."""
    problems = made(210, tasks=["successor"])
    outcomes = []
    for problem in problems:
        bits = bits_of(problem)
        tail = bits[-3:]
        said = bits[: -len(tail)] + (format(int(tail, 2) + 1, f"0{len(tail)}b")[-len(tail) :])
        outcomes.append("c" if int(said, 2) == int(problem.reference, 2) else "i")
    strata = {name: tuple(problem.meta[name] for problem in problems) for name in ("depth", "coverage")}
    rows = measure(pool(outcomes, strata=strata), "pass@k", Options(ks=(1,)), by=["depth", "coverage"])
    rates = {row.group["depth"]: known(row.value) for row in rows}
    assert min(rates[depth] for depth in range(3)) > 0.8  # of numbers of ones alone it forgets the new digit
    assert max(rates[depth] for depth in range(3, 7)) == 0.0
    coverage = [int(str(row.group["coverage"])) for row in rows]
    assert coverage == sorted(coverage, reverse=True)
    assert known(rows[-1].high) > 0.0  # 30 problems of 30 wrong: never an interval without width


def test_splits_share_nothing_and_mistakes_are_named() -> None:
    train, held = made(300), made(100, split="heldout")
    assert not {problem.prompt for problem in train} & {problem.prompt for problem in held}
    with pytest.raises(SetupError, match="weights are 0 or more"):
        made(1, trained={0: 0.0})
    with pytest.raises(SetupError, match="draw is 'natural'"):
        made(1, draw="natural")
    with pytest.raises(SetupError, match="has no more than"):
        made(500, tasks=["preorder"], depths=[0])
