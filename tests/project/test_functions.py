"""How long a function of the product may be: what is longer does several things, and is read by nobody."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("dashboards", "flows", "pipelines", "storage", "rollmill", "methods")
MOST = 50
"""Lines of a function, from `def` to its end."""


def too_long(source: str) -> Iterator[tuple[str, int]]:
    """The functions of a source text that are too long, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST:
                yield node.name, lines


def test_a_function_has_at_most_fifty_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)} {name}: {lines} lines"
        for folder in PRODUCT
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name, lines in too_long(path.read_text(encoding="utf-8"))
    ]
    assert not long


def test_a_long_function_is_seen_wherever_it_stands() -> None:
    body = "        x = 1\n"
    assert list(too_long("class A:\n    def f(self):\n" + body * 49)) == []
    assert list(too_long("class A:\n    async def f(self):\n" + body * 50)) == [("f", 51)]
