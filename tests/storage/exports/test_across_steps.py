"""Exports of versions whose steps follow others: conversations, pairs across steps with spans, labels of lines."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Score
from rollmill.storage.exports import ExportFile, export
from rollmill.storage.exports.origin import SAW_LABEL
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.workspace import Workspace
from tests.storage.exports.conftest import lines, put
from tests.storage.stepped.threaded import IDS, NAMES, PROBLEM, RECIPE, STEPS, TEXTS, completion, snapshot
from tests.storage.versions.conftest import build, counted
from tests.storage.versions.older import Layout, flat_shards, one_file

pytestmark = pytest.mark.integration


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        yield workspace


def written(
    ws: Workspace, fmt: str, content: Snapshot | None = None, **options: Any
) -> tuple[ExportFile, list[dict[str, Any]]]:
    out = ws.root / "out.jsonl"
    given = export(put(ws, content or snapshot()), fmt, out, **options)
    return given, lines(out)


def with_steps(changes: dict[str, dict[str, Any]]) -> Snapshot:
    steps = [{**step, **changes.get(str(step["name"]), {})} for step in STEPS]
    return with_manifest(snapshot(), steps)


def with_manifest(rows: Snapshot, steps: list[dict[str, Any]]) -> Snapshot:
    return replace(rows, manifest={**rows.manifest, "recipe": {**RECIPE, "steps": steps}})


def test_a_conversation_has_every_turn_and_what_was_asked(ws: Workspace) -> None:
    _, rows = written(ws, "thread", system="Be brief.", sees_label=True)
    first, fixed = rows
    prompt = {"role": "user", "content": PROBLEM.prompt}
    assert first["messages"] == [
        {"role": "system", "content": "Be brief."},
        prompt,
        {"role": "assistant", "content": TEXTS["s0"], "weight": 1},
    ]
    roles = [turn["role"] for turn in fixed["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user", "assistant"]
    question = fixed["messages"][3]["content"]
    assert question == f"{PROBLEM.prompt}\n{TEXTS['s1']}\nWhich line is wrong? End with LINE n."
    assert [turn.get("weight") for turn in fixed["messages"]] == [None, None, 0, None, 1, None, 1]  # s1 is wrong
    assert fixed["messages"][5] == prompt  # what goes on was asked what its beginning was asked
    assert fixed["messages"][6] == {"role": "assistant", "content": TEXTS["f0"], "weight": 1}
    assert fixed["steps"] == ["solve", "mark", "fix"]
    assert [NAMES[cid] for cid in fixed["completions"]] == ["s1", "m1", "f0"]  # c1 is the beginning of f0


def test_what_no_model_was_asked_for_has_the_name_of_its_step(ws: Workspace) -> None:
    content = snapshot()
    kept = [{**row, "kept": row["completion_id"] == IDS["f0"]} for row in content.decisions.to_pylist()]
    plain = [{**row, "meta": "{}"} for row in content.completions.to_pylist()]
    content = replace(
        content,
        decisions=content.decisions.from_pylist(kept, schema=content.decisions.schema),
        completions=content.completions.from_pylist(plain, schema=content.completions.schema),
    )
    steps = [{**step, **({"turn": "new", "template": "Go on: {cut}"} if step["name"] == "fix" else {})} for step in STEPS]
    _, (row,) = written(ws, "thread", counted(with_manifest(content, steps)), sees_label=True)
    assert [turn["role"] for turn in row["messages"]] == [
        "user",
        "assistant",
        "user",
        "assistant",
        "cut",
        "user",
        "assistant",
    ]
    assert row["messages"][4]["content"] == TEXTS["c1"]
    assert row["messages"][5]["content"] == f"Go on: {TEXTS['c1']}"


def test_a_version_without_threads_gives_conversations_of_one_turn(ws: Workspace) -> None:
    _, rows = written(ws, "thread", build())
    _, plain = written(ws, "sft", build())
    turns = [[(turn["role"], turn["content"]) for turn in row["messages"]] for row in rows]
    assert turns == [[(turn["role"], turn["content"]) for turn in row["messages"]] for row in plain]


@pytest.mark.parametrize("layout", [one_file, flat_shards])
def test_an_older_version_gives_the_same_rows(ws: Workspace, layout: Layout) -> None:
    whole, _ = written(ws, "thread")
    older = export(layout(put(ws, replace(snapshot(), name="older"))), "thread", ws.root / "s.jsonl")
    assert older.sha256 == whole.sha256


def test_pairs_across_steps_lie_on_one_thread(ws: Workspace) -> None:
    _, (row,) = written(ws, "pairs", pair="solve:error", spans=True)
    assert (NAMES[row["chosen_id"]], NAMES[row["rejected_id"]]) == ("s0", "e0")
    assert (row["chosen_step"], row["rejected_step"]) == ("solve", "error")
    assert (row["chosen_spans"], row["rejected_spans"]) == ([[20, 30]], [[20, 30]])  # as the editor recorded them


def test_a_later_step_may_be_the_better_one_and_spans_are_compared(ws: Workspace) -> None:
    _, (row,) = written(ws, "pairs", pair="fix:solve", spans=True)
    assert (NAMES[row["chosen_id"]], NAMES[row["rejected_id"]]) == ("f0", "s1")  # f1 is incorrect, and s0 on another thread
    changed = [TEXTS["f0"][start:end] for start, end in row["chosen_spans"]]
    assert changed == ["14", "14"]
    assert [TEXTS["s1"][start:end] for start, end in row["rejected_spans"]] == ["15", "15"]


def test_a_record_of_changes_that_does_not_fit_is_not_believed(ws: Workspace) -> None:
    content = snapshot()
    wrong = replace(completion("e0"), meta={"changes": [{"at": [0, 1], "to": [0, 1]}, "odd"]})
    others = [completion(name) for name in TEXTS if name != "e0"]
    _, (row,) = written(
        ws,
        "pairs",
        replace(content, completions=to_table("completions", [wrong, *others])),
        pair="solve:error",
        spans=True,
    )
    assert [TEXTS["e0"][start:end] for start, end in row["rejected_spans"]] == ["19", "19"]


@pytest.mark.parametrize("options", [{"pair": "solve"}, {"pair": "solve:solve"}, {"pair": "solve:other"}, {"spans": True}])
def test_what_names_no_two_steps_is_refused(ws: Workspace, options: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        written(ws, "pairs", **options)


def test_lines_are_labelled_by_what_goes_on_from_them(ws: Workspace) -> None:
    given, (row,) = written(ws, "process_labels")
    assert (row["prefix"], row["line"], row["number"], row["lines"]) == ("", "3 * 4 = 12", 1, 3)
    assert (row["label"], row["n"], row["correct"], row["labelled_by"]) == (0.5, 2, 1, "fix")
    assert NAMES[row["completion_id"]] == "s0"  # s1 and e0 begin alike
    assert given.left_out["lines without a label"] == 4  # e0 is an error planted in what was judged right
    assert given.left_out[SAW_LABEL] == 1
    assert {"id", "problem_id", "level", "skill", "licence", "source", "verifier"} <= row.keys()
    assert written(ws, "process_labels")[0].sha256 == given.sha256
    assert written(ws, "process_labels", least_n=3)[1] == []


def test_lines_are_labelled_by_stored_scores(ws: Workspace) -> None:
    content = snapshot()
    scores = [
        Score(IDS["s0"], PROBLEM.id, "prm", "1", 0.9, (0.7, 0.8, 0.9)),
        Score(IDS["s1"], PROBLEM.id, "prm", "1", 0.1, (0.7, 0.1)),
        Score(IDS["f1"], PROBLEM.id, "length", "1", 3.0),
    ]
    given, rows = written(ws, "process_labels", replace(content, scores=to_table("scores", scores)), score="prm")
    assert [(row["line"], row["label"], row["n"]) for row in rows] == [
        ("3 * 4 = 12", 0.7, None),
        ("2 + 12 = 14", 0.8, None),
        ("#### 14", 0.9, None),
    ]
    assert given.left_out["solutions whose scores are not one for each line"] == 1


def test_the_line_of_an_error_is_a_row(ws: Workspace) -> None:
    scores = to_table("scores", [Score(IDS["s1"], PROBLEM.id, "prm", "1", 0.1, (0.7, 0.1, 0.0))])
    for by, number in (("largest_drop", 2), ("first_pit", 3)):
        _, (row,) = written(ws, "pits", replace(snapshot(), scores=scores), score="prm", by=by)
        assert (NAMES[row["completion_id"]], row["outcome"]) == ("s1", "incorrect")
        assert (row["number"], row["lines"], row["rule"], row["labelled_by"]) == (number, 3, by, "prm")
        assert row["drop"] == pytest.approx({2: 0.6, 3: 0.1}[number])
        assert TEXTS["s1"].startswith(row["prefix"] + row["line"])
        assert 0 < row["start"] < 1


def test_labels_need_something_that_says_them(ws: Workspace) -> None:
    with pytest.raises(SetupError, match="no step of this version continues from a line"):
        written(ws, "process_labels", with_steps({"fix": {"turn": "new"}}))
    with pytest.raises(SetupError, match="score by line"):
        written(ws, "process_labels", score="prm")
    with pytest.raises(SetupError, match="both given"):
        written(ws, "process_labels", score="prm", step="fix")
