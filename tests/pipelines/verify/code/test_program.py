"""Finding the program in a completion: every rule, what continues a prompt, and text that is none."""

import pytest

from rollmill.pipelines.verify.code.program import ParsedProgram, Task, blocks, program_of, task_of
from rollmill.pipelines.verify.code.syntax import UnreadableError, defined_names, has_body, parses, syntax_tree

PROMPT = '''\
from typing import List


def half(x: int) -> int:
    return x // 2


def add(a: int, b: int) -> List[int]:
    """Add them.
    >>> add(1, 2)
    3
    """
'''
BODY = "    c = a + b\n    return c\n"
PRELUDE = "from typing import List\n\ndef half(x: int) -> int:\n    return x // 2\n\n\n"
WHOLE = "def add(a, b):\n    return a + b\n"


def found(text: str, prompt: str = PROMPT, entry_point: str | None = "add") -> ParsedProgram | None:
    return program_of(text, task_of(prompt, entry_point))


def rule(text: str, prompt: str = PROMPT, entry_point: str | None = "add") -> str | None:
    program = found(text, prompt, entry_point)
    return None if program is None else program.rule


def test_the_last_block_that_defines_the_entry_point() -> None:
    text = (
        f"First:\n```python\ndef add(a, b):\n    return 0\n```\nBetter:\n```python\n{WHOLE}```\nUse:\n```\nadd(1, 2)\n```\n"
    )
    assert found(text) == ParsedProgram(PRELUDE + WHOLE.rstrip(), "fenced")


def test_without_an_entry_point_the_last_block() -> None:
    text = "```python\nprint(1)\n```\n```python\nprint(2)\n```\n"
    assert found(text, "Print two.", None) == ParsedProgram("print(2)", "fenced")


def test_blocks_of_other_languages_are_no_programs() -> None:
    assert rule("```cpp\nint add(int a, int b) { return a + b; }\n```") is None
    assert found(f"```python\n{WHOLE}```\n```bash\npython add.py\n```") == ParsedProgram(PRELUDE + WHOLE.rstrip(), "fenced")
    assert rule(f"~~~Python3\n{WHOLE}~~~") == "fenced"
    assert rule(f"```{{.python}}\n{WHOLE}```") == "fenced"


def test_fences_are_read_in_one_pass_whatever_stands_behind_them() -> None:
    """A line of 90,000 spaces between two marks took hours with one expression for all of it."""
    wide = ("```" + " " * 90_000 + "`", "~~~" + "\t " * 45_000 + "~", " " * 90_000 + "``")
    for text in (*wide, "```" * 30_000, "`" * 90_000 + "x"):
        assert found(text) is None
    assert [block.text for block in blocks("``` x `y`\n```\na\n```")] == ["a"]
    assert [(block.language, block.closed) for block in blocks("~~~~ Py `x`\n~~~\n~~~~\n```\n")] == [
        ("py", True),
        ("", False),
    ]


def test_a_block_that_is_never_closed_or_indented() -> None:
    assert found(f"```python\n{WHOLE}") == ParsedProgram(PRELUDE + WHOLE, "fenced")
    assert rule(f"1. So:\n   ```python\n   {WHOLE.replace(chr(10), chr(10) + '   ')}\n   ```") == "fenced"


def test_a_body_continues_the_prompt() -> None:
    assert found(BODY) == ParsedProgram(PROMPT + BODY, "continuation")
    assert found("\n" + BODY + "\n\n") == ParsedProgram(PROMPT + BODY, "continuation")
    assert found(f"```python\n{BODY}```") == ParsedProgram(PROMPT + BODY, "fenced-joined")


def test_a_stripped_first_line_gets_its_indentation_back() -> None:
    assert found(BODY.strip()) == ParsedProgram(PROMPT + BODY, "continuation")
    assert found("return a + b") == ParsedProgram(PROMPT + "    return a + b\n", "continuation")


def test_what_follows_the_body_and_is_no_python_is_cut_off() -> None:
    assert found(BODY + "\nThis adds them, doesn't it?\n\nif so:\n  it's done") == ParsedProgram(
        PROMPT + BODY, "continuation"
    )
    more = BODY + "\n\ndef other():\n    return 1\n"
    assert found(more) == ParsedProgram(PROMPT + more.rstrip() + "\n", "continuation")


