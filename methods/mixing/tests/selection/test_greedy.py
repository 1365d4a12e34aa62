"""Set methods `facility` and `information`: against every subset of twelve units, plain greedy, and other orders."""

import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.best import Best
from rollmill.pipelines.mix.table import MixUnits, SetMethod
from rollmill.pipelines.mix.text_vectors import unit_rows
from rollmill.pipelines.mix.uniform import Uniform
from rollmill_mixing.selection.facility import Facility, distinct
from rollmill_mixing.selection.information import Information, label_graph
from rollmill_mixing.selection.neighbours import nearest_rows

LABELS = {"skill": ["sum", "product", "power", "root"], "template": ["sum of two", "sum of three", "product of two"]}
Value = Callable[[MixUnits, list[int]], float]


@cache
def graph_of(words: tuple[str, ...]) -> Floats:
    return label_graph(words, 0.5)


def random_units(seed: int, count: int) -> MixUnits:
    random = np.random.default_rng(seed)
    labels = {name: [str(values[at]) for at in random.integers(0, len(values), count)] for name, values in LABELS.items()}
    vectors = unit_rows(random.normal(size=(count, 3)))
    return MixUnits([f"u{at:03}" for at in range(count)], {"quality": random.random(count)}, labels, vectors)


def covered(units: MixUnits, picks: list[int]) -> float:
    """Facility location as its formula."""
    vectors = units.need_vectors()
    return sum(max((max(float(vector @ vectors[pick]), 0.0) for pick in picks), default=0.0) for vector in vectors)


def informed(units: MixUnits, picks: list[int]) -> float:
    """The information of a set as its formula: sum over labels of (sum over picks of q a A) ^ .8."""
    known = sorted((name, value) for name in units.labels for value in set(units.label(name)))
    graph = graph_of(tuple(value for _, value in known))
    held = np.zeros(len(known))
    for pick in picks:
        given = np.array([float(units.label(name)[pick] == value) for name, value in known])
        held += units.numbers["quality"][pick] * given @ graph
    return float((held**0.8).sum())


METHODS: dict[str, tuple[Any, Value]] = {
    "facility": (Facility(), covered),
    "information": (Information(["skill", "template"], "quality"), informed),
}


@pytest.mark.parametrize("name", METHODS)
def test_of_twelve_units_it_is_close_to_the_best_subset_and_gains_never_rise(name: str) -> None:
    method, value = METHODS[name]
    for seed in range(25):
        units = random_units(seed, 12)
        chosen = method.choose(units, 3, 0)
        best = max(value(units, list(picks)) for picks in combinations(range(12), 3))
        assert best + 1e-9 >= value(units, list(chosen.picks)) >= (1 - 1 / np.e) * best
        assert sum(chosen.gains) == pytest.approx(value(units, list(chosen.picks)))
        everything = method.choose(units, 12, 0).gains
        assert all(before >= after for before, after in pairwise(everything))


@pytest.mark.parametrize("name", METHODS)
def test_it_is_plain_greedy_in_any_order_of_the_units(name: str) -> None:
    method, value = METHODS[name]
    for seed in range(4):
        units = random_units(seed, 24)
        plain: list[int] = []
        while len(plain) < 6:
            before = value(units, plain)
            gains = {unit: value(units, [*plain, unit]) - before for unit in range(24) if unit not in plain}
            plain.append(max(gains, key=lambda unit: (round(gains[unit], 9), -unit)))
        chosen = method.choose(units, 6, 0)
        assert list(chosen.picks) == plain
        order = np.random.default_rng(seed).permutation(24)
        turned = MixUnits(
            [units.ids[at] for at in order],
            {"quality": units.numbers["quality"][order]},
            {key: [values[at] for at in order] for key, values in units.labels.items()},
            units.need_vectors()[order],
        )
        again = method.choose(turned, 6, 3)
        assert [turned.ids[unit] for unit in again.picks] == [units.ids[unit] for unit in plain]
        assert list(again.gains) == list(chosen.gains)


@pytest.mark.parametrize("name", METHODS)
def test_a_unit_of_several_rows_counts_by_gain_per_row(name: str) -> None:
    method, _ = METHODS[name]
    units = replace(random_units(5, 40), sizes=np.arange(40) % 3 + 1)
    chosen = method.choose(units, 30, 0)
    assert units.rows[list(chosen.picks)].sum() == 30
    assert all(before >= after for before, after in pairwise(chosen.gains))


