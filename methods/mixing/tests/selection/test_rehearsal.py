"""Set method `rehearsal`: with known rates the estimate converges on rehearsed rows alone, and damage is found."""

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.mix.table import MixUnits
from rollmill.pipelines.mix.uniform import Uniform
from rollmill_mixing.selection.rehearsal import Rehearsal, cut, damage_rates

RATES = {"a": 0.02, "b": 0.1, "c": 0.3, "d": 0.6}


def prior_data(seed: int) -> tuple[MixUnits, dict[str, np.ndarray]]:
    """4,000 rows that were right, in four bins; what the new training does to each is fixed and hidden."""
    random = np.random.default_rng(seed)
    bins = [list(RATES)[at] for at in random.integers(0, 4, 4_000)]
    damaged = random.random(4_000) < np.array([RATES[name] for name in bins])
    unknown = np.full(4_000, np.nan)
    units = MixUnits([f"u{at:04}" for at in range(4_000)], {"before": np.ones(4_000), "after": unknown}, {"bin": bins})
    return units, {"after": np.where(damaged, 0.0, 1.0)}


def test_rates_converge_on_rehearsed_rows_alone_and_more_damage_is_rehearsed_than_by_chance() -> None:
    for seed in range(3):
        units, hidden = prior_data(seed)
        method, found = Rehearsal("before", "after", bins=["bin"]), []
        for turn in range(6):
            picks = list(method.choose(units, 200, seed * 10 + turn).picks)
            found.append(float((hidden["after"][picks] == 0).mean()))
            units.numbers["after"][picks] = hidden["after"][picks]  # the training shows it; nothing else is asked
        facts = method.choose(units, 200, 0).facts["bins"]
        known = sum(part["known"] for part in facts.values())
        assert known <= 1_200
        for name, rate in RATES.items():
            part = facts[f"bin={name}"]
            assert part["rate"] == pytest.approx(rate, abs=0.12)
            assert part["interval"][0] - 0.05 <= rate <= part["interval"][1] + 0.05
        uniform = float((hidden["after"][list(Uniform().choose(units, 200, seed).picks)] == 0).mean())
        assert np.mean(found[2:]) > uniform + 0.08
        assert found[0] < np.mean(found[2:])


def test_rows_of_a_bin_are_in_proportion_to_its_rate() -> None:
    counts = {"a": (100, 10), "b": (100, 30), "c": (0, 0)}
    assert damage_rates(counts, 0.0) == {"a": 0.1, "b": 0.3, "c": 0.2}
    assert damage_rates(counts, 2.0)["c"] == pytest.approx(0.2)
    assert set(damage_rates({"a": (0, 0), "b": (0, 0)}, 2.0).values()) == {1.0}
    labels = ["a"] * 200 + ["b"] * 200
    after = np.concatenate([np.repeat([0.0, 1.0], [10, 90]), np.full(100, np.nan)] * 1
                           + [np.repeat([0.0, 1.0], [30, 70]), np.full(100, np.nan)])  # fmt: skip
    units = MixUnits([f"{at:03}" for at in range(400)], {"before": np.ones(400), "after": after}, {"bin": labels})
    facts = Rehearsal("before", "after", bins=["bin"], prior=0.0).choose(units, 100, 1).facts["bins"]
    assert (facts["bin=a"]["quota"], facts["bin=b"]["quota"]) == (25, 75)
    assert facts["bin=a"]["damaged"] == 10


def test_a_row_that_was_wrong_before_cannot_be_damaged() -> None:
    units = MixUnits(["a", "b"], {"before": np.array([0.0, 1.0]), "after": np.array([0.0, 0.0])}, {"bin": ["x", "y"]})
    facts = Rehearsal("before", "after", bins=["bin"]).choose(units, 1, 1).facts["bins"]
    assert (facts["bin=x"]["damaged"], facts["bin=y"]["damaged"]) == (0, 1)


def test_a_unit_of_several_rows_is_one_outcome() -> None:
    columns = {"before": np.ones(2), "after": np.array([0.0, 1.0])}
    one_row = MixUnits(["a", "b"], columns, {"bin": ["x", "x"]})
    copies = MixUnits(["a", "b"], columns, {"bin": ["x", "x"]}, sizes=np.array([2, 2]))
    of_one, of_copies = (Rehearsal("before", "after", bins=["bin"]).choose(units, 4, 1) for units in (one_row, copies))
    single, several = of_one.facts["bins"]["bin=x"], of_copies.facts["bins"]["bin=x"]
    assert several == {**single, "rows": 4, "quota": 4}
    assert (several["known"], several["damaged"]) == (2, 1)


def test_numbers_are_cut_by_quantiles() -> None:
    assert cut(np.array([1.0, 2.0, np.nan]), 4) == ["1", "2", "none"]
    assert cut(np.arange(8.0), 4) == ["q1", "q1", "q2", "q2", "q3", "q3", "q4", "q4"]
    with pytest.raises(SetupError, match="'rehearsal'"):
        Rehearsal("before", "after", bins=[])
