"""Files of signals: of people, which may be hostile, and the stored table, which is whole or computed again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.flows.mixing.own_signals import with_own_columns
from rollmill.ground.errors import SetupError
from tests.flows.conftest import Curated, Run, said_as_json
from tests.flows.mixing.test_mix import MIXTURE, rows, write

TABLE = pa.table({"source": ["a", "a", "b"], "problem_id": ["p", "q", "r"], "completion_id": ["1", "2", "3"]})
FIXED = ("source", "problem_id", "completion_id")


def signal(path: Path) -> list[Any]:
    values: list[Any] = with_own_columns(TABLE, [path], FIXED)["grade"].to_pylist()
    return values


def test_folders_above_a_file_are_no_columns_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "grade=9" / "problem_id=p"
    folder.mkdir(parents=True)
    (folder / "own.csv").write_text("completion_id,grade\n1,2.5\n3,4\n")
    (folder / "own.jsonl").write_text('{"completion_id": "1", "grade": 2.5}\n{"completion_id": "3", "grade": 4}\n')
    pq.write_table(pa.table({"completion_id": ["1", "3"], "grade": [2.5, 4.0]}), folder / "own.parquet")
    for name in ("own.csv", "own.jsonl", "own.parquet"):
        assert signal(folder / name) == [2.5, None, 4.0]


def test_a_number_that_is_none_is_no_value(tmp_path: Path) -> None:
    grades = [float("nan"), float("inf"), -1.5]
    pq.write_table(pa.table({"completion_id": ["1", "2", "3"], "grade": grades}), tmp_path / "own.parquet")
    assert signal(tmp_path / "own.parquet") == [None, None, -1.5]


def test_what_cannot_be_read_is_named_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    late = "".join(f"{row},{row}\n" for row in range(30_000))
    for text in (
        f"completion_id,grade\n{late}x,good\n",
        "completion_id,grade\n1,\xff\n",
        '"',
        "",
        "completion_id,grade\n1,2,3\n",
    ):
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(SetupError, match=r"own\.csv (cannot be read|has n)"):
            signal(path)
    pq.write_table(pa.table({"completion_id": ["1"], "grade": [[1.0, 2.0]]}), tmp_path / "list.parquet")
    with pytest.raises(SetupError, match=r"list\.parquet cannot be read"):
        signal(tmp_path / "list.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "list.parquet").read_bytes()[:-40])
    with pytest.raises(SetupError, match=r"cut\.parquet cannot be read"):
        signal(tmp_path / "cut.parquet")


def test_a_small_file_of_long_texts_is_refused(tmp_path: Path) -> None:
    path, ids = tmp_path / "own.parquet", [str(number) for number in range(100)]
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 100), pa.array(["x" * 20_000_000]))
    pq.write_table(pa.table({"completion_id": ids, "grade": long}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    with pytest.raises(SetupError, match=r"own\.parquet unfolds to more than 268,435,456 bytes"):
        signal(path)


@pytest.mark.integration
def test_a_workspace_in_a_folder_named_like_a_column_gives_the_same_mixture(
    toy: Path, curated: Curated, rollmill: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curated()
    write(toy, MIXTURE)
    there = tmp_path / "source=none" / "level=9" / "ws"
    shutil.copytree(toy, there)
    here = said_as_json(rollmill, "mix", "mix.yaml")
    monkeypatch.chdir(there)
    assert {row["source"] for row in json.loads(rollmill("mix", "mix.yaml", "--signals", "--json").out)} == {"easy", "hard"}
    moved = said_as_json(rollmill, "mix", "mix.yaml")
    assert moved["content_hash"] == here["content_hash"]
    assert rows(moved["path"]) == rows(here["path"])


@pytest.mark.integration
def test_a_stored_table_that_was_changed_is_computed_again(toy: Path, curated: Curated, rollmill: Run) -> None:
    curated()
    write(toy, MIXTURE)
    first = said_as_json(rollmill, "mix", "mix.yaml", "--dry-run")["signals"]
    path = Path(first["path"])
    stored = path.read_bytes()
    (path.parent / ".signals-left").write_bytes(b"of a command that was killed")
    assert said_as_json(rollmill, "mix", "mix.yaml", "--dry-run")["signals"] == {**first, "made": False}
    for damaged in (stored[:-8], stored[:100] + bytes([stored[100] ^ 1]) + stored[101:], b""):
        path.write_bytes(damaged)
        assert said_as_json(rollmill, "mix", "mix.yaml", "--dry-run")["signals"] == first
        assert path.read_bytes() == stored
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, "signals.lock"]


@pytest.mark.integration
def test_another_file_of_own_columns_is_another_table(toy: Path, curated: Curated, rollmill: Run) -> None:
    curated()
    write(toy, {**MIXTURE, "signals": {"columns": ["own.parquet"]}})
    digests = set()
    for grade in (0.011487048250672817, 0.01148704825067995):  # they differ in bytes that are no UTF-8
        problems = [row[0] for row in rows(str(next((toy / "datasets" / "toy").glob("v1-*/"))))]
        pq.write_table(
            pa.table({"problem_id": sorted(set(problems)), "grade": [grade] * len(set(problems))}),
            toy / "own.parquet",
            use_dictionary=False,
            write_statistics=False,
            compression="none",
        )
        digests.add(said_as_json(rollmill, "mix", "mix.yaml", "--dry-run")["signals"]["digest"])
    assert len(digests) == 2
