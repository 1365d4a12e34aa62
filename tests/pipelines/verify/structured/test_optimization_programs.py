"""`form: code`: programs that print a model run in the sandbox, the model is solved on our side."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.structured.optimization import OptimizationVerifier

pytestmark = pytest.mark.sandbox

PROGRAM = """
import json, sys
data = json.loads(sys.stdin.read() or "[3, 4, 5]")
names = [f"x{i}" for i in range(len(data))]
print(json.dumps({
    "sense": "max",
    "variables": {name: {"type": "binary"} for name in names},
    "objective": dict(zip(names, data)),
    "constraints": [{"terms": {name: 1 for name in names}, "relation": "<=", "value": 2}],
}))
"""
TESTS = ({"stdin": "[3, 4, 5]", "optimum": 9}, {"stdin": "[1, 1, 10]", "optimum": 11}, {"stdin": "[7]", "optimum": 7})


@pytest.fixture(scope="module")
def verifier() -> Iterator[OptimizationVerifier]:
    with OptimizationVerifier(form="code", cpu_seconds=1.0, workers=1) as chosen:
        yield chosen


def judged(verifier: OptimizationVerifier, program: str, tests: tuple[Any, ...] = (), reference: str = "9") -> Verdict:
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, f"```python\n{program}\n```", "stop")
    problem = Problem("Pick two.", reference, "optimization", tests=tuple(json.dumps(test) for test in tests))
    return verifier.verify(problem, completion)


def test_a_program_that_prints_the_right_model(verifier: OptimizationVerifier) -> None:
    verdict = judged(verifier, PROGRAM)
    assert (verdict.outcome, verdict.rule, verdict.normal_form, verdict.value) == ("correct", "optimum", "9", 1.0)


def test_several_instances_find_a_model_that_is_right_by_luck(verifier: OptimizationVerifier) -> None:
    lucky = PROGRAM.replace('"value": 2', '"value": 12').replace("{name: 1 for name in names}", "dict(zip(names, data))")
    lucky = lucky.replace('"value": 12', '"value": 9')
    assert judged(verifier, lucky).outcome == "correct"
    verdict = judged(verifier, lucky, TESTS)
    assert (verdict.outcome, verdict.value) == ("incorrect", 2 / 3)
    assert judged(verifier, PROGRAM, TESTS).value == 1.0


@pytest.mark.parametrize(
    ("program", "outcome", "rule", "cause"),
    [
        ("print(1/0)", "incorrect", "program", "runtime_error"),
        ("while True: pass", "incorrect", "program", "timeout"),
        ("print('x' * 10**8)", "incorrect", "program", "output_limit"),
        ("print('9')", "incorrect", "model", None),
        ("x = 3", "incorrect", "model", None),
        ("import json\nprint(json.dumps({'optimum': 9}))", "incorrect", "model", None),
    ],
)
def test_a_program_that_fails_or_prints_no_model_is_wrong(
    verifier: OptimizationVerifier, program: str, outcome: str, rule: str, cause: str | None
) -> None:
    verdict = judged(verifier, program)
    assert (verdict.outcome, verdict.rule, verdict.cause) == (outcome, rule, cause)


def test_no_program_is_unparsed(verifier: OptimizationVerifier) -> None:
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, "The optimum is nine.", "stop")
    assert verifier.verify(Problem("Pick two.", "9"), completion).outcome == "unparsed"


def test_the_program_cannot_reach_the_solver_or_the_reference(verifier: OptimizationVerifier) -> None:
    spy = "import os\nprint(open('/etc/hostname').read(), os.environ, os.listdir('/proc'))\nprint({'optimum': 9})"
    assert judged(verifier, spy).outcome == "incorrect"
