"""Every rule: the target's distribution, exactly and over a million draws; acceptance against the optimum."""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import chisquare

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats, Ints
from rollmill.pipelines.generate.decoding.draft_rules import RULES, DraftRule, acceptance, draft_tuples
from rollmill.pipelines.generate.decoding.optimum import optimal_acceptance, transport_plan

DRAWS = 1_000_000
ONE_DRAFT = {"single"}  # reads one draft alone, so that more of them change nothing


def pairs(count: int = 5, vocabulary: int = 6) -> Iterator[tuple[Floats, Floats]]:
    generator = np.random.default_rng(6)
    for _ in range(count):
        p, q = generator.dirichlet(np.ones(vocabulary), size=2)
        yield p, q


def drafted(q: Floats, count: int, rule: DraftRule, generator: np.random.Generator) -> Ints:
    """Drafts drawn token by token with replacement, or as the largest of Gumbel values without."""
    if rule.replacement:
        return generator.choice(len(q), size=(DRAWS, count), p=q)
    keys = np.log(q) - np.log(generator.exponential(size=(DRAWS, len(q))))
    return np.argsort(-keys, axis=1)[:, :count]


@pytest.mark.integration
@pytest.mark.parametrize("name", RULES)
def test_a_million_draws_have_the_targets_distribution(name: str) -> None:
    rule, generator = RULES[name], np.random.default_rng(11)
    p, q = next(pairs())
    drafts = drafted(q, 3, rule, generator)
    codes = drafts @ np.asarray([36, 6, 1])
    distinct, rows = np.unique(codes, return_inverse=True)
    chosen = rule.given(p, q, np.stack([distinct // 36, distinct // 6 % 6, distinct % 6], axis=1))
    ladder = np.cumsum(chosen, axis=1)[rows]
    tokens = (ladder > (generator.random(DRAWS) * ladder[:, -1])[:, None]).argmax(axis=1)
    seen = np.bincount(tokens, minlength=6)
    assert chisquare(seen, DRAWS * p).pvalue > 0.01
    kept = (drafts == tokens[:, None]).any(axis=1).mean()
    assert kept == pytest.approx(acceptance(rule, p, q, 3), abs=0.003)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("name", RULES)
def test_the_mean_over_all_drafts_is_the_target_to_the_last_digits(name: str, count: int) -> None:
    for p, q in pairs(vocabulary=4):
        tuples, chances = draft_tuples(q, count, replacement=RULES[name].replacement)
        assert chances.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(chances @ RULES[name].given(p, q, tuples), p, atol=1e-12)


def test_tokens_that_one_of_the_two_never_gives_are_no_trouble() -> None:
    p, q = np.asarray([0.0, 0.5, 0.3, 0.2]), np.asarray([0.4, 0.6, 0.0, 0.0])
    for rule in RULES.values():
        tuples, chances = draft_tuples(q, 2, replacement=rule.replacement)
        np.testing.assert_allclose(chances @ rule.given(p, q, tuples), p, atol=1e-12)
        assert acceptance(rule, p, q, 2) <= 0.5 + 1e-9


@pytest.mark.parametrize("name", RULES)
def test_a_drafter_that_is_sure_of_one_token_is_no_trouble(name: str) -> None:
    """As at a low temperature: all the mass but 1e-18, which float64 cannot take from 1."""
    rule, q = RULES[name], np.asarray([1.0, 1e-18, 1e-20])
    for p in (np.asarray([0.5, 0.3, 0.2]), np.asarray([1.0, 1e-18, 1e-20]), np.asarray([1e-18, 1.0, 1e-20])):
        for count in (2, 3):
            tuples, chances = draft_tuples(q, count, replacement=rule.replacement)
            assert chances.sum() == pytest.approx(1, abs=1e-12)
            np.testing.assert_allclose(chances @ rule.given(p, q, tuples), p, atol=1e-12)
            best = optimal_acceptance(p, q, count, replacement=rule.replacement)
            assert acceptance(rule, p, q, count) <= best + 1e-9


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_linear_programme_and_the_minimal_cut_agree(count: int, replacement: bool) -> None:
    for p, q in pairs():
        cut = optimal_acceptance(p, q, count, replacement=replacement)
        assert transport_plan(p, q, count, replacement=replacement).accepted == pytest.approx(cut, abs=1e-9)
    if count == 1:
        assert cut == pytest.approx(np.minimum(p, q).sum(), abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_rule_is_above_the_optimum_and_spectr_is_near_it(count: int) -> None:
    for p, q in pairs():
        best = {kind: optimal_acceptance(p, q, count, replacement=kind) for kind in (True, False)}
        rates = {name: acceptance(rule, p, q, count) for name, rule in RULES.items()}
        for name, rule in RULES.items():
            assert rates[name] <= best[rule.replacement] + 1e-9
        assert rates["k_seq"] >= (1 - 1 / np.e) * best[True]
        assert rates["optimal"] == pytest.approx(best[True], abs=1e-8)
        assert rates["optimal_distinct"] == pytest.approx(best[False], abs=1e-8)
        assert best[False] >= best[True] - 1e-12
        if count == 1:
            assert set(np.round(list(rates.values()), 9)) == {round(best[True], 9)}
        else:
            assert rates["weighted"] > rates["single"]


def test_acceptance_grows_with_the_number_of_drafts() -> None:
    for p, q in pairs():
        for name in set(RULES) - ONE_DRAFT:
            rates = [acceptance(RULES[name], p, q, count) for count in (1, 2, 3)]
            assert rates == sorted(rates)


def test_the_optimum_of_the_papers_two_tokens() -> None:
    """Two equal drafts: T = {second} gives .3 + 1 - .8^2 = .66; the empty set 1; both 1."""
    p, q = np.asarray([0.7, 0.3]), np.asarray([0.2, 0.8])
    assert optimal_acceptance(p, q, 2) == pytest.approx(0.66)
    assert optimal_acceptance(p, q, 1) == pytest.approx(0.5)
    assert optimal_acceptance(p, q, 2, replacement=False) == pytest.approx(1.0)


def test_too_many_drafts_are_a_mistake_with_numbers() -> None:
    with pytest.raises(SetupError, match="9 drafts of 6 tokens have 10,077,696 tuples, over 1,000,000"):
        acceptance(RULES["weighted"], np.full(6, 1 / 6), np.full(6, 1 / 6), 9)
