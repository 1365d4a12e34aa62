"""The traps of best-of-n, beam and particles, each on a tree small enough to know what is right."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import product
from random import Random

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.search.kernel import SearchSteps, draws_of, wave_of
from rollmill.pipelines.search.policies.beam import Beam
from rollmill.pipelines.search.policies.best_of_n import BestOfN
from rollmill.pipelines.search.policies.particles import Particles, multinomial, softmax, systematic
from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode
from tests.pipelines.search.worlds import World, one_wave

ODDS = {"0": 0.3, "1": 0.6}


def chain_score(text: str) -> float:
    """An odd little process: what the last mark is worth, less after a 1."""
    return ODDS[text[-1]] * (0.7 if text[-2:-1] == "1" else 1.0)


def exact(target: str) -> dict[str, float]:
    """The distribution over the 16 answers of four marks that a filter with this target samples."""
    weights = {}
    for marks in product("01", repeat=4):
        text = "".join(marks)
        odds = [chain_score(text[:n]) / (1 - chain_score(text[:n])) for n in range(1, 5)]
        weights[text] = math.prod(odds) if target == "paper" else odds[-1]
    total = sum(weights.values())
    return {text: weight / total for text, weight in weights.items()}


def sampled(policy: Particles, runs: int) -> dict[str, float]:
    world, found = World(score=chain_score), Counter[str]()
    for seed in range(runs):
        tree = world.grown(policy, seed)
        for node, weight in policy.votes(tree).items():
            found[world.texts[node]] += weight  # type: ignore[assignment]
    return {text: found[text] / runs for text in exact("paper")}


def distance(first: dict[str, float], second: dict[str, float]) -> float:
    return sum(abs(first[text] - second[text]) for text in first) / 2


@pytest.mark.integration
@pytest.mark.parametrize("resample", ["systematic", "multinomial"])
@pytest.mark.parametrize("target", ["paper", "last"])
def test_particles_sample_the_exact_target_of_a_chain(target: str, resample: str) -> None:
    policy = Particles(n=512, target=target, resample=resample)
    right, other = exact(target), exact("last" if target == "paper" else "paper")
    found = sampled(policy, 12)
    assert distance(found, right) < 0.04 < distance(found, other)


@pytest.mark.integration
def test_few_particles_are_further_from_the_target_than_many() -> None:
    few, many = (distance(sampled(Particles(n=n), 256 // n * 8), exact("paper")) for n in (2, 64))
    assert many < few / 2


def test_systematic_resampling_takes_each_weight_floor_or_ceil_times() -> None:
    weights = softmax([0.0, 1.0, -3.0, 0.5])
    for seed in range(50):
        counts = Counter(systematic(weights, 16, Random(seed)))
        assert sum(counts.values()) == 16
        assert all(abs(counts[at] - 16 * weight) < 1 for at, weight in enumerate(weights))
    drawn = Counter(at for seed in range(400) for at in multinomial(weights, 16, Random(seed)))
    assert all(abs(drawn[at] / 6400 - weight) < 0.03 for at, weight in enumerate(weights))


def test_finished_particles_stay_in_the_pool_and_can_be_drawn_away() -> None:
    world = World(depth=6, ends=lambda text: text == "1", score=lambda text: 0.9 if text == "1" else 0.6)
    policy = Particles(n=64)
    tree = world.grown(policy, 1)
    short = sum(weight for node, weight in policy.votes(tree).items() if world.texts[node] == "1")
    assert 0.97 < short <= 1.0  # they are weighed anew in each of six waves: a pool that they had left would give 0.5
    bad = World(depth=6, ends=lambda text: text == "1", score=lambda text: 0.4 if text == "1" else 0.6)
    assert sum(weight for node, weight in policy.votes(bad.grown(policy, 1)).items() if bad.texts[node] == "1") < 0.2


def test_particles_draw_as_many_pieces_a_wave_as_are_unfinished() -> None:
    tree = World(depth=4).grown(Particles(n=16))
    assert [len(wave) for wave in tree.waves] == [16, 16, 16, 16]


def test_one_sure_score_does_not_take_every_particle_at_once() -> None:
    tree = one_wave([1.0] * 8 + [0.999] * 8)
    counts = Counter({growth.node: growth.count for growth in Particles(n=16).grow(tree)})
    assert 4 <= sum(counts[f"n{at:02}"] for at in range(8, 16)) <= 12


def test_a_tie_in_a_beam_is_broken_by_chance_and_not_by_place() -> None:
    kept = Counter(
        growth.node for seed in range(200) for growth in Beam(width=16, expand=4).grow(one_wave([0.5] * 16, seed=seed))
    )
    assert len(kept) == 16
    assert max(kept.values()) < 90  # four of sixteen: 50 expected


def test_a_beam_keeps_the_best_and_a_finished_answer_holds_its_place() -> None:
    first = [TreeNode(f"n{at}", ROOT, 1, 0, at == 0, 0.9 - at / 10, 1, 1) for at in range(4)]
    beam = Beam(width=4, expand=2)
    assert beam.grow(Tree("toy", tuple(first))) == [Growth("n1", 2)]
    second = [TreeNode(f"m{at}", "n1", 2, 1, False, score, 1, 2) for at, score in enumerate((0.95, 0.2))]
    assert beam.grow(Tree("toy", (*first, *second))) == [Growth("m0", 2)]
    worse = [TreeNode(f"m{at}", "n1", 2, 1, False, score, 1, 2) for at, score in enumerate((0.3, 0.2))]
    assert [growth.node for growth in beam.grow(Tree("toy", (*first, *worse)))] == ["m0"]
    better = [TreeNode(f"m{at}", "n1", 2, 1, False, score, 1, 2) for at, score in enumerate((0.97, 0.95))]
    assert [growth.node for growth in beam.grow(Tree("toy", (*first, *better)))] == ["m0", "m1"]


def test_a_beam_finds_the_greedy_best_of_a_chain() -> None:
    world = World(depth=8, score=lambda text: text.count("1") / 8)
    tree = world.grown(Beam(width=16, expand=4))
    assert max(node.score for node in tree.finished) == 1.0


def test_best_of_n_elects_the_best_score_or_lets_all_vote() -> None:
    world = World(score=lambda text: text.count("1") / 4)
    tree = world.grown(BestOfN(n=8))
    assert [len(wave) for wave in tree.waves] == [8, 8, 8, 8]
    (best,) = BestOfN(n=8).votes(tree)
    assert tree.by_id[best].score == max(node.score for node in tree.finished)
    assert set(BestOfN(n=8, by="vote").votes(tree).values()) == {1.0}
    assert len(BestOfN(n=8, by="vote").votes(tree)) == 8


def test_indices_go_on_behind_the_children_that_a_node_has() -> None:
    tree = one_wave([0.5, 0.5])
    child = TreeNode("m", "n00", 2, 1, False, 0.5, 1, 2)
    grown = Tree("toy", (*tree.nodes, child))
    draws = draws_of([Growth(ROOT, 3), Growth("n00", 2), Growth("n01", 1)], grown, SearchSteps())
    assert [(draw.step, draw.after, draw.first_index, draw.count) for draw in draws] == [
        ("piece", (), 2, 3),
        ("next", ("n00",), 1, 2),
        ("next", ("n01",), 0, 1),
    ]


class Wrong:
    """A policy that says what it is told to."""

    name, version = "wrong", "1"

    def __init__(self, growths: Sequence[Growth]) -> None:
        self.growths = growths

    def grow(self, tree: Tree) -> Sequence[Growth]:
        del tree
        return self.growths

    def votes(self, tree: Tree) -> dict[str, float]:
        del tree
        return {}


@pytest.mark.parametrize(
    "growths",
    [[Growth("m", 1)], [Growth("done", 1)], [Growth("n00", 0)], [Growth("n00", 1), Growth("n00", 2)]],
    ids=["unknown", "finished", "nothing", "twice"],
)
def test_a_policy_that_breaks_the_rules_is_named(growths: Sequence[Growth]) -> None:
    tree = one_wave([0.5])
    done = TreeNode("done", ROOT, 1, 0, True, 0.5, 1, 1)
    with pytest.raises((SetupError, RuntimeError), match="wrong"):
        wave_of(Wrong(growths), Tree("toy", (*tree.nodes, done)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Particles(n=0), "option 'n' is 0"),
        (lambda: Particles(tau=0), "option 'tau' is 0"),
        (lambda: Particles(target="end"), "option 'target' is 'end'"),
        (lambda: Beam(width=6, expand=4), "width 6 is not a multiple of expand 4"),
        (lambda: BestOfN(by="luck"), "option 'by' is 'luck'"),
    ],
)
def test_senseless_options_are_named(build: object, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        build()  # type: ignore[operator]
