"""Explore: the address filters, facets and charts change it, an order is over all matches, a problem opens in a drawer."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.inert import one_line
from rollmill.storage.queries.browse.explore import Rows
from rollmill.storage.queries.browse.views import COLUMNS
from tests.dashboards.conftest import HOSTILE, explore_table, run_in, text_of

pytestmark = pytest.mark.integration

Page = Callable[..., AppTest]


def markdown_text(page: AppTest) -> str:
    return "\n".join(text_of(block) for kind in ("markdown", "caption", "code") for block in page.get(kind))


def warnings(page: AppTest) -> list[str]:
    return [box.value.replace("\\", "") for box in page.warning]


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
    assert set(explore_table(shown)["level"]) == {2}
    assert options(shown, "level") == ["1 · 4", "2 · 4", "3 · 4"]  # its own choice is left out of its counts
    shown.button_group(key="explore-rows").set_value("rollouts").run()
    rollouts = explore_table(shown)
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
    assert list(explore_table(shown)["problem"]) == ["What is 8 + 1005?"]
    inside = page("explore", of="version hostile@v1", rows="rollouts", within="completions", text="#### 2")
    assert list(explore_table(inside)["answer"]) == ["2"]
    nothing = page("explore", of="version toy@v1", text="no such text")
    assert nothing.info[0].value.startswith("Nothing matches.")


def test_a_problem_opens_with_its_rollouts_by_answer_and_its_neighbours(page: Page) -> None:
    listed = explore_table(page("explore", of="version toy@v1", cols="reference"))
    shown = page("explore", of="version toy@v1", problem=listed["problem_id"][1])
    assert not shown.exception
    assert "problem 2 of 12 matches" in markdown_text(shown)
    assert f"Reference **{listed['reference'][1]}**" in markdown_text(shown)
    rate = r"Pass rate: \d of 4 = \d\.\d{3} \(95% interval .* to .*, Jeffreys\), over the first 4 completions\."
    assert re.search(rate, markdown_text(shown))
    shown.button(key="drawer-Next").click().run()
    assert shown.query_params["problem"] == listed["problem_id"][2]
    assert "problem 3 of 12 matches" in markdown_text(shown)


def test_an_unknown_problem_is_said_and_not_a_crash(page: Page) -> None:
    shown = page("explore", of="version toy@v1", problem="nonsense")
    assert not shown.exception
    assert any("nonsense" in block.value for block in shown.code)


def test_what_an_address_names_and_nothing_has_is_told_and_can_be_removed(page: Page) -> None:
    shown = page("explore", of="version toy@v1", level="9", down="perhaps", sort="colour", page="x")
    assert "9 · 0" in options(shown, "level")
    assert warnings(shown) == [
        "Unknown sort 'colour'. Valid: id, judged, kept, level, matching, pass rate, problem, reference, rollouts, "
        "shrunken, skill, source, template.",
        "Unknown down 'perhaps'. Valid: yes.",
        "Page 'x' is not a number from 1 on.",
        "No rollout has the level '9'. Valid: 1, 2, 3.",
    ]
    assert not shown.info  # no advice to look for the mistake in the sidebar
    for parameter in ("page", "level", "down", "sort"):
        assert parameter in shown.query_params
        next(button for button in shown.button if button.label.startswith(f"Remove {parameter}=")).click().run()
        assert parameter not in shown.query_params
    assert not shown.warning
    assert "**12** problems match" in markdown_text(shown)


def test_a_value_of_another_type_is_told_with_the_valid_ones(page: Page) -> None:
    shown = page("explore", of="version toy@v1", level="abc")
    assert warnings(shown) == ["Level 'abc' is not a number. Valid: 1, 2, 3."]
    huge = page("explore", of="version toy@v1", level="9" * 50, page="9" * 5000)
    assert not huge.exception
    assert len(huge.warning) == 1


def test_a_value_without_a_match_beside_other_filters_is_no_mistake(page: Page) -> None:
    shown = page("explore", of="version toy@v1", text="1005", level="2")
    assert not shown.warning
    assert shown.info[0].value.startswith("Nothing matches.")


def test_chosen_columns_stand_in_the_address_in_their_order(page: Page) -> None:
    shown = page("explore", of="version toy@v1", cols="id,level,nonsense,problem,level", page="1")
    assert list(explore_table(shown).columns[:3]) == ["id", "level", "problem"]
    assert warnings(shown)[0].startswith("Unknown column of problems 'nonsense'. Valid: correct, external id")
    shown.button(key="explore-error-0").click().run()
    assert shown.query_params["cols"] == "id,level,problem"
    shown.multiselect(key="explore-cols").set_value(["kept", "problem"]).run()
    assert shown.query_params["cols"] == "kept,problem"
    assert list(explore_table(shown).columns[:2]) == ["kept", "problem"]
    shown.button(key="explore-cols-default").click().run()
    assert "cols" not in shown.query_params
    assert list(explore_table(shown).columns[:6]) == ["problem", "level", "correct", "pass rate", "shrunken", "kept"]
    shown.button_group(key="explore-rows").set_value("rollouts").run()
    assert list(explore_table(shown).columns[:3]) == ["problem", "outcome", "level"]
    assert list(explore_table(page("explore", of="version toy@v1", cols="nonsense")).columns[:2]) == ["problem", "level"]


@pytest.mark.parametrize("rows", ["problems", "rollouts"])
def test_every_column_may_be_chosen(page: Page, rows: Rows) -> None:
    shown = page("explore", of="version hostile@v1", rows=rows, cols=",".join(COLUMNS[rows]))
    assert not shown.exception
    table = explore_table(shown)
    assert tuple(table.columns[:-2]) == COLUMNS[rows]
    assert list(table["id"]) == list(table["rollout_id" if rows == "rollouts" else "problem_id"])
    assert set(table["template"]) == {one_line(HOSTILE, 80)}


def test_two_groups_are_a_heat_map_of_the_fixed_prefix(page: Page) -> None:
    shown = page("explore", of="version toy@v1", rowsby="level", colsby="template")
    assert not shown.exception
    assert not shown.warning
    text = markdown_text(shown)
    assert "Pass rates over the first 4 completions; each problem weighs the same." in text
    chosen = shown.selectbox(key="explore-colsby").set_value("outcome").run()
    assert chosen.query_params["colsby"] == "outcome"
    words = "No rates: rollouts chosen by results (outcome) would give a rate of the choice."
    assert words in markdown_text(chosen).replace("\\", "")
    both = page("explore", of="version toy@v1", rowsby="level", colsby="level")
    assert warnings(both) == ["Rowsby and colsby are both 'level'; a heat map needs two facets."]
    adaptive = page("explore", of="version toy@v1", rowsby="level", colsby="skill", over="all")
    assert "No rates over all completions" in markdown_text(adaptive)


def test_chosen_filters_are_saved_under_a_name_and_opened_again(page: Page, curated: Path) -> None:
    shown = page("explore", of="version toy@v1", level="2", outcome="correct", problem="p", cols="id,level", colsby="skill")
    shown.text_input(key="explore-view-name").set_value(HOSTILE[:39]).run()
    shown.button(key="explore-view-save").click().run()
    assert not shown.exception
    [(name, query)] = json.loads((curated / ".rollmill" / "views.json").read_text()).items()
    assert (name, query) == (HOSTILE[:39], "level=2&outcome=correct&cols=id%2Clevel&colsby=skill")
    other = page("explore", of="version toy@v2", reason="kept", text="x")
    other.button(key="explore-saved-0").click().run()
    kept = {"level": "2", "outcome": "correct", "cols": "id,level", "colsby": "skill"}
    assert dict(other.query_params) == {"of": "version toy@v2", **kept}
    run_in(curated, ["view", "remove", "--", HOSTILE[:39]])
