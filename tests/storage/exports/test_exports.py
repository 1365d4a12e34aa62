"""What the export files hold, byte for byte the same each time, and that nothing is half written."""

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Problem
from rollmill.storage.exports import EXPORTS, export, parsed
from rollmill.storage.exports.chat_rows import answer_turns
from rollmill.storage.exports.origin import prompt_turns
from rollmill.storage.exports.preferences.pairs import matched
from rollmill.storage.queries.histories.dataset_history import export_fields
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.exports.conftest import lines, put
from tests.storage.versions.older import one_file

pytestmark = pytest.mark.integration

Build = Callable[..., Snapshot]
EASY, HARD = Problem("What is 2 + 2?", "4"), Problem("What is 12 * 12?", "144")
OF_SOME_VERSIONS = {  # of labelled lines, of searches, of proofs
    "process_labels",
    "pits",
    "tree",
    "piece_pairs",
    "piece_labels",
    "rewrite_pairs",
    "tactics",
    "tactic_pairs",
}
CID = [f"{index:032x}" for index in range(6)]


@pytest.mark.parametrize(
    "fmt",
    sorted(EXPORTS.keys() - OF_SOME_VERSIONS),
)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_every_format_is_the_same_twice_and_says_where_rows_come_from(
    version: VersionInfo, tmp_path: Path, fmt: str, suffix: str
) -> None:
    options: dict[str, Any] = {"score": "number"} if fmt == "ranked_pairs" else {}
    first = export(version, fmt, tmp_path / f"a{suffix}", **options)
    second = export(version, fmt, tmp_path / "deeper" / f"b{suffix}", **options)
    assert first.rows == second.rows > 0
    assert first.path.read_bytes() == second.path.read_bytes()
    rows = lines(first.path) if suffix == ".jsonl" else pq.read_table(first.path).to_pylist()
    judged = set() if fmt == "prompts" else {"verifier"}
    assert {"id", "problem_id", "level", "skill", "licence", "source"} | judged <= set(rows[0])
    prefixes = (("chosen_", "rejected_"), ("first_", "second_"), ("",) if judged else ())
    sides = next(names for names in prefixes if all(f"{name}step" in rows[0] for name in names))
    assert {f"{side}{name}" for side in sides for name in ("step", "sees_label", "parents")} <= set(rows[0])
    assert {row["licence"] for row in rows} == {"CC0-1.0"}
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_sft_is_the_kept_rollouts_as_turns(version: VersionInfo, tmp_path: Path) -> None:
    rows = lines(export(version, "sft", tmp_path / "sft.jsonl").path)
    assert {row["id"]: row["messages"] for row in rows} == {
        CID[0]: [
            {"role": "user", "content": "What is 2 + 2?"},
            {"role": "assistant", "content": "step 0. The answer is 4."},
        ],
        CID[4]: [
            {"role": "user", "content": "What is 12 * 12?"},
            {"role": "assistant", "content": "step 4. The answer is 4."},
        ],
    }
    assert [row["problem_id"] for row in rows] == sorted(row["problem_id"] for row in rows)
    easy = next(row for row in rows if row["level"] == 1)
    assert (easy["outcome"], easy["reason"], easy["verifier"], easy["skill"]) == ("correct", "quota", "number 1", "chain")


def test_sft_puts_a_system_turn_first_when_asked(version: VersionInfo, tmp_path: Path) -> None:
    rows = lines(export(version, "sft", tmp_path / "sft.jsonl", system="Be brief.").path)
    assert [[turn["role"] for turn in row["messages"]] for row in rows] == [["system", "user", "assistant"]] * 2


def test_pairs_are_correct_against_incorrect_of_one_problem(version: VersionInfo, tmp_path: Path) -> None:
    rows = lines(export(version, "pairs", tmp_path / "pairs.jsonl").path)
    assert {(row["chosen_model"], row["rejected_model"]) for row in rows} == {("tiny", "tiny")}
    assert [(row["chosen_id"], row["rejected_id"], row["chosen_kept"]) for row in rows] == [
        (CID[0], CID[1], True),  # kept completions come first
        (CID[2], CID[1], False),
    ]
    assert rows[0]["prompt"] == [{"role": "user", "content": "What is 2 + 2?"}]
    assert rows[0]["chosen"] == [{"role": "assistant", "content": "step 0. The answer is 4."}]
    assert rows[0]["rejected"] == [{"role": "assistant", "content": "step 1. The answer is 4."}]
    assert (rows[0]["chosen_outcome"], rows[0]["rejected_outcome"]) == ("correct", "incorrect")
    assert len({row["id"] for row in rows}) == 2


