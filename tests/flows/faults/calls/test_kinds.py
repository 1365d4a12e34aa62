"""Calls are grouped by what they do, not by what is random in their paths; the first and last of a group are chosen."""

import random
from pathlib import Path

import pytest

from tests.flows.faults.calls import kinds
from tests.flows.faults.calls.machine import as_at_home

SEGMENT = "/x/ws/.rollmill/segments/stops/{}/.tmp-{}.parquet"
LOG = """\
7 open /x/ws/.rollmill/ledger.sqlite 30
7 malloc  40
8 malloc  40
7 write /x/ws/a b.txt 1
7 write /x/ws/a b.txt 1
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SEGMENT.format("ac", "5e34f9be355028afa5f5271e00004dffb3220004d205"), SEGMENT.format("01", "0" * 44)),
        ("/x/ws/datasets/toy/v1-01df1ac7/README.md", "/x/ws/datasets/toy/v2-ffdf1ac7/README.md"),
        (
            "/x/ws/.dvc/cache/files/md5/9f/.oFbNHLChbpfUwK-HvtnuVA.tmp",
            "/x/ws/.dvc/cache/files/md5/95/.WhVpzd-rcCKXSehFx_qYOw.tmp",
        ),
        ("/x/tmp/93yl0j26", "/x/tmp/_1oljf4j"),
        ("/x/tmp/tmp_1oljf4j/a", "/x/tmp/tmpabcdefgh/a"),
    ],
)
def test_what_is_random_in_a_path_makes_no_other_kind(one: str, other: str) -> None:
    assert kinds.kind(one, "/x") == kinds.kind(other, "/x") != one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/x/ws/datasets/toy/index.json", "/x/ws/datasets/toy/.index.json.tmp"),
        ("/x/ws/.rollmill/segments/stops", "/x/ws/.rollmill/segments/plan"),
        ("/x/ws/.rollmill/ledger.sqlite", "/x/ws/.rollmill/ledger.sqlite-wal"),
        ("/x/ws/README.md", "/x/ws/datasets"),
    ],
)
def test_another_file_is_another_kind(one: str, other: str) -> None:
    assert kinds.kind(one, "/x") != kinds.kind(other, "/x")


def test_a_log_gives_the_kind_of_each_call_of_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "state.log"
    path.write_text(LOG)
    opened = "open /ws/.rollmill/ledger.sqlite"
    read = kinds.read(path, 6, "/x")
    assert read[0] == ["write /ws/a b.txt"] * 2
    assert read[1:3] == [[opened], [opened]]
    assert read[3] == [opened, f"allocation after {opened}", "allocation after the start"]
    assert sum(map(len, read)) == 2 + 4 + 4


def test_of_each_group_the_first_the_last_and_some_between_are_chosen() -> None:
    grouped = {(0, "write a"): list(range(1, 10)), (1, "open a"): [3], (3, "allocation after open a"): [5, 6, 7]}
    picked = sorted(kinds.chosen(grouped, 4, random.Random(1)))
    writes = [call for fault, call in picked if fault == 0]
    assert (len(writes), writes[0], writes[-1]) == (4, 1, 9)
    assert [pair for pair in picked if pair[0] == 1] == [(1, 3)]
    assert len([pair for pair in picked if pair[0] == 3]) == 1
    others = {tuple(sorted(kinds.chosen(grouped, 1, random.Random(seed)))) for seed in range(60)}
    assert {call for choice in others for fault, call in choice if fault == 0} == set(range(1, 10))


def test_commands_are_run_as_at_home_where_no_tool_keeps_quiet() -> None:
    assert as_at_home({"CI": "true", "GITHUB_ACTIONS": "1", "DO_NOT_TRACK": "1", "HOME": "/h"}) == {"HOME": "/h"}
