"""Policies whose nodes are whole answers: what is rewritten, what it is shown, and what a value rests on."""

from collections.abc import Callable
from random import Random
from statistics import fmean
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.search.kernel import SearchSteps, draws_of, wave_of
from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode
from rollmill_reasoning.search.procedures.actions import Actions
from rollmill_reasoning.search.procedures.introspective import HybridValues, Introspective
from rollmill_reasoning.search.procedures.refinement import Refinement
from rollmill_reasoning.search.procedures.scattered_forest import Forest, ScatteredForest
from tests.pipelines.search.worlds import World


def answer(
    cid: str, score: float, parent: str = ROOT, wave: int = 0, step: str = "piece", *, measured: bool = False
) -> TreeNode:
    return TreeNode(cid, parent, wave + 1, wave, True, score, 1, 1, step=step, measured=measured)


def test_an_answer_that_fails_is_rewritten_level_by_level_until_a_rewriting_passes_and_a_tie_is_dropped() -> None:
    policy = Refinement(n=3, branch=3, keep=2, depth=3)
    nodes = [answer("fails", 0.2), answer("tie", 0.5), answer("passes", 0.8)]
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth("fails", 3, "rewritten")]
    nodes += [answer(f"a{at}", score, "fails", 1, "rewritten") for at, score in enumerate((0.4, 0.0, 0.3))]
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth("a0", 3, "rewritten"), Growth("a2", 3, "rewritten")]
    nodes += [answer(f"b{at}", 0.6 if at == 4 else 0.1, "a0" if at < 3 else "a2", 2, "rewritten") for at in range(6)]
    tree = Tree("toy", tuple(nodes))
    assert not policy.grow(tree)
    assert policy.votes(tree) == {"passes": 1.0, "b4": 1.0}


def test_a_refinement_gives_up_after_its_levels() -> None:
    tree = World(depth=3, score=lambda _: 0.0).grown(Refinement(n=2, branch=2, keep=2, depth=2))
    rewritten = [node for node in tree.nodes if node.step == "rewritten"]
    assert len(rewritten) == 2 * (2 + 4)
    assert len(Refinement().votes(tree)) == len(tree.finished)  # none passes: all vote with their scores


def test_directions_come_before_answers_and_are_seen_with_the_answer_that_they_change() -> None:
    policy = ScatteredForest(seeds=2, branch=2, most=6, insights=2)
    nodes = [answer("poor", 0.1), answer("fair", 0.4)]
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth("fair", 2, "direction")]
    ideas = [TreeNode(f"d{at}", "fair", 2, 1, False, 0.5, 1, 1, step="direction") for at in range(2)]
    nodes += ideas
    asked = policy.grow(Tree("toy", tuple(nodes)))
    assert asked == [Growth("d0", 1, "rewritten", ("fair",)), Growth("d1", 1, "rewritten", ("fair",))]
    draws = draws_of(wave_of(policy, Tree("toy", tuple(nodes))), Tree("toy", tuple(nodes)), SearchSteps())
    assert [(draw.step, draw.after) for draw in draws] == [("rewritten", ("d0", "fair")), ("rewritten", ("d1", "fair"))]
    nodes += [answer("good", 0.8, "d0", 2, "rewritten"), answer("bad", 0.0, "d1", 2, "rewritten")]
    (scouted,) = policy.grow(Tree("toy", tuple(nodes)))
    assert (scouted.node, scouted.beside) == ("good", ("d0", "d1"))  # what helped first, what harmed last
    blind = ScatteredForest(seeds=2, branch=2, most=6, insights=0)
    assert blind.grow(Tree("toy", tuple(nodes)))[0].beside == ()


def test_insights_come_from_all_trees() -> None:
    forest = Forest(0.5)
    forest.plant(answer("a", 0.5))
    forest.plant(answer("b", 0.2))
    for at, (source, score) in enumerate([("a", 0.9), ("a", 0.1), ("b", 0.3), ("b", 0.2)]):
        forest.add(source, answer(f"n{at}", score), f"d{at}")
    assert forest.gains == pytest.approx({"d0": 0.4, "d1": -0.4, "d2": 0.1, "d3": 0.0})
    assert forest.insights(2) == ("d0", "d1")
    assert forest.insights(3) == ("d0", "d2", "d1")
    assert forest.insights(0) == ()


