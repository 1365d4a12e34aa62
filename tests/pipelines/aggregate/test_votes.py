"""Votes and scores against a plain count in Python on every small case, and the traps of the method cards."""

from collections import Counter
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from rollmill.pipelines.aggregate import AGGREGATORS
from rollmill.pipelines.aggregate.best_of import BestOfNElection
from rollmill.roles.blind_pool import BlindPool

ANSWERS = ("a", "b", "c", None)


def ranking(name: str, pool: BlindPool, **options: Any) -> list[set[str]]:
    """The answers in tiers of equal strength, the strongest first."""
    strength = AGGREGATORS[name](**options).elect(pool).strength[0]
    values = sorted({value for value in strength.tolist() if value > -np.inf}, reverse=True)
    return [{pool.answers[at] for at in np.flatnonzero(strength == value)} for value in values]


def tiers(strength: dict[str, Any]) -> list[set[str]]:
    return [{a for a in strength if strength[a] == value} for value in sorted(set(strength.values()), reverse=True)]


def test_majority_counts_votes_on_every_case_of_five() -> None:
    for answers in product(ANSWERS, repeat=5):
        votes = Counter(answer for answer in answers if answer is not None)
        assert ranking("majority", BlindPool.of(answers)) == tiers(dict(votes))


SCORES = (1.0, 2.0, None)
CASES = [(answers, scores) for answers in product(ANSWERS, repeat=4) for scores in product(SCORES, repeat=4)][::29]


@pytest.mark.parametrize("ranked", ["all", "answered"])
@pytest.mark.parametrize("p", [0, 1, 2])
def test_borda_is_the_sum_of_rank_weights(p: int, ranked: str) -> None:
    for answers, scores in CASES:
        weights: dict[str, Fraction] = {}
        rows = [(a, -np.inf if s is None else s) for a, s in zip(answers, scores, strict=True)]
        rows = [row for row in rows if ranked == "all" or row[0] is not None]
        keys = [key for _, key in rows]
        for answer, key in rows:
            better, equal = sum(other > key for other in keys), keys.count(key)
            share = Fraction(sum(Fraction((len(rows) - place) ** p) for place in range(better, better + equal)), equal)
            if answer is not None:
                weights[answer] = weights.get(answer, Fraction(0)) + share
        assert ranking("borda", BlindPool.of(answers, {"s": scores}), score="s", p=p, ranked=ranked) == tiers(weights)


def test_a_place_that_nobody_answers_from_weakens_those_after_it_unless_only_answers_are_ranked() -> None:
    pool = BlindPool.of(["a", None, None, "b", "b"], {"s": [5.0, 4.0, 3.0, 2.0, 1.0]})
    assert ranking("borda", pool, score="s", p=1) == [{"a"}, {"b"}]  # 5 to 2 + 1
    assert ranking("borda", pool, score="s", p=1, ranked="answered") == [{"a", "b"}]  # 3 to 2 + 1


THIRDS = {"s": [3 / 7, 4 / 7, 1 / 7, 2 / 7, 0.0, 5 / 7]}


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_means_that_differ_by_rounding_tie(scale: float) -> None:
    """Both means are 3/7; of the sums rounded to nine digits they were not, and the last digit elected."""
    scores = {"s": [score * scale for score in THIRDS["s"]]}
    pool = BlindPool.of(["1", "2", "1", "2", None, "1"], scores)
    assert ranking("best_of_majority", pool, score="s", alpha=0.3) == [{"1", "2"}]
    assert ranking("rerank", pool, score="s", clusters=0) == [{"1", "2"}]
    ahead = BlindPool.of(["1", "2", "1", "2", None, "1"], {"s": [*scores["s"][:-1], scores["s"][-1] * 1.00001]})
    assert ranking("best_of_majority", ahead, score="s", alpha=0.3) == [{"1"}, {"2"}]


def test_means_of_every_small_case_are_compared_as_fractions() -> None:
    sevenths = [Fraction(n, 7) for n in range(5)]
    for scores in list(product(sevenths, repeat=5))[::7]:
        means = {"a": sum(scores[:3]) / 3, "b": sum(scores[3:]) / 2}
        pool = BlindPool.of(list("aaabb"), {"s": [float(score) for score in scores]})
        assert ranking("rerank", pool, score="s", clusters=0) == tiers(means)


def test_borda_with_power_0_is_the_majority_on_every_case() -> None:
    for answers, scores in CASES:
        pool = BlindPool.of(answers, {"s": scores})
        assert ranking("borda", pool, score="s", p=0) == ranking("majority", pool)


def test_weights_that_are_equal_or_hardly_differ_leave_the_majority() -> None:
    for answers, _ in CASES[::5]:
        equal = BlindPool.of(answers, {"s": [0.3] * 4})
        assert ranking("weighted", equal, score="s") == ranking("majority", equal)
    pool = BlindPool.of(["a", "b", "b"], {"s": [9.0, 1.0, 0.0]})
    assert ranking("weighted", pool, score="s", temperature=1e6)[0] == {"b"}
    assert ranking("weighted", pool, score="s", temperature=0.1)[0] == {"a"}
    scaled = BlindPool.of(["a", "b", "b"], {"s": [900.0, 100.0, 0.0]})
    assert [ranking("weighted", one, score="s", temperature=4.0) for one in (pool, scaled)] == [[{"b"}, {"a"}]] * 2


