"""Elections over subsets: against brute force over all of them, against the exact majority, and blind to the labels."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations, product
from typing import Any

import numpy as np
import pytest

from rollmill.ground.pool import STATES, Pool
from rollmill.metrics.elections import (
    Ballot,
    ElectionBudget,
    ballots,
    best_possible,
    comparison_rate,
    expected,
    folds,
    random_choice_value,
    right_at,
    subsets,
)
from rollmill.pipelines.aggregate import AGGREGATORS
from rollmill.roles.blind_pool import BlindPool
from rollmill.stats import AnswerCounts, majority_at_k

OUTCOMES = {"c": "correct", "i": "incorrect", "u": "undecided", "x": "unparsed"}


def pool_of(*problems: str, scores: Any = None, tokens: Any = None, models: Any = None, templates: Any = None) -> Pool:
    """Problems as texts of pairs, an answer and its outcome: `7c 8i 9u xx`; `xx` abstains."""
    rows = [(place, *pair) for place, text in enumerate(problems) for pair in text.split()]
    keys = sorted({answer for _, answer, *_ in rows if answer != "x"})
    size = len(rows)
    return Pool(
        problems=tuple(f"p{place}" for place in range(len(problems))),
        strata={"template": tuple(templates or [None] * len(problems))},
        problem=np.array([row[0] for row in rows]),
        completion=np.arange(size),
        index=np.arange(size),
        outcome=np.array([STATES.index(OUTCOMES[row[2]]) for row in rows]),
        in_prefix=np.ones(size, dtype=bool),
        step=np.zeros(size, dtype=np.int64),
        kept=np.full(size, -1),
        reason=np.full(size, -1),
        model=np.zeros(size, dtype=np.int64) if models is None else np.asarray(models),
        answer=np.array([-1 if row[1] == "x" else keys.index(row[1]) for row in rows]),
        tokens=np.full(size, 10) if tokens is None else np.asarray(tokens),
        models=("m",) if models is None else tuple(f"m{at}" for at in range(max(models) + 1)),
        answers=tuple(keys),
        scores={} if scores is None else {"s": np.asarray(scores, dtype=float)},
    )


POOL = pool_of("7c 7c 8i 8i 9i xx 7c", scores=[0.1, 0.9, 0.8, 0.3, 0.95, 1.0, 0.2])
METHODS: list[tuple[str, dict[str, Any]]] = [
    ("majority", {}),
    ("borda", {"score": "s", "p": 1.0}),
    ("best_of_n", {"score": "s"}),
    ("best_of_majority", {"score": "s", "alpha": 0.5}),
    ("rerank", {"score": "s"}),
    ("weighted", {"score": "s"}),
]


@pytest.mark.parametrize("models", [(), ("m",)])
def test_rows_of_problems_outside_the_pool_are_on_no_ballot(models: Sequence[str]) -> None:
    pool = pool_of("7c 8i 8i", "9c")
    given = ballots(replace(pool, problem=np.array([0, 0, -1, 1])), models)
    assert [(ballot.problem, ballot.size, ballot.pool.answers) for ballot in given] == [
        ("p0", 2, ("7", "8")),
        ("p1", 1, ("9",)),
    ]


@pytest.mark.parametrize(("name", "options"), METHODS)
@pytest.mark.parametrize("k", [1, 2])
def test_the_expectation_is_that_over_all_subsets_and_all_ways_to_break_ties(name: str, options: Any, k: int) -> None:
    (ballot,) = ballots(POOL)
    method = AGGREGATORS[name](**options)
    for n in (1, 2, 3, 5, 7):
        drawn = subsets(ballot, ElectionBudget("samples", n), repeats=100, seed=0)
        assert drawn.exact
        found = expected(ballot, drawn, method.elect(drawn.pool), k)
        strengths = [method.elect(ballot.pool.subsets(np.array([c]))).strength[0] for c in combinations(range(7), n)]
        elected = [
            any(
                ballot.pool.answers[at] == "7"
                for at in sorted(order, key=lambda at: -strength[at])[:k]
                if strength[at] > -np.inf
            )
            for strength in strengths
            for order in permutations(range(len(ballot.pool.answers)))
        ]
        assert found.value == pytest.approx(np.mean(elected))
        assert found.variance == 0.0


@pytest.mark.parametrize("repeats", [400, 40])
def test_majority_is_the_exact_one_of_the_estimators(repeats: int) -> None:
    pool = pool_of("7c 7c 7c 8i 8i 8i 9i 9i 6i xx xx 7c", "7c 8i 8i 8i 9i 9i xx xx xx 7c 7c 6i")
    for ballot in ballots(pool):
        votes = np.bincount(ballot.pool.answer[0][ballot.pool.answer[0] >= 0])
        counts = AnswerCounts(
            tuple(votes.tolist()), tuple(ballot.right.astype(float).tolist()), int((ballot.pool.answer < 0).sum())
        )
        for n in (1, 2, 5, 12):
            drawn = subsets(ballot, ElectionBudget("samples", n), repeats=repeats, seed=3)
            found = expected(ballot, drawn, AGGREGATORS["majority"]().elect(drawn.pool), 1)
            exact = majority_at_k(counts, n)
            assert exact is not None
            assert found.value == pytest.approx(exact.value, abs=1e-9 if drawn.exact else 4 * found.variance**0.5)


def test_the_chance_of_the_k_strongest_is_that_of_all_orders_of_equals() -> None:
    for strengths in product([0.0, 1.0, -np.inf], repeat=4):
        for right in product([False, True], repeat=4):
            for k in (1, 2, 3):
                given = [at for at in range(4) if strengths[at] > -np.inf]
                level = sorted((strengths[at] for at in given), reverse=True)[: min(k, len(given))]
                sets = [
                    c for c in combinations(given, len(level)) if sorted((strengths[a] for a in c), reverse=True) == level
                ]
                want = np.mean([any(right[at] for at in c) for c in sets]) if level else 0.0
                assert right_at(np.array([strengths]), np.array(right), k)[0] == pytest.approx(want)


def test_who_abstains_counts_in_n_and_nobody_elected_is_wrong() -> None:
    (ballot,) = ballots(pool_of("7c xx xx xx"))
    drawn = subsets(ballot, ElectionBudget("samples", 2), repeats=100, seed=0)
    assert expected(ballot, drawn, AGGREGATORS["majority"]().elect(drawn.pool), 1).value == pytest.approx(0.5)


def test_an_answer_is_what_most_verdicts_on_it_say_and_contradictions_are_counted() -> None:
    (ballot,) = ballots(pool_of("7c 7c 7i 8i 8c 9u 9u 6u 6c"))
    assert ballot.pool.answers == ("6", "7", "8", "9")
    assert ballot.right.tolist() == [True, True, False, False]
    assert ballot.open.tolist() == [False, False, False, True]
    assert ballot.conflicts == 2
    drawn = subsets(ballot, ElectionBudget("samples", 1), repeats=100, seed=0)
    one = expected(ballot, drawn, AGGREGATORS["majority"]().elect(drawn.pool), 1)
    assert (one.value, one.high) == pytest.approx((5 / 9, 7 / 9))


def test_permuting_the_labels_changes_no_election() -> None:
    rng = np.random.default_rng(0)
    problems = [" ".join(rng.choice(["7c", "8i", "9i", "6i", "xx"], 9)) for _ in range(8)]
    scores = rng.random(72)
    pool = pool_of(*problems, scores=scores)
    labels = pool.outcome.copy()
    answered = labels != STATES.index("unparsed")
    for _ in range(5):
        labels[answered] = rng.permutation(labels[answered])
        other = Pool(**{name: getattr(pool, name) for name in Pool.__slots__ if name != "outcome"}, outcome=labels.copy())
        for mine, theirs in zip(ballots(pool), ballots(other), strict=True):
            for name, options in METHODS:
                drawn = [subsets(one, ElectionBudget("samples", 5), repeats=30, seed=1).pool for one in (mine, theirs)]
                strengths = [AGGREGATORS[name](**options).elect(part).strength for part in drawn]
                assert np.array_equal(strengths[0], strengths[1]), name


def test_a_vote_that_saw_the_labels_would_look_better_than_it_is() -> None:
    """BEATS' released evaluator re-decides only what the majority got wrong: a useless verifier then seems to gain .05."""
    rng = np.random.default_rng(0)
    right, honest, gated = [], [], []
    for _ in range(1_500):
        answers = rng.choice(4, 8, p=[0.4, 0.3, 0.2, 0.1])
        survivors = answers[rng.random(8) < 0.5]
        first = np.bincount(answers, minlength=4).argmax()
        second = np.bincount(survivors, minlength=4).argmax() if len(survivors) else first
        right.append(first == 0)
        honest.append(second == 0)
        gated.append(first == 0 or second == 0)
    assert np.mean(honest) < np.mean(right) < np.mean(gated) - 0.03


