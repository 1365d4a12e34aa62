"""Counterexamples in the sandbox: the three parts, each way to miss one, and the traps of the method."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.code.counterexample import CounterexampleVerifier

pytestmark = pytest.mark.sandbox
TRUSTED = "def largest(xs):\n    best = xs[0]\n    for x in xs:\n        if x > best: best = x\n    return best"
SUSPECT = TRUSTED.replace("xs[0]", "0")  # wrong where every number is negative
VALID = "def valid(xs):\n    return 1 <= len(xs) <= 100_000 and all(type(x) is int for x in xs)"


@pytest.fixture(scope="module")
def refute() -> Iterator[CounterexampleVerifier]:
    verifier = CounterexampleVerifier(cpu_seconds=1.0, memory_mib=128, workers=1)
    yield verifier
    verifier.close()


def puzzle(trusted: str = TRUSTED, suspect: str = SUSPECT, validator: str = VALID, **more: Any) -> Problem:
    entry = {"suspect": suspect, "validator": validator, "entry_point": "largest", **more}
    return Problem("Break it.", trusted, "code", (json.dumps(entry),))


def said(text: str) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")


def fenced(text: str) -> Completion:
    return said(f"```python\n{text}\n```")


def short(verdict: Verdict) -> tuple[str, str, str | None, float | None]:
    value = None if verdict.value is None else round(verdict.value, 3)
    return verdict.outcome, verdict.rule, verdict.cause, value


def detail(verdict: Verdict) -> str:
    assert verdict.evidence is not None
    found: str = json.loads(verdict.evidence)["detail"]
    return found


def test_an_input_on_which_the_suspect_is_wrong(refute: CounterexampleVerifier) -> None:
    verdict = refute.verify(puzzle(), fenced("[[-3, -1, -2]]"))
    assert short(verdict) == ("correct", "value:suspect", None, 1.0)
    assert json.loads(verdict.evidence or "") == {
        "input_valid": True,
        "trusted_answers": True,
        "suspect_fails": True,
        "input": "([-3, -1, -2],)",
        "detail": "answers 0, right is -1",
    }


def test_code_that_makes_the_input(refute: CounterexampleVerifier) -> None:
    maker = fenced("def generate():\n    return [list(range(-9, 0))]")
    assert short(refute.verify(puzzle(), maker)) == ("correct", "generator:suspect", None, 1.0)
    assert short(refute.verify(puzzle(), fenced("print([[-1]])"))) == ("correct", "program:suspect", None, 1.0)


def test_an_input_on_which_the_suspect_is_right(refute: CounterexampleVerifier) -> None:
    verdict = refute.verify(puzzle(), fenced("[[3, 1]]"))
    assert short(verdict) == ("incorrect", "value:suspect", "suspect_survives", 0.667)


def test_an_invalid_input_refutes_nothing(refute: CounterexampleVerifier) -> None:
    for text in ("[[]]", "[[-1, 'a']]", "[[-1.5]]", "[-1]", "[[-1], [-2]]", '{"ys": [-1]}'):
        assert short(refute.verify(puzzle(), fenced(text))) == ("incorrect", "value:valid", "invalid_input", 0.0), text
    truthy = VALID.replace("return", "return 1 +")
    assert refute.verify(puzzle(validator=truthy), fenced("[[-1]]")).cause == "invalid_input"


def test_a_generator_that_fails_is_the_models_failure(refute: CounterexampleVerifier) -> None:
    for source, says in (
        ("def generate():\n    return 1 / 0", "ZeroDivisionError"),
        ("def generate():\n    while True: pass", "timeout"),
        ("def generate():\n    return [bytearray(1 << 30)]", "memory"),
        ("def generate():\n    return 5", "not the list of all arguments"),
        ("def generate():\n    return [lambda: 1]", "not the list of all arguments"),
        ("import os\nos._exit(0)\ndef generate(): pass", ""),
        ("print('no input')", "printed"),
    ):
        verdict = refute.verify(puzzle(), fenced(source))
        assert (verdict.outcome, verdict.cause, verdict.value) == ("incorrect", "generator", 0.0), source
        assert says in detail(verdict)


def test_an_object_that_equals_everything_is_no_input(refute: CounterexampleVerifier) -> None:
    source = "class E(list):\n    def __eq__(self, o): return True\n    def __len__(self): return 5\n"
    verdict = refute.verify(puzzle(), fenced(source + "def generate():\n    return [E()]"))
    assert verdict.outcome == "incorrect"


def test_the_suspect_may_raise_or_run_into_a_limit(refute: CounterexampleVerifier) -> None:
    for body, says in (
        ("raise ValueError(xs)", "ValueError"),
        ("sum(iter(int, 1))", "timeout: "),
        ("exit(1)", "SystemExit"),
    ):
        suspect = TRUSTED.replace("best = xs[0]", f"best = xs[0]\n    if xs[0] == 7: {body}")
        verdict = refute.verify(puzzle(suspect=suspect), fenced("[[7]]"))
        assert (verdict.outcome, verdict.value) == ("correct", 1.0), (body, verdict.cause)
        assert says in detail(verdict)
        assert refute.verify(puzzle(suspect=suspect), fenced("[[8]]")).cause == "suspect_survives"


def test_a_suspect_that_is_only_slow_is_not_refuted(refute: CounterexampleVerifier) -> None:
    spin = "import time\ndef largest(xs):\n    end = time.process_time() + xs[0] / 100\n"
    spin += "    while time.process_time() < end: pass\n"
    trusted, suspect = spin + "    return 1", spin.replace("/ 100", "/ 10") + "    return 1"
    verdict = refute.verify(puzzle(trusted, suspect), fenced("[[75]]"))
    assert short(verdict) == ("incorrect", "value:suspect", "suspect_slow", 0.667)
    assert refute.verify(puzzle(trusted, suspect), fenced("[[20]]")).outcome == "correct"


def test_an_input_that_overwhelms_the_trusted_program_is_unusable(refute: CounterexampleVerifier) -> None:
    trusted = "def largest(xs):\n    while len(xs) > 1000: pass\n    return max(xs)"
    verdict = refute.verify(puzzle(trusted), fenced("def generate(): return [[-1] * 2000]"))
    assert short(verdict) == ("incorrect", "generator:trusted", "trusted_limit", 0.333)


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (puzzle("def largest(xs): return xs[99]"), "the trusted program fails on a valid input"),
        (puzzle("import random\ndef largest(xs): return random.random()"), "answers differently each time"),
        (puzzle(validator="def valid(xs"), "the validator does not compile"),
        (puzzle(suspect="def largest(xs"), "the suspect program does not compile"),
        (puzzle(checker="def accepts(xs, answer): return False"), "the checker refuses"),
        (puzzle(checker="def accepts(xs, answer): return 1"), "the checker gives no answer"),
        (Problem("?", "t", "code", ("{}",)), "suspect is missing"),
    ],
)
def test_mistakes_of_the_data_set_are_nobodys_answer(refute: CounterexampleVerifier, problem: Problem, says: str) -> None:
    verdict = refute.verify(problem, fenced("[[-5, -6]]"))
    assert (verdict.outcome, verdict.rule) == ("undecided", "tests")
    assert says in (verdict.cause or "")


def test_where_several_answers_are_right_a_checker_decides(refute: CounterexampleVerifier) -> None:
    trusted = "def largest(xs): return [i for i, x in enumerate(xs) if x == max(xs)][0]"  # an index of a maximum
    suspect = "def largest(xs): return len(xs) - 1 - xs[::-1].index(max(xs)) if xs[0] else 0"
    checker = "def accepts(args, i): return args[0][i] == max(args[0])"
    problem = puzzle(trusted, suspect, checker=checker)
    assert refute.verify(problem, fenced("[[5, 5]]")).cause == "suspect_survives"  # another index, as good
    assert refute.verify(problem, fenced("[[0, 5]]")).outcome == "correct"
    assert refute.verify(puzzle(trusted, suspect), fenced("[[5, 5]]")).outcome == "correct"  # no checker: they differ


@pytest.mark.parametrize("text", ["{'b': 1, 'a': 5}", "{'a': 5, 'b': 1}", "[5, 1]"])
def test_a_checker_gets_named_arguments_in_the_functions_order(refute: CounterexampleVerifier, text: str) -> None:
    """In the order of the text, the checker refused the trusted program's own answer, and the verdict was undecided."""
    trusted, valid = "def gap(a, b): return a - b", "def valid(a, b): return True"
    checker = "def accepts(args, answer): return answer == args[0] - args[1]"
    problem = puzzle(trusted, "def gap(a, b): return b - a", valid, entry_point="gap", checker=checker)
    assert short(refute.verify(problem, fenced(text))) == ("correct", "value:suspect", None, 1.0)


def test_programs_that_read_stdin(refute: CounterexampleVerifier) -> None:
    trusted, suspect = "print(max(map(int, input().split())))", "print(max(0, *map(int, input().split())))"
    problem = puzzle(trusted, suspect, "def valid(text): return len(text.split()) > 0", entry_point=None)
    assert short(refute.verify(problem, said("```\n-3 -4\n```"))) == ("correct", "value:suspect", None, 1.0)
    assert short(refute.verify(problem, fenced("print(-1, -2)"))) == ("correct", "program:suspect", None, 1.0)
    assert short(refute.verify(problem, fenced("def generate():\n    return '-1'"))) == (
        "correct",
        "generator:suspect",
        None,
        1.0,
    )
    assert refute.verify(problem, said("```\n3 4\n```")).cause == "suspect_survives"
    assert refute.verify(problem, said("```\n \n```")).outcome == "unparsed"


def test_no_input_in_the_text(refute: CounterexampleVerifier) -> None:
    assert short(refute.verify(puzzle(), said("It is right, I think."))) == (
        "unparsed",
        "no-input",
        "no input in the text",
        None,
    )
