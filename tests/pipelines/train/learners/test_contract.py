"""What every learner must do: say who it is, and which losses of the product it can train with."""

from collections.abc import Mapping
from typing import Any

import pytest

from rollmill.pipelines.train.learners import LEARNERS
from rollmill.pipelines.train.losses import LOSSES

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "tiny": {"steps": 3},
    "aioli": {"steps": 3},
    "trl": {"epochs": 1.0},
    "command": {"command": "train {data} {out}"},
}
VERSIONS = dict.fromkeys(OPTIONS, "1") | {"trl": "2"}


def test_the_table_covers_every_learner() -> None:
    assert sorted(OPTIONS) == sorted(LEARNERS)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_a_learner_says_who_it_is_and_what_it_can_train(name: str) -> None:
    learner = LEARNERS[name](**OPTIONS[name])
    assert (learner.name, learner.version) == (name, VERSIONS[name])
    assert learner.losses is None or set(learner.losses) <= set(LOSSES)
    assert callable(learner.train)
