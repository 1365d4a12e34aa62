"""Pass rates of problems from templates: the joint posterior, drawn from a grid. For forecasts.

    mean of a template   m_t ~ Beta(M F, (1 - M) F)      M: mean over templates, F: how alike templates are
    rate of a problem    p_i ~ Beta(m_t f, (1 - m_t) f)  f: how alike the problems of one template are
    correct answers      c_i ~ Binomial(n_i, p_i)

(Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.3, with one level more.) M, F and f have
weak priors on a grid and are summed over, not fixed at their best values, so a forecast from few templates is as wide as it
must be. A problem that was never drawn, and a template that was never seen, have a posterior like any other. The numbers
n_i may depend on earlier outcomes, as under a budget: the likelihood is the same. For rates that are reported they may not
(statistics.md, point 1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Count = npt.NDArray[np.int64]

MEANS: Array = (np.arange(40) + 0.5) / 40
WITHIN: Array = np.geomspace(0.5, 64.0, 8)
BETWEEN: Array = np.geomspace(0.7, 90.0, 8)
_TOP: Array = np.linspace(0.025, 0.975, 20)


@dataclass(frozen=True, slots=True)
class ProblemCounts:
    """Counts of a problem: the template it comes from, correct answers and judged ones; judged 0: not drawn."""

    template: str
    correct: int = 0
    judged: int = 0


class Hierarchy:
    """The posterior of a group of problems. `draw` gives one rate per problem, in their order."""

    def __init__(self, problems: Sequence[ProblemCounts]) -> None:
        names = sorted({problem.template for problem in problems})
        place = {name: at for at, name in enumerate(names)}
        self._names = names
        self._template: Count = np.array([place[problem.template] for problem in problems], dtype=np.int64)
        self._correct: Count = np.array([problem.correct for problem in problems], dtype=np.int64)
        self._judged: Count = np.array([problem.judged for problem in problems], dtype=np.int64)
        self._likelihood = self._of_templates(len(names))
        self._prior = _prior_of_means()
        self._logs = self._of_hyperparameters()
        self._chances = _normalised(self._logs)

    def borrow(self, others: Sequence[tuple[float, "Hierarchy"]]) -> None:
        """Let other groups, each with a weight, speak of how alike templates and their problems are, not of their means."""
        strengths = self._logs.reshape(len(_TOP), len(BETWEEN), len(WITHIN))
        for weight, other in others:
            theirs = other._logs.reshape(strengths.shape)
            strengths = strengths + weight * np.logaddexp.reduce(theirs, axis=0)
        self._chances = _normalised(strengths.reshape(self._logs.shape))

    def draw(self, rng: np.random.Generator, shared: "SharedUniforms | None" = None) -> Array:
        """A joint draw of all problems' rates; `shared`: the part that a template has in common with itself in other
        groups.
        """
        shared = shared or SharedUniforms(0.0)
        at = min(self._chances.size - 1, int(self._chances.ravel().cumsum().searchsorted(shared.uniform("", rng))))
        top, within = divmod(at, len(WITHIN))
        weights = self._prior[top] * self._likelihood[:, within]
        weights /= weights.sum(axis=1, keepdims=True)
        own = np.array([[shared.uniform(f"template {name}", rng)] for name in self._names])
        chosen = (weights.cumsum(axis=1) < own).sum(axis=1).clip(max=len(MEANS) - 1)
        # within a cell of the grid any mean is as good as its middle
        means = (chosen + rng.random(len(chosen))) / len(MEANS)
        a = means[self._template] * WITHIN[within] + self._correct
        b = (1.0 - means[self._template]) * WITHIN[within] + self._judged - self._correct
        return np.asarray(rng.beta(np.maximum(a, 1e-3), np.maximum(b, 1e-3)), dtype=np.float64)

    def _of_templates(self, count: int) -> Array:
        """(templates, WITHIN, MEANS): the likelihood of a template's problems, the greatest of each template 1."""
        a = MEANS[None, :] * WITHIN[:, None]
        b = (1.0 - MEANS)[None, :] * WITHIN[:, None]
        logs = np.zeros((count, len(WITHIN), len(MEANS)))
        known = self._judged > 0
        keys = np.stack([self._template, self._correct, self._judged], axis=1)[known]
        for (template, correct, judged), times in zip(*np.unique(keys, axis=0, return_counts=True), strict=True):
            logs[template] += times * _log_beta_binomial(int(correct), int(judged), a, b)
        return np.asarray(np.exp(logs - logs.max(axis=(1, 2), keepdims=True)), dtype=np.float64)

    def _of_hyperparameters(self) -> Array:
        """(_TOP x BETWEEN, WITHIN): the logarithm of their likelihood; priors are flat in M, log F and log f."""
        marginal = np.einsum("hm,twm->htw", self._prior, self._likelihood)
        return np.asarray(np.log(np.maximum(marginal, 1e-300)).sum(axis=1), dtype=np.float64)


class SharedUniforms:
    """Uniform numbers by name, those of one name correlated (Gaussian copula) over the groups that ask for them."""

    def __init__(self, correlation: float) -> None:
        self._shared, self._own = math.sqrt(correlation), math.sqrt(1.0 - correlation)
        self._scores: dict[str, float] = {}

    def uniform(self, name: str, rng: np.random.Generator) -> float:
        """The next number of this name."""
        score = self._scores.setdefault(name, rng.standard_normal())
        return 0.5 * math.erfc(-(self._shared * score + self._own * rng.standard_normal()) / math.sqrt(2.0))


def _normalised(logs: Array) -> Array:
    chances = np.exp(logs - logs.max())
    return np.asarray(chances / chances.sum(), dtype=np.float64)


def _prior_of_means() -> Array:
    """(_TOP x BETWEEN, MEANS): the chance of each template mean under each pair of hyperparameters."""
    top, between = (grid.ravel()[:, None] for grid in np.meshgrid(_TOP, BETWEEN, indexing="ij"))
    logs = (top * between - 1.0) * np.log(MEANS) + ((1.0 - top) * between - 1.0) * np.log1p(-MEANS)
    chances = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(chances / chances.sum(axis=1, keepdims=True), dtype=np.float64)


def _log_beta_binomial(correct: int, judged: int, a: Array, b: Array) -> Array:
    """log B(c + a, n - c + b) - log B(a, b) by rising factorials; the binomial coefficient is the same everywhere."""
    rises, falls, steps = np.arange(correct), np.arange(judged - correct), np.arange(judged)
    total = np.log(a[..., None] + rises).sum(-1) + np.log(b[..., None] + falls).sum(-1)
    return np.asarray(total - np.log((a + b)[..., None] + steps).sum(-1), dtype=np.float64)
