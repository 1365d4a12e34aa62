"""What the host makes of a box's account, hostile bytes included. Nothing is run here."""

from typing import Any

import pytest

from rollmill.pipelines.sandbox import (
    AssertTests,
    Call,
    Calls,
    ProgramReport,
    SandboxFailed,
    SandboxLimits,
    Script,
    TestsBroken,
)
from rollmill.pipelines.sandbox.guest.wire import encode
from rollmill.pipelines.sandbox.reports import report

LIMITS = SandboxLimits(cpu_seconds=2, wall_seconds=9)
READY = b"r" + encode(["f"])
TESTS = AssertTests("def f(): ...", "assert f()", "f")


def framed(*messages: bytes) -> bytes:
    return b"".join(len(message).to_bytes(4, "little") + message for message in messages)


def read(program: Any, *messages: bytes, ended: str = "", status: int = 0, cpu: float = 0.1) -> ProgramReport:
    return report(program, LIMITS, (ended, status, cpu, 0.2, b"out", b"err", framed(*messages), None))


@pytest.mark.parametrize(
    ("ended", "status", "cpu", "cause"),
    [
        ("cpu", -9, 2.0, "timeout"),
        ("wall", -9, 0.1, "timeout"),
        ("tests cpu", -9, 0.1, "timeout"),
        ("output", -9, 0.1, "output_limit"),
        ("reply", -9, 0.1, "output_limit"),
        ("", -31, 0.1, "sandbox_violation"),
        ("", -9, 0.1, "memory"),
        ("", -9, 2.5, "timeout"),
        ("", -24, 2.5, "timeout"),
        ("", -11, 0.1, "runtime_error"),
        ("", 3, 0.1, "runtime_error"),
        ("", 0, 0.1, None),
    ],
)
def test_how_a_program_ended(ended: str, status: int, cpu: float, cause: str | None) -> None:
    for program in (Script(""), Calls("", ()), TESTS):
        found = read(program, ended=ended, status=status, cpu=cpu)
        assert found.cause == (cause or (None if isinstance(program, Script) else "runtime_error"))
    assert read(Script(""), ended=ended, status=status, cpu=cpu).stdout == "out"


def test_a_script_cannot_talk_its_way_out_of_its_exit_status() -> None:
    assert read(Script(""), READY, b"vN", status=1).cause == "runtime_error"
    assert read(Script(""), b"e" + encode(("MemoryError", [], "")), status=1).cause == "memory"
    assert read(Script(""), b"c" + encode(("SyntaxError", [], "")), status=-31).cause == "sandbox_violation"
    assert read(Script(""), b"garbage", status=1).detail == "exit status 1"


def test_replies_to_calls_are_data_or_a_violation() -> None:
    program = Calls("", (Call("f"), Call("f"), Call("f"), Call("f")))
    found = read(program, READY, b"v" + encode([1]), b"vzzz", b"x", b"e" + encode(["not", "an", "exception"]))
    assert [(r.status, r.cause) for r in found.results] == [
        ("returned", None),
        ("error", "sandbox_violation"),
        ("error", "output_limit"),
        ("error", "sandbox_violation"),
    ]
    more = read(program, READY, *[b"v" + encode(i) for i in range(9)])
    assert [r.value for r in more.results] == [0, 1, 2, 3]


def test_the_report_of_the_tests() -> None:
    plan, passed = encode(("plan", 3)), encode(("result", 0, "passed", ""))
    found = read(TESTS, plan, passed, encode(("result", 2, "failed", "no")), encode(("end", None)), ended="done", status=-9)
    assert [r.status for r in found.results] == ["passed", "passed", "failed"]
    assert (found.results[1].detail, found.cause) == ("never reached", "wrong_answer")
    gone = read(TESTS, plan, passed, encode(("gone", "closed")), status=-31)
    assert [(r.status, r.cause) for r in gone.results] == [
        ("passed", None),
        ("error", "sandbox_violation"),
        ("not_run", "sandbox_violation"),
    ]
    assert read(TESTS, plan, passed, encode(("gone", "oversized")), ended="done", status=-9).cause == "output_limit"
    raised = read(TESTS, encode(("plan", 1)), passed, encode(("end", ("raised", "KeyError: 1"))), ended="done", status=-9)
    assert [r.status for r in raised.results] == ["passed", "error"]


def test_tests_that_end_without_a_word_pass_nobody() -> None:
    found = read(TESTS, encode(("plan", 2)), encode(("result", 0, "passed", "")), ended="done", status=-9)
    assert [r.status for r in found.results] == ["passed", "error"]
    assert found.cause == "runtime_error"
    assert read(TESTS, ended="done", status=-9).cause == "runtime_error"


def test_a_forged_report_of_hostile_tests_costs_the_host_nothing() -> None:
    plan, end = encode(("plan", 1)), encode(("end", None))
    huge = read(TESTS, encode(("plan", 10**12)), encode(("result", 10**12, "passed", "")), end, ended="done", status=-9)
    assert len(huge.results) == 1
    odd = read(
        TESTS, plan, encode(("result", -1, "passed", "")), encode(("result", 0, "won", "")), end, ended="done", status=-9
    )
    assert [(r.status, r.cause) for r in odd.results] == [("error", "runtime_error")]
    assert read(TESTS, encode([1]), encode(("plan", "x")), b"junk", ended="done", status=-9).cause == "runtime_error"


def test_broken_tests_are_our_side() -> None:
    for what in ("broken", "unsupported"):
        with pytest.raises(TestsBroken, match="the tests: why"):
            read(TESTS, encode((what, "why")))
    assert issubclass(TestsBroken, SandboxFailed)
