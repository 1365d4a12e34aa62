"""Edit sequences: every state passes the linter and compiles, and all edits give the program to the last character."""

import difflib
import json
import random
import re

import pytest

from rollmill.pipelines.edit import EDITORS, CannotEdit
from rollmill.pipelines.edit.lint import faults
from rollmill.pipelines.edit.lintseq import deletions, python_linter
from rollmill.pipelines.edit.unified_diffs import edit_sequence, insertion_diff, states_of
from tests.shared_data import shared_data

LINES = (
    "{v} = {a} + {b}", "{v} = [{a} for {w} in range({b}) if {w}]", "print({a}, {b})", "if {a} > {b}:", "elif {a}:", "else:",
    "for {v} in range({a}):", "while {a} < {b}:", "def {f}({v}, {w}={a}):", "return {a}", "{v} += {b}", "break", "try:",
    "except ValueError as {v}:", "finally:", "with open({a!r}) as {v}:", "# {v} is next", "", "@staticmethod", "class {f}:",
    "{v} = '''{a}", "{b}'''", "print(", "    {a},", ")", "global {v}", "lambda {v}: {w}", "import {v}", "    ",
)  # fmt: skip


def programs(count: int) -> list[str]:
    """Random small programs that pass: written line by line, each line kept that can still be made to pass."""
    rng = random.Random(7)
    made: list[str] = []
    while len(made) < count:
        rows, depth = ["n = 3"], 0
        for _ in range(rng.randrange(3, 18)):
            names = {key: rng.choice("abn") for key in "vw"} | {key: rng.choice(["a", "n", "1", "2"]) for key in "ab"}
            row = rng.choice(LINES).format(**names, f=rng.choice("FG"))
            depth = max(0, depth - rng.choice((0, 0, 1, 2)))
            attempt = [*rows, "    " * depth + row]
            body = "    " * (depth + 1) + "pass"
            if not faults("\n".join(attempt)):
                rows = attempt
            elif not faults("\n".join([*attempt, body])):
                rows, depth = [*attempt, body], depth + 1
        made.append("\n".join(rows) + rng.choice(("", "\n", "\n\n", "\n# the end")))
    return made


def sequence(source: str, seed: int) -> str:
    return EDITORS["lintseq"](f"```python\n{source}\n```", random.Random(seed)).text


def test_every_state_passes_and_the_last_is_the_program() -> None:
    sources = programs(300)
    assert len({len(source.split("\n")) for source in sources}) > 10
    for seed, source in enumerate(sources):
        states = list(states_of(sequence(source, seed)))
        assert states[-1] == source
        for state in states:
            compile(state, "a state", "exec")
            assert faults(state) == []


def test_states_only_grow_and_as_many_as_the_row_says() -> None:
    for seed, source in enumerate(programs(40)):
        edited = EDITORS["lintseq"](f"```\n{source}\n```", random.Random(seed))
        lengths = [state.count("\n") for state in states_of(edited.text)]
        assert lengths == sorted(set(lengths)) or edited.facts["lines"] < 3
        assert len(lengths) == edited.facts["edits"]


def test_a_program_has_several_sequences_and_a_seed_one() -> None:
    source = "def f(x):\n    y = x + 1\n    z = 2\n    if z:\n        print(z)\n    return y\n\nprint(f(1))"
    assert sequence(source, 3) == sequence(source, 3)
    assert len({sequence(source, seed) for seed in range(30)}) > 5


def test_diffs_are_those_of_the_standard_library() -> None:
    """For lines that differ from one another a diff without context has one spelling."""
    rng = random.Random(0)
    lines = [f"line {number}" for number in range(12)]
    for _ in range(300):
        after = sorted(rng.sample(range(12), rng.randrange(1, 13)))
        before = sorted(rng.sample(after, rng.randrange(len(after))))
        old, new = ([lines[number] for number in chosen] for chosen in (before, after))
        wanted = list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:]
        assert insertion_diff(lines, before, after) == "\n".join(wanted)


def test_lines_that_look_like_diffs_come_back() -> None:
    source = "x = '''\n<|diff|>\n+1\n@@ -0,0 +1 @@\n-'''\nprint(x)\n"
    for seed in range(20):
        assert list(states_of(sequence(source, seed)))[-1] == source


@pytest.mark.parametrize(
    "broken",
    [
        "+x",
        "<|diff|>\n+x\n",
        "<|diff|>\n@@ -0,0 +1,2 @@\n+x\n",
        "<|diff|>\n@@ -3,0 +1 @@\n+x\n",
        "<|diff|>\n@@ -0,0 +2 @@\n+x\n",
    ],
)
def test_what_is_no_edit_sequence_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        list(states_of(broken))
    assert list(states_of(edit_sequence([]))) == []


def test_what_uses_a_line_goes_with_it_and_a_header_without_a_body_goes_itself() -> None:
    def after(source: str, line: str) -> str:
        class First(random.Random):
            def choice(self, numbers):  # type: ignore[no-untyped-def]
                return source.split("\n").index(line) if source.split("\n").index(line) in numbers else numbers[0]

        kept = next(deletions(source, First(), python_linter))
        return "\n".join(source.split("\n")[number] for number in kept)

    assert after("a = 1\nb = a\nprint(b)\nc = 2", "a = 1") == "c = 2"
    assert after("a = 1\nif a:\n    b = 2\nc = 2", "    b = 2") == "a = 1\nc = 2"
    assert after("a = 1\nif a:\n    b = 2\nelse:\n    c = 1\nd = 2", "if a:") == "a = 1\nd = 2"
    assert after("try:\n    a = 1\nexcept ValueError:\n    b = 2\nc = 2", "except ValueError:") == "c = 2"
    nested = "try:\n    try:\n        a = 1\n    finally:\n        b = 2\nfinally:\n    c = 2\nd = 3"
    assert after(nested, "finally:") == "d = 3"
    assert after("# first\n@staticmethod\ndef f(): pass\n# then\nx = 1", "def f(): pass") == "# then\nx = 1"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no program in the text"),
        ("The answer is 4.", "no program in the text"),
        ("```python\nprint(x)\n```", "the program does not pass the linter: line 1, x is bound nowhere"),
        ("```python\nif 1:\n```", "the program does not pass the linter: line 1, IndentationError"),
        ("```python\n" + "x = 1\n" * 600 + "```", "a program of more than 500 lines or 20,000 characters"),
        ("```python\nx = '" + "1" * 20_000 + "'\n```", "a program of more than 500 lines or 20,000 characters"),
    ],
)
def test_what_is_no_program_or_does_not_pass_is_refused(text: str, why: str) -> None:
    with pytest.raises(CannotEdit, match=f"^{re.escape(why)}"):
        EDITORS["lintseq"](text, random.Random(0))


@pytest.mark.data
def test_the_solutions_of_humaneval_become_edit_sequences() -> None:
    rows = [json.loads(line) for line in shared_data("humaneval.jsonl").read_text().splitlines()]
    different = []
    for row in rows:
        source = row["prompt"] + row["canonical_solution"]
        sequences = {EDITORS["lintseq"](source, random.Random(seed)).text for seed in range(5)}
        different.append(len(sequences))
        for one in sequences:
            states = list(states_of(one))
            assert states[-1] == source
            assert not any(faults(state) for state in states)
    assert len(rows) == 82
    assert sum(different) == 409  # of 410: one short program has the same sequence twice
