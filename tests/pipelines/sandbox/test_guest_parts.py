# ruff: noqa: E501 - tables read best in rows
"""The small parts of the guest, without a box."""

import ast
import os
import threading
from types import CodeType
from typing import Any

import pytest

from rollmill.pipelines.sandbox.guest.frames import FrameReader, send, split
from rollmill.pipelines.sandbox.guest.instrument import FAILED, PASSED, harmless, known_calls, names, prepare
from rollmill.pipelines.sandbox.guest.remote import update


def test_frames_come_out_as_they_went_in_however_they_are_cut() -> None:
    reading, writing = os.pipe()
    messages = [b"", b"x", b"y" * 300, b"", b"z" * 70_000, b"last"]
    data = b"".join(len(message).to_bytes(4, "little") + message for message in messages)
    for size in (1, 3, 4, 7, 5000, len(data)):
        cuts = [data[at : at + size] for at in range(0, len(data), size)]
        thread = threading.Thread(target=lambda cuts=cuts: [os.write(writing, cut) for cut in cuts])
        thread.start()
        reader = FrameReader(reading, 1 << 20)
        assert [reader.receive() for _ in messages] == messages
        thread.join()
    assert split(data) == messages
    assert split(data[:-1]) == messages[:-1]
    send(writing, b"whole")
    os.write(writing, b"\xff\xff\xff\x7fx")
    reader = FrameReader(reading, 1 << 20)
    assert reader.receive() == b"whole"
    with pytest.raises(ValueError, match="2147483647 bytes"):
        reader.receive()
    os.close(writing)
    assert FrameReader(reading, 100).receive() is None
    os.close(reading)


def outcomes(source: str, **space: Any) -> tuple[list[tuple[str, int]], tuple[int, ...]]:
    seen: list[tuple[str, int]] = []
    prepared = prepare(source)
    space |= {PASSED: lambda i: seen.append(("passed", i)), FAILED: lambda i, e: seen.append((type(e).__name__, i))}
    exec(prepared.code, space)
    if "check" in space:
        space["check"](space["f"])
    return seen, prepared.lines


def test_each_assertion_is_recorded_and_the_rest_goes_on() -> None:
    source = "assert f(1) == 1\nassert f(2) == 1, 'no'\nfor i in (1, 2):\n    assert f(i) == 1\nassert 1 / 0\n"
    seen, lines = outcomes(source, f=lambda x: x)
    assert seen == [("passed", 0), ("AssertionError", 1), ("passed", 2), ("AssertionError", 2), ("ZeroDivisionError", 3)]
    assert lines == (1, 2, 4, 5)


def test_assertions_whose_failure_the_tests_may_expect_are_left_alone() -> None:
    source = "try:\n    assert f(1) == 2\n    raise ValueError\nexcept AssertionError:\n    ok = True\nassert ok\n"
    assert outcomes(source, f=lambda x: x) == ([("passed", 0)], (6,))
    source = "def helper(v):\n    assert v\ndef check(c):\n    if c(1):\n        assert c(2) == 2\n    with open('/dev/null'):\n        assert c(0) == 0\n"
    assert outcomes(source, f=lambda x: x) == ([("passed", 0), ("passed", 1)], (5, 7))


def test_broken_tests_are_told() -> None:
    with pytest.raises(SyntaxError):
        prepare("assert (")
    with pytest.raises((ValueError, SyntaxError), match="null"):
        prepare("x = '\0'")


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("assert f([1, 2], k='x') == 3\nassert not f(-1)\nassert abs(f(2.5) - 1/3) < 1e-6\nassert f({'a': (1, None)})", 4),
        ("import math\nX = {'a': 1}\n'text'\nassert f(1) == 1\nfor i in range(3):\n    assert f(i)\nassert f(2)", 1),
        ("assert f(g(1)) == 1\nassert f(2)", 0),
        ("assert f(1) == f(2)", 0),
        ("assert f(*[1]) == 1", 0),
        ("assert f(**{'x': 1}) == 1", 0),
        ("assert f({**a}) == 1", 0),
        ("assert f(1) and f(2)", 0),
        ("assert True, 'always'\nassert f(2)", 0),
        ("x = f(1)\nassert f(2)", 0),
        ("assert abs()", 1),
    ],
)
def test_calls_that_are_bound_to_come(source: str, calls: int) -> None:
    assert len(known_calls(ast.parse(source).body)) == calls


def test_known_arguments_are_those_of_the_call() -> None:
    (call,) = known_calls(ast.parse("assert f([1, -2.5], ('a', None), {1, 2}, k={'x': True}) == 0").body)
    assert call == ("f", [[1, -2.5], ("a", None), {1, 2}], {"k": {"x": True}})


def compiled(source: str) -> tuple[CodeType, set[str]]:
    code = compile(source, "<t>", "exec")
    return code, names(code)


@pytest.mark.parametrize(
    "source",
    [
        "import os", "import sys\nsys.setrecursionlimit(9)", "import math\nmath.pi = 3", "setattr(x, 'y', 1)", "f.__globals__['x'] = 1",
        "def g():\n    import builtins\n    return builtins", "random.seed(1)", "exec('1')", "class A:\n    def m(self):\n        self.x = 1",
        "import threading", "__import__('gc')", "del a.b", "lambda: [setattr]", "open('x')",
    ],
)  # fmt: skip
def test_tests_that_may_have_changed_something(source: str) -> None:
    assert not harmless(*compiled(source))


@pytest.mark.parametrize(
    "source",
    [
        "assert f(1) == 2", "import math\nassert math.isclose(f(1), 2)", "def check(c):\n    assert c([1]) == sorted([1])\n",
        "METADATA = {'a': 1}\nx = [1]\nx[0] = 2", "import random\nrng = random.Random(4)\nassert f(rng.randint(1, 2))", "class A:\n    pass",
    ],
)  # fmt: skip
def test_tests_that_leave_their_process_as_it_was(source: str) -> None:
    assert harmless(*compiled(source))


def test_what_was_done_to_copies_is_done_to_the_originals() -> None:
    inner = [1]
    old: list[Any] = [inner, {"k": inner, "gone": 1}, (inner, 2), "s"]
    assert update(old, [[1, 9], {"k": [1, 9], "new": 2}, ([1, 9], 2), "t", 5])
    assert old == [[1, 9], {"k": [1, 9], "new": 2}, ([1, 9], 2), "t", 5]
    assert old[0] is inner
    assert old[2][0] is inner
    shorter = [1, 2, 3]
    assert update(shorter, [7])
    assert shorter == [7]
    chars = bytearray(b"ab")
    assert update(chars, bytearray(b"c"))
    assert chars == bytearray(b"c")
    assert not update([1], (1,))
    assert not update(1, 2)
