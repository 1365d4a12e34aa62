"""Set method `quad`: arms of known mean, against reading everything, the top of all, and chance."""

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats, Ints
from rollmill.pipelines.mix.best import Best
from rollmill.pipelines.mix.table import MixUnits
from rollmill.pipelines.mix.text_vectors import unit_rows
from rollmill.pipelines.mix.uniform import Uniform
from rollmill_mixing.selection.quad import Quad

MEANS = np.array([1.0, 0.7, 0.5, 0.0, 0.0, -0.2, -0.4, -0.6])
ROWS, SIZE = 150, 120


def arms(seed: int, deviation: float = 0.25) -> tuple[MixUnits, Ints]:
    """Eight clusters of 150 rows, whose influences have known means."""
    random = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(MEANS)), ROWS)
    vectors = unit_rows(np.eye(len(MEANS))[cluster] + random.normal(0, 0.03, (len(cluster), len(MEANS))))
    influence = MEANS[cluster] + random.normal(0, deviation, len(cluster))
    return MixUnits([f"u{at:04}" for at in range(len(cluster))], {"influence": influence}, {}, vectors), cluster


def entropy(cluster: Ints, picks: list[int]) -> float:
    shares = np.bincount(cluster[picks], minlength=len(MEANS)) / len(picks)
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def test_it_reads_few_rows_regrets_little_and_stays_more_diverse_than_the_top() -> None:
    means: dict[str, list[float]] = {}
    read, entropies = [], []
    for seed in range(6):
        units, cluster = arms(seed)
        chosen = Quad("influence", clusters=8).choose(units, SIZE, seed)
        picks = {
            "quad": list(chosen.picks),
            "uniform": list(Uniform().choose(units, SIZE, seed).picks),
            "top": list(Best("influence").choose(units, SIZE, seed).picks),
        }
        for name, rows in picks.items():
            means.setdefault(name, []).append(float(MEANS[cluster[rows]].mean()))
        read.append(chosen.facts["read"])
        entropies.append((entropy(cluster, picks["quad"]), entropy(cluster, picks["top"])))
        assert chosen.facts["helpful"] == SIZE
        assert (units.numbers["influence"][picks["quad"]] >= 0).all()
    # Reading all 1,200 rows and taking the top gives a mean of clusters near 1; chance gives .125.
    assert np.mean(read) < 0.2 * len(MEANS) * ROWS
    assert np.mean(means["quad"]) > np.mean(means["uniform"]) + 0.4
    assert np.mean(means["top"]) - np.mean(means["quad"]) < 0.35
    assert all(quad > top for quad, top in entropies)


def test_the_bonus_is_what_brings_other_clusters_in() -> None:
    units, cluster = arms(3)
    without, with_bonus = (Quad("influence", clusters=8, explore=explore).choose(units, SIZE, 1) for explore in (0.0, 4.0))
    assert entropy(cluster, list(without.picks)) < entropy(cluster, list(with_bonus.picks))
    shares = {part["read"] for part in without.facts["clusters"]}
    assert min(shares) == 4  # a bad cluster is read once


def test_regret_per_read_falls_as_more_is_chosen() -> None:
    regrets: Floats = np.zeros(3)
    for seed in range(6):
        units, cluster = arms(seed)
        for place, size in enumerate((24, 60, 120)):
            picks = list(Quad("influence", clusters=8).choose(units, size, seed).picks)
            regrets[place] += float((MEANS.max() - MEANS[cluster[picks]]).mean()) / 10
    assert regrets[0] > regrets[2]


def test_rows_without_influence_are_never_read_and_come_last() -> None:
    units, _ = arms(4)
    units.numbers["influence"][::2] = np.nan
    chosen = Quad("influence", clusters=8).choose(units, 100, 2)
    assert not any(np.isnan(units.numbers["influence"][list(chosen.picks)]))
    everything = Quad("influence", clusters=8).choose(units, len(units.ids), 2)
    assert everything.facts["read"] == len(units.ids) // 2
    assert np.isnan(units.numbers["influence"][list(everything.picks[-len(units.ids) // 2 :])]).all()


def test_options_out_of_range_are_refused() -> None:
    for options in ({"clusters": 0}, {"draws": 0}, {"explore": -1.0}):
        with pytest.raises(SetupError, match="set method 'quad'"):
            Quad("influence", **options)
