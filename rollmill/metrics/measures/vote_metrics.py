"""Metrics of votes among k completions: majority, any aggregator, how many different answers, how often two agree.

A vote sees answers, scores and tokens; how right the elected answer is comes in afterwards (`elections`). An undecided
completion votes: its answer is as right as the judged completions that give the same one, and wrong if there are none
(`if_right` of a row is the value otherwise). A completion that is not parsed abstains and counts in k.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.metrics.elections import Ballot, ElectionBudget, expected, subsets
from rollmill.metrics.sample import Metric, MetricValue, Options, Sample, means_of
from rollmill.roles.registries import registry
from rollmill.stats import AnswerCounts, Expectation, agreement, distinct_at_ks, majority_at_k

if TYPE_CHECKING:
    from rollmill.roles.blind_pool import Aggregator, BlindPool, Election

SUBSETS = 5000  # of one problem, all of them where there are no more


@runtime_checkable
class Elects(Protocol):
    """Call that an aggregator has and a selector, which sees verdicts, lacks."""

    def elect(self, pool: "BlindPool") -> "Election": ...


def answer_counts(ballot: Ballot) -> AnswerCounts:
    """The votes of one problem's answers and which of them are right."""
    answer = ballot.pool.answer[0]
    votes = np.bincount(answer[answer >= 0], minlength=len(ballot.right)).tolist()
    return AnswerCounts(tuple(votes), tuple(ballot.right.astype(float).tolist()), int((answer < 0).sum()))


def _expected(
    sample: Sample, ks: list[int], of_problem: Callable[[Ballot, int], Expectation], setting: dict[str, Any], what: str
) -> list[MetricValue]:
    """Means over problems of expectations over subsets, with the Monte Carlo error of the mean."""
    expectations = [[of_problem(ballot, k) for k in ks] for ballot in sample.ballots()]
    values = np.array([[expectation.value for expectation in row] for row in expectations])
    # The subsets of different problems are independent, so their variances add.
    errors = [math.sqrt(math.fsum(row[at].error ** 2 for row in expectations)) / len(expectations) for at in range(len(ks))]
    rows = means_of(sample, [{"k": k, **setting} for k in ks], values, what)
    conflicts = sum(ballot.conflicts for ballot in sample.ballots())
    note = f"{conflicts} answers were judged both ways; the more frequent verdict counts" if conflicts else ""
    return [
        MetricValue(row.setting, row.estimate, "; ".join(filter(None, (row.why, note))), error)
        for row, error in zip(rows, errors, strict=True)
    ]


def _majority(sample: Sample, options: Options) -> list[MetricValue]:
    def of_problem(ballot: Ballot, k: int) -> Expectation:
        expectation = majority_at_k(answer_counts(ballot), k, seed=options.seed)
        assert expectation is not None  # every problem has k completions
        return expectation

    return _expected(sample, _vote_ks(sample, options), of_problem, {}, "accuracy of the majority of k answers")


def _aggregated(sample: Sample, options: Options) -> list[MetricValue]:
    """Accuracy of an aggregator's elected answer; equally strong answers are elected with equal chances."""
    aggregator = aggregator_of(options.aggregator, sample)

    def of_problem(ballot: Ballot, k: int) -> Expectation:
        drawn = subsets(ballot, ElectionBudget("samples", k), repeats=SUBSETS, seed=options.seed)
        expectation = expected(ballot, drawn, aggregator.elect(drawn.pool), 1)
        return Expectation(expectation.value, math.sqrt(expectation.variance))

    what = f"accuracy of {aggregator.name} over k answers"
    return _expected(sample, _vote_ks(sample, options), of_problem, {"aggregator": aggregator.name}, what)


def aggregator_of(named: "Aggregator | str | None", sample: Sample) -> "Aggregator":
    """The aggregator by its name, or the given one; SetupError for what sees verdicts or needs more than a pool has."""
    known = registry("aggregator")
    # Named before unknown names, to say which metric is meant.
    if named in ("oracle", "any_correct"):
        raise SetupError(
            f"Aggregator {named!r} would see the verdicts.",
            next_command="ask `pass@k`, which is the accuracy of that choice",
        )
    if named is None or (isinstance(named, str) and named not in known):
        raise unknown_name("aggregator", str(named), known)
    aggregator: Aggregator = known[named]() if isinstance(named, str) else named
    if not isinstance(aggregator, Elects):
        raise SetupError(
            f"{type(aggregator).__name__} is no aggregator: it has no `elect(pool)` of a blind pool, and what decides by "
            "rollouts (a selector) sees their verdicts.",
            choices=known,
        )
    # The pool of a metric holds neither.
    lacking = {"texts", "passes"} & set(aggregator.needs)
    if lacking or ("scores" in aggregator.needs and not sample.pool.scores):
        raise SetupError(
            f"Aggregator {aggregator.name!r} needs {', '.join(aggregator.needs)}, which this pool has not.",
            choices=known,
        )
    return aggregator


def _distinct(sample: Sample, options: Options) -> list[MetricValue]:
    """The number of different answers among k, as a share of k so that its interval has bounds."""
    ks = _vote_ks(sample, options)
    counts = [answer_counts(ballot) for ballot in sample.ballots()]
    values = np.stack([distinct_at_ks(count.votes, count.n, ks) / np.asarray(ks) for count in counts])
    return means_of(sample, [{"k": k} for k in ks], values, "number of different answers among k completions, over k")


def _agreement(sample: Sample, options: Options) -> list[MetricValue]:  # noqa: ARG001
    counts = [answer_counts(ballot) for ballot in sample.ballots()]
    shares = [agreement(count.votes, count.n) for count in counts]
    values = np.array([[np.nan if share is None else share] for share in shares])
    return means_of(sample, [{}], values, "chance that two completions give the same answer")


def _vote_ks(sample: Sample, options: Options) -> list[int]:
    """Undecided completions vote, so k may be as large as the number drawn."""
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
