"""The measure `coverage`: pass@k of each arm of a trial for several k, and the differences between arms.

The diagnostic of Chen et al. 2025 (arXiv:2502.07154): longer training with cross-entropy can lower pass@k at large k while
pass@1 rises.
"""

from collections.abc import Sequence

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.measures.bench import Bench, Measured, pairs_of
from rollmill.stats import pass_at_k_cells, pass_at_k_difference
from rollmill.stats.trials.two_way import two_way


class Coverage:
    """Effects `pass@K: LATER - EARLIER`, for each k and each pair of arms.

    `ks`: numbers of draws.
    """

    name, version = "coverage", "1"

    def __init__(self, ks: Sequence[int] = (1, 16, 64)) -> None:
        if not ks or min(ks) < 1:
            raise SetupError(f"ks is {list(ks)}; it must list numbers from 1 on.")
        self.ks = tuple(ks)

    def measure(self, bench: Bench) -> Measured:
        """Unbiased pass@k (Chen et al. 2021, eq. 1), two-way intervals over trainings and problems."""
        answers = bench.answers()
        effects, table = {}, {}
        for k in self.ks:
            for name, arm in answers.arms.items():
                level = two_way(pass_at_k_cells(arm, k), answers.clusters, estimand=f"mean pass@{k}")
                assert level is not None  # there are problems
                table[f"pass@{k}: {name}"] = level.change
            for early, late in pairs_of(list(answers.arms)):
                change = pass_at_k_difference(answers.arms[early], answers.arms[late], k, answers.clusters)
                assert change is not None
                effects[f"pass@{k}: {late} - {early}"] = change.change
        return Measured(effects, table)
