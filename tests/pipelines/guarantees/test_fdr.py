"""The guarantee `fdr`: the procedure by brute force, and its error and power where 50 scorers are tried."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Flags, Floats
from rollmill.pipelines.guarantees.fdr import FalseDiscoveryRate, sizes_with_one_more_wrong
from rollmill.pipelines.guarantees.judged_sample import JudgedSample, wrong_at_least

LEVEL = 0.1


def kept_by_one(judged: Floats, right: Flags, rows: Floats, level: float, noise: Floats | None = None) -> Flags:
    """Benjamini and Hochberg's procedure on conformal p-values of one scorer. `noise`: of randomised p-values."""
    above = wrong_at_least(judged[~right], rows)
    values = (above + (1.0 if noise is None else noise)) / (len(judged) + 1)
    kept: Flags = false_discovery_control(values) <= level + 1e-12
    return kept


def drawn(generator: np.random.Generator, judged: int, shift: float, scorers: int = 50) -> tuple[JudgedSample, Flags]:
    """Judged and 100 open rows, half of them right; the first scorer is `shift` higher for right rows, the rest noise."""
    right = generator.random(judged + 100) >= 0.5
    scores = generator.normal(size=(judged + 100, scorers))
    scores[:, 0] += shift * right
    names = [f"s{place:02}" for place in range(scorers)]
    sample = JudgedSample(names, scores[:judged], right[:judged], scores[judged:], generator.random())
    return sample, right[judged:]


def test_one_scorer_is_the_procedure_of_benjamini_and_hochberg() -> None:
    generator = np.random.default_rng(0)
    sizes = []
    for _ in range(60):
        sample, _ = drawn(generator, 80, 2.0, scorers=1)
        tied = JudgedSample(["s"], sample.judged.round(1), sample.right, sample.rows.round(1))
        for each in (sample, tied):
            kept = FalseDiscoveryRate(LEVEL).certify(each).kept
            assert kept.tolist() == kept_by_one(each.judged[:, 0], each.right, each.rows[:, 0], LEVEL).tolist()
            sizes.append(kept.sum())
    assert 0 < np.mean(sizes) < 100


def test_the_sizes_with_one_more_wrong_row_are_those_of_brute_force() -> None:
    generator = np.random.default_rng(1)
    for _ in range(40):
        wrong, scores = generator.normal(size=12).round(1), generator.normal(0.8, 1, 15).round(1)
        limit = 0.4 * 21 / 15
        sizes = sizes_with_one_more_wrong(wrong_at_least(wrong, scores), scores, len(wrong), limit)
        for row in range(len(scores)):
            counts = wrong_at_least(np.append(wrong, scores[row]), scores)
            counts[row] = 0
            within = [int((counts <= count).sum()) for count in range(14)]
            assert sizes[row] == max(size for count, size in enumerate(within) if count <= limit * size + 1e-9)


def test_the_order_of_rows_and_scorers_decides_nothing() -> None:
    sample, _ = drawn(np.random.default_rng(4), 120, 1.5, scorers=5)
    whole = FalseDiscoveryRate(LEVEL).certify(sample)
    places, columns = np.random.default_rng(1).permutation(100), [3, 1, 4, 0, 2]
    names, open_rows = [sample.scorers[at] for at in columns], sample.rows[places][:, columns]
    turned = JudgedSample(names, sample.judged[::-1][:, columns], sample.right[::-1], open_rows, sample.lot)
    again = FalseDiscoveryRate(LEVEL).certify(turned)
    assert 0 < whole.kept.sum() < 100
    assert again.kept.tolist() == whole.kept[places].tolist()
    assert again.facts == whole.facts


def test_without_rows_or_without_wrong_judged_rows() -> None:
    empty = JudgedSample(["s"], np.ones((5, 1)), np.ones(5, np.bool_), np.ones((0, 1)))
    assert FalseDiscoveryRate(LEVEL).certify(empty).kept.tolist() == []
    few = JudgedSample(["s"], np.ones((5, 1)), np.ones(5, np.bool_), np.ones((3, 1)))
    assert FalseDiscoveryRate(LEVEL).certify(few).kept.tolist() == [False] * 3  # five right rows prove little
    many = JudgedSample(["s"], np.ones((20, 1)), np.ones(20, np.bool_), np.ones((3, 1)))
    assert FalseDiscoveryRate(LEVEL).certify(many).kept.tolist() == [True] * 3


