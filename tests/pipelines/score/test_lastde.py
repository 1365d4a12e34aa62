"""Lastde: its entropy on series whose value is known, and the score against a plain loop."""

import math
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.score import SCORERS
from rollmill.pipelines.score.lastde import averages, diversity_entropy, lastde
from tests.pipelines.score.test_asking import RIGHT, Counting, values


def looped(series: list[float], window: int, bins: int, scales: int) -> float:
    """The paper's steps, one number at a time."""
    entropies = []
    for scale in range(1, scales + 1):
        means = [sum(series[at : at + scale]) / scale for at in range(len(series) - scale + 1)]
        parts = [means[at : at + window] for at in range(len(means) - window + 1)]
        counts = [0] * bins
        for one, other in pairwise(parts):
            dot = sum(a * b for a, b in zip(one, other, strict=True))
            cosine = dot / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))
            counts[min(bins - 1, int((cosine + 1) / 2 * bins))] += 1
        shares = [count / sum(counts) for count in counts if count]
        entropies.append(-sum(share * math.log(share) for share in shares) / math.log(bins))
    mean = sum(entropies) / scales
    spread = math.sqrt(sum((entropy - mean) ** 2 for entropy in entropies) / scales)
    return sum(series) / len(series) / spread


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_papers_steps(seed: int) -> None:
    draw = random.Random(seed)
    series = [-draw.expovariate(1.0) for _ in range(draw.randint(30, 120))]
    bins = 10 * len(series)
    assert lastde(series, window=3, bins=bins, scales=5) == pytest.approx(looped(series, 3, bins, 5), rel=1e-9)


def test_a_constant_series_has_no_entropy_and_no_score() -> None:
    assert diversity_entropy(np.full(50, -0.7), 3, 500) == 0.0
    assert diversity_entropy(np.zeros(50), 3, 500) == 0.0
    assert lastde([-0.7] * 50, window=3, bins=500, scales=5) is None


def test_white_noise_has_nearly_all_of_it_and_averages_take_it_away() -> None:
    noise = np.random.default_rng(1).normal(size=20_000)
    assert diversity_entropy(noise, 3, 20) > 0.9
    assert diversity_entropy(averages(noise, 200), 3, 20) < 0.25


def test_a_scale_of_the_series_changes_the_mean_alone() -> None:
    series = [-random.Random(2).expovariate(1.0) * at % 3 - 0.1 for at in range(60)]
    once = lastde(series, window=3, bins=600, scales=5)
    assert once is not None
    assert lastde([2 * value for value in series], window=3, bins=600, scales=5) == pytest.approx(2 * once)


def test_short_texts_have_no_score_and_wrong_options_are_told() -> None:
    assert lastde([-1.0, -2.0] * 3, window=3, bins=60, scales=5) is None
    scorer = SCORERS["lastde"](sampler=DirectSampler(Counting()))
    assert values(scorer, replace(RIGHT, text="short"), replace(RIGHT, text="")) == []
    assert scorer.version.startswith("1 engine=toy model=toy-1 ")
    with pytest.raises(SetupError, match=r"option .window. is 1"):
        SCORERS["lastde"](window=1)
