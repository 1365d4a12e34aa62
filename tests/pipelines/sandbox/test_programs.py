import math

import pytest

from rollmill.pipelines.sandbox import AssertTests, Call, Calls, Sandbox, SandboxLimits, Script, TestsBroken

pytestmark = pytest.mark.sandbox


def causes(sandbox: Sandbox, source: str, tests: str, entry: str | None = "f") -> list[str | None]:
    report = sandbox.run(AssertTests(source, tests, entry))
    return [report.cause, *(result.status for result in report.results)]


def test_a_script_reads_its_input_and_writes_its_output(sandbox: Sandbox) -> None:
    report = sandbox.run(Script("n = int(input())\nprint(n * 2)\nimport sys\nprint('oops', file=sys.stderr)", "21\n"))
    assert (report.cause, report.stdout, report.stderr) == (None, "42\n", "oops\n")
    assert report.results[0].status == "returned"
    assert report.results[0].value == 0


def test_a_script_has_no_input_unless_it_is_given_one(sandbox: Sandbox) -> None:
    assert sandbox.run(Script("import sys\nprint(repr(sys.stdin.read()))")).stdout == "''\n"


def test_a_large_input_and_unicode_arrive_whole(sandbox: Sandbox) -> None:
    report = sandbox.run(Script("import sys\nd = sys.stdin.read()\nprint(len(d), d[-1])", "ab" * 500_000 + "é"))
    assert report.stdout == "1000001 é\n"


@pytest.mark.parametrize(
    ("source", "cause", "status"),
    [
        ("def f(:", "compile_error", 1),
        ("x = '\0'", "compile_error", 1),
        ("1 / 0", "runtime_error", 1),
        ("import sys\nsys.exit(3)", "runtime_error", 3),
        ("exit(0)", None, 0),
        ("raise SystemExit('no')", "runtime_error", 1),
        ("import os\nos.abort()", "runtime_error", -11),
        ("import threading\nthreading.Thread(target=lambda: print('late')).start()", None, 0),
    ],
)
def test_how_a_script_can_end(sandbox: Sandbox, source: str, cause: str | None, status: int) -> None:
    report = sandbox.run(Script(source))
    assert (report.cause, report.results[0].value) == (cause, status)


def test_a_traceback_is_kept_for_people(sandbox: Sandbox) -> None:
    report = sandbox.run(Script("def g():\n    return {}['k']\ng()"))
    assert "KeyError: 'k'" in report.stderr
    assert report.detail == "KeyError: 'k'"


def test_exit_functions_run(sandbox: Sandbox) -> None:
    assert sandbox.run(Script("import atexit\natexit.register(print, 'bye')\nprint('hi')")).stdout == "hi\nbye\n"


def test_calls_return_plain_data(sandbox: Sandbox) -> None:
    source = "def f(x):\n    return {'k': (x, [None, True, 2.5, 1j, b'b'], {1, 2}, frozenset({3}))}\n"
    source += "def g():\n    raise KeyError('q')"
    report = sandbox.run(Calls(source, (Call("f", ("s",)), Call("g"), Call("f", (), {"x": -(2**70)}), Call("nope"))))
    first, second, third, fourth = report.results
    assert first.value == {"k": ("s", [None, True, 2.5, 1j, b"b"], {1, 2}, frozenset({3}))}
    assert (second.status, second.cause, second.detail) == ("error", "runtime_error", "KeyError: 'q'")
    assert third.value["k"][0] == -(2**70)
    assert fourth.detail == "KeyError: 'nope'"
    assert report.cause == "runtime_error"


def test_calls_after_the_end_of_the_process_are_not_run(sandbox: Sandbox) -> None:
    source = "import os\ndef f(x):\n    if x == 1:\n        os._exit(0)\n    return x"
    report = sandbox.run(Calls(source, tuple(Call("f", (i,)) for i in range(3))))
    assert [result.status for result in report.results] == ["returned", "error", "not_run"]
    assert report.cause == "runtime_error"


def test_a_program_that_does_not_load_fails_its_first_call(sandbox: Sandbox) -> None:
    report = sandbox.run(Calls("raise ValueError('x')", (Call("f"), Call("f"))))
    assert [result.status for result in report.results] == ["error", "not_run"]
    assert report.results[0].detail == "ValueError: x"
    assert sandbox.run(Calls("def", (Call("f"),))).cause == "compile_error"


