"""The rates of a mixture: over what every source lets them be."""

import pytest

from rollmill.flows.mixing.mix_snapshot import mixed_prefix


@pytest.mark.parametrize(
    ("prefixes", "mixed"), [((4, 8), 4), ((4, None), None), ((None, None), None), ((4, 0), 0), ((None, 0), 0)]
)
def test_a_source_without_rates_leaves_the_mixture_without(prefixes: tuple[int | None, ...], mixed: int | None) -> None:
    assert mixed_prefix(prefixes) == mixed
