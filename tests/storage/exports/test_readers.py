"""Exports read by the tools that people read them with, in three lines each, offline."""

from pathlib import Path

import pytest

from storage.exports import export
from storage.versions.resolve import VersionInfo

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.mark.parametrize(("loader", "suffix"), [("json", ".jsonl"), ("parquet", ".parquet")])
@pytest.mark.parametrize("fmt", ["sft", "pairs"])
def test_datasets_reads_it(version: VersionInfo, tmp_path: Path, hub: Path, loader: str, suffix: str, fmt: str) -> None:
    out = export(version, fmt, tmp_path / f"train{suffix}").path

    from datasets import load_dataset

    rows = load_dataset(loader, data_files=str(out), split="train", cache_dir=str(hub))
    assert len(rows) == 2
    first = rows[0] if rows[0]["level"] == 1 else rows[1]
    turns = first["messages"] if fmt == "sft" else first["prompt"] + first["chosen"]
    assert turns == [
        {"role": "user", "content": "What is 2 + 2?"},
        {"role": "assistant", "content": "step 0. The answer is 4."},
    ]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_duckdb_reads_it(version: VersionInfo, tmp_path: Path, suffix: str) -> None:
    out = export(version, "sft", tmp_path / f"sft{suffix}").path

    import duckdb

    rows = duckdb.sql(f"select level, messages[2].content from '{out}' order by level").fetchall()
    assert rows == [(1, "step 0. The answer is 4."), (3, "step 4. The answer is 4.")]


def test_pandas_reads_it(version: VersionInfo, tmp_path: Path) -> None:
    lines = export(version, "pairs", tmp_path / "pairs.jsonl", form="text").path
    table = export(version, "pairs", tmp_path / "pairs.parquet", form="text").path

    import pandas as pd

    frame = pd.read_json(lines, lines=True)
    assert frame["chosen"].tolist() == ["step 0. The answer is 4.", "step 2. The answer is 4."]
    assert pd.read_parquet(table)["rejected"].tolist() == frame["rejected"].tolist()
