"""Every vice is found, counted once, and told; the honest verifier is clean. Small suites, real child processes."""

import sys
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.certify.certificate import Certificate
from rollmill.pipelines.certify.certification import certify
from rollmill.pipelines.certify.suite_rows import Section, Suite, SuiteRow
from rollmill.pipelines.certify.verifier_process import ProcessLimits, VerifierUnderTest

TOYS = Path(__file__).with_name("toys.py")
PROBES = (
    SuiteRow("equivalence", "probe", "7", "\\boxed{7}", "correct"),
    SuiteRow("non_equivalence", "probe", "7", "\\boxed{8}", "wrong"),
)
LIMITS = ProcessLimits(cpu_seconds=0.3, wall_seconds=4.0, late_seconds=0.1)
TOUCH = "__import__('os').system('touch @FILE@')"


def hostile(text: str, section: Section = "denial_of_service") -> SuiteRow:
    return SuiteRow(section, "case", "7", text, "wrong")


def tried(toy: str, *rows: SuiteRow, limits: ProcessLimits = LIMITS) -> Certificate:
    return certify(VerifierUnderTest(f"{TOYS}:{toy}"), lambda _: Suite("toys", rows, PROBES), limits=limits)


def faults(certificate: Certificate) -> list[tuple[str, ...]]:
    return [result.faults() for result in certificate.results]


def test_an_honest_verifier_is_clean() -> None:
    rows = (*PROBES, hostile("x" * 2_000), hostile(f"\\boxed{{{TOUCH}}}", "code_execution"))
    found = tried("Honest", *rows)
    assert (found.clean, found.verifier, found.version, found.suite) == (True, "honest", "1", "toys")
    assert found.rates()["false_accept"] == {
        "count": 0,
        "n": 3,
        "rate": 0.0,
        "low": 0.0,
        "high": pytest.approx(1 - 0.025 ** (1 / 3)),
    }


def test_false_accepts_and_rejects_are_told_apart() -> None:
    assert faults(tried("Credulous", *PROBES)) == [(), ("false_accept",)]
    assert faults(tried("Stubborn", *PROBES)) == [("false_reject",), ()]


@pytest.mark.integration
def test_crashes_and_hangs_are_rows_and_the_next_row_is_judged() -> None:
    rows = [hostile(text) for text in ("y" * 1_001, "", "{", "[", "|", "8")]
    found = tried("Fragile", *rows)
    assert faults(found) == [("crash",), ("crash",), ("hang",), ("hang",), ("crash",), ()]
    assert [result.observation.detail.split(":")[0] for result in found.results] == [
        "ended with exit status 0",
        "raised ValueError",
        "more than 0.3 CPU seconds",
        "no answer in 4 s",
        "raised no verdict",
        "toy",
    ]


def test_whatever_runs_springs_the_canary() -> None:
    payloads = (
        TOUCH,
        "open('@FILE@','w')",
        "__import__('os').environ.update(ROLLMILL_CANARY='1')",
        "setattr(__import__('builtins'),'ROLLMILL_CANARY',1)",
        "__import__('socket').create_connection(('127.0.0.1',@PORT@)).send(b' @TOKEN@ ')",
        "8",
    )
    rows = [hostile(f"\\boxed{{{payload}}}", "code_execution") for payload in payloads]
    ran = [result.ran for result in tried("Evaluating", *rows).results]
    assert ran == [("file",), ("file",), ("environment",), ("environment",), ("connection",), ()]
    assert [result.ran for result in tried("Honest", *rows).results] == [()] * 6


@pytest.mark.integration
def test_what_springs_it_late_belongs_to_its_row() -> None:
    found = tried("Shell", hostile(TOUCH, "code_execution"), hostile("8"), limits=ProcessLimits())
    assert faults(found) == [("execution",), ()]


def test_a_verifier_that_is_not_the_same_afterwards_is_found() -> None:
    found = tried("Poisonable", hostile("8"), hostile("\\boxed{poison}"))
    assert faults(found) == [(), ("false_accept", "poisoned")]
    assert found.results[1].line() == "correct (toy); then a plain wrong answer: correct"


def test_what_works_on_the_main_thread_only_is_found() -> None:
    rows = Suite("toys", PROBES, PROBES).with_threads().rows
    assert [row.threads for row in rows] == [0, 0, 1, 1, 8, 8]
    assert faults(tried("MainThreadOnly", *rows)) == [(), (), ("crash",), ("crash",), ("crash",), ("crash",)]
    assert tried("Honest", *rows).clean


def test_a_program_that_knows_the_secret_has_escaped() -> None:
    row = SuiteRow("tampering", "leak", "7", "8", "wrong", kind="code", tests=("assert f() == '@SECRET@'",))
    assert faults(tried("Leaking", row)) == [("false_accept", "execution")]
    assert faults(tried("Honest", row)) == [()]


def test_the_order_of_the_texts_is_compared() -> None:
    rows = [
        SuiteRow("non_equivalence", "n", "77", "\\boxed{7}", "wrong", pair=1),
        SuiteRow("non_equivalence", "n", "7", "\\boxed{77}", "wrong", pair=1),
    ]
    ((row, *outcomes),) = tried("OneSided", *rows).asymmetric()
    assert (row.reference, *outcomes) == ("77", "correct", "incorrect")
    assert tried("Honest", *rows).asymmetric() == []


def test_policy_rows_are_shown_and_never_wrong() -> None:
    row = SuiteRow("policy", "brackets", "(1,2)", "\\boxed{[1,2]}", "any")
    found = tried("Honest", row)
    assert found.clean
    assert found.policies() == [("brackets", "(1,2) | \\boxed{[1,2]}", "incorrect")]
    assert found.rates()["false_accept"] is None


def test_a_certificate_is_plain_data_even_of_broken_text() -> None:
    found = tried("Credulous", hostile("\ud800")).to_json()
    assert found["failing"][0]["text"] == "\\ud800"
    assert found["sections"][0]["false_accept"] == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"{TOYS}:Missing", "no attribute 'Missing'"),
        (f"{TOYS}:Nameless", "a verifier has a name and a version"),
        ("nowhere/at_all.py:Verifier", "no file"),
        ("no_such_package.module:Verifier", "No module named"),
        ("os:abort", "its process ended by signal 6 while loading"),
    ],
)
def test_what_cannot_be_loaded_is_a_mistake_of_the_caller(name: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        certify(VerifierUnderTest(name), lambda _: Suite("toys", PROBES, PROBES), limits=LIMITS)


def test_another_interpreter_needs_only_the_standard_library() -> None:
    bare = str(Path(sys.base_prefix, "bin", "python3"))
    suite = Suite("toys", PROBES, PROBES)
    assert certify(VerifierUnderTest(f"{TOYS}:Honest", python=bare), lambda _: suite, limits=LIMITS).clean
