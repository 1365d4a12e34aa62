"""Results per test as one verdict: the gravest cause, the share, evidence of bounded size."""

import json

from rollmill.ground.ids import canonical_json
from rollmill.pipelines.verify.code.execution import TestResult, evidence, gravest, passed_count

RESULTS = [
    TestResult("a", "passed"),
    TestResult("b", "failed", "wrong_answer", "returned 1, expected 2"),
    TestResult("c", "error", "timeout"),
    TestResult("d", "not_run"),
]


def test_the_gravest_cause_and_the_number_passed() -> None:
    assert (gravest(RESULTS), passed_count(RESULTS)) == ("timeout", 1)
    assert gravest(RESULTS[:1]) is None
    assert gravest([*RESULTS, TestResult("e", "error", "sandbox_violation")]) == "sandbox_violation"


def test_evidence_lists_the_tests_in_order() -> None:
    assert canonical_json(evidence(RESULTS[:2], detail="x")) == (
        '{"detail":"x","passed":1,"tests":[{"i":0,"name":"a","status":"passed"},'
        '{"cause":"wrong_answer","detail":"returned 1, expected 2","i":1,"name":"b","status":"failed"}],"total":2}'
    )


def test_evidence_beyond_a_hundred_keeps_the_failed_ones() -> None:
    results = [TestResult(str(i), "failed" if i == 150 else "passed") for i in range(300)]
    found = evidence(results)
    assert (found["total"], found["passed"], found["omitted"], len(found["tests"])) == (300, 299, 200, 100)
    assert found["tests"][-1] == {"i": 150, "name": "150", "status": "failed"}


def test_evidence_is_bounded_whatever_a_program_says() -> None:
    results = [TestResult("\ud800" * 5_000, "error", "runtime_error", "\x00🙂" * 9_000) for _ in range(1_000)]
    text = canonical_json(evidence(results))
    assert len(text.encode()) < 65_536
    found = json.loads(text)
    assert found["omitted"] + len(found["tests"]) == 1_000
    assert len(found["tests"]) >= 25