def test_best_of_n_takes_the_answer_of_the_best_score_and_never_one_that_abstains() -> None:
    for answers, scores in CASES:
        best: dict[str, tuple[float, float]] = {}
        for answer, score in zip(answers, scores, strict=True):
            if answer is not None:
                value = (0.0, float(answers.count(answer))) if score is None else (1.0, score)
                best[answer] = max(best.get(answer, (0.0, 0.0)), value)
        assert ranking("best_of_n", BlindPool.of(answers, {"s": scores}), score="s") == tiers(best)
    pool = BlindPool.of([None, "a"], {"s": [99.0, -5.0]})
    assert BestOfNElection(score="s").elect(pool).top(pool) == ("a",)


def test_best_of_majority_ranks_survivors_by_reward_and_the_others_by_votes() -> None:
    for answers, scores in CASES:
        strength: dict[str, tuple[float, ...]] = {}
        for answer in {answer for answer in answers if answer is not None}:
            mine = [s for a, s in zip(answers, scores, strict=True) if a == answer and s is not None]
            reward, votes = (sum(mine) / len(mine) if mine else -1e300), answers.count(answer)
            survives = votes >= 0.5 * 4  # of all four: who abstains counts
            strength[answer] = (survives, reward if survives else votes, reward)
        pool = BlindPool.of(answers, {"s": scores})
        assert ranking("best_of_majority", pool, score="s", alpha=0.5) == tiers(strength)


def test_best_of_majority_holds_where_best_of_n_and_majority_fall() -> None:
    """One right answer (.06), eight frequent wrong ones (.08 each), 400 rare ones of which 5% have a large reward error."""
    rng = np.random.default_rng(0)
    chances = np.array([0.06, *[0.08] * 8, *[0.3 / 400] * 400])
    keys = [f"a{at}" for at in range(409)]
    methods: dict[str, tuple[str, dict[str, Any]]] = {
        "best_of_majority": ("best_of_majority", {"score": "r", "alpha": 0.04}),
        "too strict": ("best_of_majority", {"score": "r", "alpha": 0.1}),
        "best_of_n": ("best_of_n", {"score": "r"}),
        "majority": ("majority", {}),
    }
    passed = {}
    for n in (16, 64, 256):
        right: Counter[str] = Counter()
        for _ in range(150):
            reward = np.concatenate([[1.0], rng.normal(0.4, 0.2, 8), rng.normal(0.0, 0.2, 400)])
            reward[9:] += 2.0 * (rng.random(400) < 0.05)
            draws = rng.choice(409, n, p=chances)
            pool = BlindPool.of([keys[at] for at in draws], {"r": [reward[at] for at in draws]})
            for label, (name, options) in methods.items():
                right[label] += "a0" in AGGREGATORS[name](**options).elect(pool).top(pool, 4)
        passed[n] = {name: right[name] / 150 for name in right}
    assert passed[256]["best_of_majority"] > 0.9
    assert passed[256]["best_of_majority"] >= passed[64]["best_of_majority"] > passed[16]["best_of_majority"]
    assert passed[256]["best_of_n"] < passed[64]["best_of_n"] - 0.2  # more samples find more errors of the reward
    assert passed[256]["majority"] < 0.2
    assert passed[16]["best_of_majority"] == passed[16]["best_of_n"]  # a share below one vote excludes nothing
    assert passed[16]["too strict"] < 0.5 < passed[16]["best_of_n"]  # N is too small for the right answer to come twice


def test_reranking_all_clusters_the_first_or_none_is_reward_or_majority() -> None:
    pool = BlindPool.of(["a", "a", "a", "b", "b", "c"], {"s": [0.1, 0.2, 0.3, 0.5, 0.7, 0.9]})
    assert ranking("rerank", pool, score="s", clusters=0) == [{"c"}, {"b"}, {"a"}]
    assert ranking("rerank", pool, score="s", clusters=1) == [{"a"}, {"b"}, {"c"}]
    assert ranking("rerank", pool, score="s", clusters=2) == [{"b"}, {"a"}, {"c"}]
    tied = BlindPool.of(["a", "b", "c", "c"], {"s": [0.1, 0.9, 0.5, 0.5]})
    assert ranking("rerank", tied, score="s", clusters=2)[0] == {"b"}  # all that tie for the second place are looked at


def test_reranking_the_top_clusters_beats_both_its_parts_when_the_score_knows_something() -> None:
    rng = np.random.default_rng(1)
    right: Counter[str] = Counter()
    for _ in range(400):
        answers = rng.choice(["r", "w", "x", "y", "z"], 24, p=[0.3, 0.3, 0.2, 0.1, 0.1]).tolist()
        scores = [rng.normal(0.7 * (answer == "r")) for answer in answers]
        pool = BlindPool.of(answers, {"s": scores})
        for name, options in (("rerank", {"score": "s"}), ("majority", {}), ("best_of_n", {"score": "s"})):
            right[name] += AGGREGATORS[name](**options).elect(pool).top(pool) == ("r",)
    assert right["rerank"] > max(right["majority"], right["best_of_n"])
