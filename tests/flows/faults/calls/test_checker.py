"""The checker finds what it is there to find: each kind of damage is done to a workspace, and named."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.storage.ledger.engine import Ledger
from tests.flows.conftest import Curated
from tests.flows.faults.calls import checker, scenarios

pytestmark = pytest.mark.integration


def flip_a_segment(folder: Path) -> None:
    path = next((folder / ".rollmill" / "segments" / "verdicts").rglob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def lose_a_segment(folder: Path) -> None:
    next((folder / ".rollmill" / "segments" / "completions").rglob("*.parquet")).unlink()


def add_a_segment(folder: Path) -> None:
    path = next((folder / ".rollmill" / "segments" / "plan").rglob("*.parquet"))
    path.with_name("0" * 44 + ".parquet").write_bytes(path.read_bytes())


def change_a_row(folder: Path) -> None:
    path = next(folder.glob("datasets/toy/v1-*/shards/rollouts/*.parquet"))
    rows = pq.read_table(path)
    texts = pa.array(["another", *rows["text"].to_pylist()[1:]])
    pq.write_table(rows.set_column(rows.schema.get_field_index("text"), "text", texts), path)


def change_the_card(folder: Path) -> None:
    next(folder.glob("datasets/toy/v1-*/README.md")).write_text("another")


def change_the_index(folder: Path) -> None:
    path = folder / "datasets" / "toy" / "index.json"
    index = json.loads(path.read_text())
    index["versions"][0]["rows"] += 1
    path.write_text(json.dumps(index))


def leave_a_lease(folder: Path) -> None:
    ledger = Ledger(f"sqlite:///{folder / '.rollmill' / 'ledger.sqlite'}")
    ledger.leases.acquire("batch/x")
    ledger.close()


def pay_too_much(folder: Path) -> None:
    with closing(sqlite3.connect(folder / ".rollmill" / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("update spend set completions = completions + 1000")


def leave_a_file(folder: Path) -> None:
    (folder / "datasets" / "toy" / ".partial-v2-00000000").mkdir()
    (folder / "datasets" / "toy" / ".partial-v2-00000000" / "manifest.json").write_text("{}")


def tell_a_secret(folder: Path) -> None:
    (folder / "reports" / "toy" / "said.json").write_text("Bearer sk-1234")


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (flip_a_segment, "is not what was registered"),
        (lose_a_segment, "is registered and not there"),
        (add_a_segment, "belongs to nobody"),
        (change_a_row, "its content hash is"),
        (change_the_card, "README.md is not what was published"),
        (change_the_index, "the index says"),
        (leave_a_lease, "rows left in leases"),
        (pay_too_much, "are paid for and"),
        (leave_a_file, "left over: datasets/toy/.partial-v2-00000000"),
        (tell_a_secret, "the planted secret is in reports/toy/said.json"),
    ],
)
def test_damage_is_found(damage: Callable[[Path], None], named: str, toy: Path, curated: Curated) -> None:
    outcome = curated()
    assert checker.check(toy, "sk-1234") == []
    assert checker.hashes(toy) == [outcome["content_hash"]]
    damage(toy)
    assert any(named in line for line in checker.check(toy, "sk-1234"))


def test_a_digest_in_the_place_of_a_smallest_or_largest_text_is_found(tmp_path: Path) -> None:
    """As a seal did that looked for its place by its zeros; the rows of the scenarios have those at both ends."""
    scenarios.rollouts(tmp_path, lambda *_: None)
    rows = {
        name: list(map(json.loads, (tmp_path / name).read_text().splitlines())) for name in ("sums.jsonl", "rollouts.jsonl")
    }
    assert min(row["reference"] for row in rows["sums.jsonl"]) == scenarios.ZEROS
    assert max(row["text"] for row in rows["rollouts.jsonl"]) == scenarios.ZEROS
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(rows["rollouts.jsonl"]), path)
    assert list(checker._statistics(path)) == []
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    path.write_bytes(data[:footer] + data[footer:].replace(scenarios.ZEROS.encode(), b"a" * 64))
    assert any("statistics of text are" in line for line in checker._statistics(path))


def test_what_dvc_leaves_is_spared_after_a_kill_alone(tmp_path: Path) -> None:
    for name in (".dvc/cache/files/md5/9f/.oFbNHLChbpfUwK-HvtnuVA.tmp", "datasets/toy/.oFbNHLChbpfUwK-HvtnuVA.tmp"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert len(checker.check(tmp_path)) == 2
    assert checker.check(tmp_path, killed=True) == ["left over: datasets/toy/.oFbNHLChbpfUwK-HvtnuVA.tmp"]


def test_it_imports_nothing_of_the_product() -> None:
    text = Path(checker.__file__).read_text()
    assert not [part for part in ("flows", "pipelines", "storage", "rollmill", "dashboards") if f"from {part}" in text]
