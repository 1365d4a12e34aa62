"""Reading the tests of a problem: three forms, the published layouts of each, and what cannot be read."""

import json
import math

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.verify.code.suite import Asserts, BadTestsError, CallCase, ProgramSuite, RunCase, suite_of


def suite(*tests: object, **meta: object) -> ProgramSuite:
    texts = tuple(test if isinstance(test, str) else json.dumps(test) for test in tests)
    return suite_of(Problem("Do it.", "", kind="code", tests=texts, meta=meta))


def test_no_tests() -> None:
    assert suite().size == 0


def test_bare_asserts_have_a_result_each() -> None:
    found = suite("assert f(1) == 2", "x = 3\nassert f(x) == 4\nassert f(5) == 6, 'no'", entry_point="f")
    [part] = found.asserts
    assert part.names == ("f(1) == 2", "f(x) == 4", "f(5) == 6")
    assert part.text == "assert f(1) == 2\nx = 3\nassert f(x) == 4\nassert f(5) == 6, 'no'"
    assert (found.size, found.forms, found.entry_point) == (3, ("asserts",), "f")


def test_mbpp_set_up_stands_before_each_test() -> None:
    meta = {"test_setup_code": "root = Node(1)", "test_imports": ["import math"]}
    assert suite("assert f(root) == math.pi", **meta).asserts == (
        Asserts("import math\nroot = Node(1)\nassert f(root) == math.pi", ("f(root) == math.pi",)),
    )


def test_each_assert_of_a_check_has_a_result() -> None:
    text = "META = {}\n\ndef check(candidate):\n    assert candidate(1) == 2\n    x = 2\n    assert candidate(x) == 3\n"
    assert suite(text, entry_point="f").asserts == (Asserts(text, ("candidate(1) == 2", "candidate(x) == 3")),)


def test_asserts_of_nothing_are_not_counted() -> None:
    text = "def check(candidate):\n    assert True, 'example'\n    assert candidate(1)\n"
    found = suite(text, entry_point="f")
    assert (found.asserts, found.size) == ((Asserts(text, ("", "candidate(1)")),), 1)


def test_asserts_in_loops_and_conditions_have_a_result_each() -> None:
    loop = "    for x in range(9):\n        assert candidate(x)\n    else:\n        assert candidate(9)\n"
    text = f"def check(candidate):\n{loop}    if 1:\n        assert candidate(10)\n"
    assert suite(text).asserts[0].names == ("candidate(x)", "candidate(9)", "candidate(10)")


def test_a_check_whose_asserts_lie_deeper_is_one_test() -> None:
    text = "def check(candidate):\n    def inner():\n        assert candidate(1)\n    inner()\n"
    assert suite(text).asserts == (Asserts(text, ("check",)),)


def test_tests_that_draw_are_seeded() -> None:
    [part] = suite("from random import randint\nassert f(randint(1, 9)) == 1").asserts
    assert part.text.startswith("import random\nrandom.seed(20261120)\nfrom random import randint\n")
    [part] = suite("import random\ndef check(candidate):\n    assert candidate(random.random())\n").asserts
    assert part.text.startswith("import random\nrandom.seed(20261120)\nimport random\n")


def test_calls() -> None:
    found = suite(
        {"fn": "f", "args": [1, {"$tuple": [2]}], "expected": {"$float": "nan"}, "tolerance": 1e-6},
        {"fn": "f", "args": [1], "kwargs": {"k": {"$set": [1]}}, "expected": None, "name": "none"},
        {"fn": "f", "args": [0], "raises": "ValueError"},
    )
    first, second, third = found.calls
    assert (first.name, first.function, first.args, first.tolerance) == ("0", "f", (1, (2,)), 1e-6)
    assert math.isnan(first.expected)
    assert second == CallCase("none", "f", (1,), {"k": {1}}, None)
    assert third == CallCase("2", "f", (0,), {}, None, None, "ValueError")
    assert (found.entry_point, found.forms, found.size) == ("f", ("calls",), 3)


def test_calls_may_leave_the_name_to_the_entry_point() -> None:
    assert suite({"args": [1], "expected": 2}, entry_point="g").calls == (CallCase("0", "g", (1,), {}, 2),)
    assert suite({"fn": "a", "args": [], "expected": 2}, {"fn": "b", "args": [], "expected": 2}).entry_point is None


def test_runs_and_published_layouts() -> None:
    assert suite({"input": "1\n", "output": "2\n"}).runs == (RunCase("0", "1\n", "2\n"),)
    apps = suite({"inputs": ["1", ["2", "3"]], "outputs": ["a", "b"]})
    assert apps.runs == (RunCase("0.0", "1", "a"), RunCase("0.1", "2\n3", "b"))
    named = suite({"inputs": [[1, 2]], "outputs": [3], "fn_name": "add"})
    assert (named.calls, named.entry_point) == ((CallCase("0.0", "add", (1, 2), {}, 3),), "add")
    live = suite({"input": "[1]\n2", "output": "[3]", "testtype": "functional"}, func_name="add")
    assert live.calls == (CallCase("0", "add", ([1], 2), {}, [3]),)
    assert suite({"input": "1", "output": "2", "testtype": "stdin"}).runs == (RunCase("0", "1", "2"),)


def test_forms_may_be_mixed() -> None:
    found = suite("assert f(1)", {"fn": "f", "args": [], "expected": 1}, {"input": "", "output": ""}, entry_point="f")
    assert (found.forms, found.size) == (("asserts", "calls", "stdio"), 3)


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ("{", "neither JSON nor Python"),
        ({"a": 1}, "has neither fn nor input and output, but a"),
        ({"fn": "f", "args": 1, "expected": 2}, "args is not a list"),
        ({"fn": "f", "args": []}, "exactly one of expected, raises"),
        ({"fn": "f", "args": [], "expected": 1, "raises": "E"}, "exactly one of expected, raises"),
        ({"fn": "f()", "args": [], "expected": 1}, "names no function"),
        ({"args": [], "expected": 1}, "names no function"),
        ({"fn": "f", "args": [{"$set": 1}], "expected": 1}, "is not a list"),
        ({"input": 1, "output": "1"}, "must be texts"),
        ({"inputs": ["1"], "outputs": []}, "not lists of one length"),
        ({"input": "1", "output": "1", "tolerance": -1}, "tolerance -1"),
        ({"input": "x", "output": "1", "testtype": "functional"}, "holds no JSON"),
        ("def check(candidate)", "SyntaxError"),
        ("print(1)", "without an assert"),
        ("", "without an assert"),
    ],
)
def test_tests_that_cannot_be_read(test: object, says: str) -> None:
    with pytest.raises(BadTestsError, match=says):
        suite(test)
