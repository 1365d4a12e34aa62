"""Every selector takes bounds of the pass rate: problems outside of them are dropped whole."""

from pathlib import Path

import pytest

from rollmill.flows.recipe.methods import resolve
from rollmill.ground.errors import SetupError
from tests.pipelines.select.rollouts import rollout

POOL = [rollout(n, outcome, f"text {n}") for n, outcome in enumerate(("correct", "correct", "incorrect", "undecided"))]  # type: ignore[arg-type]
WHOLE = ["kept", "kept", "incorrect", "undecided"]
NONE = ["outside_rates", "outside_rates", "incorrect", "undecided"]


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        ({}, WHOLE),
        ({"least": 0.5, "most": 0.7}, WHOLE),
        ({"most": 0.6}, NONE),
        ({"least": 0.7}, NONE),
        ({"least_judged": 3}, WHOLE),
        ({"least_judged": 4}, NONE),
        ({"most": 0.6, "of": [""]}, NONE),
    ],
)
@pytest.mark.parametrize("name", ["all_correct", "quota", "vanilla"])
def test_problems_outside_are_dropped(name: str, options: dict[str, object], reasons: list[str]) -> None:
    selector = resolve("selector", name, options, base=Path()).build()
    assert [decision.reason for decision in selector.select("run", POOL)] == reasons


def test_mistakes_are_named() -> None:
    with pytest.raises(SetupError, match=r"least 0.9 and most 0.1 are pass rates from 0 to 1"):
        resolve("selector", "quota", {"least": 0.9, "most": 0.1}, base=Path()).build()
