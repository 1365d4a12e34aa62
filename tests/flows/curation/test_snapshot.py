"""What would be published of a run's decisions lies on disk in key order, however the problems lie in the parts read."""

import random

import pytest

from rollmill.flows.curation.snapshot import decisions_in_key_order
from rollmill.ground.records import Decision
from rollmill.storage.segments import rows as module
from rollmill.storage.segments.rows import Rows
from rollmill.storage.segments.schema import to_table
from rollmill.storage.segments.table_file import TableFile
from rollmill.storage.versions.content.snapshot import sorted_by_key


def decided(sizes: dict[str, int]) -> list[Decision]:
    """Decisions by problem, those of one in an order that is none of their ids."""
    decisions: list[Decision] = []
    for problem, size in sizes.items():
        mine = [f"c{n}" for n in range(size)]
        random.Random(problem).shuffle(mine)
        decisions += [
            Decision(
                "run",
                problem,
                completion,
                "quota",
                "1",
                kept=False,
                reason="quota",
                outcome="correct",
                verifier="v",
                verifier_version="1",
            )
            for completion in mine
        ]
    return decisions


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 1_000])
def test_they_lie_in_key_order(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    rows = decided({"a": 3, "b": 1, "c": 9, "d": 2, "e": 4})
    file = TableFile("decisions", decisions_in_key_order(Rows.of("decisions", rows)))
    assert file.select(file.column_names).to_pylist() == sorted_by_key("decisions", to_table("decisions", rows)).to_pylist()


def test_none_at_all() -> None:
    assert len(TableFile("decisions", decisions_in_key_order(Rows.of("decisions", [])))) == 0
