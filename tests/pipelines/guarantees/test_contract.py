"""What every guarantee must do: claim by its arguments alone, whatever the order of rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from rollmill.pipelines.guarantees import GUARANTEES
from rollmill.pipelines.guarantees.judged_sample import Guarantee, JudgedSample
from rollmill.pipelines.method_checks import check_method

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "batch": {},
    "fdr": {"level": 0.2},
}


def built(name: str, **options: Any) -> Guarantee:
    made: Guarantee = GUARANTEES[name](**{**OPTIONS[name], **options})
    return made


def sample(order: Any = None) -> tuple[JudgedSample, Any]:
    generator = np.random.default_rng(2)
    right = generator.random(130) < 0.7
    scores = generator.normal(size=(130, 3)) + 1.5 * right[:, None]
    places = np.arange(70) if order is None else order
    return JudgedSample(["a", "b", "c"], scores[:60], right[:60], scores[60:][places], 0.5), places


def test_every_guarantee_has_a_row() -> None:
    assert set(OPTIONS) == set(GUARANTEES)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_it_is_complete_and_its_claim_does_not_depend_on_the_order_of_rows(name: str) -> None:
    guarantee = built(name)
    check_method("guarantee", name, guarantee)
    assert (guarantee.name, guarantee.version) == (name, "1")
    first = guarantee.certify(sample()[0])
    turned, places = sample(np.random.default_rng(1).permutation(70))
    again = guarantee.certify(turned)
    assert first.kept.shape == (70,)
    assert first.kept.sum() > 0
    assert again.kept.tolist() == first.kept[places].tolist()
    assert (again.claim, again.facts) == (first.claim, first.facts)
    assert first.claim.endswith(".")
