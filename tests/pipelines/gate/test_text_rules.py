"""Draws of a prompt that are one text are refused by the gate where they are the rule."""

from typing import Any

import pytest

from rollmill.pipelines.gate import Gate

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("several", "alike", "most", "passed"), [
    (7, 7, 0.95, None), (20, 20, 0.95, False), (20, 19, 0.95, True), (20, 11, 0.5, False), (8, 8, 1.0, True),
])  # fmt: skip
def test_draws_that_are_one_text_fail(toy: Any, several: int, alike: int, most: float, passed: bool | None) -> None:
    counts = {"replies": 4 * several, "several": several, "draws": 4 * several, "texts": several, "one_text": alike}
    result = Gate(max_one_text=most).check(toy.tables, toy.expected(replies=counts))
    checks = [check for check in result.checks if check.name == "one text"]
    assert [check.passed for check in checks] == ([] if passed is None else [passed])
    if passed is False:
        assert checks[0].observed == f"{alike:,} of {several:,}; {several:,} different texts in {4 * several:,} draws"
        assert checks[0].expected == f"all draws of a prompt one text: at most {most:.0%} of prompts"
