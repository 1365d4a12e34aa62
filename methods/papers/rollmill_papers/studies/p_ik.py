"""The measure `p_ik`: a head on a model's hidden states that says, from the question alone, whether it will be right.

P(IK) of Kadavath et al. 2022 (arXiv:2207.05221), section 5: the target is the share of samples at temperature 1 that are
right. Tested on unseen problems of the templates it was trained on, on templates it never saw, and with a hint.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from rollmill.methods import (
    LEVELS,
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
from rollmill_papers.studies.probes import auroc_less_half, judged_texts, mean_over, problems_of

Asked = Callable[[Problem], str]


class PIk:
    """Effects `auroc less .5: SET` and `gain in squared error: SET` of the sets `trained` templates and `other` templates,
    `rise of the error: other - trained`, and `rise by a hint`.

    `problems`: test problems in each set; the head is trained on twice as many. `samples`: completions of each problem.
    `levels`: levels of the problems. `ridge`: weight of the ridge penalty on the head's weights.
    """

    name, version = "p_ik", "1"

    def __init__(self, problems: int = 160, samples: int = 8, levels: Sequence[int] = LEVELS, ridge: float = 30.0) -> None:
        self.problems = checked_count("measure", self.name, "problems", problems, least=2)
        self.samples = checked_count("measure", self.name, "samples", samples)
        checked_positive("measure", self.name, "ridge", ridge)
        self.levels, self.ridge = tuple(levels), ridge

    def measure(self, bench: Bench) -> Measured:
        """Train the head and test it; intervals over templates."""
        folder = bench.one_model().folder
        reading = ReadingModel.open(folder)
        sets = {
            "train": problems_of("train", 2 * self.problems, self.levels, bench.seed),
            "trained": problems_of("heldout", self.problems, self.levels, bench.seed),
            "other": problems_of("evaluation", self.problems, self.levels, bench.seed),
        }
        rates: dict[str, Doubles] = {}
        for name, problems in sets.items():
            draw = partial(judged_texts, folder, problems, self.samples, bench.seed)
            rates[name] = np.asarray([np.mean([right for _, right in texts]) for texts in bench.kept(name, draw)])
        head = trained_head(states_of(reading, sets["train"]), rates["train"], self.ridge)
        effects: dict[str, Estimate] = {}
        errors = {}
        for name in ("trained", "other"):
            forecast = head(states_of(reading, sets[name]))
            templates = [problem.template for problem in sets[name]]
            effects[f"auroc less .5: {name}"] = _auroc(forecast, rates[name], self.samples, templates)
            errors[name] = (forecast - rates[name]) ** 2
            base = (rates["train"].mean() - rates[name]) ** 2
            effects[f"gain in squared error: {name}"] = _mean(base - errors[name], templates, "gain over the mean rate")
        effects["rise of the error: other - trained"] = _difference(errors["other"], errors["trained"])
        effects["rise by a hint"] = self._hint(reading, head, sets["trained"])
        return Measured(effects)

    def _hint(self, reading: ReadingModel, head: LinearHead, problems: Sequence[Problem]) -> Estimate:
        """Mean rise of P(IK) where the question also says its answer."""
        told = states_of(reading, problems, lambda problem: f"{problem.prompt} Hint: the answer is {problem.reference}.")
        rise = head(told) - head(states_of(reading, problems))
        return _mean(rise, [problem.template for problem in problems], "rise of P(IK) by a hint")


def states_of(reading: ReadingModel, problems: Sequence[Problem], asked: Asked | None = None) -> Doubles:
    """The hidden state at the end of each prompt, (problems, width)."""
    texts = [reading.encoded(asked(problem) if asked else problem.prompt, "") for problem in problems]
    return np.asarray([states[0] for states in reading.states(texts)])


def _auroc(forecast: Doubles, rates: Doubles, samples: int, templates: Sequence[str | None]) -> Estimate:
    """AUROC of the forecast over single samples, less .5."""
    right = np.round(rates * samples).astype(int)
    correct = np.concatenate([np.arange(samples) < count for count in right])
    clusters = [template for template in templates for _ in range(samples)]
    return auroc_less_half(np.repeat(forecast, samples), correct, clusters, n=len(rates))


def _mean(values: Doubles, clusters: Sequence[str | None], what: str) -> Estimate:
    return mean_over(values, clusters, f"mean {what}")


def _difference(late: Doubles, early: Doubles) -> Estimate:
    """Difference of two means of independent problems, Welch's t."""
    from scipy.stats import ttest_ind

    ends = ttest_ind(late, early, equal_var=False).confidence_interval(0.95)
    n = len(late) + len(early)
    return Estimate(
        float(late.mean() - early.mean()), float(ends.low), float(ends.high), n, n, "Welch's t", "difference of means"
    )
