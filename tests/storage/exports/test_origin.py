"""Rows say where they come from, and what saw a label, is held out or repeats marks is left out unless asked for."""

from collections.abc import Iterator
from dataclasses import replace
from math import exp
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Decision, Problem, ThreadRow, Verdict
from rollmill.storage.exports import ExportFile, export, origin
from rollmill.storage.exports.origin import BY_WEIGHT, OF_HELD_OUT, REPEATS_MARKS, SAW_LABEL
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.workspace import Workspace
from tests.storage.exports.conftest import drawn, lines, put
from tests.storage.versions.conftest import build, counted

pytestmark = pytest.mark.integration

PROBLEM = Problem("What is 2 + 3 * 4?", "14", source="templates", split="train")
WRONG, RIGHT, OTHER = "2 + 3 = 5. #### 20", "3 * 4 = 12, 2 + 12 = 14. #### 14", "It is 14. #### 14"
SAID = "Your answer is incorrect. You have 1 attempt left."
SOLVE = {"name": "solve", "engine": "embedded", "template": "{prompt}\nThink."}
AGAIN = {
    "name": "again",
    "engine": "embedded",
    "when": {"solve": ["incorrect"]},
    "template": [
        {"role": "user", "content": "{prompt}\nThink."},
        {"role": "assistant", "content": "{solve}"},
        {"role": "user", "content": SAID},
    ],
}
DIALOGUE = {"name": "dialogue", "engine": "compose", "template": f"{{solve}}\n\n{SAID}\n\n{{again}}"}
HINTED = {"name": "hinted", "engine": "embedded", "template": "{prompt} The answer is {reference}."}
POLISH = {"name": "polish", "engine": "embedded", "template": "{prompt}\n{solve}\nBetter?"}


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        yield workspace


def cid(place: int) -> str:
    return f"{place:x}".rjust(32, "0")


def version(*rows: tuple[dict[str, Any], str, str, str], problem: Problem = PROBLEM) -> Snapshot:
    """A version of one problem; each row is (step, text, outcome, the places of what it follows)."""
    steps = {str(row[0]["name"]): row[0] for row in rows}
    completions, decisions, threads = [], [], []
    for place, (step, text, outcome, after) in enumerate(rows):
        origin = (str(step["engine"]), "m", "d", "curate", place, 7)
        completions.append(Completion(cid(place), problem.prompt_id, *origin, text, "stop", tokens_out=9))
        kept = outcome == "correct"
        decision = Decision("r", problem.id, cid(place), "all", "1", kept, outcome, outcome, "number", "1")  # type: ignore[arg-type]
        decisions.append(replace(decision, step=str(step["name"])))
        if after:
            followed = " ".join(cid(int(one)) for one in after.split())
            threads.append(ThreadRow(problem.id, cid(place), str(step["name"]), "answer", followed))
    recipe = {"name": "toy", "generate": {"engine": "embedded"}, "steps": list(steps.values())}
    toy = build()
    return counted(
        replace(
            toy,
            problems=to_table("problems", [problem]),
            completions=to_table("completions", completions),
            verdicts=toy.verdicts.slice(0, 0),
            scores=toy.scores.slice(0, 0),
            decisions=to_table("decisions", decisions),
            threads=to_table("threads", threads),
            manifest={**toy.manifest, "recipe": recipe},
        )
    )


ATTEMPTS = (
    (SOLVE, WRONG, "incorrect", ""),
    (SOLVE, OTHER, "correct", ""),
    (AGAIN, RIGHT, "correct", "0"),
    (DIALOGUE, f"{WRONG}\n\n{SAID}\n\n{RIGHT}", "correct", "2"),
)


def written(ws: Workspace, content: Snapshot, fmt: str, **options: Any) -> tuple[ExportFile, list[dict[str, Any]]]:
    given = export(put(ws, content), fmt, ws.root / "out.jsonl", **options)
    return given, lines(given.path)


@pytest.mark.parametrize("fmt", ["sft", "prompt_completion", "thread"])
def test_what_saw_a_label_is_left_out_and_counted(ws: Workspace, fmt: str) -> None:
    given, rows = written(ws, version(*ATTEMPTS), fmt)
    assert [(row["id"], row["step"], row["sees_label"], row["parents"]) for row in rows] == [(cid(1), "solve", False, [])]
    assert dict(given.left_out) == {SAW_LABEL: 2}
    _, rows = written(ws, version(*ATTEMPTS), fmt, sees_label=True)
    assert [(row["step"], row["sees_label"], row["parents"]) for row in rows] == [
        ("solve", False, []),
        ("again", True, [cid(0)]),
        ("dialogue", True, [cid(2)]),
    ]


def test_a_template_with_the_reference_saw_a_label(ws: Workspace) -> None:
    given, rows = written(ws, version((SOLVE, OTHER, "correct", ""), (HINTED, RIGHT, "correct", "")), "unpaired")
    assert [(row["step"], row["label"]) for row in rows] == [("solve", True)]
    assert given.left_out[SAW_LABEL] == 1


