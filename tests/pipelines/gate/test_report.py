"""The report: self-contained, the same for the same input, and deaf to what data says."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from rollmill.pipelines.gate import Check, Gate, GateResult, render_report

pytestmark = pytest.mark.integration

EVIL = '<script>alert("1")</script><img src=//evil.example/x onerror=alert(1)>'


class Tags(HTMLParser):
    """Collects tags and attributes, and checks that every tag is closed in order."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    return tags


def test_the_report_of_a_sound_dataset(toy: Any) -> None:
    result = Gate().check(toy.tables, toy.expected(evaluation=[toy.problem(99)]))
    html = render_report(result, {"name": "apples", "recipe_hash": "abc123", "run": "toy-00000000"})
    tags = parsed(html)
    assert "passed every check" in html
    assert html.count("&#10003;</td>") == 14
    assert "1.00 [" not in html
    assert "0.50 [" in html
    assert "<code>abc123</code>" in html
    assert {"script", "link", "img", "iframe", "a"} & tags.names == set()


def test_nothing_is_loaded_from_anywhere(toy: Any) -> None:
    html = render_report(Gate().check(toy.tables, toy.expected()), {"name": "apples"})
    assert re.search(r"https?:|//[a-z]|url\(|@import", html, re.IGNORECASE) is None
    assert {"src", "href", "onclick", "onload"} & parsed(html).attributes == set()


def test_texts_from_data_are_escaped(toy: Any) -> None:
    tables = toy.tables.spoiled("decisions", 1, reason=EVIL).spoiled("completions", 3, id=EVIL)
    result = Gate().check(tables, toy.expected())
    html = render_report(result, {"name": EVIL, "run": EVIL, "fingerprint": {EVIL: EVIL}, "recipe_hash": EVIL})
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;" in html
    assert {"script", "img"} & parsed(html).names == set()


def test_a_failed_gate_says_so_and_names_the_rows(toy: Any) -> None:
    result = Gate(min_kept=100).check(toy.tables.spoiled("decisions", 1, kept=True), toy.expected())
    html = render_report(result, {"recipe": {"name": "apples", "dataset": "sums"}})
    assert "<h1>sums</h1>" in html
    assert "failed 2 of 14 checks; not published" in html
    assert "<li><code>c-7-1</code></li>" in html


def test_the_same_result_gives_the_same_bytes(toy: Any) -> None:
    pages = {render_report(Gate().check(toy.tables, toy.expected()), {"name": "apples"}) for _ in range(2)}
    assert len(pages) == 1


def test_a_result_without_facts_still_renders() -> None:
    result = GateResult((Check("schema", False, "columns", "none", ("a",), 30), Check("all others", None, "e", "o")))
    html = render_report(result, {})
    parsed(html)
    assert "<li>and 29 more</li>" in html
    assert "failed 2 of 2 checks" in html
