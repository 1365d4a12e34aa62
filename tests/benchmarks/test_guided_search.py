"""The card's table is an acceptance test: the beam wins with few samples and loses with many, unless it never misranks."""

import numpy as np
import pytest

from benchmarks.engines.guided_search import SearchWorld, guided_search

MANY = SearchWorld(problems=4000)


@pytest.mark.parametrize(("samples", "beam", "repeated"), [(4, 0.134, 0.062), (128, 0.572, 0.639), (256, 0.630, 0.777)])
def test_the_cards_table(samples: int, beam: float, repeated: float) -> None:
    """Within three standard errors of the card's 500 problems; its scores are not published, ours are drawn like them."""
    found = guided_search(MANY, samples)
    assert found.beam == pytest.approx(beam, abs=3 * np.sqrt(beam * (1 - beam) / 500))
    assert found.repeated == pytest.approx(repeated, abs=3 * np.sqrt(repeated * (1 - repeated) / 500))


def test_the_beam_wins_small_and_loses_large() -> None:
    small, large = guided_search(MANY, 4), guided_search(MANY, 256)
    assert small.beam > 1.5 * small.repeated
    assert large.beam < large.repeated - 0.1


def test_stochastic_selection_repairs_it_and_a_perfect_order_has_no_flaw() -> None:
    assert guided_search(MANY, 256, sharpness=2.0).beam == pytest.approx(0.796, abs=0.04)
    assert guided_search(SearchWorld(inverted=0.0, gap=0.5), 256).beam > 0.99


def test_failures_of_selection_are_what_was_lost() -> None:
    found = guided_search(MANY, 256)
    assert found.pruned > 0.3
    assert found.beam + found.pruned == pytest.approx(1.0, abs=0.01)
    assert guided_search(SearchWorld(inverted=0.0, gap=0.5), 256).pruned == 0.0


def test_repeated_drawing_is_the_exact_sum() -> None:
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.3, 0.6, 500)
    right = np.all(rng.random((500, 64, 6)) < chance[:, None, None], axis=2)
    solved = np.any(right, axis=1).mean()
    assert guided_search(SearchWorld(), 64).repeated == pytest.approx(solved, abs=0.07)
