"""The lineage of a row in `why`: the same from a version of any layout and from a run; nothing where nothing follows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import StopRow
from rollmill.storage.queries import Reader, dataset_scope, run_scope
from rollmill.storage.queries.browse.lineage import TurnFacts, has_stopped, turn_facts
from rollmill.storage.queries.browse.why import RowHistory, why, why_in_run
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.stepped import searched
from tests.storage.stepped.threaded import IDS, NAMES, PROBLEM, RUN, TEXTS, snapshot, stored
from tests.storage.versions.older import LAYOUTS, Layout, put_as, today

pytestmark = pytest.mark.integration


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        stored(workspace)
        yield workspace


def published(ws: Workspace, layout: Layout = today) -> VersionInfo:
    return put_as(layout, ws, snapshot())


def names(rows: tuple[dict[str, Any], ...]) -> list[str]:
    return [NAMES[row["completion_id"]] for row in rows]


def answer_to(ws: Workspace, where: str, name: str) -> RowHistory:
    identity = PROBLEM.id if name == "problem" else IDS[name]
    if where == "run":
        return why_in_run(Reader(ws), RUN, identity)
    return why(published(ws, LAYOUTS[where]), identity)


@pytest.mark.parametrize("where", ["run", *LAYOUTS])
@pytest.mark.parametrize(
    ("name", "before", "behind"),
    [
        ("s0", [], ["e0"]),
        ("e0", ["s0"], []),
        ("s1", [], ["m1", "c1", "f0", "f1"]),
        ("c1", ["s1", "m1"], ["f0", "f1"]),
        ("f1", ["s1", "m1", "c1"], []),
    ],
)
def test_a_completion_is_shown_with_its_lineage(
    ws: Workspace, where: str, name: str, before: list[str], behind: list[str]
) -> None:
    answer = answer_to(ws, where, name)
    assert (names(answer.follows), names(answer.followed_by)) == (before, behind)
    assert [row["id"] for row in answer.rollouts] == [IDS[name]]
    assert [row["id"] for row in answer.problems] == [PROBLEM.id]
    assert all(row["text"] == TEXTS[NAMES[row["completion_id"]]] for row in (*answer.follows, *answer.followed_by))


@pytest.mark.parametrize("where", ["run", "today"])
def test_turns_say_step_role_model_and_outcome(ws: Workspace, where: str) -> None:
    turns = answer_to(ws, where, "f0").json()["follows"]
    assert [(row["step"], row["role"], row["outcome"], row["engine"]) for row in turns] == [
        ("solve", "answer", "incorrect", "embedded"),
        ("mark", "step", None, "embedded"),
        ("cut", "step", None, "edit"),
    ]
    assert [row["after"] for row in turns] == [[], [IDS["s1"]], [IDS["m1"]]]


@pytest.mark.parametrize("where", ["run", "today"])
def test_a_problem_has_the_completions_that_nobody_judged_too(ws: Workspace, where: str) -> None:
    answer = answer_to(ws, where, "problem")
    assert {NAMES[row["id"]] for row in answer.rollouts} == set(TEXTS)
    places = {NAMES[row["completion_id"]]: (row["step"], row["role"], row["after"]) for row in answer.steps}
    assert places["c1"] == ("cut", "step", [IDS["m1"]])
    assert places["s0"] == ("solve", "answer", [])
    assert len(places) == 7
    assert answer.follows == answer.followed_by == ()


def test_what_nobody_judged_is_in_the_versions_that_hold_it(ws: Workspace) -> None:
    (held,) = answer_to(ws, "today", "m1").versions
    assert (held.version, held.kept, held.dropped, held.reasons, held.change) == ("lines@v1", 0, 0, ("role step",), "added")


def test_a_run_that_is_not_decided_shows_what_is_planned(tmp_path: Path) -> None:
    with Workspace.init(tmp_path / "live") as live:
        stored(live, decided=False)
        answer = why_in_run(Reader(live), RUN, IDS["f0"])
        assert names(answer.follows) == ["s1", "m1", "c1"]
        assert answer.rollouts == ()  # planned, and not drawn
        behind = why_in_run(Reader(live), RUN, IDS["c1"]).followed_by
        assert [(row["outcome"], row["text"]) for row in behind] == [("pending", None), ("pending", None)]


def test_an_unknown_id_is_refused_with_the_version(ws: Workspace) -> None:
    with pytest.raises(SetupError, match="holds no completion"):
        why(published(ws), "ffff")


@pytest.mark.parametrize("where", ["run", "version"])
def test_the_facts_of_turns_are_tokens_own_text_and_decision(ws: Workspace, where: str) -> None:
    reader = Reader(ws)
    if where == "version":
        published(ws)
    scope = run_scope(reader, RUN) if where == "run" else dataset_scope(reader, "lines@v1")
    assert turn_facts(scope, PROBLEM.id, [IDS[name] for name in ("s0", "m1", "f0", "f1")]) == {
        IDS["s0"]: TurnFacts(9, TEXTS["s0"], True),
        IDS["m1"]: TurnFacts(9, TEXTS["m1"], None),
        IDS["f0"]: TurnFacts(9, "\n2 + 12 = 14\n#### 14", True),
        IDS["f1"]: TurnFacts(9, "\n2 + 4 = 6\n#### 6", False),
    }
    assert turn_facts(scope, PROBLEM.id, []) == turn_facts(scope, PROBLEM.id, ["elsewhere"]) == {}
    assert has_stopped(scope, PROBLEM.id)


def test_an_extract_is_how_a_piece_begins_and_an_answer_ends(tmp_path: Path) -> None:
    with Workspace.init(tmp_path / "long") as long:
        searched.stored(long, searched.grown(3, own="é{n}" * 90 + "."), stopped=False, decided=False)
        scope = run_scope(Reader(long), searched.RUN)
        facts = turn_facts(scope, searched.PROBLEM.id, [f"{1:032x}", f"{4:032x}"])
    assert facts == {f"{1:032x}": TurnFacts(5, "é1" * 40), f"{4:032x}": TurnFacts(0, "…" + ("é1" * 40)[1:] + ".")}


@pytest.mark.parametrize(("reason", "stopped"), [("searched", True), ("budget", True), ("continued", False), (None, False)])
def test_draws_have_ended_once_the_budget_stopped_the_problem(tmp_path: Path, reason: str | None, stopped: bool) -> None:
    with Workspace.init(tmp_path / "live") as live:
        searched.stored(live, searched.grown(3), stopped=False, decided=False)
        stops = [] if reason is None else [StopRow(searched.RUN, 1, searched.PROBLEM.id, reason)]
        live.runs.commit_plan(searched.RUN, 1, [], stops)
        scope = run_scope(Reader(live), searched.RUN)
        assert has_stopped(scope, searched.PROBLEM.id) is stopped
        assert not has_stopped(scope, "elsewhere")
