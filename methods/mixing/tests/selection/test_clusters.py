"""Set method `clusters`: planted junk loses weight in every round, and rounds go on from earlier ones."""

from itertools import pairwise

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.mix.table import MixUnits
from rollmill.pipelines.mix.text_vectors import unit_rows
from rollmill_mixing.selection.clusters import Clusters

JUNK = 0.1  # of quality, against .8


def planted(seed: int = 1) -> tuple[MixUnits, list[bool]]:
    """Six topics of 30 rows; the last two are junk."""
    random = np.random.default_rng(seed)
    topics = np.repeat(np.arange(6), 30)
    vectors = unit_rows(np.eye(6)[topics] + random.normal(0, 0.05, (180, 6)))
    quality = np.where(topics >= 4, JUNK, 0.8) + random.uniform(-0.1, 0.1, 180)
    ids = [f"u{at:03}" for at in range(180)]
    return MixUnits(ids, {"quality": quality, "second": quality}, {}, vectors), (topics >= 4).tolist()


def test_weights_of_junk_fall_in_every_round_and_so_does_its_share_of_the_picks() -> None:
    units, junk = planted()
    chosen = Clusters("quality", clusters=6, rounds=4).choose(units, 72, 3)
    rounds = chosen.facts["rounds"]
    assert set(rounds[0]["weights"].values()) == {1 / 6}
    assert set(rounds[0]["rows"].values()) == {3}
    falling = [name for name in rounds[0]["weights"] if rounds[1]["weights"][name] < 1 / 6]
    assert len(falling) == 2
    for before, after in pairwise(rounds):
        assert sum(after["weights"].values()) == pytest.approx(1.0)
        assert all(after["weights"][name] < before["weights"][name] / 4 for name in falling)
    shares = [sum(junk[pick] for pick in chosen.picks[at : at + 18]) / 18 for at in range(0, 72, 18)]
    assert shares[0] == pytest.approx(1 / 3)
    assert shares[0] > shares[1] > shares[2] == shares[3] == 0
    once = Clusters("quality", clusters=6, rounds=1).choose(units, 72, 3)
    assert sum(junk[pick] for pick in once.picks) == 24 > sum(junk[pick] for pick in chosen.picks)


def test_inside_a_cluster_the_best_come_first() -> None:
    units, junk = planted()
    picks = Clusters("quality", clusters=6, rounds=1).choose(units, 12, 3).picks
    for pick in picks:
        better = sum(units.numbers["quality"][pick // 30 * 30 : pick // 30 * 30 + 30] > units.numbers["quality"][pick])
        assert better < 2, junk[pick]


def test_a_round_is_chosen_again_beside_the_next_one() -> None:
    units, _ = planted()
    first = Clusters("quality", clusters=6, rounds=1).choose(units, 24, 3).picks
    known = np.full(180, np.nan)
    known[list(first)] = units.numbers["quality"][list(first)]  # as measured on the rows that were trained on
    units = MixUnits(units.ids, {**units.numbers, "second": known}, {}, units.vectors)
    both = Clusters("quality", clusters=6, rounds=2, of_rounds=["second"]).choose(units, 48, 3)
    assert list(both.picks[:24]) == list(first)
    assert min(both.facts["rounds"][1]["rows"].values()) < 2


def test_a_signal_at_or_below_0_everywhere_leaves_the_weights() -> None:
    units, _ = planted()
    units = MixUnits(units.ids, {**units.numbers, "second": np.full(180, -1.0)}, {}, units.vectors)
    chosen = Clusters("quality", clusters=6, rounds=2, of_rounds=["second"]).choose(units, 24, 3)
    assert chosen.facts["rounds"][1]["weights"] == chosen.facts["rounds"][0]["weights"]


def test_options_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SetupError, match="clusters is 0"):
        Clusters("quality", clusters=0)
    with pytest.raises(SetupError, match="of_rounds has 2 signals for 2 rounds"):
        Clusters("quality", rounds=2, of_rounds=["a", "b"])