def test_pairs_as_plain_text_take_unparsed_ones_when_asked(version: VersionInfo, tmp_path: Path) -> None:
    options: dict[str, Any] = {"form": "text", "unparsed": True, "max_pairs": 1}
    rows = lines(export(version, "pairs", tmp_path / "pairs.jsonl", **options).path)
    by_problem = {
        row["problem_id"]: (row["prompt"], row["chosen"], row["rejected"], row["rejected_outcome"]) for row in rows
    }
    assert by_problem == {
        EASY.id: ("What is 2 + 2?", "step 0. The answer is 4.", "step 1. The answer is 4.", "incorrect"),
        HARD.id: ("What is 12 * 12?", "step 4. The answer is 4.", "step 3. The answer is 4.", "unparsed"),
    }


def test_pairs_of_kept_rollouts_only(version: VersionInfo, tmp_path: Path) -> None:
    rows = lines(export(version, "pairs", tmp_path / "pairs.jsonl", kept_only=True).path)
    assert [row["chosen_id"] for row in rows] == [CID[0]]


def test_an_undecided_completion_is_in_no_pair(ws: Workspace, snapshot: Build, tmp_path: Path) -> None:
    outcomes = ("correct", "undecided", "undecided", "correct", "correct", "undecided")
    info = put(ws, snapshot(outcomes=outcomes))
    assert export(info, "pairs", tmp_path / "pairs.jsonl", unparsed=True).rows == 0


def test_a_row_is_one_line_whatever_line_ends_its_texts_hold(ws: Workspace, snapshot: Build, tmp_path: Path) -> None:
    """Python's `splitlines`, and readers that are built on it, split at these too."""
    text, toy = "one\x85two\u2028three\u2029four\x0bfive\x1e\nsix", snapshot()
    rows = [{**row, "text": text} for row in toy.completions.to_pylist()]
    other = replace(toy, completions=pa.Table.from_pylist(rows, schema=toy.completions.schema))
    path = export(put(ws, other), "sft", tmp_path / "sft.jsonl").path
    written = path.read_text(encoding="utf-8").splitlines()
    assert len(written) == 2
    assert [json.loads(row)["messages"][-1]["content"] for row in written] == [text, text]


def test_no_pairs_still_make_a_readable_parquet_file(ws: Workspace, snapshot: Build, tmp_path: Path) -> None:
    info = put(ws, snapshot(outcomes=("correct",) * 6))
    table = pq.read_table(export(info, "pairs", tmp_path / "pairs.parquet").path)
    assert (table.num_rows, table.column_names[:3]) == (0, ["prompt", "chosen", "rejected"])


def test_equal_texts_make_one_pair(ws: Workspace, snapshot: Build, tmp_path: Path) -> None:
    toy = snapshot()
    rows = [{**row, "text": "the same"} for row in toy.completions.to_pylist()]
    same = replace(toy, completions=pa.Table.from_pylist(rows, schema=toy.completions.schema))
    assert export(put(ws, same), "pairs", tmp_path / "pairs.jsonl").rows == 1


@given(st.integers(0, 7), st.integers(0, 7), st.integers(0, 60))
def test_matching_uses_each_pair_once_and_each_side_evenly(right: int, wrong: int, limit: int) -> None:
    rights, wrongs = [{"i": i} for i in range(right)], [{"i": i} for i in range(wrong)]
    pairs = [(a["i"], b["i"]) for a, b in matched(rights, wrongs, limit)]
    total = right * wrong
    assert len(pairs) == len(set(pairs)) == (min(limit, total) if limit else total)
    if not limit:
        assert set(pairs) == set(product(range(right), range(wrong)))
    for side, size in ((0, right), (1, wrong)):
        uses = [sum(pair[side] == i for pair in pairs) for i in range(size)]
        assert not uses or max(uses) - min(uses) <= 1


