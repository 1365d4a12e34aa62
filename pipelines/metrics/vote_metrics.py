"""Metrics of votes among k completions: majority, any aggregator, how many different answers, how often two agree.

A vote sees answers, scores and tokens; how right the elected answer is comes in afterwards. An undecided completion votes:
its answer is as right as the judged completions that give the same one, and wrong where there are none (`if_right` of a row
says what it would be otherwise). A completion that is not parsed abstains and counts in k.
"""

import math
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from pipelines.metrics.counts import UNDECIDED
from pipelines.metrics.sample import Array, Measured, Metric, Options, Sample, means_of
from pipelines.stats import AnswerCounts, Expectation, agreement, distinct_at_ks, expected_over_subsets, majority_at_k
from storage.errors import SetupError, unknown_name
from storage.pool import Ints

if TYPE_CHECKING:
    from pipelines.aggregate import Aggregator, BlindPool, Election


@runtime_checkable
class Elects(Protocol):
    """What an aggregator has and a selector, which sees verdicts, has not."""

    def elect(self, pool: "BlindPool") -> "Election": ...


def answer_counts(sample: Sample, rows: Ints) -> tuple[Ints, AnswerCounts]:
    """The places of the different answers of one problem's rollouts, and their votes and shares correct."""
    answer, judged = sample.pool.answer[rows], sample.pool.outcome[rows] < UNDECIDED
    given, local = np.unique(answer[answer >= 0], return_inverse=True)
    votes = np.bincount(local, minlength=len(given))
    seen = np.bincount(local, judged[answer >= 0], minlength=len(given))
    right = np.bincount(local, sample.right(rows)[answer >= 0], minlength=len(given))
    shares = (right / np.maximum(seen, 1)).tolist()
    return given, AnswerCounts(tuple(votes.tolist()), tuple(shares), int((answer < 0).sum()))


def _expected(sample: Sample, ks: list[int], of_problem: Any, setting: dict[str, Any], what: str) -> list[Measured]:
    """Means over problems of expectations over subsets, with the Monte Carlo error of the mean."""
    found: list[list[Expectation]] = [[of_problem(rows, k) for k in ks] for rows in sample.by_problem()]
    values = np.array([[one.value for one in row] for row in found])
    errors = [math.sqrt(math.fsum(row[at].error ** 2 for row in found)) / len(found) for at in range(len(ks))]
    rows = means_of(sample, [{"k": k, **setting} for k in ks], values, what)
    return [Measured(row.setting, row.estimate, row.why, error) for row, error in zip(rows, errors, strict=True)]


def _majority(sample: Sample, options: Options) -> list[Measured]:
    def of_problem(rows: Ints, k: int) -> Expectation | None:
        return majority_at_k(answer_counts(sample, rows)[1], k, seed=options.seed)

    return _expected(sample, _vote_ks(sample, options), of_problem, {}, "accuracy of the majority of k answers")


def _aggregated(sample: Sample, options: Options) -> list[Measured]:
    """Of equally strong answers each is elected with the same chance."""
    aggregator = aggregator_of(options.aggregator, sample)

    def of_problem(rows: Ints, k: int) -> Expectation | None:
        given, counts = answer_counts(sample, rows)
        pool, rights = blind_pool(sample, rows, given), np.asarray(counts.rights)
        return expected_over_subsets(
            lambda places: _elected(aggregator, pool.subsets(places), rights), len(rows), k, seed=options.seed
        )

    what = f"accuracy of {aggregator.name} over k answers"
    return _expected(sample, _vote_ks(sample, options), of_problem, {"aggregator": aggregator.name}, what)


def _elected(aggregator: "Aggregator", pool: "BlindPool", rights: Array) -> Array:
    """How right what is elected in each subset is; nothing elected is not right."""
    if not len(rights):
        return np.zeros(len(pool))
    strength = aggregator.elect(pool).strength
    best = strength.max(axis=1, keepdims=True)
    top = (strength == best) & np.isfinite(best)
    return np.asarray((top @ rights) / np.maximum(top.sum(axis=1), 1), dtype=np.float64)