def test_the_sides_of_a_pair_say_where_they_come_from(ws: Workspace) -> None:
    _, rows = written(ws, version(*ATTEMPTS), "pairs")
    assert [(row["chosen_step"], row["rejected_step"], row["chosen_sees_label"]) for row in rows] == [
        ("solve", "solve", False)
    ]
    _, (row,) = written(ws, version(*ATTEMPTS), "pairs", pair="again:solve")  # who names a step has asked for it
    assert (row["chosen_step"], row["chosen_sees_label"], row["chosen_parents"]) == ("again", True, [cid(0)])


def test_a_wrong_attempt_within_a_text_is_marked(ws: Workspace) -> None:
    _, rows = written(ws, version(*ATTEMPTS), "sft", sees_label=True)
    assert [row["wrong_spans"] for row in rows] == [[], [], [[0, len(WRONG)]]]


@pytest.mark.parametrize(
    ("attempt", "text", "at"),
    [
        ("4", "14 sheep, not 4.", 14),
        ("4", "4.5 or 1,4", None),
        (r"\boxed{4}", r"So\boxed{4}4", 2),
        ("x = 4", "x = 40", None),
    ],
)
def test_an_attempt_is_marked_where_it_stands_for_itself(attempt: str, text: str, at: int | None) -> None:
    match = origin._standalone_pattern(attempt).search(text)
    assert (None if match is None else match.start()) == at


def test_a_conversation_of_a_step_is_told_once_and_its_wrong_attempt_weighs_nothing(ws: Workspace) -> None:
    _, rows = written(ws, version(*ATTEMPTS[:3]), "thread", sees_label=True, system="Be brief.")
    asked = {"role": "user", "content": "What is 2 + 3 * 4?"}  # a row is of the problem, not of a step's words around it
    assert rows[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        asked,
        {"role": "assistant", "content": OTHER, "weight": 1},
    ]
    assert rows[1]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 2 + 3 * 4?\nThink."},  # the conversation that the step was asked
        {"role": "assistant", "content": WRONG, "weight": 0},
        {"role": "user", "content": SAID},
        {"role": "assistant", "content": RIGHT, "weight": 1},
    ]


def test_what_was_asked_without_a_word_of_what_it_follows_is_a_conversation_of_its_own(ws: Workspace) -> None:
    alone = {"name": "alone", "engine": "embedded", "template": "{prompt}", "when": {"solve": ["incorrect"]}}
    content = version((SOLVE, WRONG, "incorrect", ""), (alone, RIGHT, "correct", "0"))
    _, (row,) = written(ws, content, "thread", sees_label=True)
    assert [turn["content"] for turn in row["messages"]] == ["What is 2 + 3 * 4?", RIGHT]
    assert (row["completions"], row["steps"], row["parents"]) == ([cid(1)], ["alone"], [cid(0)])


def test_marks_are_in_no_training_text(ws: Workspace) -> None:
    echoed = f"<<<solve 0123456789ab>>>\n{RIGHT}\n<<<END solve 0123456789ab>>>"
    rows = ((SOLVE, OTHER, "correct", ""), (POLISH, RIGHT, "correct", "0"), (POLISH, echoed, "correct", "0"))
    given, found = written(ws, version(*rows), "thread")
    assert [turn["content"] for turn in found[1]["messages"]] == [
        "What is 2 + 3 * 4?",
        OTHER,
        f"What is 2 + 3 * 4?\n{OTHER}\nBetter?",
        RIGHT,
    ]
    assert (len(found), given.left_out[REPEATS_MARKS]) == (2, 1)


@pytest.mark.parametrize("fmt", ["sft", "unpaired", "pairs", "thread"])
def test_completions_with_weights_are_in_no_training_file_unless_asked_for(ws: Workspace, fmt: str) -> None:
    content = version((SOLVE, OTHER, "correct", ""), (SOLVE, WRONG, "incorrect", ""))
    rows = [{**row, "meta": '{"by_weight":true,"log_weight":-1.5}'} for row in content.completions.to_pylist()]
    content = replace(content, completions=pa.Table.from_pylist(rows, schema=content.completions.schema))
    given, found = written(ws, content, fmt)
    assert (found, list(given.left_out)) == ([], [BY_WEIGHT])
    assert written(ws, content, fmt, weighted=True)[1]


@pytest.mark.integration
@pytest.mark.parametrize("fmt", ["sft", "unpaired", "pairs", "prompts", "thread", "rl"])
def test_a_test_split_is_in_no_training_file(ws: Workspace, fmt: str) -> None:
    content = version(
        (SOLVE, OTHER, "correct", ""), (SOLVE, WRONG, "incorrect", ""), problem=replace(PROBLEM, split="test")
    )
    content = drawn(content, prefix=2)
    given, rows = written(ws, content, fmt)
    assert (rows, list(given.left_out)) == ([], [OF_HELD_OUT])
    given, rows = written(ws, content, fmt, held_out=True)
    assert rows
    assert not given.left_out


