"""Elected answers as labels of problems, and how often such labels are wrong, by how much the completions agree.

For problems without a reference. The error is measured on the problems of the same pool that have one, so it
says something of the others only as far as these are like them; a vote of one model is wrong where the model is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rollmill.metrics.elections import Ballot
from rollmill.roles.blind_pool import Aggregator
from rollmill.stats import Estimate, population_mean

LADDER = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
ERROR = "error of elected labels over the population of problems"


@dataclass(frozen=True, slots=True)
class Label:
    """The elected answer of one problem. `votes`: number of completions that give it. `share`: their share among all
    completions of the problem, including those that abstain.

    `right`: the verdict on this answer. False if it is not judged but others of the problem are; None if no answer of the
    problem is judged.
    """

    ballot: Ballot
    answer: str
    votes: int
    right: bool | None

    @property
    def share(self) -> float:
        """votes / completions."""
        return self.votes / self.ballot.size


@dataclass(frozen=True, slots=True)
class LabelError:
    """Labels whose share is at least `share`: how many of problems with a reference (`graded`) and without (`unknown`).

    `kept`: the part of all graded problems; `error`: the share of wrong labels among the graded, None if there is none.
    """

    share: float
    graded: int
    unknown: int
    kept: float | None
    error: Estimate | None


def labels(items: Sequence[Ballot], aggregator: Aggregator, seed: int, unknown: Collection[str] = ()) -> list[Label]:
    """Labels of problems for which an answer is elected, one each; ties are broken by the seed.

    `unknown`: problems with a placeholder for a reference, whatever verifiers made of it.
    """
    elected = []
    for ballot in items:
        top = aggregator.elect(ballot.pool).top(ballot.pool, 1, seed=seed)
        if top:
            place = ballot.pool.answers.index(top[0])
            right = bool(ballot.right[place]) if is_graded(ballot, unknown) else None
            elected.append(Label(ballot, top[0], int((ballot.pool.answer == place).sum()), right))
    return elected


def is_graded(ballot: Ballot, unknown: Collection[str] = ()) -> bool:
    """True if a problem has a reference: some answer was judged by it, or no answer could have been."""
    return ballot.problem not in unknown and not (len(ballot.open) and ballot.open.all())


def label_errors(elected: Sequence[Label], graded_problems: int, shares: Sequence[float] = LADDER) -> list[LabelError]:
    """The error by the required least share. `graded_problems`: those with a reference, labelled or not."""
    rows = []
    for least in shares:
        taken = [label for label in elected if label.share >= least - 1e-12]
        graded = [label for label in taken if label.right is not None]
        wrong = [float(not label.right) for label in graded]
        error = population_mean(wrong, [label.ballot.cluster for label in graded], estimand=ERROR)
        kept = len(graded) / graded_problems if graded_problems else None
        rows.append(LabelError(least, len(graded), len(taken) - len(graded), kept, error))
    return rows
