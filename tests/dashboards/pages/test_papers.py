"""The page Papers: every published system, by words, status and kind, with its commands and its numbers."""

import shutil
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.inert import inert
from rollmill.storage.queries.published.papers import papers_where, published_papers
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import elements, opened
from tests.dashboards.test_pages import texts
from tests.flows.conftest import ROOT

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Workspace.init(tmp_path).close()
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path))


def listed(page: AppTest) -> list[str]:
    """The titles in the table; the open one has a mark."""
    return [title.removeprefix("▶ ") for title in page.dataframe[0].value["paper"]]


def test_all_papers_are_listed_and_counted() -> None:
    page = opened("papers")
    assert not page.exception
    assert listed(page) == [row.title for row in published_papers()]
    counts = Counter(row.status for row in published_papers())
    assert f"177 systems: holds {counts['holds']}, does not hold here {counts['does not hold here']}, " in texts(page)


def test_words_a_status_and_a_kind_choose_rows() -> None:
    page = opened("papers", status="holds", kind="Verification")
    assert not page.exception
    assert list(page.dataframe[0].value["status"]) == [["holds"]]
    none = opened("papers", status="holds", kind="Formal proving")
    assert not none.exception
    assert "No system matches" in none.info[0].value
    found = opened("papers", text="dart-math  Rejection")
    assert listed(found) == ["DART-Math: Difficulty-Aware Rejection Tuning for Mathematical Problem-Solving"]


def test_a_filter_that_leaves_out_the_open_paper_opens_the_first_that_matches() -> None:
    page = opened("papers", paper="dart-math")
    assert page.subheader[0].value.startswith("DART\\-Math")
    page.button_group[0].set_value("holds").run()
    assert not page.exception
    assert not page.error
    first = papers_where("holds")[0]
    assert page.dataframe[0].value["paper"][0] == f"▶ {first.title}"
    assert page.subheader[0].value == inert(first.title, 300)


def test_a_paper_is_shown_with_its_commands_its_numbers_and_what_is_missing() -> None:
    page = opened("papers", paper="lemma")
    assert not page.exception
    (row,) = [row for row in papers_where(kind="Problems and traces") if row.name == "lemma"]
    assert [block.value for block in page.code] == list(row.run)
    assert "88 of 432 ends right" in texts(page)
    assert f"**Missing:** {inert(row.missing)[:20]}" in texts(page)
    assert inert(row.tests[0]) in texts(page)
    studied = opened("papers", paper="own-tokens")
    assert inert("(n 96)") in texts(studied)


def test_a_command_opens_in_the_form_of_its_recipe_where_the_workspace_has_it(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    page = opened("papers", paper="robust-active-distillation")
    curate, mix = (parse_qs(link.proto.query_string) for link in elements(page, "page_link"))
    assert curate == {
        "what": ["Curate"],
        "recipe": ["recipes/arithmetic.yaml"],
        "set": ["score=[{method: answer_agreement}]"],
    }
    assert mix["mixture"] == ["recipes/mixtures/hard.yaml"]
    assert mix["set"][:2] == ["name=asked", "sources={all: {version: arithmetic, count: 40}}"]
    shutil.rmtree(tmp_path / "recipes")
    assert not elements(opened("papers", paper="robust-active-distillation"), "page_link")