def test_the_whole_text_is_a_program() -> None:
    assert found(WHOLE) == ParsedProgram(PRELUDE + WHOLE, "whole")
    assert found("n = int(input())\nprint(n * 2)\n", "Double it.", None) == ParsedProgram(
        "n = int(input())\nprint(n * 2)\n", "whole"
    )
    assert rule("add = lambda a, b: a + b\n") == "whole"


def test_python_between_prose() -> None:
    text = f"Here is it:\n\n{WHOLE}\nThat's all there is to it.\n"
    assert found(text) == ParsedProgram(PRELUDE + WHOLE.rstrip(), "embedded")


def test_what_does_not_parse_is_run_as_it_is_so_that_its_error_is_told() -> None:
    assert found("```python\ndef add(a, b):\n    return a +\n```") == ParsedProgram(
        "def add(a, b):\n    return a +", "broken"
    )
    assert rule("def add(a, b)\n    return a + b\n") == "broken"


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "I cannot do this.", "hello", "42", "None", "...", "(A) or (B)", "The answer is 3.", "\\boxed{7}",
     "(" * 50_000,     "\x00", "<think>def add(a, b):\n    return a + b\n</think>", "```python\n\n```", '"""doc"""'],
)  # fmt: skip
def test_no_program(text: str) -> None:
    assert found(text) is None
    assert found(text, "Add two numbers.", None) is None


def test_thoughts_are_no_answer() -> None:
    assert rule(f"<think>```python\n{WHOLE}```</think>\n```python\ndef add(a, b):\n    return b + a\n```") == "fenced"
    assert found(f"<think>{WHOLE}</think>\nSorry.") is None


def test_a_block_without_the_entry_point_is_run_all_the_same() -> None:
    assert found("```python\nprint(add(1, 2))\n```") == ParsedProgram(PRELUDE + "print(add(1, 2))", "fenced-last")


def test_a_class_solution_is_called_through_its_method() -> None:
    program = found("```python\nclass Solution:\n    def add(self, a, b):\n        return a + b\n```", "Add.", "add")
    assert program is not None
    space: dict[str, object] = {}
    exec(program.text, space)
    assert space["add"](2, 3) == 5  # type: ignore[operator]


def test_the_prelude_stays_away_from_future_imports_and_never_holds_the_entry_point() -> None:
    text = f"```python\nfrom __future__ import annotations\n{WHOLE}```"
    assert found(text) == ParsedProgram(f"from __future__ import annotations\n{WHOLE}".rstrip(), "fenced")
    assert task_of(PROMPT, "add").prelude == PRELUDE
    assert task_of("Write add(a, b).", "add") == Task("add")


def test_code_that_the_prompt_begins_may_be_fenced_or_have_no_docstring() -> None:
    chat = f"Complete this:\n\n```python\n{PROMPT}```\n"
    assert found(BODY, chat) == ParsedProgram(PROMPT + BODY, "continuation")
    assert found("return a + b", "def add(a, b):\n") == ParsedProgram("def add(a, b):\n    return a + b\n", "continuation")


def test_a_stub_is_no_answer() -> None:
    assert not has_body(syntax_tree("def f():\n    '''doc'''\n    pass\n"), "f")
    assert has_body(syntax_tree("def f():\n    return 1\n"), "f")
    assert found("# TODO\n") is None


@pytest.mark.parametrize(
    "text",
    ["not " * 50_000 + "1", "1" + "+1" * 40_000, "a" + ".b" * 40_000, "lambda:" * 9_000 + "1", "f'{" * 9_000, "9" * 50_000,
     "\x00",     "\ud800", "x" * 100_001, "if a:\n p\n" + "elif a:\n p\n" * 8_000],
)  # fmt: skip
def test_hostile_source_is_unreadable_and_never_an_error(text: str) -> None:
    assert parses(text) is None
    with pytest.raises(UnreadableError):
        syntax_tree(text)


def test_a_stray_backslash_warns_nobody() -> None:
    assert defined_names(syntax_tree("x = '\\d'\nimport os.path as p, sys\ny: int = 1\n")) == {"x", "p", "sys", "y"}


def test_names_bound_inside_conditions_count() -> None:
    tree = syntax_tree(
        "try:\n    import a\nexcept ImportError:\n    a = None\nif a:\n    def f(): pass\nelse:\n    f = 1\n"
    )
    assert defined_names(tree) == {"a", "f"}
