"""`state_prefix` on worked solutions, which need no sandbox, and on programs, which are traced in it."""

import json
from collections.abc import Iterator

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.code.state_prefix import StatePrefixVerifier, canonical, statements_of

KNOWN = "She sells 16 - 3 - 4 = <<16-3-4=9>>9 eggs.\nShe makes 9 * 2 = $<<9*2=18>>18.\nA: 18"
WORDS = Problem("How much?", "18", meta={"solution": KNOWN})
LINES = "eggs = 16\nleft = eggs - 3 - 4\nprice = 2\nanswer = left * price\n"
PROGRAM = Problem("How much?", "18", tests=(json.dumps({"solution": LINES}),))


@pytest.fixture(scope="module")
def prefix() -> Iterator[StatePrefixVerifier]:
    verifier = StatePrefixVerifier(cpu_seconds=1.0, memory_mib=128, workers=1)
    yield verifier
    verifier.close()


def said(text: str) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")


def short(verdict: Verdict) -> tuple[str, str, str | None, float | None]:
    return verdict.outcome, verdict.rule, verdict.cause, verdict.value


def told(verdict: Verdict) -> dict[str, object]:
    assert verdict.evidence is not None
    found: dict[str, object] = json.loads(verdict.evidence)
    return found


def test_a_worked_solution_by_the_known_way_and_by_another(prefix: StatePrefixVerifier) -> None:
    assert short(prefix.verify(WORDS, said(KNOWN))) == ("correct", "steps", None, 1.0)
    other = prefix.verify(WORDS, said("3 + 4 = 7, so 16 - 7 = 9 are left.\n9 * 2 = 18"))
    assert short(other) == ("correct", "steps", None, 1.0)
    assert told(other) == {"matched": 0, "steps": 3, "known_matched": 0, "known_steps": 2}


RIGHT = "16 - 3 - 4 = 9\n9 * 2 = 18\n"


@pytest.mark.parametrize(
    ("end", "cause", "extracted"),
    [
        ("\\boxed{18}", None, "18"), ("The answer is $18.00.", None, "18"), ("#### 18", None, "18"),
        ("She makes 18.", None, "18"), ("That took 2 steps.", None, "18"), (r"\boxed{\frac{36}{2}}", None, "18"),
        (r"\boxed{19}", "wrong_answer", "19"), ("The answer is 9.", "wrong_answer", "9"), ("#### 17", "wrong_answer", "17"),
        ("So no solution exists.", "wrong_answer", "no solution"), (r"\boxed{none}", "wrong_answer", "none"),
        ("It cannot be determined.", "wrong_answer", "cannot be determined"),
        ("The answer is not 18.", "wrong_answer", "not 18"),
        ("The answer is not $18.00. Thanks.", "wrong_answer", "not 18.00"),
        ("The answer cannot be 18.", "wrong_answer", "not 18"), ("Is the answer 18? No.", "wrong_answer", "not 18"),
        ("La respuesta no es 18.", "wrong_answer", "not 18"), ("I take that back.", "wrong_answer", "not 18"),
        ("Maria says the answer is 18. I say 19.", "wrong_answer", "19"), ("19", "wrong_answer", "19"),
        ("The answer is not 19.", None, "18"), ("It is not 9.", None, "18"), ("The answer is 18, not 9.", None, "18"),
    ],
)  # fmt: skip
def test_a_stated_answer_must_be_the_known_one(
    prefix: StatePrefixVerifier, end: str, cause: str | None, extracted: str
) -> None:
    """Right lines that end in another answer were correct: 3 * 4 = 12, 12 + 2 = 14, \\boxed{15}."""
    verdict = prefix.verify(WORDS, said(RIGHT + end))
    wanted = ("correct", "steps", None, 1.0) if cause is None else ("incorrect", "steps", cause, 0.5)
    assert (short(verdict), verdict.extracted) == (wanted, extracted)


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        ("9 * 2 = 18, so no solution exists.", "incorrect"),
        ("9 * 2 = 18. There is no answer.", "incorrect"),
        ("9 * 2 = 18; the answer cannot be determined.", "incorrect"),
        ("9 * 2 = 18, as negative eggs do not exist.", "correct"),
        ("There is no other solution, so 9 * 2 = 18.", "correct"),
    ],
)
def test_a_denial_may_end_the_line_of_the_last_step(prefix: StatePrefixVerifier, last: str, outcome: str) -> None:
    assert prefix.verify(WORDS, said("16 - 3 - 4 = 9\n" + last)).outcome == outcome


