"""Set method `mona` and its parts: the similarity by its formula, and codes of planted directions."""

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.mix.table import MixUnits
from rollmill.pipelines.mix.targets.mona import Mona, jaccard
from rollmill.pipelines.mix.targets.sparse_codes import SparseCodes


def test_similarity_is_minima_over_maxima() -> None:
    random = np.random.default_rng(1)
    codes = np.maximum(random.normal(size=(9, 6)), 0)
    codes[3] = 0
    similar = jaccard(codes, codes[:4])
    for row in range(9):
        for at in range(4):
            most = np.maximum(codes[row], codes[at]).sum()
            expected = np.minimum(codes[row], codes[at]).sum() / most if most else 0.0
            assert similar[row, at] == pytest.approx(expected)
    assert similar[0, 0] == 1.0


def test_codes_find_planted_directions() -> None:
    """Activations of three of 24 directions in 16 dimensions: more directions than dimensions, as superposition has it."""
    random = np.random.default_rng(2)
    directions = random.normal(size=(24, 16))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    present = np.zeros((4_000, 24))
    for row in present:
        row[random.choice(24, 3, replace=False)] = random.uniform(0.5, 1.5, 3)
    activations = (present @ directions).astype(np.float32)
    codes = SparseCodes.fit(activations, units=48, active=4, steps=900, seed=1)
    assert codes.explained(activations) > 0.85
    assert ((codes.codes(activations) > 0).sum(axis=1) <= 4).all()
    nearest = np.abs(directions @ codes.decoder.T).max(axis=1)
    assert np.median(nearest) > 0.9
    again = SparseCodes.fit(activations, units=48, active=4, steps=900, seed=1)
    assert (again.decoder == codes.decoder).all()


def test_the_most_similar_come_first_and_units_without_a_code_last() -> None:
    similar = np.array([[0.1, 0.9], [0.4, 0.4], [np.nan, np.nan], [0.6, 0.6]])
    units = MixUnits(["a", "b", "c", "d"], similarities=similar)
    assert list(Mona().choose(units, 4, 0).picks) == [3, 0, 1, 2]
    assert list(Mona(of="nearest").choose(units, 2, 0).picks) == [0, 3]
    assert Mona().choose(units, 1, 0).facts == {"target": 2, "mean_of_picks": 0.6, "mean": pytest.approx(0.5)}
    none = Mona().choose(MixUnits(["a", "b"], similarities=np.zeros((2, 0))), 1, 0)
    assert (list(none.picks), none.facts) == ([0], {"target": 0, "mean_of_picks": None, "mean": None})
    with pytest.raises(SetupError, match="needs similarities"):
        Mona().choose(MixUnits(["a"]), 1, 0)
    with pytest.raises(SetupError, match="of is 'median'"):
        Mona(of="median")  # type: ignore[arg-type]
