"""Replays: methods with options in one text, the places of points on the curves, and names that are no markup."""

import re
from typing import Any

import pytest

from rollmill.flows.evaluation.replay import name_and_options
from rollmill.flows.evaluation.replay_page import curves, notes, page
from rollmill.ground.errors import SetupError
from rollmill.pipelines.pages import PageSection


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("mastering", {}),
        ("mastering last=5 power=2", {"last": 5, "power": 2}),
        ("mastering before={b: [a], c: [a, b]} last=5", {"before": {"b": ["a"], "c": ["a", "b"]}, "last": 5}),
        ("  mastering  last=5 ", {"last": 5}),
        ("mastering rule='two words' last=5", {"rule": "two words", "last": 5}),
    ],
)
def test_values_are_yaml_with_spaces(text: str, options: dict[str, Any]) -> None:
    assert name_and_options(text) == ("mastering", options)


@pytest.mark.parametrize("wrong", ["before={b: [a]", "last", "last=5 power", "=5", "before={b: [a} last=5"])
def test_what_is_no_option_is_refused(wrong: str) -> None:
    with pytest.raises(SetupError, match="is not of the form KEY=VALUE"):
        name_and_options(f"mastering {wrong}")


def test_an_empty_text_names_no_method() -> None:
    assert name_and_options(" ") == ("", {})


def row(name: str, amount: int, value: float) -> dict[str, object]:
    return {"aggregator": name, "amount": amount, "value": value}


def plotted(rows: list[dict[str, object]], unit: str) -> str:
    return page("<title>", [PageSection("<i>", ["<u>"], curves(rows, unit), ["<s>"], [["<script>alert(1)</script>"]])])


def test_points_lie_between_the_tenths_around_all_values_on_a_log_scale() -> None:
    svg = plotted([row("a", 1, 0.4), row("a", 4, 0.5), row("a", 16, 0.8)], "samples")
    points = [tuple(map(float, pair)) for pair in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)]
    assert [x for x, _ in points] == [52.0, 301.0, 550.0]
    assert [y for _, y in points] == [356.0, 270.5, 14.0]
    assert re.findall(r'text-anchor="end">([\d.]+)<', svg) == ["0.4", "0.5", "0.6", "0.7", "0.8"]


def test_one_budget_and_one_value_still_make_a_picture_and_names_are_inert() -> None:
    svg = plotted([row("<b>", 8, 1.0)], "tokens")
    assert svg.count("&lt;b&gt;") == 2
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in svg
    assert not re.search(r"<(b|i|u|s|script|title><title)>", svg)
    assert 'cx="52.0" cy="' in svg


def test_what_must_be_said_beside_the_numbers_is_said_when_it_holds() -> None:
    plain = {
        "estimand": "mean accuracy",
        "rows": [],
        "clusters": 5,
        "pass_at_limit": {"largest_k": None},
        "comparisons": {"s": {"problems": 0, "mean": None, "misled": None}},
        "left_out": 0,
        "conflicts": 0,
        "undecided_answers": 0,
    }
    assert len(notes(plain)) == 1
    sentences = notes(plain | {"comparisons": {"s": {"problems": 8, "mean": 0.625, "misled": 0.25}}})
    assert any("s prefers the right one with chance 0.62" in text and "on 25% of them" in text for text in sentences)
    odd = plain | {"clusters": 1, "pass_at_limit": {"largest_k": 4}, "left_out": 2, "conflicts": 3, "undecided_answers": 1}
    text = " ".join(notes(odd))
    for words in (
        "one cluster",
        "more than 4 completions is withheld",
        "2 problems",
        "3 answers",
        "1 answers are undecided",
    ):
        assert words in text
