"""Behaviour keys: planted equal programs share one, others do not, and a difference beyond the inputs is a collision."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import answer_key
from rollmill.ground.records import Problem
from rollmill.pipelines.sandbox import Sandbox, SandboxLimits
from rollmill.pipelines.verify.code.behaviour import BehaviourVerifier, behaviour_inputs, behaviour_key, fresh_inputs
from tests.pipelines.select.rollouts import rollout

TESTS = ("assert top([1, 3, 2]) == 3", "assert top([4, 1]) == 4", "assert top([]) == 0")
PROBLEM = Problem("Write top.", "", "code", TESTS, meta={"entry_point": "top"})
EQUAL = (
    "def top(xs):\n    return max(xs) if xs else 0",
    "def top(xs):\n    best = 0\n    for x in xs:\n        best = x if x > best else best\n    return best",
    "import math\ndef top(xs):\n    return float(sorted(xs)[-1]) if xs else False",
)
OTHERS = (
    "def top(xs):\n    return min(xs) if xs else 0",
    "def top(xs):\n    return max(xs)",
    "def top(xs):\n    return [max(xs)] if xs else 0",
    "def top(xs):\n    while xs:\n        pass\n    return 0",
    "def top(xs):\n    import sys\n    sys.exit(1)",
)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox("strict", SandboxLimits(cpu_seconds=0.3, wall_seconds=10.0, memory_mib=256)) as opened:
        yield opened


@pytest.mark.sandbox
def test_programs_of_one_behaviour_have_one_key(box: Sandbox) -> None:
    inputs = behaviour_inputs(PROBLEM, "top", 12)
    assert len(inputs) == 12
    assert inputs[:3] == (([1, 3, 2],), ([4, 1],), ([],))
    keys = [behaviour_key(box, text, "top", inputs) for text in (*EQUAL, *OTHERS)]
    assert len(set(keys[:3])) == 1
    assert len(set(keys)) == 1 + len(OTHERS)
    assert None not in keys
    assert behaviour_key(box, EQUAL[0], "top", inputs) == keys[0]
    assert behaviour_key(box, "def top(xs:", "top", inputs) is None


@pytest.mark.sandbox
def test_a_rare_difference_collides_until_an_input_shows_it(box: Sandbox) -> None:
    inputs = behaviour_inputs(PROBLEM, "top", 6)
    fresh = fresh_inputs(PROBLEM, "top", inputs, 40)
    assert len(fresh) > 20
    assert not [args for args in fresh if args in inputs]
    longest = max(len(args[0]) for args in inputs)
    rare = f"def top(xs):\n    return -1 if len(xs) > {longest} else (max(xs) if xs else 0)"
    assert behaviour_key(box, rare, "top", inputs) == behaviour_key(box, EQUAL[0], "top", inputs)
    assert behaviour_key(box, rare, "top", fresh) != behaviour_key(box, EQUAL[0], "top", fresh)


@pytest.mark.sandbox
def test_votes_are_by_behaviour_and_verdicts_those_of_code() -> None:
    written = [replace(rollout(0, "correct", "").completion, id=str(at), text=text) for at, text in enumerate(EQUAL)]
    wrong = replace(written[0], id="wrong", text=OTHERS[0])
    with BehaviourVerifier(inputs=8, cpu_seconds=1.0, workers=1) as verifier:
        verdicts = list(verifier.verify_many([(PROBLEM, one) for one in (*written, wrong)]))
        [alone] = verifier.verify_many([(replace(PROBLEM, tests=('{"input": "1", "output": "1"}',)), wrong)])
    assert [verdict.outcome for verdict in verdicts] == ["correct", "correct", "correct", "incorrect"]
    keys = [answer_key(verdict) for verdict in verdicts]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert answer_key(alone) == alone.extracted  # no input is known, so the text is the vote


def test_the_number_of_inputs_is_part_of_the_version() -> None:
    assert BehaviourVerifier(inputs=8).version != BehaviourVerifier(inputs=9).version
    with pytest.raises(SetupError, match="inputs is 0"):
        BehaviourVerifier(inputs=0)