def blind_pool(sample: Sample, rows: Ints, given: Ints) -> "BlindPool":
    """What an aggregator sees of one problem's rollouts: no reference and no verdict."""
    from pipelines.aggregate import BlindPool

    pool = sample.pool
    local = np.where(pool.answer[rows] < 0, -1, np.searchsorted(given, pool.answer[rows]))
    return BlindPool(
        answers=tuple(pool.answers[place] for place in given.tolist()),
        answer=local[None],
        drawn=np.ones((1, len(rows)), dtype=bool),
        member=np.arange(len(rows))[None],
        model=pool.model[rows][None],
        tokens=pool.tokens[rows][None],
        scores={name: values[rows][None] for name, values in pool.scores.items()},
    )


def aggregator_of(named: "Aggregator | str | None", sample: Sample) -> "Aggregator":
    """The aggregator by its name, or the given one; SetupError for what sees verdicts or needs more than a pool has."""
    from pipelines.aggregate import AGGREGATORS

    if named in ("oracle", "any_correct"):
        raise SetupError(
            f"Aggregator {named!r} would see the verdicts.",
            next_command="ask `pass@k`, which is the accuracy of that choice",
        )
    if named is None or (isinstance(named, str) and named not in AGGREGATORS):
        raise unknown_name("aggregator", str(named), AGGREGATORS)
    aggregator = AGGREGATORS[named]() if isinstance(named, str) else named
    if not isinstance(aggregator, Elects):
        raise SetupError(
            f"{type(aggregator).__name__} is no aggregator: it has no `elect(pool)` of a blind pool, and what decides by "
            "rollouts (a selector) sees their verdicts.",
            choices=AGGREGATORS,
        )
    lacking = {"texts", "passes"} & set(aggregator.needs)
    if lacking or ("scores" in aggregator.needs and not sample.pool.scores):
        raise SetupError(
            f"Aggregator {aggregator.name!r} needs {', '.join(aggregator.needs)}, which this pool has not.",
            choices=AGGREGATORS,
        )
    return aggregator


def _distinct(sample: Sample, options: Options) -> list[Measured]:
    """The number of different answers among k, as a share of k so that its interval has bounds."""
    ks = _vote_ks(sample, options)
    counts = [answer_counts(sample, rows)[1] for rows in sample.by_problem()]
    values = np.stack([distinct_at_ks(one.votes, one.n, ks) / np.asarray(ks) for one in counts])
    return means_of(sample, [{"k": k} for k in ks], values, "number of different answers among k completions, over k")


def _agreement(sample: Sample, options: Options) -> list[Measured]:  # noqa: ARG001
    counts = [answer_counts(sample, rows)[1] for rows in sample.by_problem()]
    shares = [agreement(one.votes, one.n) for one in counts]
    values = np.array([[np.nan if share is None else share] for share in shares])
    return means_of(sample, [{}], values, "chance that two completions give the same answer")


def _vote_ks(sample: Sample, options: Options) -> list[int]:
    """Undecided completions vote, so k may reach what was drawn."""
    most = int(sample.drawn.min())
    ks = sorted(set(options.ks)) if options.ks else [1 << power for power in range(most.bit_length())]
    if ks[0] < 1 or ks[-1] > most:
        raise SetupError(
            f"k = {ks[-1] if ks[-1] > most else ks[0]}: every problem has {most} completions.", choices=[f"1 to {most}"]
        )
    return ks


VOTE_METRICS = {
    "maj@k": Metric(_majority, frozenset({"answers"})),
    "aggregate@k": Metric(_aggregated, frozenset({"answers", "aggregator"})),
    "distinct@k": Metric(_distinct, frozenset({"answers"})),
    "agreement": Metric(_agreement, frozenset({"answers"})),
}
