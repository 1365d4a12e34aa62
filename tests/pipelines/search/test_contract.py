"""What every search policy and every process must do, whatever its rule: one test per promise, over the registries."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.method_checks import check_method
from rollmill.pipelines.search.partial import Partial, Process
from rollmill.pipelines.search.tree import ROOT, Tree
from rollmill.roles.registries import registry
from tests.pipelines.search.rating import ChanceServer, rating
from tests.pipelines.search.worlds import World

POLICIES, PROCESSES = registry("search policy"), registry("process")
NAMES = sorted(POLICIES)
SHARE = World(depth=5, score=lambda text: text.count("1") / len(text), ends=lambda text: text.endswith("111"))


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_is_built_without_arguments_and_says_who_it_is(name: str) -> None:
    policy = POLICIES[name]()
    check_method("search policy", name, policy)
    assert policy.name == name


@pytest.mark.parametrize("name", NAMES)
def test_it_begins_at_the_root_and_ends_with_answers_that_vote(name: str) -> None:
    policy = POLICIES[name]()
    assert [growth.node for growth in policy.grow(Tree("toy"))] == [ROOT]
    assert not policy.votes(Tree("toy"))
    for seed in range(5):
        tree = SHARE.grown(policy, seed)
        votes = policy.votes(tree)
        assert votes
        assert set(votes) <= {node.id for node in tree.finished}
        assert all(math.isfinite(weight) and weight > 0 for weight in votes.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_grows_the_same_tree(name: str) -> None:
    first, again = (SHARE.grown(POLICIES[name](), 3) for _ in range(2))
    assert first.nodes == again.nodes
    assert SHARE.grown(POLICIES[name](), 4).nodes != first.nodes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("score", [0.0, 1.0])
def test_scores_without_a_difference_stop_nothing(name: str, score: float) -> None:
    tree = World(score=lambda _: score).grown(POLICIES[name]())
    assert tree.finished
    assert POLICIES[name]().votes(tree)


@pytest.mark.integration
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_drawn_after_the_tokens_are_spent(name: str) -> None:
    whole = World(depth=12).grown(POLICIES[name]())
    most = min(20, whole.tokens // 2)
    capped = World(depth=12).grown(POLICIES[name](), most_tokens=most)
    last = Counter(node.wave for node in capped.nodes)[len(capped.waves) - 1]
    assert capped.tokens < whole.tokens
    assert capped.tokens - last < most <= capped.tokens
    assert capped.nodes == whole.nodes[: len(capped.nodes)]


@pytest.mark.parametrize("most", [1, 13, 30])
@pytest.mark.parametrize("name", ["backtracking", "best_first", "mcts"])
def test_a_policy_draws_no_more_pieces_than_its_limit(name: str, most: int) -> None:
    """Beyond it, one piece a wave ends the best answer if none is finished."""
    for seed in range(5):
        waves = [len(wave) for wave in World(depth=5).grown(POLICIES[name](most=most), seed).waves]
        assert sum(count for at, count in enumerate(waves) if sum(waves[:at]) < most) <= most
        assert all(count == 1 for at, count in enumerate(waves) if sum(waves[:at]) >= most)


@contextmanager
def process_named(name: str) -> Iterator[Process]:
    """A process by its name; the one that asks a server with a server."""
    if name != "reward_model":
        yield PROCESSES[name]()
        return
    with ChanceServer() as server, rating(server.url) as process:
        yield process


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_process_gives_each_text_a_number_that_does_not_depend_on_the_others(name: str) -> None:
    with process_named(name) as process:
        check_method("process", name, process)
        _check_scores(process)


def _check_scores(process: Process) -> None:
    problem = Problem(prompt="What is 2 + 3, times 4?", reference="20")
    texts = ["2 + 3 = 5", "2 + 3 = 6", "", "no numbers", "2 + 3 = 5\n5 * 4 = 20\n#### 20"]
    said = [("20", "21"), ("21",), (None,), ("no", "yes"), ("20",)]
    known = [one for some in said for one in some]
    partials = [Partial(text, "####" in text, 8, -4.0, mine, known) for text, mine in zip(texts, said, strict=True)]
    scores = list(process.scores(problem, partials))
    assert all(0 <= score <= 1 for score in scores)
    order = Random(1).sample(range(len(texts)), len(texts))
    assert list(process.scores(problem, [partials[at] for at in order])) == [scores[at] for at in order]
    assert list(process.scores(problem, [])) == []
