"""The HTML report of an evaluation: where its plot lies, and that nothing in a name is markup."""

import re
from html.parser import HTMLParser

from rollmill.flows.evaluation.evaluation_report import html

EVIL = "<script>alert(1)</script>\"><img src=//evil.example onerror='x'>"


def report(name: str) -> dict[str, object]:
    right = {"metric": name, "k": None, "value": 0.5, "low": 0.4, "high": 0.75, "n": 10, "clusters": 5,
             "estimand": name, "method": name}  # fmt: skip
    tokens = {"metric": "tokens", "k": None, "value": 50.0, "low": 40.0, "high": 60.0, "n": 10, "clusters": 5}
    cell = {"benchmark": name, "model": name, "problems": 10, "rollouts": 40, "undecided": 0, "tokens_out": 400}
    return {"evaluation": name, "cells": [{**cell, "metrics": [right, tokens]}]}


def test_shares_lie_on_an_axis_from_0_to_1_and_other_values_are_in_the_table_alone() -> None:
    page = html(report("m"))
    left = 7 * len("m x m: m") + 16
    assert re.findall(r'class="bar" d="M([\d.]+) \d+H([\d.]+)"', page) == [(f"{left + 200.0}", f"{left + 375.0}")]
    assert page.count("<circle") == 1
    assert "0.500 [0.400, 0.750]" in page
    assert '<td class="text">tokens</td><td>50.0' in page


class Names(HTMLParser):
    """Collects the names of all tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.found.add(tag)


def test_a_hostile_name_is_text_everywhere() -> None:
    names = Names()
    names.feed(html(report(EVIL)))
    assert {"script", "img"}.isdisjoint(names.found)
    assert {"table", "svg"} <= names.found
