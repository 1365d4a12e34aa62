"""Set method `multistage`: dear reads saved, an honest error of the classifier, and near copies that teach nothing."""

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.table import MixUnits
from rollmill.pipelines.mix.uniform import Uniform
from rollmill_mixing.selection.multistage import Multistage


def table(seed: int, rows: int = 1_200, noise: float = 0.4) -> MixUnits:
    """A dear loss that a cheap signal and a label tell in part."""
    random = np.random.default_rng(seed)
    cheap, hard = random.normal(size=rows), random.random(rows) < 0.3
    loss = cheap + 2.0 * hard + random.normal(0, noise, rows)
    labels = ["hard" if value else "easy" for value in hard]
    return MixUnits(
        [f"u{at:04}" for at in range(rows)], {"loss": loss, "cheap": cheap, "none": random.random(rows)}, {"kind": labels}
    )


def test_it_reads_a_part_and_passes_rows_above_the_threshold_only() -> None:
    units = table(1)
    chosen = Multistage("loss", ["cheap", "kind"]).choose(units, 300, 1)
    stages, held_out = chosen.facts["stages"], chosen.facts["held_out"]
    assert (units.numbers["loss"][list(chosen.picks)] >= chosen.facts["threshold"]).all()
    assert stages["first"] + stages["read"] + stages["not_read"] == 1_200
    assert stages["passed"] == 300
    # At random every second row passes: 600 reads for 300 rows.
    assert stages["first"] + stages["read"] < 520
    assert held_out["n"] == 150
    assert held_out["error"] < 0.2 < held_out["error_of_frequent"]
    assert held_out["interval"][0] <= held_out["error"] <= held_out["interval"][1]


def test_the_error_is_of_rows_that_trained_nothing() -> None:
    """A feature without information: the error is that of guessing, though a fit on its own rows would look better."""
    errors, covered = [], 0
    for seed in range(40):
        facts = Multistage("loss", ["none"], vectors=False, first=0.1).choose(table(seed), 100, seed).facts["held_out"]
        errors.append(facts["error"])
        covered += facts["interval"][0] <= 0.5 <= facts["interval"][1]
    assert np.mean(errors) == pytest.approx(0.5, abs=0.04)
    assert covered >= 36


def test_labels_of_yours_for_some_rows_choose_among_the_others() -> None:
    units = table(2)
    labels = np.where(units.numbers["loss"] > 1, 1.0, 0.0)
    labels[300:] = np.nan
    units = MixUnits(units.ids, {**units.numbers, "mine": labels}, units.labels)
    chosen = Multistage("mine", ["cheap", "kind"], first=0.9, least=0.5).choose(units, 200, 3)
    others = [pick for pick in chosen.picks if pick >= 300]
    assert len(others) > 60
    assert np.mean(units.numbers["loss"][others] > 1) > 0.75 > 2 * np.mean(units.numbers["loss"][300:] > 1) - 0.1


def trained_error(x: Floats, y: Floats, picks: list[int], seed: int) -> float:
    """Error on fresh points of a linear student that is trained on the picks."""
    random = np.random.default_rng(seed)
    weights = np.zeros(x.shape[1])
    for _ in range(300):
        chances = 1 / (1 + np.exp(-x[picks] @ weights))
        weights -= x[picks].T @ (chances - y[picks]) / len(picks) * 2
    fresh = random.normal(size=(4_000, x.shape[1]))
    return float(((fresh @ weights > 0) != (fresh @ np.ones(x.shape[1]) > 0)).mean())


def test_of_70_percent_near_copies_the_filter_teaches_more_than_as_many_random_rows() -> None:
    """The student has seen the copies' point already, so their loss is small."""
    differences = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        x = random.normal(size=(1_000, 12))
        x[:700] = random.normal(size=12) + random.normal(0, 0.02, (700, 12))
        y = (x @ np.ones(12) > 0).astype(np.float64)
        loss = np.where(np.arange(1_000) < 700, 0.01, 0.7) + random.normal(0, 0.05, 1_000)
        numbers = {"loss": loss, "length": x[:, 0], "second": x[:, 1]}
        units = MixUnits([f"u{at:04}" for at in range(1_000)], numbers)
        picks = list(Multistage("loss", ["length", "second"], quantile=0.7).choose(units, 60, seed).picks)
        at_random = list(Uniform().choose(units, 60, seed).picks)
        differences.append(trained_error(x, y, at_random, seed) - trained_error(x, y, picks, seed))
    assert np.mean(differences) > 0.02


def test_options_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SetupError, match="has no features"):
        Multistage("loss")
    with pytest.raises(SetupError, match="first is 1"):
        Multistage("loss", ["cheap"], first=1.0)
    units = MixUnits(
        [f"{at:03}" for at in range(120)], {"loss": np.arange(120.0)}, {"kind": [f"k{at}" for at in range(120)]}
    )
    with pytest.raises(SetupError, match="has 120 values"):
        Multistage("loss", ["kind"]).choose(units, 5, 0)
    with pytest.raises(SetupError, match="penalty is 0"):
        Multistage("loss", ["cheap"], penalty=0.0)


def test_one_labelled_row_trains_nothing_and_every_row_is_picked_once() -> None:
    labels = np.array([np.nan] * 3 + [1.0, np.nan])
    units = MixUnits([f"u{at}" for at in range(5)], {"mine": labels, "cheap": np.arange(5.0)})
    chosen = Multistage("mine", ["cheap"]).choose(units, 5, 0)
    assert list(chosen.picks) == [3, 0, 1, 2, 4]
