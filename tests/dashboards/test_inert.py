"""What Streamlit reads as Markdown is given inert texts alone: a text that is only made visible may be a picture."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "dashboards").rglob("*.py"))
MARKDOWN = {
    *("button", "caption", "checkbox", "error", "expander", "header", "info", "link_button", "markdown", "metric"),
    *("page_link", "pills", "popover", "radio", "segmented_control", "subheader", "success", "title", "toast", "warning"),
}


def calls_of_visible(tree: ast.AST) -> list[int]:
    """The lines on which the first argument of a Markdown call has a call of `visible` in it."""
    lines = []
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in MARKDOWN:
            inner = [node for argument in call.args[:1] for node in ast.walk(argument) if isinstance(node, ast.Call)]
            lines += [node.lineno for node in inner if isinstance(node.func, ast.Name) and node.func.id == "visible"]
    return lines


def test_the_rule_sees_what_it_is_about() -> None:
    assert calls_of_visible(
        ast.parse("st.info(f'{visible(text)} is new')\nst.code(visible(text))\nst.info(inert(text))")
    ) == [1]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_that_is_only_visible_is_read_as_markdown(path: Path) -> None:
    assert calls_of_visible(ast.parse(path.read_text(encoding="utf-8"))) == []
