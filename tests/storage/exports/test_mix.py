"""Several versions in one file: where each row comes from, repeated rows once, and how many of each."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.exports import ExportValidation, MixPart, export_mix
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.exports.conftest import lines, put

pytestmark = pytest.mark.integration

Build = Callable[..., Snapshot]


@pytest.fixture
def versions(ws: Workspace, snapshot: Build) -> tuple[VersionInfo, VersionInfo]:
    """Two datasets with the same rollouts: the first keeps one of each problem, the second two of each."""
    snapshots = [snapshot(name="one"), snapshot(name="two", kept=(True, False, True, True, True, False))]
    first, second = (put(ws, content) for content in snapshots)
    return first, second


def test_rows_name_their_version_and_come_once(versions: tuple[VersionInfo, VersionInfo], tmp_path: Path) -> None:
    first, second = versions
    written = export_mix([MixPart(first), MixPart(second)], "sft", tmp_path / "mix.jsonl")
    rows = [(row["dataset"], row["id"][-1]) for row in lines(written.path)]
    assert sorted(rows) == [
        (f"one@{first.folder}", "0"),
        (f"one@{first.folder}", "4"),
        (f"two@{second.folder}", "2"),
        (f"two@{second.folder}", "3"),
    ]
    assert (written.rows, written.left_out) == (4, {"rows that an earlier dataset has": 2})
    again = export_mix([MixPart(first), MixPart(second)], "sft", tmp_path / "again.jsonl")
    assert again.sha256 == written.sha256


def test_prompts_of_several_versions_come_once_in_every_layout(
    versions: tuple[VersionInfo, VersionInfo], tmp_path: Path
) -> None:
    first, second = versions
    for layout in ("trl", "verl"):
        written = export_mix([MixPart(first), MixPart(second)], "prompts", tmp_path / f"{layout}.jsonl", layout=layout)
        problems = written.rows
        assert written.left_out["rows that an earlier dataset has"] == problems > 0


def test_whole_problems_are_taken_until_there_are_enough(versions: tuple[VersionInfo, VersionInfo], tmp_path: Path) -> None:
    first, second = versions
    rows = lines(export_mix([MixPart(second, 1)], "sft", tmp_path / "few.jsonl").path)
    assert (len(rows), len({row["problem_id"] for row in rows})) == (2, 1)
    everything = lines(export_mix([MixPart(second, 100), MixPart(first)], "sft", tmp_path / "all.jsonl").path)
    assert [row["dataset"] for row in everything] == [f"two@{second.folder}"] * 4
    halves = ExportValidation(tmp_path / "held.jsonl", share=0.3)
    split = export_mix([MixPart(first), MixPart(second)], "sft", tmp_path / "train.jsonl", validation=halves)
    assert (split.rows, split.validation and split.validation.rows, split.left_out) == (
        2,
        2,
        {"rows that an earlier dataset has": 2},
    )
    with pytest.raises(SetupError, match="0 rows of one@v1; at least 1"):
        MixPart(first, 0)
