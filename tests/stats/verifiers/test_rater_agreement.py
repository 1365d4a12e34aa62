"""Krippendorff's alpha: his own worked example, chance, and the refusals."""

import random

import pytest

from rollmill.stats import krippendorff_alpha


def test_the_published_example() -> None:
    # Krippendorff (2011), section C: nominal data of four observers over twelve units; alpha = 0.743.
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [[row[at] for row in rows if row[at] is not None] for at in range(12)]
    found = krippendorff_alpha(units * 2)  # every unit twice: few are refused. 40 values became 80, so 79/78 is in the way
    assert found is not None
    assert found.value == pytest.approx(1 - 79 / 78 * (1 - 0.743421), abs=1e-5)
    assert found.low < found.value < found.high
    assert found.clusters == 22


def test_chance_is_near_zero_and_its_interval_holds_it() -> None:
    draw = random.Random(5)
    found = krippendorff_alpha([[draw.choice("ab"), draw.choice("ab")] for _ in range(400)])
    assert found is not None
    assert found.low < 0 < found.high
    assert found.high - found.low < 0.25


def test_full_agreement_is_one() -> None:
    found = krippendorff_alpha([["a", "a"]] * 15 + [["b", "b", "b"]] * 15)
    assert found is not None
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    "units", [[["a", "b"]] * 19, [["a", "a"]] * 50, [["a"]] * 50], ids=["few", "one category", "judged once"]
)
def test_what_tells_nothing_is_refused(units: list[list[str]]) -> None:
    assert krippendorff_alpha(units) is None