TURNS = [
    {"role": "user", "content": "What is 2 + 2?", "kind": "text", "name": None},
    {"role": "assistant", "content": "print(2+2)", "kind": "code", "name": None},
    {"role": "tool", "content": "4", "kind": "execution", "name": None},
    {"role": "assistant", "content": "4", "kind": "text", "name": None},
]


def rollout(prompt: Any, messages: Any = None, reasoning: str | None = None) -> dict[str, Any]:
    stored = None if messages is None else canonical_json(messages)
    return {"prompt": canonical_json(prompt), "messages": stored, "reasoning": reasoning, "text": "4"}


@pytest.mark.parametrize("prompt", ["What is 2 + 2?", "Add 2 and 2, please.", TURNS[:1]])
def test_a_conversation_gives_its_answer_turns_without_the_prompt(prompt: Any) -> None:
    assert answer_turns(rollout(prompt, TURNS)) == [
        {"role": "assistant", "content": "print(2+2)"},
        {"role": "tool", "content": "4"},
        {"role": "assistant", "content": "4"},
    ]


def test_a_prompt_with_examples_is_left_out_whole() -> None:
    assert answer_turns(rollout(TURNS[:2], TURNS)) == [
        {"role": "tool", "content": "4"},
        {"role": "assistant", "content": "4"},
    ]


def test_reasoning_given_apart_goes_in_front() -> None:
    turns = answer_turns(rollout("2 + 2?", reasoning="two and two"))
    assert turns == [{"role": "assistant", "content": "<think>\ntwo and two\n</think>\n\n4"}]


def test_a_prompt_keeps_its_own_system_turn() -> None:
    prompt = canonical_json([{"role": "system", "content": "own"}, {"role": "user", "content": "?"}])
    assert [turn["content"] for turn in prompt_turns(prompt, "other")] == ["own", "?"]


@pytest.mark.parametrize(
    ("fmt", "out", "options", "message"),
    [
        (
            "sfd",
            "a.jsonl",
            {},
            "unknown export format 'sfd'. Did you mean 'sft'? Valid: answer_pairs, pairs, piece_labels, piece_pairs, pits,",
        ),
        ("pairs", "a.csv", {}, "cannot tell a format from 'a.csv'. Valid: .jsonl, .parquet."),
        ("pairs", "a.jsonl", {"max_pair": 1}, "unknown option of pairs 'max_pair'. Did you mean 'max_pairs'?"),
        ("pairs", "a.jsonl", {"max_pairs": -1}, "max_pairs is -1; it must be 0 (all pairs) or more."),
        ("pairs", "a.jsonl", {"max_pairs": "two"}, "max_pairs is 'two', and must be a whole number."),
        ("pairs", "a.jsonl", {"kept_only": "z"}, "kept_only is 'z', and must be true or false."),
        ("sft", "a.jsonl", {"system": 3}, "system is 3, and must be a text."),
        ("sft", "a.jsonl", {"system": "true"}, "system='true' is no system prompt: it is the text of the turn."),
        ("pairs", "a.jsonl", {"form": "chatt"}, "unknown form 'chatt'. Valid: chat, text."),
        ("pairs", "a.jsonl", {"form": "text", "system": "x"}, "a system turn needs form=chat."),
        (
            "pairs",
            "a.jsonl",
            {"length_ratio": 0.5},
            "length_ratio is 0.5; it must be 1 (equal lengths) or more,",
        ),
        ("pairs", "a.jsonl", {"length_ratio": True}, "length_ratio is True, and must be a number."),
        ("redi", "a.jsonl", {"stage": 3}, "stage is 3. Valid: 1, 2."),
        ("redi", "a.jsonl", {"max_pairs": 2}, "unknown option of redi 'max_pairs'."),
        ("ranked_pairs", "a.jsonl", {"score": "numbr"}, "unknown score 'numbr'. Did you mean 'number'? Valid: number."),
        ("ranked_pairs", "a.jsonl", {}, "unknown score ''. Valid: number."),
        ("ranked_pairs", "a.jsonl", {"score": "number", "margin": -1}, "margin is -1; it must be 0 or more."),
        ("ranked_pairs", "a.jsonl", {"score": "number", "tiers": -1}, "tiers is -1; it must be 0 or more."),
        ("rl", "a.jsonl", {"advantage": "grop"}, "unknown advantage 'grop'. Did you mean 'grpo'?"),
        ("rl", "a.jsonl", {"n": 1}, "n is 1; it must be 2 or more, or 0 for all that were fixed beforehand."),
        ("rl", "a.jsonl", {"beta": 2}, "beta is 2; it must be above 0 and at most 1."),
    ],
)
def test_mistakes_are_named(version: VersionInfo, tmp_path: Path, fmt: str, out: str, options: Any, message: str) -> None:
    with pytest.raises(SetupError) as caught:
        export(version, fmt, tmp_path / out, **options)
    assert caught.value.text().startswith(message)
    assert not (tmp_path / out).exists()


