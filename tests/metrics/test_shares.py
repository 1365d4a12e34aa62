"""Shares of groups before and after selection, and problems by exactly how many completions are correct."""

from rollmill.metrics import by_correct, judged_numbers, shares, tallied
from rollmill.stats import cluster_share, population_mean

CLUSTERS = ["a", "a", "b", "b", None, None]
COUNTS = tallied(
    [(0, 4, 0, 8, 0), (1, 4, 0, 8, 2), (1, 4, 0, 8, 1), (4, 4, 0, 8, 8), (2, 2, 0, 4, 1), (0, 0, 4, 4, 0)],
    CLUSTERS,
    level=[1, 1, 2, 2, 2, None],
)


def test_shares_of_problems_rollouts_and_kept_ones_with_intervals_over_clusters() -> None:
    first, second, none = shares(COUNTS, "level")
    assert [one.group for one in (first, second, none)] == [1, 2, None]
    assert [(one.problems, one.rollouts, one.kept) for one in (first, second, none)] == [(2, 16, 2), (3, 20, 10), (1, 4, 0)]
    by_hand = cluster_share([8, 8, 0, 0, 0, 0], [8, 8, 8, 8, 4, 4], CLUSTERS, estimand="x")
    assert by_hand is not None
    assert first.before is not None
    assert (first.before.value, first.before.clusters) == (0.4, 4)
    for end in ("low", "high"):
        assert abs(getattr(first.before, end) - getattr(by_hand, end)) < 1e-12
    assert first.after is not None
    assert first.after.value == 2 / 12
    among = population_mean([1.0, 1.0, 0.0, 0.0, 0.0, 0.0], CLUSTERS)
    assert among is not None
    assert first.of_problems is not None
    assert abs(first.of_problems.high - among.high) < 1e-12


def test_nothing_kept_has_no_share_after() -> None:
    counts = tallied([(1, 4, 0, 4, 0), (2, 4, 0, 4, 0)], [None, None], level=[1, 1])
    assert [(one.after, one.before is None) for one in shares(counts, "level")] == [(None, False)]


def test_problems_by_exactly_how_many_are_correct() -> None:
    assert judged_numbers(COUNTS) == {4: 4, 2: 1}
    assert [(one.group, one.problems, one.kept) for one in by_correct(COUNTS, 4)] == [
        (0, 1, 0),
        (1, 2, 3),
        (2, 0, 0),
        (3, 0, 0),
        (4, 1, 8),
    ]
    assert by_correct(COUNTS, 3) == []
