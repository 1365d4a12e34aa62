"""What every measure must do: say who it is. What it measures: the test of its own file."""

import pytest

from rollmill.roles.registries import registry

MEASURES = registry("measure")


@pytest.mark.parametrize("name", sorted(filter(MEASURES.is_ours, MEASURES)))
def test_it_is_built_without_arguments_and_says_who_it_is(name: str) -> None:
    measure = MEASURES[name]()
    assert (measure.name, measure.version) == (name, "1")
