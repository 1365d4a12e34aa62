"""Code mutants behave otherwise: run here directly, since the programs are ours and have no loops."""

import contextlib
import random
from typing import Any

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.certify.planted import CODE_MUTANT, planted_variants

pytestmark = pytest.mark.sandbox

PROMPT = 'def fare(age: int, miles: int) -> int:\n    """Cents for a trip.\n    >>> fare(30, 4)\n    520\n    """\n'
BODY = "    price = 200 + 80 * miles\n    if age < 12:\n        price = price // 2\n    return price\n"
TEST = """def check(candidate):
    assert candidate(30, 4) == 520
    assert candidate(11, 4) == 260
    assert candidate(12, 1) == 280
"""
PROBLEM = Problem(PROMPT, PROMPT + BODY, "code", (TEST,), meta={"entry_point": "fare"})
INPUTS = [(age, miles) for age in (0, 1, 5, 11, 12, 13, 30) for miles in (0, 1, 2, 4, 7)]


def behaviour(source: str) -> list[Any]:
    scope: dict[str, Any] = {}
    exec(source, scope)
    found = []
    for args in INPUTS:
        value: Any = "raised"
        with contextlib.suppress(Exception):
            value = scope["fare"](*args)
        found.append(value)
    return found


def test_every_mutant_behaves_otherwise_and_none_is_doubled() -> None:
    right = behaviour(PROMPT + BODY)
    found = [one for seed in range(3) for one in planted_variants(PROBLEM, BODY, random.Random(seed))]
    assert len(found) >= 15
    assert {(one.kind, one.expected_outcome) for one in found} == {(CODE_MUTANT, "incorrect")}
    for one in found:
        assert behaviour(one.text.removeprefix("```python\n").removesuffix("\n```")) != right, one.how
    once = planted_variants(PROBLEM, BODY, random.Random(0))
    assert len({one.text for one in once}) == len(once)


def test_the_same_seed_plants_the_same_and_a_wrong_program_gets_none() -> None:
    assert planted_variants(PROBLEM, BODY, random.Random(5)) == planted_variants(PROBLEM, BODY, random.Random(5))
    assert planted_variants(PROBLEM, BODY.replace("200", "201"), random.Random(5)) == []
    assert planted_variants(PROBLEM, "I do not know.", random.Random(5)) == []
