"""The measure `values`: values of unfinished solutions, learnt from stored right and wrong ones, choose among new ones.

After B-Coder (Yu et al. 2024, arXiv:2310.03173): a value of each state is the fixed point of the Bellman operator of the
model that drew, without a maximum over actions, and learnt off line from stored solutions and their verdicts. States are
the places of a text, their features a language model's hidden states, so that the fixed point is that of least squares
(LSTD, Bradtke & Barto 1996). Beside it a classifier of finished solutions, which is CodeRL's critic (Le et al. 2022) with
two outcomes, and the solution's log-probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.methods import (
    Bench,
    Doubles,
    Estimate,
    Measured,
    Problem,
    ReadingModel,
    checked_count,
    checked_positive,
    trained_head,
)
from rollmill_papers.studies.probes import Solutions, auroc_less_half, judged_sets, mean_over

BY = ("value", "classifier", "log-prob")


class SolutionValues:
    """Effects in accuracy of the solution chosen among N by the learnt value: `value - random`, `value - log-prob`, `value
    - classifier`, `classifier - random`. Effect `auroc at half less .5`, of the values in the middle of a text.

    `problems`: test problems; the values are learnt on twice as many. `samples`: solutions of each problem, N. `levels`:
    levels of the problems. `ridge`: weight of the ridge penalty in both regressions.
    """

    name, version = "values", "1"

    def __init__(
        self, problems: int = 120, samples: int = 8, levels: Sequence[int] = (5, 6, 7, 8), ridge: float = 30.0
    ) -> None:
        self.problems = checked_count("measure", self.name, "problems", problems, least=2)
        self.samples = checked_count("measure", self.name, "samples", samples, least=2)
        checked_positive("measure", self.name, "ridge", ridge)
        self.levels, self.ridge = tuple(levels), ridge

    def measure(self, bench: Bench) -> Measured:
        """Learn from solutions of the training templates; choose among those of unseen instances, clustered by template."""
        reading = ReadingModel.open(bench.one_model().folder)
        problems, solutions = judged_sets(bench, self.problems, self.samples, self.levels)
        learnt = [states for own in states_of(reading, problems["train"], solutions["train"]) for states in own]
        right = np.asarray([is_right for own in solutions["train"] for _, is_right in own], dtype=float)
        value = value_head(learnt, right, self.ridge)
        classifier = trained_head(np.asarray([states[-1] for states in learnt]), right, self.ridge)
        tested = states_of(reading, problems["heldout"], solutions["heldout"])
        ends = [np.asarray([states[-1] for states in own]) for own in tested]
        scores = {
            "value": [value(states) for states in ends],
            "classifier": [classifier(states) for states in ends],
            "log-prob": log_probs(reading, problems["heldout"], solutions["heldout"]),
        }
        chosen = {name: share_right(scores[name], solutions["heldout"]) for name in BY}
        # The expected accuracy of a random choice, without the noise of drawing one.
        chosen["random"] = np.asarray([np.mean([is_right for _, is_right in own]) for own in solutions["heldout"]])
        templates = [problem.template for problem in problems["heldout"]]
        compared = (("value", "random"), ("value", "log-prob"), ("value", "classifier"), ("classifier", "random"))
        effects = {f"{one} - {other}": _mean(chosen[one] - chosen[other], templates) for one, other in compared}
        middle = np.concatenate([value(np.asarray([states[len(states) // 2] for states in own])) for own in tested])
        effects["auroc at half less .5"] = _auroc(middle, solutions["heldout"], templates)
        return Measured(effects, {f"right by {name}": _mean(values, templates) for name, values in chosen.items()})


@dataclass(frozen=True, slots=True)
class ValueHead:
    """A linear value of standardised states."""

    mean: Doubles
    scale: Doubles
    weights: Doubles

    def __call__(self, states: Doubles) -> Doubles:
        """Values of states (n, width)."""
        return np.asarray(_with_one((states - self.mean) / self.scale) @ self.weights)


def value_head(episodes: Sequence[Doubles], rewards: Doubles, ridge: float) -> ValueHead:
    """The least-squares fixed point of: a state has the value of the next one, the last has the reward. `episodes`: the
    states of each, (states, width); `ridge`: weight of the penalty on all weights but the constant.
    """
    every = np.concatenate(episodes)
    # A feature that never varies has the deviation 0, by which nothing can be divided.
    mean, scale = every.mean(axis=0), every.std(axis=0) + 1e-9
    penalty = np.full(every.shape[1] + 1, ridge)
    # The constant is free; this only keeps the matrix invertible.
    penalty[0] = 1e-9
    left, right = np.diag(penalty), np.zeros(len(penalty))
    for states, reward in zip(episodes, rewards, strict=True):
        features = _with_one((states - mean) / scale)
        next_ones = np.vstack([features[1:], np.zeros((1, len(penalty)))])  # behind the last there is nothing
        # LSTD: A sums f (f - f')^T and b sums f r over the states; r is 0 but at the last.
        left += features.T @ (features - next_ones)
        right += reward * features[-1]
    return ValueHead(mean, scale, np.linalg.solve(left, right))


def states_of(reading: ReadingModel, problems: Sequence[Problem], solutions: Solutions) -> list[list[Doubles]]:
    """Hidden states of each solution of each problem, before its tokens and before its end, (states, width)."""
    texts = [
        reading.encoded(problem.prompt, text) for problem, own in zip(problems, solutions, strict=True) for text, _ in own
    ]
    # One call for all texts, since the model reads them in batches; results come in the order of the texts.
    read = reading.states(texts)
    return [[next(read) for _ in own] for own in solutions]


def log_probs(reading: ReadingModel, problems: Sequence[Problem], solutions: Solutions) -> list[Doubles]:
    """Mean log-probability of the tokens of each solution."""
    return [
        np.asarray([logps.mean() for logps in reading.text_logps([reading.encoded(one.prompt, text) for text, _ in own])])
        for one, own in zip(problems, solutions, strict=True)
    ]


def share_right(scores: Sequence[Doubles], solutions: Solutions) -> Doubles:
    """For each problem 1 if the solution with the highest score is right; among equal scores the share of right ones."""
    pairs = zip(scores, solutions, strict=True)
    return np.asarray(
        [
            np.mean([is_right for (_, is_right), score in zip(own, of, strict=True) if score == of.max()])
            for of, own in pairs
        ]
    )


def _mean(values: Doubles, templates: Sequence[str | None]) -> Estimate:
    return mean_over(values, templates, "share of problems right")


def _auroc(scores: Doubles, solutions: Solutions, templates: Sequence[str | None]) -> Estimate:
    right = np.asarray([is_right for own in solutions for _, is_right in own])
    return auroc_less_half(
        scores, right, [template for template, own in zip(templates, solutions, strict=True) for _ in own]
    )


def _with_one(values: Doubles) -> Doubles:
    return np.hstack([np.ones((len(values), 1)), values])
