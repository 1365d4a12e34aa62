"""What every set method must do: fit the size, pick nothing twice, and not depend on the order of the units."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rollmill.pipelines.mix.table import MixUnits
from rollmill.pipelines.mix.text_vectors import unit_rows
from rollmill.roles.registries import registry

SET_METHODS = registry("set method")  # those of the shelf too
UNITS = 40
OPTIONS: dict[str, dict[str, Any]] = {
    "uniform": {},
    "best": {"by": "quality"},
    "constrained": {"weights": {"quality": 1.0}, "most": {"influence": 0.9}},
    "margin_correct": {"margin": "quality", "correct": "influence"},
    "strata": {"by": "skill"},
    "facility": {},
    "information": {"labels": ["skill", "cluster"], "quality": "quality"},
    "clusters": {"quality": "quality", "clusters": 5},
    "temperature": {"temperatures": [5.0, 1.0]},
    "rehearsal": {"before": "before", "after": "after", "bins": ["skill", "quality"]},
    "multistage": {"by": "influence", "features": ["quality", "skill"]},
    "quad": {"influence": "gain", "clusters": 5},
    "mona": {},
}
"""Options of each method on the table below."""


def table(order: Any = None) -> MixUnits:
    places = np.arange(UNITS) if order is None else np.asarray(order, dtype=np.int64)
    random = np.random.default_rng(3)
    vectors, quality = unit_rows(random.normal(size=(UNITS, 8))), random.random(UNITS)
    return MixUnits(
        [f"unit-{place:02}" for place in places],
        {"quality": quality[places], "influence": (quality**2)[places], "before": (places % 2).astype(float),
         "after": (places % 3 > 0).astype(float), "gain": (quality - 0.5)[places]},
        {"skill": [f"skill-{place % 5}" for place in places],
         "source": ["big" if place % 4 else "small" for place in places], "cluster": [f"c{place % 6}" for place in places]},
        vectors[places],
        similarities=random.random((UNITS, 3))[places],
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(SET_METHODS))
def test_a_method_fills_the_size_and_does_not_depend_on_the_order(name: str) -> None:
    method = SET_METHODS[name](**OPTIONS[name])
    assert (method.name, method.version) == (name, "1")
    order = np.random.default_rng(1).permutation(UNITS)
    for size in (1, 7, UNITS):
        first = method.choose(table(), size, 5)
        picks = [table().ids[unit] for unit in first.picks]
        assert len(picks) == len(set(picks)) == size
        assert picks == [table(order).ids[unit] for unit in method.choose(table(order), size, 5).picks]
        assert len(first.gains) in (0, size)
        assert all(before >= after - 1e-9 for before, after in zip(first.gains, first.gains[1:], strict=False))


@pytest.mark.parametrize("name", sorted(SET_METHODS))
def test_units_of_several_rows_never_exceed_the_size(name: str) -> None:
    method = SET_METHODS[name](**OPTIONS[name])
    units = replace(table(), sizes=np.arange(UNITS) % 3 + 2)
    for size in (2, 11, 30):
        picks = list(method.choose(units, size, 5).picks)
        assert len(picks) == len(set(picks))
        assert size - 2 < units.rows[picks].sum() <= size


@pytest.mark.parametrize("name", sorted(SET_METHODS))
def test_no_candidates_give_no_picks(name: str) -> None:
    bare = table([])
    assert list(SET_METHODS[name](**OPTIONS[name]).choose(bare, 0, 5).picks) == []
