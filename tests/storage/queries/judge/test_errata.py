"""The error ledger as a file: entries and withdrawals are added, nothing is changed, and a damaged line is named."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.queries.judge.errata import FAULTS, Errata


def test_the_latest_entry_that_is_not_withdrawn_counts_and_all_stay(tmp_path: Path) -> None:
    errata = Errata(tmp_path)
    assert errata.all() == []
    first = errata.add("p1", "ambiguous", reason="two roots", by="ann")
    before = errata.path.read_text()
    second = errata.add("p1", "wrong_reference", reason="the sum is 7", by="ben", reference="7")
    errata.add("p2", "duplicate", reason="of p1", by="ann")
    assert errata.active()["p1"] == second
    errata.withdraw(second.id, reason="it was right", by="cy")
    assert errata.active()["p1"] == first
    assert errata.path.read_text().startswith(before)
    assert [entry.id for entry in errata.all() if entry.withdrawn] == [second.id]
    assert errata.all()[1].withdrawn.endswith(": it was right")
    assert len(errata.path.read_text().splitlines()) == 4
    again = errata.add("p1", "wrong_reference", reason="it is 7 after all", by="ben", reference="7")
    assert again.id != second.id


def test_what_cannot_be_recorded_is_said(tmp_path: Path) -> None:
    errata = Errata(tmp_path)
    entry = errata.add("p1", "other", reason="a typo", by="ann")
    for fault, reason, by, reference, words in (
        ("wrong", "r", "ann", None, "unknown fault 'wrong'"),
        ("ambiguous", "r", "ann", "7", "'ambiguous' takes no reference"),
        ("other", " ", "ann", None, "--reason has 1 to 500 characters"),
        ("other", "r", "", None, "--by has 1 to 500 characters"),
        ("other", "again", "ben", None, "recorded already"),
    ):
        with pytest.raises(SetupError, match=words):
            errata.add("p1", fault, reason=reason, by=by, reference=reference)
    with pytest.raises(SetupError, match="unknown erratum 'nothing'"):
        errata.withdraw("nothing", reason="r", by="ann")
    errata.withdraw(entry.id, reason="r", by="ann")
    with pytest.raises(SetupError, match="withdrawn already"):
        errata.withdraw(entry.id, reason="r", by="ann")
    assert len(errata.all()) == 1
    assert "wrong_reference" in FAULTS


ENTRY = {"id": "a", "problem": "p", "fault": "other", "reason": "r", "by": "b", "at": "c", "reference": None}
DAMAGED = ("<<<<<<< HEAD", "[]", '{"id": "a"}', json.dumps({"withdraws": "gone", "by": "a"}), "[" * 100_000, "3")


@pytest.mark.parametrize(
    "line",
    [
        *DAMAGED,
        json.dumps({**ENTRY, "reference": 7}),
        json.dumps({**ENTRY, "problem": None}),
        json.dumps({**ENTRY, "reason": ["r"]}),
        json.dumps({**ENTRY, "fault": "none such"}),
    ],
    ids=range(len(DAMAGED) + 4),
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    errata = Errata(tmp_path)
    errata.add("p1", "other", reason="a typo", by="ann")
    errata.path.write_text(f"{errata.path.read_text()}{line}\n")
    with pytest.raises(SetupError, match=r"errata\.jsonl, line 2 is no entry"):
        errata.active()


def test_a_line_that_a_person_left_open_is_ended_before_the_next(tmp_path: Path) -> None:
    errata = Errata(tmp_path)
    first = errata.add("p1", "other", reason="a\u2028typo\x1c", by="ann")
    errata.path.write_text(errata.path.read_text().rstrip("\n") + "\r\n\r\n")
    second = errata.add("p2", "other", reason="r", by="ann")
    errata.path.write_text(errata.path.read_text().rstrip("\n"))
    errata.withdraw(second.id, reason="r", by="ann")
    assert [(entry.id, entry.reason) for entry in errata.all()] == [(first.id, "a\u2028typo"), (second.id, "r")]
    assert list(errata.active()) == ["p1"]


def test_entries_that_are_added_at_once_all_stay(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda place: Errata(tmp_path).add(f"p{place}", "other", reason="r", by="ann"), range(40)))
    assert sorted(Errata(tmp_path).active()) == sorted(f"p{place}" for place in range(40))
