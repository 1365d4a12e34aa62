"""The measure `restarts`: heads on hidden states say, at the end of an answer or after its first tokens, whether another
draw would be better; draws stop, and begun answers are given up, by what they say.

After Manvi, Singh & Ermon 2024 (Adaptive inference-time compute: LLMs can predict if they can do better, even
mid-generation). There the model is trained to give the chance by one token; here a linear head reads its states. The target
is the share of the other draws of the problem that are right where this one is wrong; a tie is no gain.
"""

from collections.abc import Sequence

import numpy as np

from rollmill.methods import (
    Bench,
    Doubles,
    Estimate,
    LinearHead,
    Measured,
    Problem,
    ReadingModel,
    checked_count,
    checked_positive,
    trained_head,
)
from rollmill_papers.studies.probes import Solutions, auroc_less_half, judged_sets, mean_over

ORDERS = 50  # random orders of the draws of a problem, over which policies are averaged
HELD = 1e-9


class Restarts:
    """Effects `adaptive - fixed`, stopping by the head against as many draws of every problem; `pruned - random`, giving up
    unfinished answers by the head or at random; `auroc less .5: begun`, of unfinished answers that will be right.

    `problems`: test problems; the heads are trained on twice as many. `samples`: most draws of a problem. `draws`: mean
    draws for which the stopping rule is set on the training problems. `after`: tokens of an unfinished answer when it is
    judged. `keep`: number of unfinished answers that are continued to their end. `levels`: levels of the problems. `ridge`:
    weight of the ridge penalty on the head's weights.
    """

    name, version = "restarts", "1"

    def __init__(  # noqa: PLR0913 (options, all by name)
        self,
        problems: int = 160,
        samples: int = 8,
        *,
        draws: float = 2.0,
        after: int = 16,
        keep: int = 2,
        levels: Sequence[int] = (4, 5, 6, 7, 8),
        ridge: float = 30.0,
    ) -> None:
        self.problems = checked_count("measure", self.name, "problems", problems, least=2)
        self.samples = checked_count("measure", self.name, "samples", samples, least=2)
        self.after = checked_count("measure", self.name, "after", after)
        self.keep = checked_count("measure", self.name, "keep", keep)
        checked_positive("measure", self.name, "draws", draws)
        checked_positive("measure", self.name, "ridge", ridge)
        self.draws, self.levels, self.ridge = draws, tuple(levels), ridge

    def measure(self, bench: Bench) -> Measured:
        """Train both heads on the training templates; test the policies on unseen instances, intervals over templates."""
        reading = ReadingModel.open(bench.one_model().folder)
        problems, solutions = judged_sets(bench, self.problems, self.samples, self.levels)
        states = {name: self._states(reading, problems[name], solutions[name]) for name in problems}
        right = {name: np.asarray([[is_right for _, is_right in texts] for texts in solutions[name]]) for name in problems}
        gains = gains_of_another(right["train"])
        ended, begun = (_trained(states["train"][place], gains, self.ridge) for place in (0, 1))
        doubts = {name: _read(ended, states[name][0]) for name in problems}
        early, templates = _read(begun, states["heldout"][1]), [problem.template for problem in problems["heldout"]]
        rng = np.random.default_rng(bench.seed)
        bound = bound_for(doubts["train"], self.draws, rng)
        adaptive, fixed, used = stopped(doubts["heldout"], right["heldout"], bound, rng)
        by_head, by_lot = pruned(early, doubts["heldout"], right["heldout"], self.keep, rng)
        return Measured(
            {
                "adaptive - fixed": _mean(adaptive - fixed, templates, "accuracy at equal draws"),
                "pruned - random": _mean(by_head - by_lot, templates, f"accuracy with {self.keep} finished answers"),
                "auroc less .5: begun": _auroc(-early, right["heldout"], templates),
            },
            {"draws": _mean(used, templates, "draws"), "adaptive": _mean(adaptive, templates, "accuracy")},
        )

    def _states(self, reading: ReadingModel, problems: Sequence[Problem], solutions: Solutions) -> tuple[Doubles, Doubles]:
        """States at the end of each answer and after its first tokens, each (problems, samples, width)."""
        texts = [
            reading.encoded(problem.prompt, text)
            for problem, own in zip(problems, solutions, strict=True)
            for text, _ in own
        ]
        read = [(states[-1], states[min(self.after, len(states) - 1)]) for states in reading.states(texts)]
        shape = (len(problems), self.samples, -1)
        ends, begins = (np.asarray([pair[place] for pair in read]).reshape(shape) for place in (0, 1))
        return ends, begins