def test_assertions_are_results_of_their_own(sandbox: Sandbox) -> None:
    check = (
        "def check(candidate):\n    assert candidate(1) == 2\n    for i in range(3):\n        assert candidate(i) == 9\n"
    )
    check += "    assert candidate(5) == 6\n"
    assert causes(sandbox, "def f(x):\n    return x + 1", check) == ["wrong_answer", "passed", "failed", "passed"]
    assert causes(sandbox, "def f(x):\n    return x + 1", "assert f(1) == 2\nassert f(2) == 3") == [
        None,
        "passed",
        "passed",
    ]


def test_an_assertion_that_is_never_reached_does_not_fail(sandbox: Sandbox) -> None:
    assert causes(sandbox, "def f(x):\n    return x", "if f(1) == 2:\n    assert False\nassert f(3) == 3") == [
        None,
        "passed",
        "passed",
    ]


def test_check_may_be_called_by_the_tests_or_take_nothing(sandbox: Sandbox) -> None:
    body = "    assert c(1) == 2\n    assert c(2) == 3\n"
    for tests in (
        f"def check(c):\n{body}check(f)\n",
        f"def check(c):\n{body}",
        f"def check(c):\n{body}check(lambda x: f(x))\n",
    ):
        assert causes(sandbox, "def f(x):\n    return x + 1", tests) == [None, "passed", "passed"]
        assert causes(sandbox, "def f(x):\n    return 2", tests) == ["wrong_answer", "passed", "failed"]
    assert causes(sandbox, "def f(x):\n    return 2", "def check():\n    assert f(1) == 3") == ["wrong_answer", "failed"]
    assert causes(sandbox, "def g():\n    pass\ndef f(x):\n    return 2", f"def check(c):\n{body}", None)[1:] == [
        "passed",
        "failed",
    ]


def test_tests_without_an_assertion_are_one_result(sandbox: Sandbox) -> None:
    tests = "def check(candidate):\n    if candidate(1) != 2:\n        raise AssertionError('no')\n"
    assert causes(sandbox, "def f(x):\n    return x + 1", tests) == [None, "passed"]
    assert causes(sandbox, "def f(x):\n    return x", tests) == ["wrong_answer", "failed"]


def test_exceptions_of_the_program_reach_the_tests_as_their_builtin_type(sandbox: Sandbox) -> None:
    tests = "try:\n    f(-1)\n    ok = False\nexcept ValueError as error:\n    ok = str(error) == 'neg'\nassert ok"
    assert causes(sandbox, "def f(x):\n    raise ValueError('neg')", tests) == [None, "passed"]
    assert causes(sandbox, "class Mine(ValueError):\n    pass\ndef f(x):\n    raise Mine('neg')", tests) == [None, "passed"]
    assert causes(sandbox, "def f(x):\n    return 1", tests) == ["wrong_answer", "failed"]
    assert causes(sandbox, "def f(x):\n    raise KeyError('neg')", tests)[0] == "runtime_error"


def test_mutated_arguments_come_back(sandbox: Sandbox) -> None:
    tests = "a = [3, 1, 2]\nb = a\nassert f(a) is None\nassert b == [1, 2, 3]\n"
    tests += "d = {'k': [1]}\ninner = d['k']\ng(d)\nassert inner == [1, 5]"
    source = "def f(x):\n    x.sort()\ndef g(d):\n    d['k'].append(5)"
    assert causes(sandbox, source, tests) == [None, "passed", "passed", "passed"]
    assert causes(sandbox, "def f(x):\n    pass\ndef g(d):\n    pass", tests) == [
        "wrong_answer",
        "passed",
        "failed",
        "failed",
    ]


def test_the_tests_see_other_functions_of_the_program_too(sandbox: Sandbox) -> None:
    source = "def enc(s):\n    return s[::-1]\ndef f(s):\n    return enc(s)"
    assert causes(sandbox, source, "def check(candidate):\n    assert candidate(enc('abc')) == 'abc'\n") == [None, "passed"]


def test_modules_that_the_program_imported_are_the_real_ones_for_the_tests(sandbox: Sandbox) -> None:
    source = "class math:\n    isclose = staticmethod(lambda a, b: True)\ndef f():\n    return 1.0"
    assert causes(sandbox, source, "assert math.isclose(f(), 2.0)") == ["wrong_answer", "failed"]


def test_tests_that_change_their_process_do_not_change_the_next_ones(sandbox: Sandbox) -> None:
    spoilt = "import math, builtins\nmath.sqrt = lambda x: 7\nbuiltins.abs = lambda x: 0\nassert f(4) == math.sqrt(1)"
    assert causes(sandbox, "def f(x):\n    return 7", spoilt) == [None, "passed"]
    honest = "import math\nassert f(4) == math.sqrt(4)\nassert abs(f(4) - 2) < 1"
    assert causes(sandbox, "def f(x):\n    return 7", honest) == ["wrong_answer", "failed", "failed"]
    assert causes(sandbox, "def f(x):\n    return 2.0", honest) == [None, "passed", "passed"]