class Programs:
    """A space of programs: four operators, right where they are the hidden ones; a direction names a place to change.

    A direction that follows no insight names any place; one that sees a useful direction, a place beside that of it.
    """

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.hidden = [self.rng.randrange(6) for _ in range(6)]
        self.nodes: list[TreeNode] = []
        self.made: dict[str, list[int]] = {}
        self.place: dict[str, int] = {}

    def score(self, program: list[int]) -> float:
        return sum(one == other for one, other in zip(program, self.hidden, strict=True)) / 6

    def solved(self, policy: Any) -> tuple[bool, int]:
        """True if a program with all tests passed was found, and the programs that were written."""
        while growths := wave_of(policy, tree := Tree("toy", tuple(self.nodes))):
            for growth in growths:
                for _ in range(growth.count):
                    self._draw(growth, len(tree.waves))
        return any(node.score == 1.0 for node in self.nodes if node.step != "direction"), len(self.made)

    def _draw(self, growth: Growth, wave: int) -> None:
        cid = f"n{len(self.nodes):04}"
        if growth.behind == "direction":
            harmful = {self.place[idea] for idea in growth.beside[1:]}
            self.place[cid] = self.rng.choice([place for place in range(6) if place not in harmful])
            self.nodes.append(TreeNode(cid, growth.node, 1, wave, False, 0.5, 1, 1, step="direction"))
            return
        if growth.behind == "rewritten":
            source = growth.beside[0] if growth.beside else growth.node
            program = list(self.made[source])
            program[self.place.get(growth.node, self.rng.randrange(6))] = self.rng.randrange(6)
        else:
            program = [self.rng.randrange(6) for _ in range(6)]
        self.made[cid] = program
        self.nodes.append(answer(cid, self.score(program), growth.node, wave, growth.behind or "piece"))


@pytest.mark.integration
def test_a_forest_solves_programs_that_repeated_sampling_does_not_at_equal_programs() -> None:
    """200 programs each: repeated sampling, and the forest; a direct change without directions is the line search."""
    policies: dict[str, Callable[[], Any]] = {
        "sampling": lambda: ScatteredForest(seeds=200, most=200),
        "forest": lambda: ScatteredForest(most=200, c=0.2),
        "line": lambda: ScatteredForest(most=200, branch=1, scatter=False, c=0.2),
        "one tree": lambda: ScatteredForest(most=200, seeds=1, c=0.2),
    }
    rates = {name: fmean(Programs(seed).solved(make())[0] for seed in range(20)) for name, make in policies.items()}
    assert rates["sampling"] <= 0.1
    assert rates["forest"] >= 0.7
    assert min(rates["line"], rates["one tree"]) > rates["sampling"]


def test_an_answer_is_written_in_view_of_its_parent_and_siblings() -> None:
    policy = Introspective(n=1, most=4, children=3, shown=2, c=10.0)
    nodes = [answer("a", 0.9)]
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth("a", 1, "rewritten")]
    nodes.append(answer("b", 0.1, "a", 1, "rewritten"))
    grown = World(depth=2).grown(Introspective(n=1, most=6, children=2), 3)
    assert max(len(grown.children[node.id]) for node in grown.finished) <= 2
    shown = Introspective(n=1, most=4, children=3, c=0.001)
    assert shown.grow(Tree("toy", tuple(nodes))) == [Growth("a", 1, "rewritten", ("b",))]
    nodes.append(answer("c", 0.1, "a", 2, "rewritten"))
    assert shown.grow(Tree("toy", tuple(nodes))) == [Growth("a", 1, "rewritten", ("b", "c"))]
    last = Introspective(n=1, most=4, children=3, shown=1, c=0.001)
    assert last.grow(Tree("toy", tuple(nodes))) == [Growth("a", 1, "rewritten", ("c",))]
    alone = Introspective(n=1, most=4, children=3, shown=0, c=0.001)
    assert alone.grow(Tree("toy", tuple(nodes))) == [Growth("a", 1, "rewritten")]


def test_values_move_from_estimates_to_measured_scores_and_say_which_they_are() -> None:
    values = HybridValues(trust=0.25)
    values.add(answer("a", 0.9), "")
    assert values.value("a") == pytest.approx(0.9)
    assert values.provenance("a") == "estimated"
    values.add(answer("b", 0.0, measured=True), "a")
    assert values.value("a") == pytest.approx(0.25 * 0.9 / 1.25)
    assert (values.provenance("a"), values.provenance("b")) == ("both", "measured")
    values.add(answer("c", 1.0, measured=True), "b")
    assert values.value("b") == 0.5
    blind = HybridValues(trust=0.0)
    blind.add(answer("a", 0.7), "")
    assert blind.value("a") == 0.7


