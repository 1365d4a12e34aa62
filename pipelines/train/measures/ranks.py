"""The measure `ranks`: mean probability of the most likely, second, ... token, and its relation to coverage.

The diagnostic of SimKO (Peng et al. 2025, arXiv:2510.14807): training with rewards moves probability to the token of rank
1, most of all where several tokens are likely.
"""

from collections.abc import Sequence

import numpy as np

from rollmill.pipelines.option_checks import checked_count, checked_share
from rollmill.pipelines.synthesize.splits import worked_problems
from rollmill.pipelines.train.measures.bench import Bench, Measured, StudyAnswers, pairs_of
from rollmill.pipelines.train.measures.coverage import Coverage
from rollmill.pipelines.train.measures.reading import Doubles, ReadingModel
from rollmill.stats import Estimate, pass_at_k_cells, t_quantile
from rollmill.stats.trials.two_way import two_way


class Ranks:
    """Effects `rank R: LATER - EARLIER`; with `k` also `pass@K: LATER - EARLIER`, and `correlation of rank 1 and pass@K`.

    `top`: number of ranks. `texts`: number of worked problems that the models score. `levels`: levels of the problems.
    `share`: share of the token positions that count: those where the first model of the first arm has the most entropy.
    `k`: draws of pass@k; 0 draws no answers.
    """

    name, version = "ranks", "1"

    def __init__(
        self, top: int = 3, texts: int = 64, levels: Sequence[int] = (4, 5, 6, 7), share: float = 0.2, k: int = 0
    ) -> None:
        self.top = checked_count("measure", self.name, "top", top)
        self.texts = checked_count("measure", self.name, "texts", texts)
        self.share = checked_share("measure", self.name, "share", share)
        self.k = checked_count("measure", self.name, "k", k, least=0)
        self.levels = tuple(levels)

    def measure(self, bench: Bench) -> Measured:
        """Ranked probabilities text by text, two-way intervals over trainings and texts."""
        texts = list(worked_problems("heldout", bench.seed, self.texts, self.levels))
        cells: dict[str, Doubles] = {}
        chosen: list[Doubles] | None = None
        for arm, models in bench.models.items():
            seeds = []
            for model in models:
                reading = ReadingModel.open(model.folder)
                logps = list(reading.logps([reading.encoded(*text) for text in texts]))
                chosen = chosen or uncertain_places(logps, self.share)
                seeds.append([ranked(values[place], self.top) for values, place in zip(logps, chosen, strict=True)])
            cells[arm] = np.asarray(seeds)
        whole = np.isfinite(next(iter(cells.values()))[0, :, 0])  # a text without a chosen place has no mean
        effects, table = {}, {}
        for rank in range(self.top):
            for arm in cells:
                table[f"rank {rank + 1}: {arm}"] = _mean(cells[arm][:, whole, rank], f"probability of rank {rank + 1}")
            for early, late in pairs_of(list(cells)):
                difference = cells[late][:, whole, rank] - cells[early][:, whole, rank]
                effects[f"rank {rank + 1}: {late} - {early}"] = _mean(difference, f"change of rank {rank + 1}")
        if not self.k:
            return Measured(effects, table)
        answers = bench.answers()
        covered = Coverage((1, self.k)).measure(Bench(bench.folder, answers=lambda: answers))
        first = {arm: values[:, whole, 0].mean(axis=1) for arm, values in cells.items()}
        related = {f"correlation of rank 1 and pass@{self.k}": _correlation(first, answers, self.k)}
        return Measured({**effects, **covered.effects, **related}, {**table, **covered.table, **related})


def ranked(logps: Doubles, top: int) -> Doubles:
    """Mean over places of the sorted probabilities, (top,); NaN without places. `logps`: (places, tokens)."""
    if not len(logps):
        return np.full(top, np.nan)
    return np.asarray(np.exp(-np.sort(-logps, axis=1)[:, :top]).mean(axis=0))


def uncertain_places(logps: Sequence[Doubles], share: float) -> list[Doubles]:
    """Flags of each text's positions: True for the `share` of all positions with the most entropy."""
    entropies = [-(np.exp(values) * values).sum(axis=1) for values in logps]
    threshold = np.quantile(np.concatenate(entropies), 1.0 - share)
    return [values >= threshold for values in entropies]


def _mean(cells: Doubles, what: str) -> Estimate:
    estimate = two_way(cells, estimand=f"mean {what} over trainings and texts")
    assert estimate is not None  # there are texts
    return estimate.change


def _correlation(first: dict[str, Doubles], answers: StudyAnswers, k: int) -> Estimate:
    """Pearson's correlation over all models, interval by Fisher's transformation with Student's t."""
    mass = np.concatenate(list(first.values()))
    covered = np.concatenate([pass_at_k_cells(answers.arms[arm], k).mean(axis=1) for arm in first])
    return correlation(mass, covered, f"correlation of rank 1 and pass@{k} over models")


def correlation(x: Doubles, y: Doubles, estimand: str) -> Estimate:
    """Pearson's correlation; -1 to 1 where there are too few pairs for an interval, or one of the two does not vary."""
    n = len(x)
    if n < 4 or x.std() == 0.0 or y.std() == 0.0:
        return Estimate(0.0, -1.0, 1.0, n, n, "no interval", estimand)
    value = float(np.corrcoef(x, y)[0, 1])
    centre = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    half = t_quantile(0.975, n - 2) / np.sqrt(n - 3)
    return Estimate(value, float(np.tanh(centre - half)), float(np.tanh(centre + half)), n, n, "Fisher's z", estimand)