def test_what_is_not_taken_of_unpaired_rows_is_counted(ws: Workspace) -> None:
    rows = [(SOLVE, f"{place}: #### 14", "correct", "") for place in range(3)]
    content = version(*rows, (SOLVE, "?", "unparsed", ""), (SOLVE, WRONG, "incorrect", ""))
    some = [{**row, "kept": row["completion_id"] == cid(0)} for row in content.decisions.to_pylist()]
    content = counted(replace(content, decisions=content.decisions.from_pylist(some, schema=content.decisions.schema)))
    given, found = written(ws, content, "unpaired", kept_only=True, unparsed=False)
    assert [row["label"] for row in found] == [True, False]
    assert dict(given.left_out) == {"correct completions that were not kept": 2, "completions without an answer": 1}
    given, _ = written(ws, content, "unpaired", max_rows=1)
    assert dict(given.left_out) == {"completions beyond max_rows": 3}


def test_equal_texts_are_one_unpaired_row_or_as_many_as_were_drawn(ws: Workspace) -> None:
    content = version(*[(SOLVE, "#### 14", "correct", "")] * 3)
    assert len(written(ws, content, "unpaired")[1]) == 1
    assert len(written(ws, content, "unpaired", copies=True)[1]) == 3


def test_unpaired_rows_bring_what_a_replay_by_priority_reads(ws: Workspace) -> None:
    """Per token, so that long programs keep a rank; a wrong program that passes some tests has their share."""
    content = version((SOLVE, WRONG, "incorrect", ""), (SOLVE, OTHER, "correct", ""), (SOLVE, "#### 3", "incorrect", ""))
    likely = [{**row, "logprob_sum": -0.9 * place} for place, row in enumerate(content.completions.to_pylist())]
    some = [Verdict(cid(0), PROBLEM.id, "number", "1", "incorrect", "tests", value=0.75)]
    told = replace(
        content,
        completions=content.completions.from_pylist(likely, schema=content.completions.schema),
        verdicts=to_table("verdicts", some),
    )
    _, rows = written(ws, counted(told), "unpaired", priority=True)
    found = {row["id"]: (row["possibility"], row["passed"]) for row in rows}
    assert found == {
        cid(0): (pytest.approx(1.0), 0.75),
        cid(1): (pytest.approx(exp(-0.1)), 1.0),
        cid(2): (pytest.approx(exp(-0.2)), 0.0),
    }
    assert "possibility" not in written(ws, content, "unpaired")[1][0]
    with pytest.raises(SetupError, match="has no log-probability, which `priority` needs"):
        written(ws, content, "unpaired", priority=True)


def test_rows_for_distillation_bring_the_likeliest_tokens_of_the_teacher(ws: Workspace) -> None:
    content = version((SOLVE, WRONG, "incorrect", ""), (SOLVE, OTHER, "correct", ""))
    tops = '[[["4",-0.1],["5",-2.5]],[["<|end|>",0.0]]]'
    taught = [{**row, "token_ids": [7, 1], "top_logprobs": tops} for row in content.completions.to_pylist()]
    told = replace(content, completions=content.completions.from_pylist(taught, schema=content.completions.schema))
    _, rows = written(ws, counted(told), "prompt_completion", teacher=True)
    assert [row["teacher"] for row in rows] == [
        [
            {"token_id": 7, "likeliest": [{"token": "4", "logprob": -0.1}, {"token": "5", "logprob": -2.5}]},
            {"token_id": 1, "likeliest": [{"token": "<|end|>", "logprob": 0.0}]},
        ]
    ]
    untold = version((SOLVE, OTHER, "correct", ""))
    with pytest.raises(SetupError, match="has no likeliest tokens, which `teacher` needs"):
        written(ws, untold, "prompt_completion", teacher=True)
    with pytest.raises(SetupError, match="teacher goes with whole solutions"):
        written(ws, counted(told), "prompt_completion", teacher=True, reverse=True)


def test_pairs_of_pieces_need_a_search(ws: Workspace) -> None:
    with pytest.raises(SetupError, match="this version has no pieces of a search"):
        written(ws, version(*ATTEMPTS), "piece_pairs")


def test_reversed_rows_ask_for_the_problem_of_a_solution(ws: Workspace) -> None:
    content = version((SOLVE, "#### 14", "correct", ""))
    forth = written(ws, content, "prompt_completion")[1][0]
    back = written(ws, content, "prompt_completion", reverse=True)[1][0]
    assert back["prompt"] == [{"role": "user", "content": forth["completion"][0]["content"]}]
    assert back["completion"] == [{"role": "assistant", "content": forth["prompt"][0]["content"]}]
    assert back["wrong_spans"] == []
    text = written(ws, content, "prompt_completion", reverse=True, form="text")[1][0]
    assert (text["prompt"], text["completion"]) == ("#### 14", forth["prompt"][0]["content"])
