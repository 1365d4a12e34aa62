"""Reflective verification: the mixture, its gain in acceptance and its cost in divergence."""

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.decoding.choices import result_chances
from rollmill.pipelines.generate.decoding.draft_rules import RULES
from rollmill.pipelines.generate.decoding.fusion import FusedModel, fusion_cost
from rollmill.pipelines.generate.decoding.speculative import Speculation, TextEnd, speculate
from rollmill.pipelines.generate.decoding.step_model import TableModel, sequences

P, R, Q = np.asarray([0.7, 0.2, 0.1]), np.asarray([0.2, 0.6, 0.2]), np.asarray([0.2, 0.7, 0.1])


def test_gain_and_cost_of_a_weight_by_hand() -> None:
    """At one half the mixture is .45, .4, .15: min with q is .2 + .4 + .1."""
    cost = fusion_cost(P, R, Q, 0.5)
    assert cost.acceptance == pytest.approx(0.7)
    expected = 0.45 * np.log(0.45 / 0.7) + 0.4 * np.log(2) + 0.15 * np.log(1.5)
    assert cost.divergence == pytest.approx(expected)
    assert fusion_cost(P, R, Q, 0.0) == pytest.approx(type(cost)(0.5, 0.0))


def test_more_weight_costs_more() -> None:
    costs = [fusion_cost(P, R, Q, weight) for weight in np.linspace(0, 1, 9)]
    assert [cost.divergence for cost in costs] == sorted(cost.divergence for cost in costs)
    assert [cost.acceptance for cost in costs] == sorted(cost.acceptance for cost in costs)


def test_a_fused_target_is_drawn_from_exactly_and_is_not_the_target() -> None:
    model, reflecting = TableModel.random(3, 1, seed=1), TableModel.random(3, 1, seed=2)
    plan = Speculation(TableModel.random(3, 1, seed=3), RULES["single"], ahead=2)
    mixed = FusedModel(model, reflecting, 0.3)
    chances = result_chances(lambda chooser: tuple(speculate(mixed, plan, (), TextEnd(3), chooser).tokens))
    assert chances == pytest.approx(dict(sequences(mixed, 3)), abs=1e-12)
    plain = dict(sequences(model, 3))
    assert max(abs(chances[tokens] - plain[tokens]) for tokens in plain) > 0.01


def test_a_weight_above_1_is_refused() -> None:
    with pytest.raises(SetupError, match=r"the weight of reflection is 1\.5"):
        FusedModel(TableModel.random(3, 1, 1), TableModel.random(3, 1, 2), 1.5)
