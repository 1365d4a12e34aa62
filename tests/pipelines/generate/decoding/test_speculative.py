"""Speculative texts over enumerated choices: the target's distribution to the last digits, in fewer calls."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from rollmill.ground.pool import Floats
from rollmill.pipelines.generate.decoding.choices import Chooser, DrawnChooser, result_chances
from rollmill.pipelines.generate.decoding.draft_rules import RULES
from rollmill.pipelines.generate.decoding.drafters import LearningTarget, LookaheadDrafter, NgramDrafter
from rollmill.pipelines.generate.decoding.speculative import Speculation, SpeculativeText, TextEnd, speculate
from rollmill.pipelines.generate.decoding.step_model import CountedModel, StepModel, TableModel, Tokens, sequences
from tests.pipelines.generate.decoding.toys import LayeredModel, Marginals

TARGET = TableModel.random(3, 2, seed=1)
TABLES = np.random.default_rng(5).normal(size=(6, 4, 3)) * np.asarray([1.5, 0.2, 0.3, 0.2, 0.3, 1.0])[:, None, None]
LAYERED = LayeredModel(TABLES)


def warm() -> NgramDrafter:
    drafter = NgramDrafter(3)
    learning = LearningTarget(TARGET, drafter)
    for tokens, _ in sequences(TARGET, 2):
        learning.next([tokens[:1], tokens])
    return drafter


def transitions(model: LayeredModel) -> Floats:
    return np.exp(model.next([(0,), (1,), (2,), ()]))


DRAFTERS: dict[str, tuple[StepModel, StepModel]] = {
    "another model": (TARGET, TableModel.random(3, 1, seed=2)),
    "n-grams": (TARGET, warm()),
    "skipped layers": (LAYERED, LAYERED.without(1, 2, 3)),
    "look-ahead": (TARGET, LookaheadDrafter(TARGET, token=0, ahead=2)),
    "marginals": (LAYERED, Marginals(transitions(LAYERED))),
}


def texts(model: StepModel, plan: Speculation, length: int, end: int | None = None) -> Callable[[Chooser], Tokens]:
    return lambda chooser: tuple(speculate(model, plan, (), TextEnd(length, end), chooser).tokens)


@pytest.mark.parametrize("drafter", DRAFTERS)
def test_a_text_has_the_targets_distribution_whatever_drafts(drafter: str) -> None:
    model, drafts = DRAFTERS[drafter]
    chances = result_chances(texts(model, Speculation(drafts, RULES["single"], ahead=2), 3))
    assert sum(chances.values()) == pytest.approx(1, abs=1e-12)
    assert chances == pytest.approx(dict(sequences(model, 3)), abs=1e-12)


@pytest.mark.parametrize("rule", list(RULES))
def test_so_it_has_with_two_drafted_sequences_under_every_rule(rule: str) -> None:
    model = TableModel.random(2, 2, seed=3)
    plan = Speculation(TableModel.random(2, 1, seed=4), RULES[rule], ahead=2, drafts=2)
    assert result_chances(texts(model, plan, 3)) == pytest.approx(dict(sequences(model, 3)), abs=1e-12)


def test_a_text_may_end_within_the_drafts() -> None:
    chances = result_chances(texts(TARGET, Speculation(warm(), RULES["single"], ahead=2), 3, end=0))
    expected: dict[Tokens, float] = {}
    for tokens, chance in sequences(TARGET, 3):
        ended = tokens[: tokens.index(0) + 1] if 0 in tokens else tokens
        expected[ended] = expected.get(ended, 0.0) + chance
    assert chances == pytest.approx(expected, abs=1e-12)


def test_enumeration_sees_a_target_at_another_temperature() -> None:
    class Warm:
        vocabulary = 3

        def next(self, prefixes: Sequence[Tokens]) -> Floats:
            rows = TARGET.next(prefixes) / 0.97
            return rows - np.logaddexp.reduce(rows, axis=1, keepdims=True)

    chances = result_chances(texts(Warm(), Speculation(warm(), RULES["single"], ahead=2), 3))
    expected = dict(sequences(TARGET, 3))
    assert max(abs(chances[tokens] - expected[tokens]) for tokens in expected) > 1e-3


def test_greedy_drafts_give_the_greedy_text() -> None:
    class Greedy:
        def __init__(self, model: StepModel) -> None:
            self._model, self.vocabulary = model, model.vocabulary

        def next(self, prefixes: Sequence[Tokens]) -> Floats:
            rows = self._model.next(prefixes)
            return np.where(rows == rows.max(axis=1, keepdims=True), 0.0, -np.inf)

    model, drafter = TableModel.random(20, 2, seed=7), TableModel.random(20, 1, seed=8)
    plan = Speculation(Greedy(drafter), RULES["single"], ahead=3)
    text = speculate(Greedy(model), plan, (), TextEnd(40), DrawnChooser(np.random.default_rng(0)))
    plain: Tokens = ()
    while len(plain) < 40:
        plain = (*plain, int(model.next([plain])[0].argmax()))
    assert tuple(text.tokens) == plain


def decoded(model: StepModel, plan: Speculation, count: int, length: int = 12) -> SpeculativeText:
    """The sums of some texts."""
    chooser, total = DrawnChooser(np.random.default_rng(3)), SpeculativeText([])
    for _ in range(count):
        text = speculate(model, plan, (), TextEnd(length), chooser)
        total.tokens += text.tokens
        total.target_calls += text.target_calls
        total.accepted += text.accepted
        total.verified += text.verified
        total.optimum += text.optimum
    return total


def test_calls_are_counted_and_a_perfect_drafter_needs_one_for_each_block() -> None:
    counted = CountedModel(TARGET)
    text = decoded(counted, Speculation(TARGET, RULES["single"], ahead=3), 5)
    assert counted.calls == text.target_calls == 5 * 3
    assert text.accepted == 5 * 9
    assert len(text.tokens) == 60


def test_an_n_gram_drafter_grows_warm_and_is_accepted_more() -> None:
    drafter = NgramDrafter(3)
    plan = Speculation(drafter, RULES["single"], ahead=3)
    cold = decoded(TARGET, plan, 30)
    learning = LearningTarget(TARGET, drafter)
    decoded(learning, plan, 30)
    warmed = decoded(TARGET, plan, 30)
    assert warmed.accepted > 1.2 * cold.accepted
    assert warmed.target_calls < cold.target_calls


def test_more_skipped_layers_are_accepted_less() -> None:
    plans = [Speculation(LAYERED.without(*layers), RULES["single"], ahead=3) for layers in ((), (1, 2, 3), (1, 2, 3, 4, 5))]
    rates = [decoded(LAYERED, plan, 60).accepted for plan in plans]
    assert rates[0] > rates[1] > rates[2]


def test_drafts_without_replacement_differ_and_accept_more() -> None:
    drafter = TableModel.random(3, 1, seed=2)
    rates = {}
    for rule in ("multi_round", "recursive"):
        text = decoded(TARGET, Speculation(drafter, RULES[rule], ahead=1, drafts=2), 60)
        rates[rule] = text.accepted / text.verified
        assert text.accepted <= text.optimum + 4 * text.verified**0.5 / 2
    assert rates["recursive"] > rates["multi_round"]
    every = decoded(TARGET, Speculation(drafter, RULES["recursive"], ahead=1, drafts=3), 20)
    assert every.accepted == every.verified  # three different drafts of three tokens


def test_the_acceptance_of_one_draft_is_the_optimum_on_average() -> None:
    text = decoded(TARGET, Speculation(TableModel.random(3, 1, seed=2), RULES["single"], ahead=2), 200)
    assert text.accepted / text.verified == pytest.approx(text.optimum / text.verified, abs=0.03)