def gains_of_another(right: "np.typing.NDArray[np.bool_]") -> Doubles:
    """For each draw (problems, samples) the share of the problem's other draws that are right where this one is wrong."""
    others = right.sum(axis=1, keepdims=True) - right
    return np.asarray(np.where(right, 0.0, others / (right.shape[1] - 1)), dtype=np.float64)


def bound_for(doubts: Doubles, draws: float, rng: np.random.Generator) -> float:
    """The bound on a draw's doubt below which drawing stops, with a mean number of draws nearest to the one wanted."""
    ordered = np.stack([rng.permuted(doubts, axis=1) for _ in range(ORDERS)])
    bounds = np.quantile(doubts, np.linspace(0.02, 0.98, 49))
    means = [float(_draws(ordered, bound).mean()) for bound in bounds]
    return float(bounds[int(np.argmin(np.abs(np.asarray(means) - draws)))])


def stopped(
    doubts: Doubles, right: "np.typing.NDArray[np.bool_]", bound: float, rng: np.random.Generator
) -> tuple[Doubles, Doubles, Doubles]:
    """Accuracy of each problem with draws until a doubt is below the bound, its accuracy with equally many draws for every
    problem, and its draws. The least doubted draw is the answer. Between whole numbers of draws accuracy is interpolated.
    """
    adaptive, used, curve = np.zeros(len(right)), np.zeros(len(right)), np.zeros(right.shape)
    for _ in range(ORDERS):
        order = rng.permuted(np.tile(np.arange(right.shape[1]), (len(right), 1)), axis=1)
        own, correct = np.take_along_axis(doubts, order, axis=1), np.take_along_axis(right, order, axis=1)
        least = np.minimum.accumulate(own, axis=1)
        first = np.maximum.accumulate(np.where(own <= least, np.arange(right.shape[1]), 0), axis=1)
        best = np.take_along_axis(correct, first, axis=1)
        draws = _draws(own, bound)
        adaptive += best[np.arange(len(right)), draws - 1] / ORDERS
        used += draws / ORDERS
        curve += best / ORDERS
    mean = min(float(used.mean()), float(right.shape[1]))
    low = int(mean - HELD)
    part = mean - low
    fixed = part * curve[:, min(low, right.shape[1] - 1)] + (1 - part) * curve[:, max(low - 1, 0)]
    return adaptive, fixed, used


def _draws(doubts: Doubles, bound: float) -> "np.typing.NDArray[np.int64]":
    """Draws until a doubt is below the bound, all of them without one; over the last axis."""
    below = doubts < bound
    return np.asarray(np.where(below.any(axis=-1), below.argmax(axis=-1) + 1, doubts.shape[-1]), dtype=np.int64)


def pruned(
    early: Doubles, doubts: Doubles, right: "np.typing.NDArray[np.bool_]", keep: int, rng: np.random.Generator
) -> tuple[Doubles, Doubles]:
    """Accuracy of each problem's least doubted finished answer, if the least doubted begun answers are finished, and if
    random ones are.
    """
    rows = np.arange(len(right))
    kept = np.argsort(early, axis=1, kind="stable")[:, :keep]
    by_head = right[rows, kept[rows, doubts[rows[:, None], kept].argmin(axis=1)]].astype(np.float64)
    by_lot = np.zeros(len(right))
    for _ in range(ORDERS):
        some = rng.permuted(np.tile(np.arange(right.shape[1]), (len(right), 1)), axis=1)[:, :keep]
        by_lot += right[rows, some[rows, doubts[rows[:, None], some].argmin(axis=1)]] / ORDERS
    return by_head, by_lot


def _trained(states: Doubles, gains: Doubles, ridge: float) -> LinearHead:
    return trained_head(states.reshape(-1, states.shape[-1]), gains.ravel(), ridge)


def _read(head: LinearHead, states: Doubles) -> Doubles:
    return head(states.reshape(-1, states.shape[-1])).reshape(states.shape[:2])


def _mean(values: Doubles, clusters: Sequence[str | None], what: str) -> Estimate:
    return mean_over(values, clusters, f"mean {what}")


def _auroc(scores: Doubles, right: "np.typing.NDArray[np.bool_]", templates: Sequence[str | None]) -> Estimate:
    return auroc_less_half(scores.ravel(), right.ravel(), [name for name in templates for _ in range(right.shape[1])])
