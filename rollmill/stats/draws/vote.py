"""A vote over the answers of several models: the most frequent answer, ties to the earlier model.

ModelSwitch ("Do We Truly Need So Many Samples?", 2025) asks one model after the other until one is unanimous and lets all
answers so far vote. With two models, equal numbers and unanimity the result equals the vote over all answers of both: n
equal votes cannot be outvoted by n others, and a tie goes to the model that was unanimous. Answers are canonical keys
(statistics.md, point 9); None is an answer that could not be read: it abstains.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from math import log2

Answers = Sequence[Sequence[Hashable | None]]
"""The answers by model, the first model first, each model's in the order in which they were drawn."""


def vote(answers: Answers) -> Hashable | None:
    """The most frequent answer, None without answers.

    Of equals the one with more votes at the earliest model, then the one given first.
    """
    return _elected(answers, [1.0] * len(answers))


def weighted_vote(answers: Answers) -> Hashable | None:
    """ModelSwitch's weighted form: an answer counts its model's agreement with itself.

    Report it with the plain vote, never instead: if a model repeats its own wrong answers, the weights hurt.
    """
    return _elected(answers, [self_agreement(mine) for mine in answers])


def self_agreement(answers: Sequence[Hashable | None]) -> float:
    """1/n + (1 - 1/n) (1 - H / log2(number of different answers)), H their entropy in bits; 1 if all are the same.

    n is the number of answers that could be read; 0 if there is none.
    """
    counts = Counter(answer for answer in answers if answer is not None)
    n = counts.total()
    if n == 0:
        return 0.0
    if len(counts) == 1:
        return 1.0
    entropy = -sum(count / n * log2(count / n) for count in counts.values())
    return 1 / n + (1 - 1 / n) * (1 - entropy / log2(len(counts)))


def _elected(answers: Answers, weights: Sequence[float]) -> Hashable | None:
    tallies = [Counter(answer for answer in mine if answer is not None) for mine in answers]
    given = list(dict.fromkeys(answer for mine in answers for answer in mine if answer is not None))

    def strength(answer: Hashable) -> tuple[float, list[int]]:
        score = sum(weight * tally[answer] for weight, tally in zip(weights, tallies, strict=True))
        return round(score, 9), [tally[answer] for tally in tallies]

    return max(given, key=strength, default=None)  # the first of equals: the one that was given first