def test_typed_options_keep_texts_and_read_numbers() -> None:
    typed = {"system": "Note: be brief", "max_pairs": "2", "unparsed": "true"}
    assert parsed("pairs", typed) == {"system": "Note: be brief", "max_pairs": 2, "unparsed": True}
    assert parsed("pairs", {"max_pairs": "[2"}) == {"max_pairs": "[2"}
    assert parsed("ranked_pairs", {"margin": "0.5", "score": "1"}) == {"margin": 0.5, "score": "1"}


def test_a_place_that_cannot_be_written_is_named(version: VersionInfo, tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(SetupError, match=r"folder.jsonl is a folder; name a file"):
        export(version, "sft", tmp_path / "folder.jsonl")
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match=r"cannot write .*a.jsonl: "):
        export(version, "sft", tmp_path / "file" / "a.jsonl")


def test_a_damaged_version_is_found_wanting(ws: Workspace, version: VersionInfo, tmp_path: Path) -> None:
    (shard,) = (version.path / "shards" / "rollouts").iterdir()
    content = shard.read_bytes()
    for damaged in (content[:-300] + content[-299:], content[: len(content) // 2], b"", b"text"):
        shard.write_bytes(damaged)
        with pytest.raises(FoundWanting, match=rf"{shard.name} of {version.folder} was altered since it was published: "):
            export(version, "sft", tmp_path / "a.jsonl")


def test_a_damaged_version_of_an_older_program_is_found_wanting(version: VersionInfo, tmp_path: Path) -> None:
    database = one_file(version).path / "dataset.duckdb"
    content = database.read_bytes()
    altered = content[:12288] + bytes(byte ^ 1 for byte in content[12288:])  # behind the three headers
    for damaged in (altered, content[: len(content) // 2], b"", b"text"):
        database.write_bytes(damaged)
        with pytest.raises(
            FoundWanting, match=r"dataset.duckdb of toy@v1 was altered since it was published: its digest is [0-9a-f]{16}, "
        ):
            export(version, "sft", tmp_path / "a.jsonl")
    assert list(tmp_path.glob("*.jsonl")) == []


def test_a_failed_export_leaves_the_old_file(ws: Workspace, snapshot: Build, tmp_path: Path) -> None:
    toy = snapshot()
    rows = toy.problems.to_pylist()
    rows[1]["prompt"] = canonical_json([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])
    info = put(ws, replace(toy, problems=pa.Table.from_pylist(rows, schema=toy.problems.schema)))
    out = tmp_path / "pairs.jsonl"
    out.write_text("old")
    with pytest.raises(SetupError, match="has turns and cannot be written as text"):
        export(info, "pairs", out, form="text", unparsed=True)
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.parametrize("fmt", list(EXPORTS))
def test_every_option_of_a_format_is_a_field_with_a_meaning(fmt: str) -> None:
    fields = export_fields(fmt)
    assert [field.path for field in fields] == list(inspect.signature(EXPORTS[fmt]).parameters)
    assert [field.path for field in fields if not field.help] == []
    assert {field.type.kind for field in fields} <= {"whole", "number", "switch", "text"}
