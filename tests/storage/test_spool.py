"""The spool gives back what was appended, in order, whatever a crash cut short."""

from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Message
from rollmill.storage.spool import Spool

FIRST = Completion("c1", "p", "openai", "m", "d", "curate", 0, 7, "four", "stop")
SECOND = Completion(
    "c2", "p", "openai", "m", "d", "curate", 1, None, "a\nb \x00 é \ud800", "length",
    tokens_in=3, cost=0.25, logprob_sum=-1.5, messages=(Message("assistant", "x", kind="code"),),
    prompt_token_ids=(1, 2), token_ids=(), logprobs=(-0.5,), meta={"attempts": 2},
)  # fmt: skip


def test_every_field_survives(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", "b1")
    assert spool.read() == []
    spool.append([FIRST])
    spool.append([SECOND])
    assert spool.read() == [FIRST, SECOND]
    assert Spool(tmp_path / "spool", "b1").read() == [FIRST, SECOND]


def test_the_first_reply_of_an_id_stands(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "b1")
    spool.append([FIRST, replace(FIRST, text="five"), SECOND])
    assert spool.read() == [FIRST, SECOND]


def test_a_torn_tail_is_skipped_at_every_length_and_mended_by_the_next_append(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "b1")
    spool.append([FIRST, SECOND])
    spool.close()
    whole = spool.path.read_bytes()
    end_of_first = whole.index(b"\n") + 1
    for length in range(end_of_first, len(whole) - 1):
        spool.path.write_bytes(whole[:length])
        assert spool.read() == [FIRST]
    spool.append([SECOND])
    assert spool.read() == [FIRST, SECOND]


def test_an_altered_line_is_skipped(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "b1")
    spool.append([FIRST, SECOND])
    spool.path.write_bytes(spool.path.read_bytes().replace(b"four", b"five"))
    assert spool.read() == [SECOND]


def test_two_writers_of_one_spool_do_not_tear_each_other(tmp_path: Path) -> None:
    one, two = Spool(tmp_path, "b1"), Spool(tmp_path, "b1")
    one.append([FIRST])
    two.append([SECOND])
    one.append([replace(FIRST, id="c3")])
    assert [completion.id for completion in one.read()] == ["c1", "c2", "c3"]


def test_discard_removes_the_file_and_the_spool_can_be_used_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "b1")
    spool.append([FIRST])
    spool.discard()
    spool.discard()
    assert list(tmp_path.iterdir()) == []
    spool.append([SECOND])
    assert spool.read() == [SECOND]


@pytest.mark.parametrize("batch_id", ["../escape", "a/b", ".hidden", "", "x" * 200])
def test_any_batch_id_stays_inside_the_folder(tmp_path: Path, batch_id: str) -> None:
    spool = Spool(tmp_path / "spool", batch_id)
    spool.append([FIRST])
    assert [path.suffix for path in (tmp_path / "spool").iterdir()] == [".jsonl"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    with pytest.raises((SetupError, FileExistsError)):
        Spool(tmp_path / "spool", "b1").append([FIRST])
