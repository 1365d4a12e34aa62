"""The engine `program` with a real sandbox: output, failures in a fixed form, limits, seeds."""

from collections.abc import Iterator
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Origin, Problem, Sampling, requests_for
from rollmill.pipelines.generate.tools.program import Program
from rollmill.roles.protocols import NeedsMachine

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def engine() -> Iterator[Program]:
    program = Program(cpu_seconds=1.0, memory_mib=128, shown=100, threads=2)
    yield program
    program.close()


def runs(engine: Program, text: str, count: int = 1) -> list[Completion]:
    origin = Origin("program", engine.model_digest, "curate")
    return list(engine.generate(list(requests_for(Problem(text, ""), text, Sampling(), origin, range(count)))))


def ran(engine: Program, source: str) -> Completion:
    return runs(engine, f"I compute.\n```python\n{source}\n```\nDone.")[0]


def test_the_last_block_runs_and_its_output_is_the_text(engine: Program) -> None:
    text = "```python\nprint('no')\n```\nBetter:\n```py\nprint(6 * 7)\nprint('é')\n```\n```output\n41\n```"
    row = runs(engine, text)[0]
    assert (row.text, row.finish_reason, row.tokens_out, row.cost) == ("42\né\n", "stop", 0, 0.0)
    assert row.meta == {"exit": 0, "characters": 5}
    assert row.seconds is not None


@pytest.mark.parametrize(
    ("source", "text", "cause"),
    [
        ("print(1)\n1 / 0", "1\n[exit 1] ZeroDivisionError: division by zero", "runtime_error"),
        ("x = (", "[exit 1] SyntaxError: '(' was never closed", "compile_error"),
        ("import sys\nprint('a', end='')\nsys.exit('so it\\nends')", "a\n[exit 1] ends", "runtime_error"),
        ("import sys\nsys.exit(3)", "[exit 3]", "runtime_error"),
        ("raise ValueError('two\\n  lines')", "[exit 1] ValueError: two lines", "runtime_error"),
        ("print('\ud800')", "[exit 1] UnicodeEncodeError", "compile_error"),
        ("while True: pass", "[timeout] the CPU limit of 1 s", "timeout"),
        ("x = ' ' * 10**9", "[memory]", "memory"),
        ("import socket\nsocket.socket()", "[sandbox_violation] a forbidden system call", "sandbox_violation"),
    ],
)
def test_a_failure_is_a_last_line_of_one_form(engine: Program, source: str, text: str, cause: str) -> None:
    row = ran(engine, source)
    assert row.text.startswith(text) if text.endswith(("closed", "]", "EncodeError")) else row.text == text
    assert row.meta["cause"] == cause
    assert "failed" not in row.meta


def test_a_long_output_is_cut_and_says_so(engine: Program) -> None:
    row = ran(engine, "print('x' * 250)")
    assert row.text == "x" * 100 + "\n[cut: 151 more characters]"
    assert row.meta == {"exit": 0, "characters": 251}
    flood = ran(engine, "while True: print('x' * 1000)")
    assert flood.meta["cause"] == "output_limit"
    assert flood.text.endswith("[output_limit] more than 1024 KiB of output")


@pytest.mark.parametrize("text", ["", "print(1)", "```output\n41\n```", "```\n\n```", "```javascript\nalert(1)\n```"])
def test_a_text_without_a_block_of_python_gives_nothing_and_says_so(engine: Program, text: str) -> None:
    row = runs(engine, text)[0]
    assert (row.text, dict(row.meta)) == ("", {"failed": "no fenced block of Python in the text"})


def test_chance_comes_from_the_requests_seed(engine: Program) -> None:
    text = (
        "```python\nimport random\nprint(random.random(), random.choice(range(9**9)), sorted({'a', 'b'}), hash('a'))\n```"
    )
    rows = runs(engine, text, 6)
    assert len({row.text for row in rows}) == 6
    assert [row.text for row in runs(engine, text, 6)] == [row.text for row in rows]


def test_it_says_beforehand_whether_the_machine_can_run_it(engine: Program) -> None:
    assert isinstance(engine, NeedsMachine)
    engine.ready()


def test_programs_see_neither_the_machine_nor_one_another(engine: Program) -> None:
    first = ran(engine, "open('/tmp/left', 'w').write('x')\nprint('written')")
    assert first.text == "written\n"
    assert "FileNotFoundError" in ran(engine, "print(open('/tmp/left').read())").text
    assert "[exit 1]" in ran(engine, "print(open('/etc/passwd').read())").text


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"sandbox": "open"}, "sandbox is 'open'. Valid: strict, shared, none."),
        ({"cpu_seconds": 0}, "cpu_seconds is 0, and must be above 0"),
        ({"shown": -1}, "shown is -1, and must be above 0"),
    ],
)
def test_a_recipes_mistake_is_one_line(options: dict[str, Any], why: str) -> None:
    with pytest.raises(SetupError) as error:
        Program(**options)
    assert why in str(error.value)