def test_with_tokens_the_completion_that_does_not_fit_is_cut_off() -> None:
    (ballot,) = ballots(pool_of("7c 8i", tokens=[10, 30]))
    drawn = subsets(ballot, ElectionBudget("tokens", 30), repeats=200, seed=0)
    assert sorted(set(drawn.pool.sizes.tolist())) == [1]  # 10 + 30 does not fit, whichever comes first
    assert set(drawn.spent.tolist()) == {30.0}
    all_of_it = subsets(ballot, ElectionBudget("tokens", 40), repeats=10, seed=0)
    assert (set(all_of_it.pool.sizes.tolist()), set(all_of_it.spent.tolist())) == ({2}, {40.0})
    nothing = subsets(ballot, ElectionBudget("tokens", 5), repeats=10, seed=0)
    assert expected(ballot, nothing, AGGREGATORS["majority"]().elect(nothing.pool), 1).value == 0.0


def test_several_models_are_drawn_in_turn_and_only_what_was_asked_is_paid() -> None:
    pool = pool_of("7c 7c 7c 7c 8i 8i", models=[0, 0, 0, 0, 1, 1])
    (ballot,) = ballots(pool, ["m1", "m0"])
    drawn = subsets(ballot, ElectionBudget("samples", 4), repeats=25, seed=0)
    assert {tuple(row) for row in drawn.pool.model.tolist()} == {(0, 1, 0, 1)}  # m1 is asked first
    switched = expected(ballot, drawn, AGGREGATORS["model_switch"]().elect(drawn.pool), 1)
    assert (switched.value, switched.tokens) == (0.0, 20.0)
    lot = random_choice_value(ballot, drawn, 1)
    assert (lot.value, lot.tokens) == (0.5, 10.0)  # of the two of each model, not of all six
    assert best_possible(ballot, drawn).value == 1.0
    (alone,) = ballots(pool, ["m0"])
    assert alone.size == 4


