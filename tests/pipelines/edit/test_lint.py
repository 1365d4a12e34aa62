"""The linter: what compiles and binds its names passes, what taking a line away breaks does not."""

import sysconfig
from pathlib import Path

import pytest

from rollmill.pipelines.edit.lint import Fault, faults
from rollmill.pipelines.verify.code.syntax import UnreadableError

PASS = [
    "",
    "x = 1\nprint(x)",
    "def f(a, *b, c=1, **d):\n    return a, b, c, d, g()\ndef g(): pass",
    "from os import *\nprint(getcwd())",
    "import os.path as p, sys\nprint(p, sys)",
    "for i in range(3):\n    if i:\n        print(last)\n    last = i",
    "total = 0\nfor x in [1]:\n    total += x\nprint(total)",
    "print([y for x in [[1]] for y in x if y], {k: v for k, v in {}.items()})",
    "class A:\n    n = 1\n    m = n\n    def f(self): return __class__, super()",
    "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n    return g",
    "def f():\n    global n\n    n = 1\ndef g(): return n",
    "try:\n    import json\nexcept ImportError as error:\n    print(error)\n    json = None\nprint(json)",
    "match [1, 2]:\n    case [a, *rest]: print(a, rest)\n    case {'k': v, **more}: print(v, more)",
    "if (n := 3) > 2:\n    print(n)\nprint([m := 1, m])",
    "async def f(x):\n    await x\n    async with x as y: print(y)\n    return [w async for w in x]",
    "f = lambda a, b=1: a + b\nwith open('x') as h: print(h)",
    "def f(x: int) -> 'str':\n    y: int\n    y = x\n    return y",
]
FAIL = [
    ("print(x)", [(1, "x is bound nowhere")]),
    ("print(x)\nx = 1", [(1, "x is used before it is bound")]),
    ("def f():\n    print(max)\n    max = 1", [(2, "max is used before it is bound")]),
    ("for x in [1]:\n    total += x", [(2, "total is bound nowhere")]),
    ("for x in [1]:\n    total = total + x", [(2, "total is used before it is bound")]),
    ("for x in [1]:\n    if x:\n        total = total + x", [(3, "total is used before it is bound")]),
    ("def f(a):\n    return b\n\nprint(f(c))", [(2, "b is bound nowhere"), (4, "c is bound nowhere")]),
    ("class A:\n    n = 1\n    def f(self): return n", [(3, "n is bound nowhere")]),
    ("def f():\n    def g(): return h\n    return [k for k in h]", [(2, "h is bound nowhere"), (3, "h is bound nowhere")]),
    ("return 1", [(1, "return outside a function")]),
    ("for i in []: pass\nelse:\n    break", [(3, "break outside a loop")]),
    ("for i in []:\n    def f():\n        continue", [(3, "continue outside a loop")]),
    ("def f(x):\n    await x", [(2, "await outside an async function")]),
    ("def f():\n    def g():\n        nonlocal n\n        n = 1", [(3, "SyntaxError: no binding for nonlocal 'n' found")]),
    ("x = (1,\ny = 2", [(1, "SyntaxError: '(' was never closed (line 1)")]),
    ("if 1:\nprint(1)", [(2, "IndentationError: expected an indented block after 'if' statement on line 1 (line 2)")]),
]  # fmt: skip


@pytest.mark.parametrize("source", PASS)
def test_what_runs_passes(source: str) -> None:
    compile(source, "a program", "exec")
    assert faults(source) == []


@pytest.mark.parametrize(("source", "found"), FAIL)
def test_what_cannot_run_is_told_by_line(source: str, found: list[tuple[int, str]]) -> None:
    assert faults(source) == [Fault(*one) for one in found]


@pytest.mark.parametrize(
    "source", ["\x00", "x = " + "(" * 90 + "1" + ")" * 90 + "+1" * 30_000, "-" * 99_000 + "1", "x" * 200_000]
)
def test_what_no_parser_reads_is_unreadable_and_ends_nothing(source: str) -> None:
    with pytest.raises(UnreadableError):
        faults(source)


def test_finally_blocks_that_double_their_code_cost_nothing() -> None:
    source = "".join(f"{' ' * depth}try: pass\n{' ' * depth}finally:\n" for depth in range(18)) + " " * 18 + "x = 1\n"
    assert faults(source) == []


def test_a_warning_of_the_parser_is_nobodys_affair() -> None:
    assert faults("x = '\\d'\nif x is 'a' or 1():\n    assert (x, 'always')\n") == []


def test_the_standard_library_passes_but_for_what_makes_names_by_other_means() -> None:
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::8]
    found = {path.name: faults(text) for path in modules if len(text := path.read_text("utf-8")) < 60_000}
    assert len(found) > 15
    assert sum(map(bool, found.values())) <= len(found) / 10, found
