"""Weighted sampling under a constraint: unbiased token by token and text by text, by enumeration of all choices."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest

from rollmill.pipelines.generate.decoding.choices import Chooser, DrawnChooser, result_chances
from rollmill.pipelines.generate.decoding.constrained import (
    ConstrainedPlan,
    WeightedText,
    accepted_token,
    constrained_texts,
)
from rollmill.pipelines.generate.decoding.grammar import Grammar, TokenConstraint
from rollmill.pipelines.generate.decoding.step_model import CountedModel, TableModel, Tokens, sequences
from rollmill.pipelines.generate.decoding.text_rules import Regex, TextConstraint

P = np.asarray([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
BRACKETS = Grammar({"S": [[], [0, "S", 1, "S"]]})


@pytest.mark.parametrize("allowed", [{0}, {5}, {2, 4}, {1, 2, 3}, {0, 1, 2, 3, 4, 5}])
def test_the_weighted_chance_of_each_token_is_its_own_where_it_is_allowed(allowed: set[int]) -> None:
    chances = result_chances(lambda chooser: accepted_token(P, allowed.__contains__, chooser))
    weighted = np.zeros(6)
    for drawn, chance in chances.items():
        assert drawn.token in allowed
        assert 0 < drawn.mass <= 1 + 1e-12
        weighted[drawn.token or 0] += chance * drawn.mass
    np.testing.assert_allclose(weighted, np.where([token in allowed for token in range(6)], P, 0), atol=1e-12)


def test_draws_have_it_too_and_test_few_tokens() -> None:
    """30,000 draws of likely tokens and 100 of 1e-3: within four standard errors, with fewer tests than a mask needs."""
    p = np.concatenate([P * 0.9, np.full(100, 1e-3)])
    chooser, weighted, tests = DrawnChooser(np.random.default_rng(1)), np.zeros(106), 0
    draws = 30_000
    for _ in range(draws):
        drawn = accepted_token(p, lambda token: token % 2 == 0, chooser)
        weighted[drawn.token or 0] += drawn.mass / draws
        tests += drawn.tests
    expected = np.where(np.arange(106) % 2 == 0, p, 0)
    assert (np.abs(weighted - expected) < 4 * np.sqrt(expected / draws) + 1e-9).all()
    assert tests / draws < 4


def test_no_allowed_token_is_a_weight_of_0_and_no_crash() -> None:
    drawn = accepted_token(P, lambda _: False, DrawnChooser(np.random.default_rng(0)))
    assert (drawn.token, drawn.mass, drawn.tests) == (None, 0.0, 6)


def means(model: TableModel, constraint: TokenConstraint, plan: ConstrainedPlan) -> dict[Tokens, float]:
    """The exact mean weight of each text, over the particles."""
    run: Callable[[Chooser], tuple[WeightedText, ...]] = lambda chooser: tuple(  # noqa: E731
        constrained_texts(model, constraint, plan, chooser)
    )
    total: defaultdict[Tokens, float] = defaultdict(float)
    for texts, chance in result_chances(run).items():
        for text in texts:
            total[text.tokens] += chance * text.weight / len(texts)
    return {tokens: weight for tokens, weight in total.items() if weight > 0}


def test_the_mean_weight_of_each_text_is_its_probability_where_the_constraint_has_it() -> None:
    model = TableModel.random(3, 1, seed=3)
    expected: dict[Tokens, float] = {}
    for tokens, chance in sequences(model, 4):
        ended = tokens[: tokens.index(2) + 1] if 2 in tokens else tokens
        whole = ended[:-1] if ended[-1] == 2 else ended
        if BRACKETS.complete(whole):
            expected[ended] = expected.get(ended, 0.0) + chance
    assert len(expected) == 4  # end at once; () and end; (()) and ()() without one
    assert means(model, BRACKETS, ConstrainedPlan(4, end=2, particles=1)) == pytest.approx(expected, abs=1e-12)


def test_resampling_keeps_the_means() -> None:
    model = TableModel.random(2, 1, seed=6, scale=2.5)
    constraint = TextConstraint(Regex("a?b+"), lambda tokens: "".join("ab"[token] for token in tokens))
    expected = {tokens: chance for tokens, chance in sequences(model, 3) if constraint.complete(tokens)}
    assert set(expected) == {(0, 1, 1), (1, 1, 1)}
    assert means(model, constraint, ConstrainedPlan(3, particles=2)) == pytest.approx(expected, abs=1e-12)


def test_masking_alone_gives_another_distribution_which_the_weights_correct() -> None:
    """`aa` or `bb` or `ba`: `a` first leaves little mass behind it, which a mask does not see."""
    model = TableModel(np.log(np.asarray([[0.05, 0.95], [0.5, 0.5], [0.6, 0.4]])))
    constraint = TextConstraint(Regex("aa|b[ab]"), lambda tokens: "".join("ab"[token] for token in tokens))
    chances = result_chances(
        lambda chooser: constrained_texts(model, constraint, ConstrainedPlan(2, particles=1), chooser)[0]
    )
    unweighted: defaultdict[Tokens, float] = defaultdict(float)
    for text, chance in chances.items():
        unweighted[text.tokens] += chance
    assert unweighted[0, 0] == pytest.approx(0.6)
    weights = means(model, constraint, ConstrainedPlan(2, particles=1))
    assert weights[0, 0] / sum(weights.values()) == pytest.approx(0.03 / 0.43)


def test_particles_share_their_calls() -> None:
    counted = CountedModel(TableModel.random(3, 1, seed=3))
    texts = constrained_texts(counted, BRACKETS, ConstrainedPlan(6, end=2), DrawnChooser(np.random.default_rng(2)))
    assert len(texts) == 8
    assert counted.calls <= 6