def test_a_noisy_estimate_is_overruled_by_what_was_measured() -> None:
    """Of two answers the worse one is overestimated; regret of the choice by value after 1 to 4 measured scores below."""
    regret = {}
    for trust in (0.1, 1.0):
        for measured in (0, 2, 6):
            wrong = 0
            for seed in range(400):
                rng, values = Random(seed), HybridValues(trust)
                for name, truth in (("good", 0.6), ("poor", 0.4)):
                    values.add(answer(name, min(1.0, max(0.0, rng.gauss(truth, 0.3)))), "")
                    for at in range(measured):
                        values.add(answer(f"{name}{at}", float(rng.random() < truth), measured=True), name)
                wrong += values.value("poor") > values.value("good")
            regret[trust, measured] = 0.2 * wrong / 400
    assert regret[0.1, 6] < regret[0.1, 0]
    assert regret[0.1, 6] <= regret[1.0, 6] + 0.005


def test_the_problem_is_clarified_only_at_the_root_and_a_path_has_so_many_steps() -> None:
    policy = Actions(clarify=2, expand=3, width=2, steps=3)
    tree = World(depth=6).grown(policy)
    assert [node.step for node in tree.waves[1]] == ["direction"] * 2
    assert {node.parent for node in tree.waves[1]} == {ROOT}
    assert {node.step for wave in tree.waves[3:] for node in wave} == {""}
    assert [len(wave) for wave in tree.waves[:5]] == [3, 2, 6, 6, 6]
    assert all(len(wave) <= 2 for wave in tree.waves[5:])  # full answers, one of each path that is left
    assert tree.finished


def test_only_candidates_whose_answer_holds_when_put_back_vote() -> None:
    policy = Actions(clarify=0)
    nodes = (answer("a", 0.9), answer("b", 0.5), answer("c", 0.1))
    assert policy.votes(Tree("toy", nodes)) == {"a": 1.0}
    doubted = (answer("b", 0.5), answer("c", 0.1))
    assert policy.votes(Tree("toy", doubted)) == {"b": 1.0, "c": 1.0}


def test_a_verifier_that_knows_nothing_gains_nothing_without_a_look_at_labels() -> None:
    """The trap of the released evaluation: verification only where the majority is wrong gains with a useless judge."""
    majority = honest = gated = 0
    for seed in range(3_000):
        rng = Random(seed)
        right = [rng.random() < 0.55 for _ in range(5)]
        nodes = tuple(answer(str(at), float(rng.random() < 0.5)) for at in range(5))
        survivors = [right[int(cid)] for cid in Actions().votes(Tree("toy", nodes))]
        by_vote = 2 * sum(right) > 5
        by_survivors = 2 * sum(survivors) > len(survivors)
        majority, honest = majority + by_vote, honest + by_survivors
        gated += by_vote or by_survivors
    assert honest < majority < gated


@pytest.mark.parametrize(
    "growth",
    [
        Growth(ROOT, 1, "rewritten"),
        Growth("x", 1, "rewritten"),
        Growth("a", 1, "rewritten", ("x",)),
        Growth("d", 1),
        Growth("a", 1, "direction"),
    ],
)
def test_questions_show_known_nodes_and_a_direction_is_not_continued(growth: Growth) -> None:
    class Wrong(Actions):
        def grow(self, tree: Tree) -> list[Growth]:
            del tree
            return [growth]

    nodes = (answer("a", 0.5), TreeNode("d", ROOT, 1, 1, False, 0.5, 1, 1, step="direction"))
    with pytest.raises((SetupError, RuntimeError), match="asks for Growth"):
        wave_of(Wrong(), Tree("toy", nodes))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Refinement(template="{prompt}"), "option 'template' must be a text with {prompt} and {piece"),
        (lambda: Actions(template="{prompt} {piece*}"), "option 'template' must be a text with {prompt} and no other"),
        (lambda: ScatteredForest(direction="{prompt} {piece*} {reference}"), "no other place"),
        (lambda: Introspective(trust=2), "option 'trust' is 2"),
        (lambda: ScatteredForest(insights=-1), "option 'insights' is -1"),
    ],
)
def test_senseless_options_are_named(build: Callable[[], object], message: str) -> None:
    with pytest.raises(SetupError, match=message.replace("{", r"\{").replace("*", r"\*")):
        build()
