"""Rows of one completion with its label, problems alone, and files for training and validation apart."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.exports import ExportValidation, export
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.exports.conftest import drawn, lines, put

pytestmark = pytest.mark.integration

Build = Callable[..., Snapshot]


def test_prompt_and_completion_are_those_of_the_conversation(version: VersionInfo, tmp_path: Path) -> None:
    whole = lines(export(version, "sft", tmp_path / "sft.jsonl", scores=True).path)
    parts = lines(export(version, "prompt_completion", tmp_path / "parts.jsonl", scores=True).path)
    assert [row["prompt"] + row["completion"] for row in parts] == [row["messages"] for row in whole]
    assert [(row["id"], row["verifier"], row["scores"]) for row in parts] == [
        (row["id"], row["verifier"], row["scores"]) for row in whole
    ]
    texts = lines(export(version, "prompt_completion", tmp_path / "texts.jsonl", form="text").path)
    assert {row["prompt"]: row["completion"] for row in texts}["What is 2 + 2?"] == "step 0. The answer is 4."


def test_labels_are_the_verdicts_and_undecided_is_no_label(version: VersionInfo, tmp_path: Path) -> None:
    rows = lines(export(version, "unpaired", tmp_path / "a.jsonl").path)
    assert [(int(row["id"], 16), row["label"]) for row in rows if row["level"] == 1] == [(0, True), (1, False), (2, True)]
    assert [(int(row["id"], 16), row["label"]) for row in rows if row["level"] == 3] == [(4, True), (3, False)]
    strict = export(version, "unpaired", tmp_path / "b.jsonl", kept_only=True, unparsed=False)
    assert [int(row["id"], 16) for row in sorted(lines(strict.path), key=lambda row: row["id"])] == [0, 1, 4]
    first = lines(export(version, "unpaired", tmp_path / "c.jsonl", max_rows=1).path)
    assert sorted((row["level"], row["label"]) for row in first) == [(1, False), (1, True), (3, False), (3, True)]


def test_prompts_have_what_decides_and_the_rate_of_the_prefix(ws: Workspace, snapshot: Build, tmp_path: Path) -> None:
    version = put(ws, drawn(snapshot(), prefix=2))
    rows = {row["level"]: row for row in lines(export(version, "prompts", tmp_path / "a.jsonl").path)}
    assert (rows[1]["prompt"], rows[1]["reference"]) == ([{"role": "user", "content": "What is 2 + 2?"}], "4")
    assert [(rows[level]["judged"], rows[level]["correct"]) for level in (1, 3)] == [(2, 1), (2, 1)]
    assert rows[1]["pass_rate"] == 0.5
    none = export(version, "prompts", tmp_path / "b.jsonl", least=0.6)
    assert (none.rows, none.left_out) == (0, {"rows of problems whose pass rate is not within the bounds": 2})
    adaptive = put(ws, drawn(snapshot(name="other"), prefix=0))
    assert [row["pass_rate"] for row in lines(export(adaptive, "prompts", tmp_path / "c.jsonl").path)] == [None, None]
    with pytest.raises(SetupError, match="its problems have no pass rates"):
        export(adaptive, "prompts", tmp_path / "d.jsonl", most=0.9)


def test_verl_reads_its_columns(version: VersionInfo, tmp_path: Path) -> None:
    rows = lines(export(version, "prompts", tmp_path / "verl.jsonl", layout="verl", system="Be brief.").path)
    assert [sorted(row) for row in rows] == [["ability", "data_source", "extra_info", "prompt", "reward_model"]] * 2
    easy = next(row for row in rows if row["extra_info"]["level"] == 1)
    assert easy["reward_model"] == {"style": "rule", "ground_truth": "4"}
    assert [turn["role"] for turn in easy["prompt"]] == ["system", "user"]
    assert sorted(row["extra_info"]["index"] for row in rows) == [0, 1]


@pytest.mark.parametrize(
    ("reference", "tests", "decides"),
    [("", ("assert f(1) == 2",), '["assert f(1) == 2"]'), ("4", ("assert f(1) == 2",), "4"), ("", (), "")],
)
def test_tests_decide_a_problem_without_a_reference(
    ws: Workspace, snapshot: Build, tmp_path: Path, reference: str, tests: tuple[str, ...], decides: str
) -> None:
    problems = [{**row, "reference": reference, "tests": json.dumps(tests)} for row in snapshot().problems.to_pylist()]
    coded = replace(snapshot(), problems=pa.Table.from_pylist(problems, schema=snapshot().problems.schema))
    version = put(ws, coded)
    rows = lines(export(version, "prompts", tmp_path / "trl.jsonl").path)
    assert [row["reference"] for row in rows] == [decides] * 2
    rows = lines(export(version, "prompts", tmp_path / "verl.jsonl", layout="verl").path)
    assert [row["reward_model"]["ground_truth"] for row in rows] == [decides] * 2


@pytest.mark.parametrize("fmt", ["sft", "pairs", "prompts", "rl"])
def test_validation_has_whole_clusters_and_nothing_is_lost(version: VersionInfo, tmp_path: Path, fmt: str) -> None:
    options: dict[str, Any] = {"unparsed": True} if fmt == "pairs" else {}
    whole = export(version, fmt, tmp_path / "whole.jsonl", **options)
    split = ExportValidation(tmp_path / "validation.jsonl", share=0.3, seed=1)
    if fmt == "rl":  # one group is complete: a file of its own would be all
        with pytest.raises(SetupError, match="1 template among the rows"):
            export(version, fmt, tmp_path / "train.jsonl", validation=split)
        return
    written = export(version, fmt, tmp_path / "train.jsonl", validation=split, **options)
    train, validation = (lines(file.path) for file in written.files)
    key = lambda row: row["id"]  # noqa: E731
    assert sorted(train + validation, key=key) == sorted(lines(whole.path), key=key)
    assert len(train) > 0 < len(validation)
    assert not {row["problem_id"] for row in train} & {row["problem_id"] for row in validation}


def test_bad_options_are_named(version: VersionInfo, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    for fmt, options, message in [
        ("prompts", {"layout": "openrlhf"}, "unknown layout 'openrlhf'. Valid: trl, verl."),
        ("prompts", {"layout": "verl", "form": "text"}, "verl reads prompts as turns"),
        ("prompts", {"least": 0.9, "most": 0.1}, "least is 0.9 and most 0.1"),
        ("unpaired", {"max_rows": -1}, "max_rows is -1"),
        ("prompt_completion", {"form": "xml"}, "unknown form 'xml'"),
    ]:
        with pytest.raises(SetupError, match=message):
            export(version, fmt, out, **options)  # type: ignore[arg-type]
    with pytest.raises(SetupError, match="a validation share of 1"):
        ExportValidation(out, share=1.0)
