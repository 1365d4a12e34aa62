"""The drawer shows the threads of a problem as a map: what follows what, a text when its turn is opened, all inert."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.storage.versions.publish import publish
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import HOSTILE, explore_table, opened
from tests.dashboards.pages.explore.test_explore import markdown_text
from tests.storage.stepped import searched, threaded
from tests.storage.stepped.threaded import IDS, PROBLEM, RUN, TEXTS, snapshot, stored

pytestmark = pytest.mark.integration


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


def threads(of: str, turn: str | None = None) -> AppTest:
    """The drawer with its map, and with a turn that somebody opened there."""
    shown = drawer(of)
    shown.session_state[f"as-{PROBLEM.id}"] = "Threads"
    shown.run()
    if turn is not None:
        shown.session_state[f"map-{PROBLEM.id}"] = {"opened": turn}
        shown.run()
    return shown


def map_of(shown: AppTest) -> dict[str, Any]:
    """What the browser is given to draw."""
    parts: Any = shown.get("bidi_component")
    (drawn,) = [part.proto for part in parts if part.proto.component_name == "rollmill_thread_map"]
    data: dict[str, Any] = json.loads(drawn.json)
    return data


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("of", ["version lines@v1", f"run {RUN}"])
def test_threads_are_a_map_of_turns(of: str) -> None:
    shown = threads(of)
    assert not shown.exception
    data = map_of(shown)
    assert [(node["layer"], node["label"], node["state"]) for node in data["nodes"]] == [
        (0, "solve", "correct"),
        (0, "solve", "incorrect"),
        (1, "error", "incorrect"),
        (1, "mark", "unjudged"),
        (2, "cut", "unjudged"),
        (3, "fix", "correct"),
        (3, "fix", "incorrect"),
    ]
    assert data["edges"] == [[0, 2], [1, 3], [3, 4], [4, 5], [4, 6]]
    assert data["nodes"][4]["told"] == "cut, not judged, 9 tokens, 1 of 2 answers below correct: 3 * 4 = 12"
    assert data["nodes"][5]["told"] == "fix, correct, kept, 9 tokens: 2 + 12 = 14 #### 14"  # without what it continues
    assert data["opened"] is None
    assert "**5 answers: 2 correct, 3 incorrect; 2 turns not judged; 63 tokens**" in markdown_text(shown)
    assert TEXTS["f1"] not in [block.value for block in shown.code]


@pytest.mark.usefixtures("workspace")
def test_a_turn_that_is_opened_shows_its_text_and_record() -> None:
    shown = threads("version lines@v1", IDS["f1"])
    assert not shown.exception
    assert TEXTS["f1"] in [block.value for block in shown.code]
    assert "embedded m · role answer · sample 1 · 9 tokens · follows cut" in markdown_text(shown)
    assert f"**fix** · :red[incorrect] · :gray[{IDS['f1'][:8]}]" in markdown_text(shown)
    assert map_of(shown)["opened"] == IDS["f1"]


@pytest.mark.usefixtures("workspace")
def test_an_id_that_no_turn_has_opens_nothing() -> None:
    shown = threads("version lines@v1", "elsewhere")
    assert not shown.exception
    assert map_of(shown)["opened"] is None


@pytest.mark.usefixtures("workspace")
def test_a_turns_text_is_shown_as_it_is() -> None:
    shown = threads("version lines@v1", IDS["m1"])
    visible = HOSTILE.replace("\u202e", "⟨202E⟩")
    assert f"{visible} LINE 2" in [block.value for block in shown.code]
    assert all("<script>" not in block.value for block in (*shown.markdown, *shown.caption))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "**60 pieces: 20 ended, 7 continued, 33 pruned; 20 answers: 7 correct, 13 incorrect; 471 tokens**"),
        ({"decided": False}, "**60 pieces: 20 ended, 7 continued, 33 pruned; 20 answers: 20 pending; 471 tokens**"),
        (
            {"decided": False, "stopped": False},
            "**60 pieces: 20 ended, 7 continued, 33 open; 20 answers: 20 pending; 471 tokens**",
        ),
    ],
)
def test_pieces_of_a_search_are_open_until_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool], line: str
) -> None:
    with Workspace.init(tmp_path / "ws") as ws:
        searched.stored(ws, searched.grown(60), **options)
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path / "ws"))
    shown = threads(f"run {searched.RUN}")
    assert not shown.exception
    assert line in markdown_text(shown)
    assert map_of(shown)["nodes"][20]["label"] == "2 + 20 = 22"


@pytest.mark.usefixtures("workspace")
def test_the_rollouts_are_those_that_were_judged() -> None:
    shown = drawer("version lines@v1")
    assert not shown.exception
    assert "**5 rollouts, " in markdown_text(shown)


def test_a_problem_without_threads_has_no_choice(page) -> None:  # type: ignore[no-untyped-def]
    first = explore_table(page("explore", of="version toy@v1"))["problem_id"][0]
    shown = page("explore", of="version toy@v1", problem=first)
    assert not [group for group in shown.get("button_group") if group.key == f"as-{first}"]
