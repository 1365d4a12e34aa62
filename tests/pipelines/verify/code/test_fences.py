"""Which of several fenced blocks is the program: the one that defines what the tests call, with what it uses."""

import pytest

from rollmill.pipelines.verify import verify
from rollmill.pipelines.verify.code.program import program_of, task_of
from rollmill.pipelines.verify.code.suite import called_by

PROGRAM = "def double(x):\n    return 2 * x"
ASSERTS = ("assert double(3) == 6", "assert double(-1) == -2")
BEHIND = {
    "usage": "```python\nprint(double(21))  # 42\n```",
    "tests": "```python\nassert double(3) == 6\n```",
    "unit test": "```python\nclass T(TestCase):\n    def test(self):\n        assert double(1) == 2\n```",
    "sample output": "Output:\n```\n42\n```",
    "shell": "```\n$ python solution.py\n42\n```",
    "complexity": "```\nTime: O(1)\nSpace: O(1)\n```",
    "import": "```python\nfrom solution import double\nprint(double(2))\n```",
    "explanation": "```python\nx = 3\ny = 2 * x\n```",
    "signature": "```python\ndef double(x): ...\n```",
    "other function": "```python\ndef main():\n    print(double(2))\n\nmain()\n```",
}


@pytest.mark.parametrize("name", BEHIND)
@pytest.mark.parametrize("entry_point", [None, "double"])
def test_a_block_behind_the_program_is_not_the_program(name: str, entry_point: str | None) -> None:
    called = called_by(ASSERTS) if entry_point is None else frozenset()
    found = program_of(f"```python\n{PROGRAM}\n```\n\n{BEHIND[name]}\n", task_of("Double it.", entry_point, "", called))
    assert found is not None
    assert found.text == PROGRAM


def test_blocks_of_one_program_are_joined() -> None:
    text = "```python\ndef helper(x):\n    return x + x\n```\nThen:\n```python\ndef double(x):\n    return helper(x)\n```\n"
    for task in (task_of("q", "double"), task_of("q", None, "", called_by(ASSERTS))):
        found = program_of(text, task)
        assert found is not None
        assert found.text == "def helper(x):\n    return x + x\n\ndef double(x):\n    return helper(x)"


def test_for_standard_input_the_block_that_reads_it() -> None:
    text = "```python\nn = int(input())\nprint(2 * n)\n```\nExample:\n```\n3\n```\n```python\nprint(2 * 3)\n```\n"
    found = program_of(text, task_of("q", None, "", frozenset(), True))
    assert found is not None
    assert found.text == "n = int(input())\nprint(2 * n)"


def test_a_wrong_program_before_a_usage_stays_the_program() -> None:
    found = program_of(
        "```python\ndef double(x):\n    return x\n```\n```python\nprint(double(2))\n```", task_of("q", "double")
    )
    assert found is not None
    assert found.text == "def double(x):\n    return x"


def test_a_later_version_counts() -> None:
    text = "```python\ndef double(x):\n    return x\n```\nBetter:\n```python\ndef double(x):\n    return 2 * x\n```"
    found = program_of(text, task_of("q", None, "", called_by(ASSERTS)))
    assert found is not None
    assert found.text == PROGRAM


FAULTED = (
    "Do not do this:",
    "Incorrect version, for comparison:",
    "The original buggy code was:",
    "**Wrong:**",
)


@pytest.mark.parametrize("lead", FAULTED)
@pytest.mark.parametrize("entry_point", [None, "double"])
def test_a_block_that_the_text_calls_wrong_is_not_the_program(lead: str, entry_point: str | None) -> None:
    called = called_by(ASSERTS) if entry_point is None else frozenset()
    task = task_of("q", entry_point, "", called)
    wrong = f"{lead}\n```python\ndef double(x):\n    return x\n```\n"
    for text in (f"Use this:\n```python\n{PROGRAM}\n```\n{wrong}", f"{wrong}Fixed:\n```python\n{PROGRAM}\n```\n"):
        found = program_of(text, task)
        assert found is not None
        assert found.text == PROGRAM
    alone = program_of(wrong, task)
    assert alone is not None
    assert alone.text == "def double(x):\n    return x"


def test_the_mended_version_of_wrong_code_is_the_program() -> None:
    text = f"```python\ndef double(x):\n    return x\n```\nThe original code was wrong. Fixed:\n```python\n{PROGRAM}\n```\n"
    found = program_of(text, task_of("q", "double"))
    assert found is not None
    assert found.text == PROGRAM


def test_hidden_fences_and_answer_tags_are_no_part_of_a_program() -> None:
    hidden = f"```python\n{PROGRAM}\n```\n<!--\n```python\ndef double(x):\n    return 0\n```\n-->"
    for text in (hidden, f"<answer>{PROGRAM}</answer>"):
        found = program_of(text, task_of("q", "double"))
        assert found is not None
        assert found.text == PROGRAM


@pytest.mark.sandbox
def test_the_entry_point_in_meta_of_a_row_is_read() -> None:
    row = {
        "prompt": "Double it.",
        "reference": "",
        "answer": f"```python\n{PROGRAM}\n```\n{BEHIND['usage']}",
        "tests": ["def check(candidate):\n    assert candidate(3) == 6\n"],
        "meta": {"entry_point": "double"},
    }
    assert verify([row], "code")[0].outcome == "correct"
