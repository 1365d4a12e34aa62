"""Explore: the address filters, facets and charts change it, an order is over all matches, a problem opens in a drawer."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboards.conftest import HOSTILE, opened, run_in, text_of

pytestmark = pytest.mark.integration

Page = Callable[..., AppTest]


def markdown_text(page: AppTest) -> str:
    return "\n".join(text_of(block) for kind in ("markdown", "caption", "code") for block in page.get(kind))


def options(page: AppTest, facet: str) -> list[str]:
    return list(page.button_group(key=f"explore-{facet}").options)


def test_facets_count_and_filter_problems_and_rollouts(page: Page) -> None:
    shown = page("explore", of="version toy@v1")
    assert not shown.exception
    assert "**12** problems match" in markdown_text(shown)
    assert options(shown, "level") == ["1 · 4", "2 · 4", "3 · 4"]
    shown.button_group(key="explore-level").set_value(["2"]).run()
    assert shown.query_params["level"] == "2"
    assert "**4** problems match" in markdown_text(shown)
    assert set(shown.dataframe[0].value["level"]) == {2}
    assert options(shown, "level") == ["1 · 4", "2 · 4", "3 · 4"]  # its own choice is left out of its counts
    shown.button_group(key="explore-rows").set_value("rollouts").run()
    rollouts = shown.dataframe[0].value
    assert set(rollouts["level"]) == {2}
    assert set(rollouts["outcome"]) == {"correct", "incorrect"}
    shown.button(key="explore-clear").click().run()
    assert "level" not in shown.query_params


def test_rates_say_what_they_are_over(page: Page) -> None:
    first = markdown_text(page("explore", of="version toy@v1"))
    assert "k of n and pass rate are over the first 4 completions of 1 model." in first
    assert "empirical Bayes" in first
    every = markdown_text(page("explore", of="version toy@v1", over="all"))
    assert "over all completions; no measurement, because draws followed from earlier ones" in every


def test_a_text_finds_problems_and_completions(page: Page) -> None:
    shown = page("explore", of="version toy@v1", text="1005")
    assert list(shown.dataframe[0].value["problem"]) == ["What is 8 + 1005?"]
    inside = page("explore", of="version hostile@v1", rows="rollouts", within="completions", text="#### 2")
    assert list(inside.dataframe[0].value["answer"]) == ["2"]
    nothing = page("explore", of="version toy@v1", text="no such text")
    assert nothing.info[0].value.startswith("Nothing matches.")


def test_a_problem_opens_with_its_rollouts_by_answer_and_its_neighbours(page: Page) -> None:
    listed = page("explore", of="version toy@v1").dataframe[0].value
    shown = page("explore", of="version toy@v1", problem=listed["id"][1])
    assert not shown.exception
    assert "problem 2 of 12 matches" in markdown_text(shown)
    assert f"Reference **{listed['reference'][1]}**" in markdown_text(shown)
    rate = r"Pass rate: \d of 4 = \d\.\d{3} \(95% interval .* to .*, Jeffreys\), over the first 4 completions\."
    assert re.search(rate, markdown_text(shown))
    shown.button(key="drawer-Next").click().run()
    assert shown.query_params["problem"] == listed["id"][2]
    assert "problem 3 of 12 matches" in markdown_text(shown)


def test_an_unknown_problem_is_said_and_not_a_crash(page: Page) -> None:
    shown = page("explore", of="version toy@v1", problem="nonsense")
    assert not shown.exception
    assert any("nonsense" in block.value for block in shown.code)


def test_what_an_address_names_and_nothing_has_stays_chosen_and_matches_nothing(page: Page) -> None:
    shown = opened("explore", of="version toy@v1", level="9", down="perhaps", sort="colour", page="x")
    assert "9 · 0" in options(shown, "level")
    assert shown.info[0].value.startswith("Nothing matches.")


def test_chosen_filters_are_saved_under_a_name_and_opened_again(page: Page, curated: Path) -> None:
    shown = page("explore", of="version toy@v1", level="2", outcome="correct", problem="p")
    shown.text_input(key="explore-view-name").set_value(HOSTILE[:39]).run()
    shown.button(key="explore-view-save").click().run()
    assert not shown.exception
    [(name, query)] = json.loads((curated / ".rollmill" / "views.json").read_text()).items()
    assert (name, query) == (HOSTILE[:39], "level=2&outcome=correct")
    other = page("explore", of="version toy@v2", reason="kept", text="x")
    other.button(key="explore-saved-0").click().run()
    assert dict(other.query_params) == {"of": "version toy@v2", "level": "2", "outcome": "correct"}
    run_in(curated, ["view", "remove", "--", HOSTILE[:39]])
