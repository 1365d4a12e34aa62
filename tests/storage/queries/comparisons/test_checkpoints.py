"""The order of 20 checkpoints under three formats: tau by brute force, and the noisy format is the unstable one."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.queries.comparisons.checkpoints import checkpoint_order
from rollmill.storage.queries.comparisons.sides import Side
from tests.metrics.pools import pool

STEPS, PROBLEMS = 20, 400


def sides_of_training(noise: dict[str, float]) -> tuple[list[Side], dict[str, list[float]]]:
    """Checkpoints whose ability rises from .2 to .8; a format answers at random with its share of noise."""
    rng = np.random.default_rng(4)
    sides, rates = [], dict[str, list[float]]()
    for step in range(STEPS):
        for name, share in noise.items():
            ability = 0.2 + 0.6 * step / (STEPS - 1)
            right = rng.random(PROBLEMS) < (1 - share) * ability + share * rng.random()
            rates.setdefault(name, []).append(float(right.mean()))
            sides.append(Side("e", name, f"step-{step}", pool(["c" if hit else "i" for hit in right])))
    return sides, rates


def test_a_noisy_format_turns_the_order_of_checkpoints_round() -> None:
    sides, rates = sides_of_training({"instructions": 0.6, "in_context": 0.2, "blank": 0.0})
    rows = {row["benchmark"]: row for row in checkpoint_order(sides)}
    for name, values in rates.items():
        pairs = list(combinations(range(STEPS), 2))
        signs = [np.sign(values[b] - values[a]) for a, b in pairs]
        untied = sum(sign != 0 for sign in signs)
        tau_b = sum(signs) / np.sqrt(len(pairs) * untied)
        assert rows[name]["tau"]["value"] == pytest.approx(tau_b, abs=1e-9)
        assert rows[name]["falls"] == sum(b < a for a, b in pairwise(values))
        assert rows[name]["tau"]["low"] < tau_b < rows[name]["tau"]["high"]
    assert rows["blank"]["tau"]["value"] > rows["in_context"]["tau"]["value"] > rows["instructions"]["tau"]["value"]
    assert rows["blank"]["tau"]["low"] > 0.7


def test_two_checkpoints_have_no_order_and_equal_ones_no_tau() -> None:
    sides = [Side("e", "b", f"m{at}", pool(["ci"])) for at in range(3)]
    with pytest.raises(SetupError, match="b has 2 checkpoints"):
        checkpoint_order(sides[:2])
    assert checkpoint_order(sides) == [
        {"benchmark": "b", "checkpoints": 3, "falls": 0, "tau": None, "why": "all rates are equal"}
    ]
