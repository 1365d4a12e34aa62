"""The guarantee `batch`: rank quantiles against every order of a small batch, and coverage of the claims."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest, hypergeom

from rollmill.ground.errors import SetupError
from rollmill.pipelines.guarantees.batch import BatchBound, chance_below, least_right
from rollmill.pipelines.guarantees.judged_sample import JudgedSample

JUDGED, ROWS = 6, 4
ORDERS = [
    [spot - at for at, spot in enumerate(spots)] for spots in combinations(range(JUDGED + ROWS), ROWS)
]  # of each order the number of judged rows below each open one


def test_chances_of_ranks_of_six_judged_and_four_open_rows_are_those_of_all_orders() -> None:
    assert len(ORDERS) == 210
    for place in range(1, ROWS + 1):
        for rank in range(JUDGED + 2):
            counted = sum(ranks[place - 1] < rank for ranks in ORDERS) / 210
            assert chance_below(JUDGED, ROWS, place, rank) == pytest.approx(counted, abs=1e-12)


@pytest.mark.parametrize("level", [0.1, 0.3, 0.5])
def test_claims_about_four_rows_fail_in_as_few_of_all_orders_as_promised(level: float) -> None:
    for wrong in range(JUDGED + ROWS + 1):  # in all: the lowest places of an order
        false = 0
        for spots in combinations(range(JUDGED + ROWS), ROWS):
            wrong_open = sum(spot < wrong for spot in spots)
            false += least_right(JUDGED, wrong - wrong_open, ROWS, level) > ROWS - wrong_open
        assert false <= level * 210
    assert least_right(JUDGED, 0, ROWS, 0.5) == ROWS


def test_the_number_of_right_rows_is_the_inverted_hypergeometric_test() -> None:
    for judged, rows, level in ((20, 15, 0.1), (12, 30, 0.05), (7, 4, 0.3)):
        for wrong in range(judged + 1):
            possible = [
                more for more in range(rows + 1) if hypergeom(judged + rows, wrong + more, judged).cdf(wrong) > level
            ]
            assert least_right(judged, wrong, rows, level) == rows - max(possible)


@pytest.mark.parametrize("wrong", [5, 30])
def test_claims_of_two_thousand_draws_hold_as_often_as_promised(wrong: int) -> None:
    generator = np.random.default_rng(wrong)
    right = np.arange(160) >= wrong
    held = 0
    for _ in range(2_000):
        order = generator.permutation(160)
        sample = JudgedSample([], np.empty((60, 0)), right[order[:60]], np.empty((100, 0)))
        held += BatchBound(0.1).certify(sample).facts["least_right"] <= right[order[60:]].sum()
    assert held >= 1_800 or binomtest(held, 2_000, 0.9, alternative="less").pvalue > 0.001


def test_a_claim_in_words_and_what_cannot_be_claimed() -> None:
    sample = JudgedSample([], np.empty((200, 0)), np.arange(200) >= 4, np.empty((1_000, 0)))
    result = BatchBound(0.05).certify(sample)
    assert result.kept.all()
    assert result.facts["least_right"] == 953
    assert result.claim.startswith("At least 953 of the 1,000 rows that nobody judged are right (95.3%), with a chance of")
    nothing = JudgedSample([], np.empty((0, 0)), np.empty(0, np.bool_), np.empty((5, 0)))
    assert BatchBound(0.05).certify(nothing).facts["least_right"] == 0
    with pytest.raises(SetupError, match="'level' is 0"):
        BatchBound(0)