def test_a_solution_that_is_right_at_first(prefix: StatePrefixVerifier) -> None:
    verdict = prefix.verify(WORDS, said("16-3-4 = 9\n9 * 3 = 27"))
    assert short(verdict) == ("incorrect", "steps", "wrong_end", 0.5)
    assert told(verdict) == {"matched": 1, "steps": 2, "known_matched": 1, "known_steps": 2}


def test_nothing_counts_after_a_false_step(prefix: StatePrefixVerifier) -> None:
    verdict = prefix.verify(WORDS, said("16-3-4 = <<16-3-4=10>>10\n9 * 2 = <<9*2=18>>18"))
    assert short(verdict) == ("incorrect", "steps", "wrong_step", 0.0)
    assert told(verdict)["first_wrong"] == "16-3-4=10"


def test_going_on_past_the_end_is_not_the_whole_way(prefix: StatePrefixVerifier) -> None:
    verdict = prefix.verify(WORDS, said("16-3-4 = 9\n9 * 2 = 18\n18 + 1 = 19"))
    assert short(verdict) == ("incorrect", "steps", "wrong_end", 0.5)


def test_no_steps_and_no_known_solution(prefix: StatePrefixVerifier) -> None:
    assert short(prefix.verify(WORDS, said("About 18."))) == (
        "unparsed",
        "no-steps",
        "no calculation steps in the text",
        None,
    )
    assert prefix.verify(Problem("?", "18"), said(KNOWN)).cause == "tests: the problem has no known solution"
    empty = Problem("?", "18", meta={"solution": "It is 18."})
    assert prefix.verify(empty, said(KNOWN)).cause == "tests: no known solution has true steps"


def test_several_known_solutions(prefix: StatePrefixVerifier) -> None:
    both = Problem("?", "18", meta={"solution": [KNOWN, "3 + 4 = 7\n16 - 7 = 9\n9 * 2 = 18"]})
    assert short(prefix.verify(both, said("3 + 4 = 7\n16 - 7 = 9\n9 + 2 = 11"))) == (
        "incorrect",
        "steps",
        "wrong_end",
        2 / 3,
    )


def test_the_matching_is_an_option_and_part_of_the_version() -> None:
    text = said("10 + 0 = 10\n16-3-4 = 9\n9 * 3 = 27")
    with StatePrefixVerifier() as exact, StatePrefixVerifier(matching="covers") as covers:
        assert exact.version != covers.version
        assert (exact.verify(WORDS, text).value, covers.verify(WORDS, text).value) == (0.0, 0.5)
    with pytest.raises(SetupError, match="matching is 'all'"):
        StatePrefixVerifier(matching="all")  # type: ignore[arg-type]


def test_values_have_one_text() -> None:
    assert canonical(2) == canonical(2.0) == "2"
    assert canonical(True) != canonical(1)
    assert canonical("2") != canonical(2)
    assert canonical(0.5) == "1/2"
    assert canonical(float("nan")) == "float nan"
    assert canonical(10**400) == "huge"


def test_prose_is_no_program() -> None:
    assert statements_of("hello") is None
    assert statements_of("def f(x):\n    return x\n") is None
    assert statements_of(KNOWN) is None
    assert len(statements_of("import math\ndef solution():\n    'doc'\n    x = 1\n    return x\n") or []) == 3


@pytest.mark.sandbox
def test_a_program_along_the_known_one(prefix: StatePrefixVerifier) -> None:
    renamed = "a = 16\nb = a - 7\nc = 2\nanswer = b * c"
    assert short(prefix.verify(PROGRAM, said(f"```python\n{renamed}\n```"))) == ("correct", "program", None, 1.0)
    behind = prefix.verify(PROGRAM, said(f"```python\n{renamed}\n```\nThe answer is 19."))
    assert short(behind) == ("incorrect", "program", "wrong_answer", 0.75)
    wrong = renamed.replace("b * c", "b + c")
    verdict = prefix.verify(PROGRAM, said(wrong))
    assert short(verdict) == ("incorrect", "program", "wrong_end", 0.75)
    assert told(verdict) == {"matched": 3, "steps": 4, "known_matched": 3, "known_steps": 4}


