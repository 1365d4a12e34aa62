"""What every loss must do: say who it is and what it reads. Its values and gradients: test_gradients.py."""

import pytest

from rollmill.pipelines.train.losses import LOSSES
from rollmill.storage.exports import EXPORTS


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_it_is_built_without_arguments_and_says_who_it_is_and_what_it_reads(name: str) -> None:
    loss = LOSSES[name]()
    assert (loss.name, loss.version) == (name, "1")
    assert set(loss.formats) <= set(EXPORTS)
    assert loss.formats
    assert {type(loss.grouped), type(loss.uses_reference)} == {bool}
