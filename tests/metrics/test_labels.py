"""Elected labels: their shares, their error by share, and problems of which nothing is known."""

import pytest

from rollmill.metrics.elections import ballots
from rollmill.metrics.labels import is_graded, label_errors, labels
from rollmill.pipelines.aggregate import AGGREGATORS
from tests.metrics.test_elections import pool_of

POOL = pool_of(
    "7c 7c 7c 8i",  # right, three of four
    "8i 8i 8i 8i",  # wrong, and unanimous
    "7c 7c xx xx",  # right; who abstains counts in the share
    "9u 9u 9u 8u",  # no reference: nothing is known
    "9u 9u 7c 8i",  # elected without a verdict beside judged ones: counts as wrong
    "xx xx xx xx",  # nothing is elected
)


def test_a_label_has_the_share_of_all_completions_and_what_verdicts_say_of_it() -> None:
    given = labels(ballots(POOL), AGGREGATORS["majority"](), seed=0)
    assert [(label.ballot.problem, label.answer, label.share, label.right) for label in given] == [
        ("p0", "7", 0.75, True),
        ("p1", "8", 1.0, False),
        ("p2", "7", 0.5, True),
        ("p3", "9", 0.75, None),
        ("p4", "9", 0.5, False),
    ]


def test_the_error_is_of_graded_problems_alone_and_undefined_without_any() -> None:
    given = labels(ballots(POOL), AGGREGATORS["majority"](), seed=0)
    rows = {row.share: row for row in label_errors(given, 5, (0.0, 0.75, 1.0))}
    assert [(row.graded, row.unknown, row.kept) for row in rows.values()] == [(4, 1, 0.8), (2, 1, 0.4), (1, 0, 0.2)]
    errors = [row.error for row in rows.values()]
    assert [None if error is None else error.value for error in errors] == [0.5, 0.5, 1.0]
    assert all(error is not None and error.low < error.high for error in errors)
    only = [label for label in given if label.right is None]
    (nothing,) = label_errors(only, 0, (0.5,))
    assert (nothing.error, nothing.kept, nothing.unknown) == (None, None, 1)


def test_a_problem_with_a_placeholder_is_not_graded_by_it() -> None:
    pool = pool_of("7i 7i 8i", "7c 7c 8i")
    given = labels(ballots(pool), AGGREGATORS["majority"](), seed=0, unknown={"p0"})
    assert [label.right for label in given] == [None, True]
    assert [is_graded(ballot, {"p0"}) for ballot in ballots(pool)] == [False, True]
    assert [is_graded(ballot) for ballot in ballots(POOL)] == [True, True, True, False, True, True]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_tie_is_labelled_by_the_seed_and_alike_every_time(seed: int) -> None:
    pool = pool_of(*["7c 8i"] * 30)
    first, again = (
        [label.answer for label in labels(ballots(pool), AGGREGATORS["majority"](), seed=seed)] for _ in range(2)
    )
    assert first == again
