"""The two-way difference by hand, at its edges, and in what it may never say."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from rollmill.stats import TwoWay, paired_test, t_quantile, two_way
from rollmill.stats.trials.two_way import THESE_MODELS, Array


def found(cells: object, clusters: Sequence[str] | None = None, **options: float) -> TwoWay:
    one = two_way(cells, clusters, bounded=bool(options.get("bounded", True)), confidence=options.get("confidence", 0.95))  # type: ignore[arg-type]
    assert one is not None
    return one


def ends(one: TwoWay) -> tuple[float, float]:
    return one.change.low, one.change.high


def test_by_hand() -> None:
    """Problems -.1 and .3, seeds .2, .1, 0: V_P = .08/2, V_S = .01/3, and a rest of SS .06 over 2 * 1 * 3 * 2."""
    one = found([[0.1, 0.3], [-0.2, 0.4], [-0.2, 0.2]])
    assert one.change.value == pytest.approx(0.1)
    assert one.by_seed == pytest.approx((0.2, 0.1, 0.0))
    assert one.parts is not None
    assert (one.parts.problems, one.parts.seeds) == pytest.approx((0.04, 0.01 / 3))
    assert one.parts.rest == pytest.approx(0.04 / 12)
    assert one.parts.whole == pytest.approx(0.04)
    assert one.parts.shares == pytest.approx((11 / 12, 0.0, 1 / 12))
    assert one.degrees == 2.0  # Satterthwaite's .0016 / (.0016 + .0000056) is below S - 1
    assert ends(one) == pytest.approx((0.1 - 4.302653 * 0.2, 0.1 + 4.302653 * 0.2))
    assert one.p == pytest.approx(0.666667, abs=1e-6)
    assert one.detectable == pytest.approx((4.302653 + 1.060660) * 0.2, abs=1e-5)
    assert (one.change.n, one.change.clusters, one.over_seeds) == (2, 2, True)
    assert one.change.method == "two-way t over seeds and problems"


def test_it_is_the_formula_on_any_table() -> None:
    """V_P, V_S, V_E, V and the degrees of freedom written out, on tables of many shapes and sources of variance."""
    rng = np.random.default_rng(6)
    fractional = 0
    for _ in range(100):
        s, p = int(rng.integers(3, 9)), int(rng.integers(7, 60))
        effects = rng.normal(0, rng.uniform(0, 0.1), (s, 1)) + rng.normal(0, rng.uniform(0, 0.2), p)
        d = (effects + rng.normal(0.02, 0.1, (s, p))).clip(-1, 1)
        rest = d - d.mean(axis=0) - d.mean(axis=1, keepdims=True) + d.mean()
        v_p, v_s = np.var(d.mean(axis=0), ddof=1) / p, np.var(d.mean(axis=1), ddof=1) / s
        v_e = (rest**2).sum() / ((s - 1) * (p - 1) * s * p)
        v = max(v_p + v_s - v_e, v_p, v_s)
        degrees = max(s - 1, v**2 / (v_s**2 / (s - 1) + v_p**2 / (p - 1)))
        one = found(d)
        assert one.parts is not None
        assert (one.parts.problems, one.parts.seeds, one.parts.rest) == pytest.approx((v_p, v_s, v_e))
        assert (one.parts.whole, one.degrees) == pytest.approx((v, degrees))
        half = t_quantile(0.975, degrees) * math.sqrt(v)
        assert ends(one) == pytest.approx((max(-1.0, d.mean() - half), min(1.0, d.mean() + half)))
        fractional += degrees > s - 1
    assert 20 < fractional <= 100


def test_seeds_that_differ_widen_what_problems_alone_would_say() -> None:
    problems = np.linspace(-0.02, 0.06, 40)
    apart, alike = (found(problems + np.array([[-seed], [0.0], [seed]])) for seed in (0.1, 0.0))
    assert alike.change.high - alike.change.low < 0.02
    assert apart.change.high - apart.change.low == pytest.approx(2 * 4.302653 * math.sqrt(0.01 / 3 + 0.0000036), abs=0.01)
    assert (apart.p > 0.05, alike.p < 0.001) == (True, True)


def test_problems_of_a_template_are_one_unit() -> None:
    rng = np.random.default_rng(1)
    units = rng.uniform(-0.3, 0.4, (4, 12))
    whole = found(np.repeat(units, 3, axis=1), [f"t{at // 3}" for at in range(36)])
    assert (whole.change.n, whole.change.clusters) == (36, 12)
    assert ends(whole) == pytest.approx(ends(found(units)))
    assert whole.change.high - whole.change.low > 1.2 * np.ptp(ends(found(np.repeat(units, 3, axis=1))))


def test_uneven_templates_count_by_their_problems() -> None:
    """Templates of 1 and 3 problems at .4 and 0: the mean is .1, and the effective number of units 1.6."""
    one = found([[0.4, 0.0, 0.0, 0.0]] * 3, ["a", "b", "b", "b"])
    assert one.change.value == pytest.approx(0.1)
    assert one.parts is not None
    assert one.parts.problems == pytest.approx(2 * ((0.25 * 0.3) ** 2 + (0.75 * 0.1) ** 2))


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_speak_of_these_models_only(seeds: int) -> None:
    cells = np.random.default_rng(2).choice([-0.25, 0.0, 0.25, 0.5], (seeds, 60))
    one = found(cells)
    assert not one.over_seeds
    assert one.change.estimand.endswith(THESE_MODELS)
    assert one.change.method == f"t over problems, {THESE_MODELS}"
    paired = paired_test([0.0] * 60, cells.mean(axis=0).tolist())
    assert paired is not None
    assert ends(one) == pytest.approx((paired.change.low, paired.change.high), abs=0.005)
    assert (one.parts is None) == (seeds == 1)


def test_cells_without_any_change_have_the_width_of_what_was_not_met() -> None:
    one = found(np.zeros((3, 240)))
    assert ends(one) == pytest.approx((-0.015253, 0.015253), abs=1e-6)
    assert (one.p, one.detectable) == (1.0, None)


def test_every_cell_right_against_wrong_is_shown_and_has_a_width() -> None:
    one = found(np.ones((3, 240)))
    assert ends(one) == pytest.approx((1 - 2 * 0.015253, 1.0), abs=1e-6)
    assert one.p < 1e-60
    assert found([[0.3, 0.1 + 0.2, 0.3]] * 3).change.method == "sign flips of units that tie"  # but for rounding


def test_rows_and_columns_that_cancel_leave_the_rest() -> None:
    one = found([[1, -1] * 20, [-1, 1] * 20] * 2)
    assert one.parts is not None
    assert (one.parts.problems, one.parts.seeds, one.p) == (0.0, 0.0, 1.0)
    assert one.change.high > 0.15


def test_a_few_changes_reach_as_far_as_those_that_were_not_met() -> None:
    cells = np.zeros((5, 240))
    cells[:, 7] = 0.5
    one = found(cells)
    assert one.change.low < -0.005  # a t interval would end at -.002
    assert one.p >= 0.5


def test_one_problem_is_no_interval() -> None:
    one = found([[0.2], [0.3], [0.1]])
    assert (ends(one), one.p, one.parts) == ((-1.0, 1.0), 1.0, None)
    assert ends(found([[2.0], [3.0]], bounded=False)) == (-math.inf, math.inf)


def test_a_measure_without_bounds_scales() -> None:
    cells = np.random.default_rng(3).normal(0.1, 0.3, (4, 50)).clip(-1, 1)
    small, large = found(cells, bounded=False), found(1000.0 * cells, bounded=False)
    assert ends(large) == pytest.approx([1000.0 * end for end in ends(small)])
    assert large.p == pytest.approx(small.p)
    assert ends(found(np.full((3, 5), -7.5), bounded=False)) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([[0.1, None], [0.0, 0.1]], "1 of 4 cells are missing, the first of seed 0 and problem 1"),
        ([[0.1, 0.2], [math.nan, math.inf]], "2 of 4 cells are missing, the first of seed 1 and problem 0"),
        ([[0.1], [0.2, 0.3]], "one row for each seed"),
        ([["a"]], "a table of numbers"),
        ([0.1, 0.2], "not of 1 dimensions"),
        ([[1.5, 0.0]], "bounded=False"),
    ],
)
def test_tables_that_are_none_are_refused(cells: object, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        found(cells)
    with pytest.raises(ValueError, match="2 values but 1 clusters"):
        found([[0.1, 0.2]], ["a"])


def test_nothing_gives_nothing() -> None:
    assert two_way([]) is None
    assert two_way(np.zeros((3, 0))) is None


def random_cells(rng: np.random.Generator) -> Array:
    """Tables of few values, most of them alike, some only but for rounding."""
    shape = (int(rng.integers(1, 7)), int(rng.choice([1, 2, 3, 7, 8, 30])))
    pool = rng.choice([-1.0, 1.0, 0.0, 0.25, -0.5, 1 / 3, 0.1 + 0.2, 0.3, 1 - 1e-16, 1e-13, 1e-17, -1e-300], 3)
    cells: Array = rng.choice(pool, shape, p=rng.dirichlet([0.3, 0.3, 0.3]))
    return cells


def test_interval_and_p_never_contradict_each_other_and_arms_swap() -> None:
    rng, unlike = np.random.default_rng(4), 0
    for _ in range(1500):
        cells, confidence = random_cells(rng), float(rng.choice([0.8, 0.95, 0.9995]))
        groups = [None, [str(at // 3) for at in range(cells.shape[1])]][int(rng.integers(2))]
        one, other = found(cells, groups, confidence=confidence), found(-cells, groups, confidence=confidence)
        low, high = ends(one)
        assert -1.0 <= low <= one.change.value <= high <= 1.0
        assert high - low > 1e-12
        if abs(one.p - (1.0 - confidence)) > 1e-9:
            assert (low <= 0.0 <= high) == (one.p > 1.0 - confidence), cells
        assert (-high, -low, one.p) == pytest.approx((*ends(other), other.p))
        mixed = cells[rng.permutation(len(cells))]
        assert ends(found(mixed, groups, confidence=confidence)) == pytest.approx((low, high))
        unlike += one.p < 1.0 - confidence
    assert 200 < unlike < 1300
