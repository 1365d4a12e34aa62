"""A full disk is one line, and what was committed before survives it."""

import os
import resource
from pathlib import Path

import pytest

from storage.errors import SetupError, unknown_name
from storage.records import Completion
from storage.segments.keys import SegmentKey
from storage.workspace import Workspace
from tests.forked import Forked


def replies(batch: str, count: int, length: int) -> list[Completion]:
    texts = [os.urandom(length // 2).hex() for _ in range(count)]
    return [Completion(f"{batch}-{i}", "q", "toy", "m", "d", "curate", i, 7, text, "stop") for i, text in enumerate(texts)]


def key(batch: str) -> SegmentKey:
    return SegmentKey("completions", "toy", "d", batch)


def limit(size: int) -> None:
    """From here on no file of this process grows beyond `size` bytes: the write fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def fill_segment(workspace: Workspace) -> None:
    limit(10_000)
    workspace.segments.commit(key("big"), replies("big", 50, 2_000))


def fill_spool(workspace: Workspace) -> None:
    limit(10_000)
    workspace.spool("big").append(replies("big", 50, 2_000))


def fill_ledger(workspace: Workspace) -> None:
    workspace.segments.commit(key("more"), replies("more", 1, 100))
    limit((workspace.state / "ledger.sqlite-wal").stat().st_size + 100)
    workspace.segments.commit(key("big"), replies("big", 1, 100))


def fill(root: Path, where: str) -> None:
    """Commit a little, then more than there is room for; what the command line would say is printed."""
    with Workspace.open(root) as opened:
        opened.segments.commit(key("first"), replies("first", 2, 100))
        opened.spool("warm").append(replies("warm", 1, 10))
        try:
            {"segment": fill_segment, "spool": fill_spool, "ledger": fill_ledger}[where](opened)
        except SetupError as error:
            print(error)  # noqa: T201
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("segment", ".rollmill/segments"),
        ("spool", ".rollmill/spool/big.jsonl"),
        pytest.param("ledger", "the ledger {}/.rollmill/ledger.sqlite", marks=pytest.mark.sqlite),
    ],
)
def test_a_full_disk_is_one_line_and_what_was_committed_survives(tmp_path: Path, where: str, named: str) -> None:
    Workspace.init(tmp_path).close()
    status, message = Forked(fill, tmp_path, where).end()
    place = named.format(tmp_path) if "{}" in named else f"{tmp_path}/{named}"
    assert (status, message) == (
        0,
        f"no space left to write {place}; everything committed before is safe. "
        "Next: free some space and run the same command again\n",
    )
    with Workspace.open(tmp_path) as workspace:
        assert workspace.recover() == []
        assert workspace.segments.has(key("first"))
        assert not workspace.segments.has(key("big"))
        expected = {"first-0", "first-1"} | ({"more-0"} if where == "ledger" else set())
        assert set(workspace.segments.read("completions").column("id").to_pylist()) == expected
        assert len(list((workspace.state / "segments").rglob("*parquet"))) == len(expected) - 1
        kept = workspace.spool("big").read()
        assert 0 < len(kept) < 50 if where == "spool" else kept == []
        assert not workspace.segments.commit(key("big"), replies("big", 50, 2_000)).redundant


def test_a_message_names_forty_choices_at_most() -> None:
    message = str(unknown_name("run", "x", [f"run-{n:03}" for n in range(43)]))
    assert message.endswith("run-039 and 3 more.")
    assert "run-040" not in message
