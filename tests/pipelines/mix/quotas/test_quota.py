"""Quotas by stratum, and rows shared out by largest remainders, against every division of a small size."""

from itertools import product

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.mix.best import Best
from rollmill.pipelines.mix.quotas.quota import Strata, apportion
from rollmill.pipelines.mix.table import MixUnits
from rollmill.pipelines.mix.text_vectors import k_means, text_vectors


@pytest.mark.parametrize("size", range(12))
def test_shares_are_the_nearest_of_all_divisions(size: int) -> None:
    weights, most = {"a": 1.0, "b": 2.0, "c": 4.0}, {"a": 9, "b": 9, "c": 3}
    given = apportion(weights, most, size)
    full = given["c"] == most["c"]
    rest = {name: weights[name] for name in ("a", "b")} if full else weights
    left = size - (given["c"] if full else 0)
    exact = {name: left * weight / sum(rest.values()) for name, weight in rest.items()}
    divisions = [
        dict(zip(rest, parts, strict=True)) for parts in product(range(size + 1), repeat=len(rest)) if sum(parts) == left
    ]
    best = min(sum(abs(parts[name] - exact[name]) for name in rest) for parts in divisions)
    assert sum(given.values()) == size
    assert sum(abs(given[name] - exact[name]) for name in rest) == pytest.approx(best)


def test_no_part_gets_more_than_it_has() -> None:
    assert apportion({"a": 1, "b": 1}, {"a": 2, "b": 100}, 50) == {"a": 2, "b": 48}
    assert apportion({"a": 1, "b": 1}, {"a": 2, "b": 3}, 50) == {"a": 2, "b": 3}
    assert apportion({"a": 0.0, "b": 1}, {"a": 2, "b": 3}, 2) == {"a": 0, "b": 2}


def test_strata_are_equal_as_far_as_they_have_rows() -> None:
    labels = ["x"] * 2 + ["y"] * 10 + [None] * 10
    units = MixUnits([f"{place:02}" for place in range(22)], {"q": np.arange(22.0)}, {"s": labels})
    picks = Strata(by="s", best="q").choose(units, 12, 0).picks
    assert sorted(picks) == [0, 1, 7, 8, 9, 10, 11, 17, 18, 19, 20, 21]
    drawn = Strata(by="s", quotas="proportional").choose(units, 11, 0)
    assert drawn.facts["quotas"] == {"x": 1, "y": 5, "none": 5}


def test_the_best_are_the_largest_values_and_units_without_one_come_last() -> None:
    units = MixUnits(["a", "b", "c"], {"q": np.array([1.0, np.nan, 2.0])})
    assert list(Best(by="q").choose(units, 3, 0).picks) == [2, 0, 1]
    assert list(Best(by="q", ascending=True).choose(units, 3, 0).picks) == [0, 2, 1]
    with pytest.raises(SetupError, match="no value for 1 of 3"):
        units.number("q")


def test_vectors_separate_topics_and_equal_texts_are_one_point() -> None:
    texts = [f"the train leaves station {n} at noon" for n in range(6)] + [f"bake {n} loaves of bread" for n in range(6)]
    vectors = text_vectors([*texts, "", ""], 64)
    assert np.allclose((vectors[:12] ** 2).sum(axis=1), 1)
    assert not vectors[12:].any()
    labels = k_means(vectors[:12], 2, 1)
    assert labels.tolist() in ([0] * 6 + [1] * 6, [1] * 6 + [0] * 6)
    assert (text_vectors(texts, 64) == text_vectors(texts, 64)).all()
    assert k_means(np.zeros((3, 4)), 2, 1).tolist() == [0, 0, 0]
