"""The measure `membership`: whether a model's log-probabilities know the order in which it saw its training rows.

Palimpsestic membership inference (Kuditipudi et al. 2025, arXiv:2510.19796): models remember best what came last, so the
rank correlation of the training order with the log-probability (less a reference model's) tells a model that was trained
in this order, or derives from such a one, from any other. The p-value is exact under a random order, whatever the data.
"""

import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rollmill.ground.errors import SetupError
from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.train.learners.tiny import Tiny
from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.pipelines.train.measures.bench import Bench, Measured, Rows, over_seeds
from rollmill.pipelines.train.measures.reading import Doubles, ReadingModel
from rollmill.pipelines.train.orders.arrangements import Shuffled
from rollmill.stats import cluster_share

Ints = npt.NDArray[np.int64]
NULLS = 200  # random orders whose p-values must be uniform
LEVEL = 0.05


class OrderMembership:
    """Effects `rho: ARM`, `-log10 p: ARM` and `null p below .05`. Arms: `same` run; `derived`, the same trained further on
    other rows; `other`, the same rows in another order.

    The reference model saw the same rows in a third order.

    `rows`: number of rows of random words, each seen once. `seeds`: trainings of each arm. `batch`: rows of a step.
    `learning_rate`: highest learning rate, reached after the warm-up.
    """

    name, version = "membership", "1"

    def __init__(self, rows: int = 1000, seeds: int = 3, batch: int = 4, learning_rate: float = 3e-3) -> None:
        self.rows = checked_count("measure", self.name, "rows", rows, least=batch if isinstance(batch, int) else 1)
        self.seeds = checked_count("measure", self.name, "seeds", seeds)
        self.batch = checked_count("measure", self.name, "batch", batch)
        if learning_rate <= 0:
            raise SetupError(f"learning_rate is {learning_rate}; it must be above 0.")
        self.learning_rate = learning_rate

    def measure(self, bench: Bench) -> Measured:
        """Train the three models of each seed and correlate; intervals over trainings."""
        init = bench.one_model().folder
        results = [
            bench.kept(f"seed-{seed}/result", partial(self._of_seed, bench, init, seed)) for seed in range(self.seeds)
        ]
        effects = {}
        for arm in ("same", "derived", "other"):
            effects[f"rho: {arm}"] = over_seeds([result[arm][0] for result in results], "rank correlation")
            effects[f"-log10 p: {arm}"] = over_seeds([result[arm][1] for result in results], "-log10 of the p-value")
        below = [float(p < LEVEL) for result in results for p in result["null"]]
        share = cluster_share(below, [1.0] * len(below), estimand="share of random orders with p below .05")
        assert share is not None  # there are orders
        return Measured({**effects, "null p below .05": share})

    def _of_seed(self, bench: Bench, init: Path, seed: int) -> dict[str, list[float]]:
        """Correlation and -log10 p of each arm, and p-values of random orders."""
        words = words_of(init)
        rows, more = word_rows(words, self.rows, 2 * seed), word_rows(words, max(1, self.rows // 10), 2 * seed + 1)
        learner = Tiny(epochs=1.0, batch=self.batch, learning_rate=self.learning_rate, warmup=0.0, final_share=1.0)
        own = bench.seeded(seed)
        same = own.trained(f"seed-{seed}/same", rows, init, learner, order=Shuffled())
        derived = own.trained(f"seed-{seed}/derived", more, same, learner)
        other, reference = (
            bench.seeded(seed + shift).trained(f"seed-{seed}/{name}", rows, init, learner)
            for name, shift in (("other", 10_000), ("reference", 20_000))
        )
        order = order_of(same / "order.parquet", [str(row["id"]) for row in rows])
        expected = _logps(reference, rows)
        gains = {
            arm: _logps(folder, rows) - expected for arm, folder in (("same", same), ("derived", derived), ("other", other))
        }
        tests: dict[str, list[float]] = {}
        for arm, gain in gains.items():
            rho, p = rank_correlation(order, gain)
            tests[arm] = [rho, -float(np.log10(max(p, 1e-300)))]
        chance = np.random.default_rng(seed)
        return {**tests, "null": [rank_correlation(chance.permutation(order), gains["same"])[1] for _ in range(NULLS)]}


def words_of(init: Path) -> list[str]:
    """Words that are one token of a model."""
    tokenizer = LlamaFolder.open(init).tokenizer
    pieces = (tokenizer.decode([token]) for token in range(tokenizer.get_vocab_size()))
    return sorted({piece for piece in pieces if piece.startswith(" ") and piece.strip().isalpha()})


def word_rows(words: Sequence[str], count: int, seed: int) -> Rows:
    """Rows that can only be remembered: two random words, answered by four."""
    chance = random.Random(seed)
    return [
        {
            "id": f"{seed}-{number}",
            "problem_id": f"{seed}-{number}",
            "prompt": "".join(chance.choices(words, k=2)).strip(),
            "completion": "".join(chance.choices(words, k=4)).strip(),
        }
        for number in range(count)
    ]


def order_of(path: Path, ids: list[str]) -> Ints:
    """The step at which each row was seen, from the training's order file."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["step", "row"]).to_pydict()
    steps = dict(zip(table["row"], table["step"], strict=True))
    return np.asarray([steps[name] for name in ids], dtype=np.int64)


def rank_correlation(order: Ints, gain: Doubles) -> tuple[float, float]:
    """Spearman's rho and the one-sided p of no positive correlation; 0 and 1 where nothing varies."""
    from scipy.stats import spearmanr

    if gain.std() == 0.0 or order.std() == 0:
        return 0.0, 1.0
    result = spearmanr(order, gain, alternative="greater")
    return float(result.statistic), float(result.pvalue)


def _logps(folder: Path, rows: Rows) -> Doubles:
    """Log-probability of each row's completion."""
    model = ReadingModel.open(folder)
    texts = [model.encoded(str(row["prompt"]), str(row["completion"])) for row in rows]
    return np.asarray([scores.sum() for scores in model.text_logps(texts)])