@pytest.mark.sandbox
def test_a_function_is_traced_inside_and_returns_its_answer(prefix: StatePrefixVerifier) -> None:
    text = 'def solution():\n    "Eggs."\n    eggs = 16\n    left = eggs - 3 - 4\n    return left * 2\n'
    assert short(prefix.verify(PROGRAM, said(f"```python\n{text}```"))) == ("correct", "program", None, 1.0)


@pytest.mark.sandbox
def test_a_program_may_give_builtin_names_values_of_its_own(prefix: StatePrefixVerifier) -> None:
    """They are no steps of the known way, and the trace goes on to the right end."""
    text = "list = 16\ntype = list - 7\nstr = 2\nanswer = type * str"
    assert short(prefix.verify(PROGRAM, said(text))) == ("correct", "program", None, 1.0)
    raised = "list = 16\ntype = list - 7\nstr = Exception = globals = 2\nanswer = type / 0"
    verdict = prefix.verify(PROGRAM, said(raised))
    assert short(verdict)[:3] == ("incorrect", "program", "wrong_step")
    assert "ZeroDivisionError" in str(told(verdict)["first_wrong"])


@pytest.mark.sandbox
def test_a_statement_that_raises_ends_the_way_there(prefix: StatePrefixVerifier) -> None:
    verdict = prefix.verify(PROGRAM, said("eggs = 16\nleft = eggs - 7\nprice = left / 0\nanswer = 18"))
    assert short(verdict) == ("incorrect", "program", "wrong_step", 0.5)
    assert "ZeroDivisionError" in str(told(verdict)["first_wrong"])


@pytest.mark.sandbox
def test_limits_and_exits_leave_no_way(prefix: StatePrefixVerifier) -> None:
    for last in ("while True: pass", "import os\nos._exit(0)", "raise SystemExit", "x = 'x' * (1 << 30)"):
        verdict = prefix.verify(PROGRAM, said(f"eggs = 16\nleft = eggs - 7\n{last}\nanswer = 18"))
        assert (verdict.outcome, verdict.cause) == ("incorrect", "wrong_step"), last


@pytest.mark.sandbox
def test_states_are_values_and_cannot_be_forged_by_objects(prefix: StatePrefixVerifier) -> None:
    always = "class E:\n    def __eq__(self, o): return True\n    def __hash__(self): return 1\nanswer = E()\n"
    assert prefix.verify(PROGRAM, said(always)).outcome != "correct"
    aliased = "xs = []\nys = xs\nxs.append(16)\nanswer = 1"
    assert prefix.verify(PROGRAM, said(aliased)).value == 0.0
    mutated = Problem("?", "", tests=(json.dumps({"solution": "xs = [1]\nxs.append(2)\nanswer = sum(xs)"}),))
    assert short(prefix.verify(mutated, said("ys = [1]\nys += [2]\nanswer = 4"))) == (
        "incorrect",
        "program",
        "wrong_end",
        2 / 3,
    )


@pytest.mark.sandbox
def test_a_program_cannot_claim_more_states_than_it_has_statements(prefix: StatePrefixVerifier) -> None:
    guesses = "[{'a': i} for i in range(20)]"
    forged = f"answer = 1\nglobals()['__traced_get__'] = lambda: {guesses}\n"
    verdict = prefix.verify(PROGRAM, said(forged))
    assert short(verdict) == ("incorrect", "program", "wrong_end", 0.0)
    assert told(verdict)["steps"] == 2


@pytest.mark.sandbox
def test_a_known_program_that_fails_is_nobodys_answer(prefix: StatePrefixVerifier) -> None:
    broken = Problem("?", "", tests=(json.dumps({"solution": "x = 1 / 0"}),))
    assert prefix.verify(broken, said(LINES)).cause == "tests: no known solution runs to its end"


@pytest.mark.sandbox
def test_a_value_that_is_no_plain_data_equals_nothing(prefix: StatePrefixVerifier) -> None:
    """Two patterns have one text; where nothing else was computed, a wrong answer raised ZeroDivisionError."""
    pattern = "import re\nanswer = [re.compile('a')]\n"
    known = Problem("?", "", tests=(json.dumps({"solution": pattern}),))
    for text in (LINES, pattern.replace("'a'", "'b'")):
        assert short(prefix.verify(known, said(text)))[:2] == ("undecided", "known")
    assert short(prefix.verify(PROGRAM, said(pattern))) == ("incorrect", "program", "wrong_end", 0.0)
