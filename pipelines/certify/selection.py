"""False accepts among answers that were selected against the verifier, of problems whose candidates are all wrong.

The selection is best of n by a score that prefers what the verifier accepts: it gives a wrong answer that is accepted as
soon as one of the n is. Over all choices of n among the candidates of a problem that is pass@k of "accepted", exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rollmill.stats import Estimate, pass_at_k, population_mean

POOL = 64
"""Candidates of a problem."""
SIZES = (1, 4, 16, POOL)
NATURAL = "natural"
"""The kind of a candidate that was not made to be accepted."""


def selection(candidates: Iterable[tuple[str, str, bool]]) -> dict[str, Any]:
    """Natural false accepts, those of the best of n, and accepted kinds, from (problem, kind, accepted) candidates.

    Rates have an interval over problems. The best of n is over the problems that have n candidates.
    """
    by_problem: dict[str, list[tuple[str, bool]]] = {}
    for problem, kind, accepted in candidates:
        by_problem.setdefault(problem, []).append((kind, accepted))
    natural = [(problem, hit) for problem, pool in by_problem.items() for kind, hit in pool if kind == NATURAL]
    # Wrong rollouts of one problem resemble one another, so problems are the clusters.
    rate = population_mean(
        [float(hit) for _, hit in natural], [problem for problem, _ in natural], estimand="wrong rollouts accepted"
    )
    return {
        "natural": {"accepted": sum(hit for _, hit in natural), "answers": len(natural), **_estimate(rate)},
        "best_of": [{"n": n, **_best_of(n, by_problem)} for n in SIZES],
        "accepted": _by_kind(by_problem),
    }


def _best_of(n: int, by_problem: Mapping[str, Sequence[tuple[str, bool]]]) -> dict[str, Any]:
    counts = [(len(pool), sum(hit for _, hit in pool)) for pool in by_problem.values() if len(pool) >= n]
    # Defined for each of these pools, which have n candidates or more.
    shares = [pass_at_k(size, hits, n) or 0.0 for size, hits in counts]
    mean = population_mean(shares, None, estimand="problems whose best of n is wrong and accepted")
    return {"with_any": sum(hits > 0 for _, hits in counts), **_estimate(mean)}


def _estimate(mean: Estimate | None) -> dict[str, Any]:
    if mean is None:
        return {"problems": 0, "rate": None, "low": None, "high": None}
    return {"problems": mean.clusters, "rate": mean.value, "low": mean.low, "high": mean.high}


def _by_kind(by_problem: Mapping[str, Sequence[tuple[str, bool]]]) -> list[dict[str, Any]]:
    """The kinds of which some candidate was accepted, with how many were asked."""
    counts: dict[str, list[int]] = {}
    for pool in by_problem.values():
        for kind, hit in pool:
            count = counts.setdefault(kind, [0, 0])
            count[0] += hit
            count[1] += 1
    return [{"kind": kind, "accepted": hits, "of": asked} for kind, (hits, asked) in counts.items() if hits]