def test_facility_takes_one_of_each_topic_before_a_second() -> None:
    topics = np.eye(4)[np.repeat(np.arange(4), 10)]
    vectors = unit_rows(topics + np.random.default_rng(1).normal(0, 0.05, topics.shape))
    chosen = Facility().choose(MixUnits([f"{at:02}" for at in range(40)], vectors=vectors), 8, 0)
    assert sorted(pick // 10 for pick in chosen.picks[:4]) == [0, 1, 2, 3]
    assert chosen.gains[4] < 0.1 * chosen.gains[3]
    assert chosen.facts["mean_similarity"] > 0.98
    with pytest.raises(SetupError, match="needs vectors"):
        Facility().choose(MixUnits(["a"]), 1, 0)


def test_information_covers_more_labels_than_quality_or_chance_where_quality_goes_with_the_label() -> None:
    random = np.random.default_rng(7)
    skills = np.minimum(random.geometric(0.3, 400), 12)
    quality = np.clip(1 - skills / 15 + random.normal(0, 0.05, 400), 0, 1)
    units = MixUnits(
        [f"{at:03}" for at in range(400)], {"quality": quality}, {"skill": [f"skill {skill}" for skill in skills]}
    )
    methods: list[SetMethod] = [Information(["skill"], "quality", 0.9, 0.5), Best("quality"), Uniform()]
    labels = {method.name: len({int(skills[pick]) for pick in method.choose(units, 24, 1).picks}) for method in methods}
    assert labels["information"] == 12 > labels["uniform"] > labels["best"]


def test_the_graph_joins_labels_by_their_words_and_its_rows_add_up_to_1() -> None:
    graph = label_graph(["sum of two numbers", "sum of three numbers", "area"], 0.5)
    assert graph.sum(axis=1) == pytest.approx([1.0, 1.0, 1.0])
    assert graph[0, 1] > 0.2
    assert graph[2].tolist() == [0.0, 0.0, 1.0]
    units = MixUnits(["a", "b"], {"q": np.array([1.0, -1.0])}, {"skill": ["sum", None]})
    facts = Information(["skill"]).choose(units, 2, 0).facts
    assert facts == {"labels": 1, "pairs": 0, "information": 1.0}
    assert list(Information(["skill"], power=1.0).choose(units, 2, 0).gains) == pytest.approx([1.0, 0.0])
    with pytest.raises(SetupError, match="'q' has values below 0"):
        Information(["skill"], "q").choose(units, 1, 0)


@pytest.mark.parametrize("options", [{"labels": []}, {"labels": ["a"], "power": 1.5}, {"labels": ["a"], "threshold": 0.0}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match="'information'"):
        Information(**options)


@pytest.mark.parametrize("size", [12, 60, 240])
def test_with_near_vectors_alone_the_value_is_close_to_the_dense_form(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    random = np.random.default_rng(2)
    centres = random.normal(size=(40, 32))
    vectors = unit_rows(centres[random.integers(0, 40, 600)] + random.normal(size=(600, 32)))
    units = MixUnits([f"{at:04}" for at in range(600)], vectors=vectors)
    dense = Facility().choose(units, size, 0)
    monkeypatch.setattr("rollmill_mixing.selection.facility.EXACT", 10)
    sparse = Facility().choose(units, size, 0)
    assert len(set(sparse.picks)) == size
    assert all(before >= after for before, after in pairwise(sparse.gains))
    assert mean_cosine(vectors, sparse.picks) > 0.98 * mean_cosine(vectors, dense.picks)
    assert mean_cosine(vectors, dense.picks) == pytest.approx(dense.facts["mean_similarity"])
    assert sparse.facts["rows"] == 600
    assert list(sparse.picks) == list(Facility().choose(units, size, 0).picks)


def mean_cosine(vectors: Floats, picks: Sequence[int]) -> float:
    return float(np.maximum(vectors @ vectors[list(picks)].T, 0.0).max(axis=1).mean())


def test_neighbours_are_nearly_all_found_and_the_first_is_the_row_itself() -> None:
    random = np.random.default_rng(3)
    centres = random.normal(size=(30, 32))
    vectors = unit_rows(centres[random.integers(0, 30, 2_000)] + random.normal(size=(2_000, 32))).astype(np.float32)
    asked = np.arange(0, 2_000, 20)
    found = nearest_rows(vectors, asked, 10, 1)
    exact = np.argsort(-(vectors[asked] @ vectors.T), axis=1)[:, :10]
    shared = [len(set(found[at].indices) & set(exact[at])) for at in range(len(asked))]
    assert np.mean(shared) > 9
    assert all(found[at].data.max() == pytest.approx(1.0, abs=1e-5) for at in range(len(asked)))


def test_equal_vectors_are_one_point() -> None:
    points, point = distinct(np.array([[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0], [0.0, 1.0]]))
    assert points.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert point.tolist() == [0, 1, 0, 0]


def test_few_picks_of_many_rows_keep_no_matrix_of_cosines(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    centres = random.normal(size=(3, 16))
    vectors = unit_rows(centres[np.arange(8_000) % 3] + 0.2 * random.normal(size=(8_000, 16)))
    units = MixUnits([f"{at:04}" for at in range(8_000)], vectors=vectors)
    monkeypatch.setattr("rollmill_mixing.selection.facility.nearest_rows", None)
    tracemalloc.start()
    chosen = Facility().choose(units, 3, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {pick % 3 for pick in chosen.picks} == {0, 1, 2}
    assert chosen.facts["rows"] == 1_000
    assert peak < 10 * vectors.nbytes  # 1,000 rows of 8,000 cosines would be 32 times as much


def test_blocks_of_neighbours_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit_rows(np.random.default_rng(5).normal(size=(300, 8))).astype(np.float32)
    whole = nearest_rows(vectors, np.arange(300), 6, 1)
    monkeypatch.setattr("rollmill_mixing.selection.neighbours.CELLS", 64)
    parts = nearest_rows(vectors, np.arange(300), 6, 1)
    assert (whole.indices == parts.indices).all()
    assert np.abs(whole.data - parts.data).max() < 1e-6