def test_tests_that_end_their_process_or_never_end_pass_nobody(sandbox: Sandbox) -> None:
    source = "def f(x):\n    return x"
    assert causes(sandbox, source, "assert f(1) == 1\nimport os\nos._exit(0)") == ["runtime_error", "error"]
    assert causes(sandbox, source, "import sys\nassert f(1) == 1\nsys.exit(0)")[0] == "runtime_error"
    assert causes(sandbox, source, "assert f(1) == 1\nwhile True:\n    pass")[0] == "timeout"
    assert causes(sandbox, source, "assert f(1) == 1") == [None, "passed"]


def test_broken_tests_are_nobodys_answer(sandbox: Sandbox) -> None:
    with pytest.raises(TestsBroken, match="SyntaxError"):
        sandbox.run(AssertTests("def f():\n    return 1", "assert f( ==", "f"))
    with pytest.raises(TestsBroken, match="function cannot cross"):
        sandbox.run(AssertTests("def f(g):\n    return g(1)", "assert f(lambda x: x) == 1", "f"))


def test_values_that_are_not_data_equal_nothing(sandbox: Sandbox) -> None:
    source = "def f():\n    return object()"
    assert causes(sandbox, source, "assert f() == f()") == ["wrong_answer", "failed"]
    assert causes(sandbox, source, "x = f()\nassert x == x") == ["wrong_answer", "failed"]
    assert causes(sandbox, source, "assert f()")[0] == "runtime_error"
    assert causes(sandbox, source, "assert f() != 3") == [None, "passed"]


def test_iterables_serve_the_tests_as_they_are(sandbox: Sandbox) -> None:
    source = "def f(x):\n    return map(str, range(x))\ndef g(x):\n    return range(x)\ndef h(x):\n    return x.keys()\n"
    source += "def forever():\n    n = 0\n    while True:\n        yield n\n        n += 1"
    tests = "assert list(f(3)) == ['0', '1', '2']\nassert g(3) == range(3)\n"
    tests += "assert h({1: 2}) == {1}\nassert next(forever()) == 0\n"
    assert causes(sandbox, source, tests + "assert f(2) == ['0', '1']") == ["wrong_answer", *["passed"] * 4, "failed"]
    report = sandbox.run(Calls(source, (Call("f", (3,)),)))
    assert repr(report.results[0].value) == "<iterable: not plain data>"


def test_nan_and_infinities_keep_their_meaning(sandbox: Sandbox) -> None:
    report = sandbox.run(Calls("def f():\n    return [float('nan'), float('inf'), float('-inf'), -0.0]", (Call("f"),)))
    nan, up, down, zero = report.results[0].value
    assert math.isnan(nan)
    assert (up, down) == (math.inf, -math.inf)
    assert math.copysign(1.0, zero) == -1.0
    assert causes(sandbox, "def f():\n    return float('nan')", "assert f() == f()") == ["wrong_answer", "failed"]


def test_what_a_program_prints_is_shown_and_does_not_count(sandbox: Sandbox) -> None:
    report = sandbox.run(
        AssertTests("print('loading')\ndef f():\n    print('called')\n    return 1", "assert f() == 1", "f")
    )
    assert (report.cause, report.stdout) == (None, "loading\ncalled\n")


def test_runs_are_deterministic(sandbox: Sandbox) -> None:
    source = (
        "import os\nprint(hash('a'), os.getcwd(), oct(os.umask(0)), sorted(os.environ), os.getuid(), list({'x', 'y', 'z'}))"
    )
    assert sandbox.run(Script(source)).stdout == sandbox.run(Script(source)).stdout


def test_reports_come_in_the_order_of_the_programs() -> None:
    with Sandbox("shared", SandboxLimits(cpu_seconds=5), workers=2) as sandbox:
        programs = [Script(f"print({i})" if i % 3 else f"import time\ntime.sleep(0.05)\nprint({i})") for i in range(20)]
        assert [report.stdout for report in sandbox.run_many(iter(programs))] == [f"{i}\n" for i in range(20)]


def test_mode_none_runs_programs_without_any_wall() -> None:
    with Sandbox("none", SandboxLimits(cpu_seconds=1)) as sandbox:
        assert causes(sandbox, "def f(x):\n    return x + 1", "assert f(1) == 2\nassert f(1) == 3") == [
            "wrong_answer",
            "passed",
            "failed",
        ]
        assert sandbox.run(Script("import socket\nsocket.socket().close()\nprint('open')")).stdout == "open\n"
        assert sandbox.run(Script("while True:\n    pass")).cause == "timeout"
