"""The drawer opens the threads of a problem as trees: what follows what, texts read when they are opened, and inert."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from storage.versions.publish import publish
from storage.workspace import Workspace
from tests.dashboards.conftest import HOSTILE, explore_table, opened
from tests.dashboards.pages.test_explore import markdown_text
from tests.storage import threaded
from tests.storage.threaded import IDS, PROBLEM, RUN, TEXTS, snapshot, stored

pytestmark = pytest.mark.integration

TREE = ["solve", "error", "solve", "mark", "cut", "fix", "fix"]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(threaded.TEXTS, "m1", f"{HOSTILE} LINE 2")
    with Workspace.init(tmp_path / "ws") as ws:
        stored(ws)
        publish(ws, snapshot(), report_html="", report_json={})
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path / "ws"))
    return tmp_path / "ws"


def drawer(of: str) -> AppTest:
    return opened("explore", of=of, problem=PROBLEM.id)


def threads(of: str) -> AppTest:
    shown = drawer(of)
    shown.session_state[f"as-{PROBLEM.id}"] = "Threads"
    return shown.run()


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("of", ["version lines@v1", f"run {RUN}"])
def test_threads_are_trees_of_turns(of: str) -> None:
    shown = threads(of)
    assert not shown.exception
    labels = [part.label for part in shown.expander if IDS["s0"][:8] in part.label or "**" in part.label]
    assert [label.partition("**")[2].partition("**")[0] for label in labels] == TREE
    assert [label.count(":green[correct]") for label in labels] == [1, 0, 0, 0, 0, 1, 0]
    assert ":gray[step, not judged] · 1 of 2 answers below correct" in labels[3]
    assert "**7 turns**: solve 2, error 1, mark 1, cut 1, fix 2" in markdown_text(shown)
    assert TEXTS["f1"] not in markdown_text(shown)  # no text before somebody asks for it


@pytest.mark.usefixtures("workspace")
def test_a_turn_that_is_opened_shows_its_text_and_record() -> None:
    shown = threads("version lines@v1")
    shown.session_state[f"turn-{IDS['f1']}"] = True
    shown.run()
    assert not shown.exception
    assert TEXTS["f1"] in [block.value for block in shown.code]
    assert "embedded m · role answer · sample 1 · 9 tokens" in markdown_text(shown)


@pytest.mark.usefixtures("workspace")
def test_a_turns_text_is_shown_as_it_is() -> None:
    shown = threads("version lines@v1")
    shown.session_state[f"turn-{IDS['m1']}"] = True
    shown.run()
    visible = HOSTILE.replace("\u202e", "⟨202E⟩")
    assert f"{visible} LINE 2" in [block.value for block in shown.code]
    assert all("<script>" not in block.value for block in (*shown.markdown, *shown.caption))


@pytest.mark.usefixtures("workspace")
def test_the_rollouts_are_those_that_were_judged() -> None:
    shown = drawer("version lines@v1")
    assert not shown.exception
    assert "**5 rollouts, " in markdown_text(shown)


def test_a_problem_without_threads_has_no_choice(page) -> None:  # type: ignore[no-untyped-def]
    listed = explore_table(page("explore", of="version toy@v1"))
    shown = page("explore", of="version toy@v1", problem=listed["problem_id"][0])
    assert not [group for group in shown.get("button_group") if group.key == f"as-{listed['problem_id'][0]}"]