def test_a_score_is_asked_about_every_pair_of_a_right_and_a_wrong_completion() -> None:
    pool = pool_of("7c 7c 8i 9i xx 6u", "7c 7c", "8i 9i", scores=[0.9, 0.3, 0.3, 0.5, 5.0, 0.1, 1, 2, 1, 2])
    first, solved, never = ballots(pool)
    # right .9 .3 against wrong .3 .5 .1 (an undecided answer is not right): 3 won; .3 ties .3, loses to .5, beats .1
    assert comparison_rate(first, "s") == pytest.approx(4.5 / 6)
    assert comparison_rate(first, "-s") == pytest.approx(1.5 / 6)
    assert comparison_rate(solved, "s") is comparison_rate(never, "s") is None


def test_folds_hold_whole_clusters_and_are_of_like_size() -> None:
    pool = pool_of(*["7c 8i"] * 12, templates=["a", "a", "a", "a", "b", "b", "c", "c", None, None, None, None])
    items = ballots(pool)
    fold = folds(items, 2, 0)
    assert len({*fold[:4]}) == len({*fold[4:6]}) == len({*fold[6:8]}) == 1
    assert abs(int(fold.sum()) * 2 - 12) <= 4
    assert {tuple(folds(items, 2, seed).tolist()) for seed in range(6)} != {tuple(fold.tolist())}


def test_a_ballot_keeps_what_is_graded_apart_from_what_is_seen() -> None:
    (ballot,) = ballots(POOL)
    assert isinstance(ballot, Ballot)
    assert isinstance(ballot.pool, BlindPool)
    assert (ballot.size, ballot.correct) == (7, 3)
