"""What the machine refuses is one line with its own cause, and what was committed before survives it."""

import errno
import os
import resource
from pathlib import Path

import duckdb
import pytest

from rollmill.ground.errors import (
    SetupError,
    Unavailable,
    explained,
    ledger_error,
    machine_error,
    refusal,
    unknown_name,
)
from rollmill.ground.records import Completion
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace
from tests.forked import Forked
from tests.out_of_files import out_of_files


def replies(batch: str, count: int, length: int) -> list[Completion]:
    texts = [os.urandom(length // 2).hex() for _ in range(count)]
    return [Completion(f"{batch}-{i}", "q", "toy", "m", "d", "curate", i, 7, text, "stop") for i, text in enumerate(texts)]


def key(batch: str) -> SegmentKey:
    return SegmentKey("completions", "toy", "d", batch)


def limit(size: int) -> None:
    """From here on no file of this process grows beyond `size` bytes."""
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
def test_a_limit_of_file_sizes_is_one_line_and_what_was_committed_survives(tmp_path: Path, where: str, named: str) -> None:
    Workspace.init(tmp_path).close()
    status, message = Forked(fill, tmp_path, where).end()
    place = named.format(tmp_path) if "{}" in named else f"{tmp_path}/{named}"
    assert status == 0
    begun, _, limit = message.partition(" (the limit is ")
    assert begun == f"{place} would grow beyond the largest file, in bytes, that this process may write"
    assert limit.partition("). ")[2] == (
        "Next: ulimit -f unlimited, then run the same command again; everything committed before is safe\n"
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


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x/y"), "no space left to write x/y;"),
        (OSError(errno.EMFILE, "Too many open files", "x/y"), "this process may not open enough files for x/y"),
        (OSError(errno.EIO, "Input/output error"), "the disk could not read or write here (input/output error)."),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk quota is used up, so here cannot be written."),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "there was not enough memory"),
        (MemoryError(), "there was not enough memory"),
        (RuntimeError("can't start new thread"), "no further process or thread could be started"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "no further process or thread could be"),
        (ImportError("libx.so: cannot open shared object file: Too many open files"), "this process may not open enough"),
        (duckdb.IOException('Cannot open file "x": Too many open files'), "this process may not open enough files"),
        (duckdb.IOException('Could not write file "x": No space left on device'), "no space left to write here;"),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"), "there was not enough memory"),
        (duckdb.FatalException("FATAL Error: Allocation failure"), "there was not enough memory"),
    ],
)
def test_what_the_machine_refuses_is_said_with_its_own_cause(error: Exception, words: str) -> None:
    known = refusal(error, "here")
    assert known is not None
    assert known.message.startswith(words)
    assert "run the same command again" in str(known)


def test_what_says_nothing_of_the_machine_stays_as_it_is() -> None:
    for error in (FileNotFoundError(errno.ENOENT, "No such file"), RuntimeError("Too many open files"), KeyError("x")):
        assert refusal(error, "here") is None
    assert machine_error(errno.ENOENT, "here") is None
    with pytest.raises(FileNotFoundError), explained("here"):
        Path("nothing", "there").read_text()


def test_a_choice_is_named_once() -> None:
    assert "Valid: cool, tiny." in str(unknown_name("model", "big", ["tiny", "tiny", "cool", "tiny"]))


def test_an_unknown_name_of_any_length_is_one_short_line() -> None:
    assert len(str(unknown_name("dataset", "a" * 100_000, ["toy"]))) < 300


def test_a_process_that_may_open_no_more_files_has_lost_no_segment(tmp_path: Path) -> None:
    Workspace.init(tmp_path).close()
    with Workspace.open(tmp_path) as workspace:
        workspace.segments.commit(key("first"), replies("first", 2, 100))
        [segment] = workspace.segments.registry.segments("completions")
        with out_of_files(), pytest.raises(OSError, match="Too many open files"):
            workspace.segments.place.digest("completions", segment.id)
        assert workspace.segments.check(deep=True) == []


def test_a_message_names_forty_choices_at_most() -> None:
    message = str(unknown_name("run", "x", [f"run-{n:03}" for n in range(43)]))
    assert message.endswith("run-039 and 3 more.")
    assert "run-040" not in message


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        ("database is locked", Unavailable, "another process has locked the ledger HERE for over a minute."),
        ("database or disk is full", Unavailable, "no space left to write the ledger HERE"),
        ("terminating connection due to administrator command", Unavailable, "is busy: terminating connection due"),
        (
            "connection failed: FATAL:  sorry, too many clients already",
            Unavailable,
            "is busy: sorry, too many clients already.",
        ),
        ("connection failed: FATAL:  the database system is starting up", Unavailable, "HERE is busy: the database system"),
        (
            "consuming input failed: server closed the connection unexpectedly\n\tThis probably means the server",
            Unavailable,
            "no database answers at HERE.",
        ),
        ("connection failed: connection to server failed: Connection refused", Unavailable, "no database answers at HERE."),
        ("failed to resolve host 'a.b': [Errno -2] Name or service not known", Unavailable, "no database answers at HERE."),
        (
            'connection failed: FATAL:  role "nobody" does not exist',
            SetupError,
            'HERE refuses: role "nobody" does not exist.',
        ),
        ("attempt to write a readonly database", SetupError, "HERE is read-only"),
        ("file is not a database", SetupError, "HERE is damaged"),
    ],
)
def test_what_a_database_says_is_told_apart_by_whether_it_passes(said: str, kind: type[SetupError], told: str) -> None:
    error = ledger_error(said, "HERE")
    assert type(error) is kind
    assert told in str(error)


def test_a_full_disk_is_told_as_one_where_there_is_room_by_now(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    ledger.write_bytes(b"")
    assert "no space left to write the ledger" in str(ledger_error("database or disk is full", str(ledger)))
    assert "input/output error" in str(ledger_error("disk I/O error", str(ledger)))


def test_other_words_of_a_database_are_a_bug_of_ours() -> None:
    assert ledger_error("no such column: nonsense", "HERE") is None
