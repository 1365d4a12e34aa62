"""Best-first beam search: the beam's own text on random models, with fewer prefixes computed."""

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.decoding.beam import BeamLimits, beam, best_first
from rollmill.pipelines.generate.decoding.step_model import CountedModel, TableModel, logp_of, sequences


@pytest.mark.parametrize("width", [1, 3, 5])
def test_both_give_the_same_text_for_300_random_models(width: int) -> None:
    limits, prefixes = BeamLimits(width, length=7, end=0), {"beam": 0, "best first": 0}
    for seed in range(300):
        counted, fast = CountedModel(TableModel.random(5, 1, seed)), CountedModel(TableModel.random(5, 1, seed))
        plain, quick = beam(counted, limits), best_first(fast, limits)
        assert quick.tokens == plain.tokens
        assert quick.logp == pytest.approx(plain.logp, abs=1e-12)
        prefixes["beam"] += counted.prefixes
        prefixes["best first"] += fast.prefixes
        assert fast.prefixes <= counted.prefixes
    assert prefixes["best first"] <= {1: 1.0, 3: 0.6, 5: 0.4}[width] * prefixes["beam"]


def test_a_wide_beam_finds_the_likeliest_text() -> None:
    model = TableModel.random(3, 2, seed=4)
    texts = {}
    for tokens, _ in sequences(model, 4):
        whole = tokens[: tokens.index(0) + 1] if 0 in tokens else tokens
        texts[whole] = logp_of(model, whole)
    best = max(texts, key=lambda tokens: texts[tokens])
    limits = BeamLimits(width=81, length=4, end=0)
    quick = best_first(model, limits)
    assert quick.tokens == beam(model, limits).tokens == best
    assert quick.logp == pytest.approx(texts[best])


def test_a_prefix_is_continued() -> None:
    model = TableModel.random(4, 2, seed=5)
    limits = BeamLimits(width=1, length=1, end=0)
    greedy = int(np.argmax(model.next([(3, 2)])[0]))
    assert beam(model, limits, (3, 2)).tokens == best_first(model, limits, (3, 2)).tokens == (greedy,)


def test_a_beam_without_width_is_refused() -> None:
    with pytest.raises(SetupError, match="a beam of width 0 and length 3 keeps nothing"):
        BeamLimits(0, 3, 0)
