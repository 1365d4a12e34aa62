"""The verifier `code` in its sandbox: the three forms, every cause, shares, evidence, and what is nobody's answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Message, Problem, Verdict
from rollmill.pipelines.verify.code.code_verifier import CodeVerifier

pytestmark = pytest.mark.sandbox
ASSERTS = ("assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert add('a', 'b') == 'ab'", "assert add([], []) == []")


@pytest.fixture(scope="module")
def code() -> Iterator[CodeVerifier]:
    verifier = CodeVerifier(cpu_seconds=1.0, memory_mib=128, output_kib=64, workers=2)
    yield verifier
    verifier.close()


def problem(*tests: object, entry_point: str | None = "add", **meta: Any) -> Problem:
    texts = tuple(test if isinstance(test, str) else json.dumps(test) for test in tests)
    return Problem("Do it.", "", kind="code", tests=texts, meta={"entry_point": entry_point, **meta})


def said(text: str, **more: Any) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop", **more)


def fenced(source: str) -> Completion:
    return said(f"```python\n{source}\n```")


def short(verdict: Verdict) -> tuple[str, str | None, float | None]:
    return verdict.outcome, verdict.cause, verdict.value


def rows_of(verdict: Verdict) -> list[dict[str, Any]]:
    assert verdict.evidence is not None
    rows: list[dict[str, Any]] = json.loads(verdict.evidence)["tests"]
    return rows


def test_asserts_have_a_result_each_and_the_share_is_the_value(code: CodeVerifier) -> None:
    right = code.verify(problem(*ASSERTS), fenced("def add(a, b):\n    return a + b"))
    assert (short(right), right.rule) == (("correct", None, 1.0), "fenced:asserts")
    half = code.verify(problem(*ASSERTS), fenced("def add(a, b):\n    return int(a) + int(b)"))
    assert short(half) == ("incorrect", "runtime_error", 0.5)
    assert [(row["i"], row["name"], row["status"], row.get("cause")) for row in rows_of(half)] == [
        (0, "add(1, 2) == 3", "passed", None),
        (1, "add(-1, 1) == 0", "passed", None),
        (2, "add('a', 'b') == 'ab'", "error", "runtime_error"),
        (3, "add([], []) == []", "error", "runtime_error"),
    ]
    assert "ValueError" in rows_of(half)[2]["detail"]


def test_a_check_of_humaneval(code: CodeVerifier) -> None:
    check = "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(2, 2) == 4\n    assert True\n"
    assert short(code.verify(problem(check), fenced("add = lambda a, b: a + b"))) == ("correct", None, 1.0)
    assert short(code.verify(problem(check), fenced("def add(a, b): return 3"))) == ("incorrect", "wrong_answer", 0.5)


def test_a_failure_outside_of_the_asserts_fails_what_it_kept_from_running(code: CodeVerifier) -> None:
    loop = "def check(candidate):\n    assert candidate(1, 1) == 2\n    for x in (1, 0, 2):\n        y = candidate(6, x)\n"
    text = loop + "        assert y\n    assert candidate(2, 2) == 4\n"
    verdict = code.verify(problem(text), fenced("def add(a, b): return a + b + 0 * (1 // b)"))
    assert short(verdict) == ("incorrect", "runtime_error", 2 / 3)
    assert [row["status"] for row in rows_of(verdict)] == ["passed", "passed", "error"]
    unreached = "def check(candidate):\n    y = candidate(1, 0)\n    assert y\n    assert candidate(1, 1)\n"
    verdict = code.verify(problem(unreached), fenced("def add(a, b): return a // b"))
    assert [row["status"] for row in rows_of(verdict)] == ["error", "not_run"]
    after = "def check(candidate):\n    assert candidate(1, 1)\n    candidate(1, 0)\n"
    verdict = code.verify(problem(after), fenced("def add(a, b): return a // b"))
    assert short(verdict) == ("incorrect", "runtime_error", 0.5)
    assert rows_of(verdict)[1]["name"] == "the tests outside of their asserts"


def test_tests_may_name_other_functions_of_the_program(code: CodeVerifier) -> None:
    check = "def check(candidate):\n    assert candidate(twice(2)) == 2\n"
    source = "def twice(x): return 2 * x\ndef half(x): return x // 2"
    assert code.verify(problem(check, entry_point="half"), fenced(source)).outcome == "correct"


CALLS = (
    {"fn": "f", "args": [1], "expected": [1, 2]},
    {"fn": "f", "args": [0], "raises": "ValueError"},
    {"fn": "f", "args": [2.5], "expected": [2.5, 3.5000001], "tolerance": 1e-6},
    {"fn": "f", "args": [True], "expected": {"$tuple": [1, 2]}},
)


def test_calls_are_compared_by_exact_type(code: CodeVerifier) -> None:
    source = "def f(x):\n    if not x: raise ValueError('no')\n    return (x * 1, x + 1)"
    assert short(code.verify(problem(*CALLS, entry_point="f"), fenced(source))) == ("correct", None, 1.0)
    wrong = "def f(x):\n    return [x, x + 1]"
    verdict = code.verify(problem(*CALLS, entry_point="f"), fenced(wrong))
    assert short(verdict) == ("incorrect", "wrong_answer", 0.5)
    assert [row.get("detail") for row in rows_of(verdict)] == [
        None,
        "returned [0, 1], expected ValueError raised",
        None,
        "returned [True, 2], expected (1, 2)",
    ]
    assert verdict.rule == "fenced:calls"


def test_every_rule_of_a_verdict_is_a_named_one(code: CodeVerifier) -> None:
    names = [name for name, _ in code.rules]
    source = "def add(a, b): return a + b\ndef f(x): return (x, x + 1)"
    for tests in (ASSERTS, CALLS, (*ASSERTS, *CALLS), (*CALLS, *RUNS)):
        for text in (source, f"```python\n{source}\n```", "I cannot.", "def add(:"):
            rule = code.verify(problem(*tests), said(text)).rule
            assert all(part in names for part in rule.split(":")), rule
    assert code.verify(problem(*ASSERTS, *CALLS), said(source)).rule == "whole:mixed"


def test_an_object_that_equals_everything_passes_nothing(code: CodeVerifier) -> None:
    source = (
        "class E:\n    def __eq__(self, o): return True\n    def __ne__(self, o): return False\n"
        "    __hash__ = None\n    def __bool__(self): return True\n    def __getattr__(self, n): return E()\n"
        "def add(a, b): return E()\ndef f(x): return E()"
    )
    verdict = code.verify(problem(*ASSERTS, *CALLS, entry_point="add"), fenced(source))
    assert (verdict.outcome, verdict.value) == ("incorrect", 0.0)


RUNS = ({"input": "2\n", "output": "4\n"}, {"input": "x\n", "output": "no"}, {"input": "", "output": ""})


def test_stdin_and_stdout(code: CodeVerifier) -> None:
    source = "import sys\nfor line in sys.stdin:\n    print(int(line) * 2 if line.strip().isdigit() else 'no', ' ')"
    right = code.verify(problem(*RUNS, entry_point=None), said(source))
    assert (short(right), right.rule) == (("correct", None, 1.0), "whole:stdio")
    wrong = code.verify(problem(*RUNS, entry_point=None), fenced("print(int(input()) * 2)"))
    assert short(wrong) == ("incorrect", "runtime_error", 1 / 3)
    assert "ValueError" in rows_of(wrong)[1]["detail"]
    other = code.verify(problem(*RUNS[:1], entry_point=None), fenced("print(5)"))
    assert rows_of(other)[0]["detail"] == r"printed '5\n', expected '4\n'"


LOOP = "while True: pass"
CAUSES = {
    "compile_error": "def add(a, b)\n    return a",
    "runtime_error": "def add(a, b): return 1 / 0",
    "wrong_answer": "def add(a, b): return None",
    "timeout": f"def add(a, b):\n    {LOOP}",
    "memory": "def add(a, b): return len(bytearray(1 << 30))",
    "output_limit": "def add(a, b):\n    for _ in range(1000): print('x' * 9999, flush=True)\n    return a + b",
    "sandbox_violation": (
        "import ctypes, os\ndef add(a, b):\n    libc = ctypes.CDLL(None)\n    libc.ptrace(0, 0, 0, 0)\n"
        "    libc.mount(b'x', b'/', b'tmpfs', 0, 0)\n    os._exit(0)"
    ),
}


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_every_cause_in_asserts_and_calls(code: CodeVerifier, cause: str) -> None:
    verdict = code.verify(problem(*ASSERTS), fenced(CAUSES[cause]))
    assert short(verdict) == ("incorrect", cause, 0.0)
    call = {"args": [1, 2], "expected": 3}
    assert short(code.verify(problem(call), fenced(CAUSES[cause]))) == ("incorrect", cause, 0.0)


SCRIPTS = {
    "compile_error": "print(",
    "runtime_error": "raise KeyError('x')",
    "wrong_answer": "print(5)",
    "timeout": LOOP,
    "memory": "x = bytearray(1 << 30)\nprint(4)",
    "output_limit": "while True: print('x' * 9999)",
}


@pytest.mark.parametrize("cause", sorted(SCRIPTS))
def test_every_cause_in_runs(code: CodeVerifier, cause: str) -> None:
    verdict = code.verify(problem(*RUNS[:2], entry_point=None), fenced(SCRIPTS[cause]))
    assert short(verdict) == ("incorrect", cause, 0.0)
    second = "error" if cause == "runtime_error" else "failed" if cause == "wrong_answer" else "not_run"
    assert [row["status"] for row in rows_of(verdict)][1] == second


def test_a_program_cannot_say_that_it_passed(code: CodeVerifier) -> None:
    for source in (
        "import os\nos._exit(0)",
        "import sys\nsys.exit(0)",
        "def add(a, b):\n    import os\n    os._exit(0)",
        "def add(a, b):\n    raise SystemExit(0)",
        "import os\nfor fd in range(3, 40):\n    try: os.write(fd, b'passed' * 100)\n    except OSError: pass\n",
        "import builtins\nbuiltins.AssertionError = KeyboardInterrupt\ndef add(a, b): return 9",
        "__rollmill_passed__ = lambda i: None\ndef check(c): pass\ndef add(a, b): return 9",
    ):
        verdict = code.verify(problem(*ASSERTS), fenced(source))
        assert (verdict.outcome, verdict.value) == ("incorrect", 0.0), source


def test_nobodys_answers(code: CodeVerifier) -> None:
    none = code.verify(problem(), fenced("def add(a, b): return a + b"))
    assert short(none) == ("undecided", "tests: the problem has none", None)
    bad = code.verify(problem("assert add(1,"), fenced("def add(a, b): return a + b"))
    assert (bad.outcome, bad.rule) == ("undecided", "tests")
    assert bad.cause is not None
    assert bad.cause.startswith("tests: test 0: SyntaxError")
    crossing = code.verify(problem("assert add(lambda: 1, 2) == 3"), fenced("def add(a, b): return 3"))
    assert crossing.outcome == "undecided"
    text = code.verify(problem(*ASSERTS), said("I cannot."))
    assert (short(text), text.rule) == (("unparsed", "no program in the text", None), "no-program")


def test_turns_are_judged_by_the_last(code: CodeVerifier) -> None:
    right = Message("assistant", "def add(a, b): return a + b", "code")
    wrong = Message("assistant", "```python\ndef add(a, b): return 0\n```")
    shown = Message("tool", "3", "execution")
    assert code.verify(problem(*ASSERTS), said("", messages=(wrong, right))).outcome == "correct"
    assert code.verify(problem(*ASSERTS), said("", messages=(right, wrong))).outcome == "incorrect"
    assert code.verify(problem(*ASSERTS), said("", messages=(right, shown))).outcome == "unparsed"


def test_many_come_in_order_whatever_they_do(code: CodeVerifier) -> None:
    sources = [CAUSES["wrong_answer"], "def add(a, b): return a + b", CAUSES["timeout"], CAUSES["compile_error"]] * 3
    items = [(problem(*ASSERTS), fenced(source)) for source in sources]
    found = [verdict.cause for verdict in code.verify_many(items)]
    assert found == ["wrong_answer", None, "timeout", "compile_error"] * 3


def test_the_same_program_gives_the_same_verdict_where_tests_draw(code: CodeVerifier) -> None:
    test = "from random import random\nassert add(0, 0) == 0\nassert random() < 0.5 or add(1, 1) == 0"
    verdicts = {code.verify(problem(test), fenced("def add(a, b): return a + b")).value for _ in range(6)}
    assert len(verdicts) == 1


def test_options_are_part_of_the_version_and_checked() -> None:
    assert CodeVerifier("none").version != CodeVerifier().version
    assert CodeVerifier(cpu_seconds=2.0).version != CodeVerifier().version
    assert CodeVerifier(stdout="exact").version != CodeVerifier().version
    assert CodeVerifier(workers=1).version == CodeVerifier(workers=2).version
    with pytest.raises(SetupError, match="sandbox is 'strickt'"):
        CodeVerifier("strickt")  # type: ignore[arg-type]
    with pytest.raises(SetupError, match="stdout is 'all'"):
        CodeVerifier(stdout="all")  # type: ignore[arg-type]
    with pytest.raises(SetupError, match="memory_mib is 0"):
        CodeVerifier(memory_mib=0)


@pytest.mark.parametrize("mode", ["shared", "none"])
def test_the_other_modes_judge_alike(mode: Any) -> None:
    with CodeVerifier(mode, cpu_seconds=1.0, workers=1) as verifier:
        for cause in ("wrong_answer", "runtime_error", "compile_error", "timeout"):
            assert short(verifier.verify(problem(*ASSERTS), fenced(CAUSES[cause]))) == ("incorrect", cause, 0.0)
        assert verifier.verify(problem(*ASSERTS), fenced("def add(a, b): return a + b")).outcome == "correct"


HELPED = "import math\n\ndef poly(xs, x):\n    return sum(c * x**i for i, c in enumerate(xs))\n\ndef zero(xs):\n"
WITH_HELPER = (
    "def check(candidate):\n"
    "    assert abs(poly([-2, 1], candidate([-2, 1]))) < 1e-4\n"
    "    assert abs(poly([-6, 2], candidate([-6, 2]))) < 1e-4"
)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("return -xs[0] / xs[1]", "correct"),
        ("return 0\ndef poly(*a):\n    return 0", "incorrect"),
        ("global poly\n    poly = lambda *a: 0\n    return 0", "incorrect"),
        ("return range(3)", "incorrect"),
        ("return map(float, xs)", "incorrect"),
        ("return (x for x in xs)", "incorrect"),
        ("return object()", "incorrect"),
        ("return {}.items()", "incorrect"),
        ("return 'x' * (4_000_000)", "incorrect"),
        ("return ['x' * 100] * 30_000", "incorrect"),
        ("raise StopIteration", "incorrect"),
        ("raise GeneratorExit", "incorrect"),
        ("return 10 ** 10_000", "incorrect"),
    ],
)
def test_helpers_of_the_prompt_are_bound_and_what_an_answer_returns_is_its_own_doing(
    code: CodeVerifier, body: str, outcome: str
) -> None:
    task = Problem(HELPED, "", kind="code", tests=(WITH_HELPER,), meta={"entry_point": "zero"})
    assert code.verify(task, fenced(f"def zero(xs):\n    {body}\n")).outcome == outcome


def test_a_stub_in_the_prompt_is_the_answers_to_write(code: CodeVerifier) -> None:
    prompt = "def twice(x):\n    pass\n\ndef four(x):\n"
    task = Problem(
        prompt, "", kind="code", tests=("assert twice(2) == 4\nassert four(1) == 4",), meta={"entry_point": "four"}
    )
    answer = "def twice(x):\n    return 2 * x\ndef four(x):\n    return twice(twice(x))"
    assert code.verify(task, fenced(answer)).outcome == "correct"


def test_an_exception_that_ends_iterations_ends_none_of_the_tests(code: CodeVerifier) -> None:
    for name in ("StopIteration", "StopAsyncIteration", "GeneratorExit"):
        tests = ("assert all(map(lambda i: add(i, 0) == i, [1, 2]))", "assert [add(i, 0) for i in [1]] == [1]")
        assert code.verify(problem(*tests), fenced(f"def add(a, b):\n    raise {name}")).outcome == "incorrect"


def test_what_a_program_returned_may_go_back_to_it(code: CodeVerifier) -> None:
    tests = "assert add(add([1], [2]), iter([3])) == [1, 2, 3]\nassert add(range(2), range(0)) == [0, 1]"
    assert short(code.verify(problem(tests), fenced("def add(a, b):\n    return [*a, *b]"))) == ("correct", None, 1.0)


@pytest.mark.parametrize(
    "source",
    [
        "if 0: y = 0\n" + "".join(f"elif 1 == {i}: y = {i}\n" for i in range(2, 1_600)) + "def add(a, b): return a + b",
        "(" * 100_000,
        "[" * 5_000,
        "-" * 50_000 + "1",
        "a\x00b",
        "x = '\ud800'",
        "lambda " * 5_000,
        "9" * 90_000,
        "def add(a, b):\n return " + "1+" * 20_000 + "1",
    ],
    ids=["elif", "parentheses", "brackets", "signs", "a zero byte", "a surrogate", "lambdas", "digits", "a sum"],
)
def test_no_text_is_too_deep_to_be_judged(code: CodeVerifier, source: str) -> None:
    expected = "correct" if source.endswith("return a + b") else "incorrect"
    assert code.verify(problem("assert add(1, 2) == 3"), fenced(source)).outcome == expected
