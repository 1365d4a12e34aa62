"""Thresholdout on pure noise: the card's figures, and answers that stay within their bounds after many looks."""

import numpy as np
import numpy.typing as npt
import pytest

from rollmill.stats import GuardedAnswer, HoldoutGuard, first_shift, guarded_answer, standard_guard

ROWS, FEATURES, CHOSEN = 8_000, 4_000, 350


def signs(rng: np.random.Generator) -> npt.NDArray[np.int8]:
    """(rows, features): products of a random feature and a random label, which are coins of their own."""
    bits = np.unpackbits(np.frombuffer(rng.bytes(ROWS * FEATURES // 8), dtype=np.uint8)).reshape(ROWS, FEATURES)
    return (2 * bits.astype(np.int8) - 1).astype(np.int8)


def accuracy(products: npt.NDArray[np.int8], columns: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> float:
    """Share of rows that the vote of these features gets right; a tie is half."""
    votes = products[:, columns].astype(np.float64) @ weights
    return float(np.mean(votes > 0) + 0.5 * np.mean(votes == 0))


def selected(seed: int, *, guarded: bool) -> tuple[float, float]:
    """Accuracy that the holdout reports, and on fresh rows, of the 350 features that are best on the training rows among
    those that the holdout confirms.
    """
    rng = np.random.default_rng(seed)
    train, holdout, fresh = (signs(rng) for _ in range(3))
    means = [products.mean(axis=0, dtype=np.float64) for products in (train, holdout)]
    guard = HoldoutGuard(4 / np.sqrt(ROWS), 1 / np.sqrt(ROWS), ROWS)
    shift = first_shift(guard, rng)

    def ask(visible: float, hidden: float) -> float:
        nonlocal shift
        answer = guarded_answer(guard, visible, hidden, shift, rng) if guarded else GuardedAnswer(hidden, True, shift)
        shift = answer.shift
        return answer.value

    seen = np.array([ask(visible, hidden) for visible, hidden in zip(*means, strict=True)])
    agreeing = np.flatnonzero(np.sign(means[0]) == np.sign(seen))
    columns = agreeing[np.argsort(-np.abs(means[0][agreeing]), kind="stable")][:CHOSEN]
    weights = np.sign(means[0][columns])
    reported = ask(accuracy(train, columns, weights), accuracy(holdout, columns, weights))
    return reported, accuracy(fresh, columns, weights)


def test_the_figures_of_the_card_on_pure_noise() -> None:
    """8,000 rows, 4,000 features: .567 by a plain holdout, .490 by a guarded one, .505 on fresh rows (one run each)."""
    plain, plain_fresh = selected(1, guarded=False)
    reported, fresh = selected(1, guarded=True)
    assert plain == pytest.approx(0.567, abs=0.015)
    assert reported == pytest.approx(0.5, abs=0.05)
    assert [plain_fresh, fresh] == pytest.approx([0.505, 0.505], abs=0.015)
    assert reported < plain


def test_a_question_on_which_halves_agree_spends_no_look() -> None:
    guard, rng = standard_guard(400), np.random.default_rng(3)
    assert (guard.threshold, guard.noise) == (0.1, 0.025)
    alike = [guarded_answer(guard, 0.6, 0.61, 0.0, rng) for _ in range(300)]
    apart = [guarded_answer(guard, 0.9, 0.3, 0.0, rng) for _ in range(300)]
    assert np.mean([answer.looked for answer in alike]) < 0.25
    assert all(answer.value == 0.6 for answer in alike if not answer.looked)
    assert np.mean([answer.looked for answer in apart]) > 0.95
    looks = [answer.value for answer in apart if answer.looked]
    assert np.mean(looks) == pytest.approx(0.3, abs=0.01)
    assert len(set(looks)) == len(looks)


def test_answers_are_within_their_bounds_although_the_visible_half_is_overfitted() -> None:
    """Pass rates of .5 on both halves; of 400 models the visible half's best ones are asked about, again and again."""
    guard, inside = standard_guard(200), []
    for seed in range(60):
        rng = np.random.default_rng([seed, 5])
        visible, hidden = (rng.binomial(200, 0.5, 400) / 200 for _ in range(2))
        shift = first_shift(guard, rng)
        for place in np.argsort(-visible)[:10]:
            answer = guarded_answer(guard, float(visible[place]), float(hidden[place]), shift, rng)
            shift = answer.shift
            inside.append(abs(answer.value - 0.5) <= guard.bound(looked=answer.looked))
    assert np.mean(inside) >= 0.95
