"""Speculation by shared uniforms: the text of the uniforms themselves, whatever drafts and however much."""

from collections.abc import Sequence

import numpy as np
import pytest

from rollmill.ground.pool import Floats
from rollmill.pipelines.generate.decoding.coupled import Coupling, in_doubt, inverted, speculate_coupled
from rollmill.pipelines.generate.decoding.drafters import LearningTarget, LookaheadDrafter, NgramDrafter
from rollmill.pipelines.generate.decoding.speculative import TextEnd
from rollmill.pipelines.generate.decoding.step_model import StepModel, TableModel, Tokens

TARGET = TableModel.random(6, 2, seed=1)
DRAFTERS: Sequence[StepModel] = (
    TARGET,
    TableModel.random(6, 1, seed=2),
    NgramDrafter(6),
    LookaheadDrafter(TARGET, token=0, ahead=3),
)


def plain(chances: Floats, end: int | None = None) -> Tokens:
    text: Tokens = ()
    while len(text) < len(chances) and not (text and text[-1] == end):
        text = (*text, inverted(np.exp(TARGET.next([text])[0]), float(chances[len(text)])))
    return text


@pytest.mark.parametrize("drafter", DRAFTERS, ids=["itself", "another", "n-grams", "look-ahead"])
def test_the_text_is_that_without_drafts(drafter: StepModel) -> None:
    chances = np.random.default_rng(0).random((50, 12))
    for row in chances:
        for end in (None, 3):
            target = LearningTarget(TARGET, drafter) if isinstance(drafter, NgramDrafter) else TARGET
            text = speculate_coupled(target, Coupling(drafter, 3, row), (), TextEnd(12, end))
            assert tuple(text.tokens) == plain(row, end)


def test_a_perfect_drafter_is_always_accepted_and_the_optimum_bounds_the_others() -> None:
    chances = np.random.default_rng(1).random((200, 12))
    for drafter in DRAFTERS[:2]:
        texts = [speculate_coupled(TARGET, Coupling(drafter, 3, row), (), TextEnd(12)) for row in chances]
        accepted, verified = sum(text.accepted for text in texts), sum(text.verified for text in texts)
        optimum = sum(text.optimum for text in texts)
        assert accepted <= optimum + 1e-6 + (0 if drafter is TARGET else 3 * verified**0.5 / 2)
        assert (accepted == verified) == (drafter is TARGET)


def test_a_chance_beside_a_boundary_is_replayed() -> None:
    weights = np.asarray([0.5, 0.25, 0.25])
    assert [in_doubt(weights, chance, 0.01) for chance in (0.505, 0.745, 0.6)] == [True, True, False]
    assert not in_doubt(np.asarray([0.0, 1.0, 0.0]), 0.0001, 0.01)
    first = float(np.exp(TARGET.next([()])[0])[0])
    asked: list[Tokens] = []

    def replay(tokens: Tokens) -> int:
        asked.append(tokens)
        return 5

    text = speculate_coupled(TARGET, Coupling(TARGET, 2, np.full(4, first), replay), (), TextEnd(1))
    assert (text.tokens, asked, text.target_calls) == ([5], [()], 2)