def test_three_scorers_as_good_as_one_another_keep_about_as_many_rows_as_one() -> None:
    generator, counts = np.random.default_rng(8), []
    for _ in range(60):
        right = generator.random(500) >= 0.3
        scores = generator.normal(size=(500, 3)) + 1.5 * right[:, None]
        several = JudgedSample(["a", "b", "c"], scores[:200], right[:200], scores[200:], generator.random())
        single = JudgedSample(["a"], scores[:200, :1], right[:200], scores[200:, :1])
        counts.append([FalseDiscoveryRate(0.2).certify(each).kept.sum() for each in (several, single)])
    kept, by_one = np.mean(counts, axis=0)
    assert kept > 0.9 * by_one > 100


@pytest.mark.parametrize("level", [0.0, 1.0, 2.0])
def test_a_level_that_claims_nothing_is_refused(level: float) -> None:
    with pytest.raises(SetupError, match="'level' is"):
        FalseDiscoveryRate(level)


def shares(kept: Flags, right: Flags) -> tuple[float, float]:
    """False discovery proportion, and share of the right rows that are kept."""
    return (kept & ~right).sum() / max(1, kept.sum()), (kept & right).sum() / right.sum()


def kept_by_each(judged: Floats, right: Flags, rows: Floats, noise: Floats | float = 1.0) -> Flags:
    """The same procedure for all scorers at once, one in each column."""
    wrong = judged[~right]
    above = np.stack([wrong_at_least(wrong[:, scorer], rows[:, scorer]) for scorer in range(rows.shape[1])], axis=1)
    values = (above + noise) / (len(judged) + 1)
    within = np.sort(values, axis=0) * len(rows) <= LEVEL * np.arange(1, len(rows) + 1)[:, None] + 1e-12
    largest = np.max(np.where(within, np.sort(values, axis=0), -1.0), axis=0)
    kept: Flags = values <= largest
    return kept


def simulated(judged: int, shift: float, repeats: int, *, seed: int) -> dict[str, tuple[float, float]]:
    """Mean false discovery proportion and power of four ways to use 50 scorers."""
    generator = np.random.default_rng(seed)
    results: dict[str, list[tuple[float, float]]] = {}
    for _ in range(repeats):
        sample, right = drawn(generator, judged, shift)
        known, labels, half = sample.judged, sample.right, judged // 2
        every = kept_by_each(known, labels, sample.rows, generator.random((100, 50)))
        best = int(np.argmax(kept_by_each(known[:half], labels[:half], sample.rows).sum(axis=0)))
        ways = {
            "single": every[:, -1],
            "naive": every[:, np.argmax(every.sum(axis=0))],
            "splitting": kept_by_each(known[half:], labels[half:], sample.rows)[:, best],
            "ours": FalseDiscoveryRate(LEVEL).certify(sample).kept,
        }
        for way, kept in ways.items():
            results.setdefault(way, []).append(shares(kept, right))
    return {way: (float(np.mean([a for a, _ in of])), float(np.mean([b for _, b in of]))) for way, of in results.items()}


@pytest.mark.integration
def test_fifty_useless_scorers_keep_the_level() -> None:
    means = simulated(100, 0.0, 1_500, seed=1)
    assert means["naive"][0] == pytest.approx(0.50, abs=0.03)  # the card: .50 at a level of .10
    assert means["single"][0] == pytest.approx(0.10, abs=0.02)  # the card: .09 to .10
    assert means["ours"][0] <= LEVEL + 3 * (0.1 * 0.9 / 1_500) ** 0.5


@pytest.mark.integration
def test_one_good_scorer_of_fifty_keeps_the_level_with_more_power_than_splitting() -> None:
    means = simulated(200, 1.0, 1_500, seed=2)
    assert means["naive"][0] == pytest.approx(0.31, abs=0.03)  # the card: .31
    assert means["ours"][0] <= LEVEL + 3 * (0.1 * 0.9 / 1_500) ** 0.5
    assert means["ours"][1] > 1.2 * means["splitting"][1]
