"""Drift between two pools: each kind by hand, shared problems as clusters, rare groups taken together."""

from typing import Any

import numpy as np
import pytest

from rollmill.ground.pool import Composition
from rollmill.metrics.drift import DRIFT_KINDS, Drift, drifts
from tests.metrics.pools import pool


def composition(outcomes: list[str], repeated: list[int] | None = None, **columns: Any) -> Composition:
    """Everything correct is kept; `repeated`: places of rollouts that repeat another."""
    strata = {"level": (1, 2) * (len(outcomes) // 2), "source": ("web",) * len(outcomes), **columns.pop("strata", {})}
    kept = np.array([int(letter == "c") for letters in outcomes for letter in letters])
    made = pool(outcomes, kept=kept, strata=strata, **columns)
    flags = np.zeros(len(made), dtype=bool)
    flags[repeated or []] = True
    return Composition(made, flags)


def by_kind(before: Composition, after: Composition) -> dict[str, Drift]:
    found = drifts(before, after)
    assert [one.kind for one in found] == list(DRIFT_KINDS)
    return {one.kind: one for one in found}


def test_every_kind_is_the_share_that_moved() -> None:
    before = composition(["cc", "cc"] * 10, tokens=np.array([10, 20, 30, 40] * 10))
    after = composition(["cc", "ci"] * 10, repeated=[0, 4, 8], tokens=np.array([10, 20, 30, 40] * 10))
    found = by_kind(before, after)
    assert found["level"].row()["shares"] == {"1": [0.5, 0.666666666667], "2": [0.5, 0.333333333333]}
    assert found["level"].row()["value"] == 0.166666666667
    assert (found["level"].rows, found["level"].row()["clusters"]) == ((40, 30), 20)
    assert found["length"].row()["shares"] == {
        "to 10": [0.25, 0.333333333333],
        "11 to 20": [0.25, 0.333333333333],
        "21 to 30": [0.25, 0.333333333333],
        "31 to 40": [0.25, 0.0],
    }
    assert found["source"].row()["value"] == 0.0
    assert found["duplicates"].row()["shares"] == {"first": [1.0, 0.9], "repeated": [0.0, 0.1]}
    rate = found["pass_rate"].row()
    assert rate["shares"]["correct"] == [1.0, 0.75]
    assert (rate["value"], rate["n_before"], rate["n_after"]) == (0.25, 20, 20)


def test_what_cannot_be_compared_is_said() -> None:
    nothing = composition(["ii", "ii"])
    some = composition(["cc", "cc"], tokens=np.full(4, -1))
    found = by_kind(nothing, some)
    assert found["level"].row() == {"value": None, "missing": "nothing to compare"}
    assert by_kind(some, some)["length"].row() == {"value": None, "missing": "no tokens were counted"}
    unmeasured = composition(["cc", "cc"], in_prefix=np.zeros(4, dtype=bool))
    assert by_kind(unmeasured, some)["pass_rate"].shift is None


def test_rare_sources_are_taken_together_and_levels_stand_in_order() -> None:
    sources = tuple(f"s{at:02}" for at in range(40))
    one = composition(["c"] * 40, strata={"source": sources, "level": tuple(range(40, 0, -1))})
    shares = by_kind(one, one)["source"].row()["shares"]
    assert list(shares)[:2] == ["s00", "s01"]
    assert (len(shares), shares["others"]) == (21, [0.5, 0.5])
    assert list(by_kind(one, one)["level"].row()["shares"])[:2] == ["21", "22"]


def test_a_fresh_draw_of_the_same_kind_is_within_chance() -> None:
    rng = np.random.default_rng(3)
    sides = []
    for name in ("a", "b"):
        levels = tuple(int(level) for level in rng.integers(1, 5, size=200))
        made = composition(["c"] * 200, strata={"level": levels}, problems=tuple(f"{name}{at}" for at in range(200)))
        sides.append(made)
    row = by_kind(sides[0], sides[1])["level"].row()
    assert row["clusters"] == 400
    assert row["value"] <= row["chance"] == pytest.approx(0.1, abs=0.04)
    assert row["low"] == 0.0
