"""Exports with the messages that the model got, in place of the problem's own prompt."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json
from rollmill.storage.exports import EXPORTS, export
from rollmill.storage.exports.origin import Training
from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.read import open_version
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.exports.conftest import drawn, lines, put

Build = Callable[..., Snapshot]
SYSTEM, USER = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Solve: 2 + 2"}
SENT = [SYSTEM, USER]


def asked(toy: Snapshot, *, of: int | None = None) -> Snapshot:
    """The snapshot with one prompt as sent for its completions, or for the first `of` of them."""
    ids = toy.completions["id"].to_pylist()[:of]
    prompts = pa.Table.from_pylist([{"id": "p", "messages": canonical_json(SENT)}], schema=SCHEMAS["prompts"])
    sent = pa.Table.from_pylist([{"completion_id": cid, "prompt": "p"} for cid in ids], schema=SCHEMAS["sent"])
    return replace(drawn(toy), prompts=prompts, sent=sent)


@pytest.fixture
def sent(ws: Workspace, snapshot: Build) -> VersionInfo:
    return put(ws, asked(snapshot()))


def test_the_version_has_it_by_completion(sent: VersionInfo) -> None:
    with open_version(sent) as connection:
        rows = connection.sql("SELECT DISTINCT prompt_as_sent FROM joined").fetchall()
    assert [json.loads(text) for (text,) in rows] == [SENT]


@pytest.mark.parametrize(
    ("fmt", "options", "column", "wanted"),
    [
        ("sft", {"prompt": "as_sent"}, "messages", SENT),
        ("prompt_completion", {"prompt": "as_sent"}, "prompt", SENT),
        ("unpaired", {"prompt": "as_sent"}, "prompt", SENT),
        ("pairs", {"prompt": "as_sent", "unparsed": True}, "prompt", SENT),
        ("rl", {"prompt": "as_sent"}, "prompt", SENT),
        ("prompts", {"prompt": "as_sent"}, "prompt", SENT),
        ("thread", {"prompt": "as_sent"}, "messages", SENT),
        ("sft", {"system": "as_sent"}, "messages", [SYSTEM, {"role": "user", "content": "What is 2 + 2?"}]),
        ("prompts", {"system": "as_sent"}, "prompt", [SYSTEM, {"role": "user", "content": "What is 2 + 2?"}]),
        ("rl", {"system": "Think."}, "prompt", [{"role": "system", "content": "Think."}]),
    ],
)
def test_formats_show_it(
    sent: VersionInfo, tmp_path: Path, fmt: str, options: dict[str, Any], column: str, wanted: list[dict[str, str]]
) -> None:
    rows = [row for row in lines(export(sent, fmt, tmp_path / "a.jsonl", **options).path) if row["level"] == 1]
    assert rows
    assert all(row[column][: len(wanted)] == wanted for row in rows)


@pytest.mark.parametrize("fmt", [*EXPORTS])
def test_each_format_has_the_option_and_refuses_other_values(fmt: str) -> None:
    assert issubclass(EXPORTS[fmt], Training)
    if fmt in ("tactics", "tactic_pairs"):  # their prompt is a state of a proof
        return
    with pytest.raises(SetupError, match=r"unknown prompt 'sent'. Valid: problem, as_sent."):
        EXPORTS[fmt](prompt="sent")  # type: ignore[call-arg]
    with pytest.raises(SetupError, match="system='true' is no system prompt"):
        EXPORTS[fmt](system="true")  # type: ignore[call-arg]


def test_a_version_without_says_so(version: VersionInfo, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"this version has no prompts as sent: .* published before they were stored"):
        export(version, "sft", tmp_path / "a.jsonl", prompt="as_sent")


def test_completions_without_are_counted(ws: Workspace, snapshot: Build, tmp_path: Path) -> None:
    some = put(ws, asked(snapshot(), of=1))
    written = export(some, "unpaired", tmp_path / "a.jsonl", prompt="as_sent")
    assert written.rows == 1
    assert written.left_out["completions whose prompt as sent is not stored (prompt=problem takes them)"] >= 3
    with pytest.raises(SetupError, match="has no prompt as sent, and rows of this format belong together"):
        export(some, "rl", tmp_path / "b.jsonl", prompt="as_sent")
