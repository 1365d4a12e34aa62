"""Logs and files that unfold to gigabytes, lie about their sizes or hide their rows: one line, and little memory.

Each is read in a process of its own, whose memory is limited and whose largest resident size is looked at.
"""

import gzip
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.flows.conftest import ROOT

pytestmark = pytest.mark.security

MOST_MIB = 480  # resident, of which the libraries take about 150
READ = """\
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_DATA, (6 << 30, 6 << 30))
from rollmill.ground.errors import SetupError
try:
    if sys.argv[1] == "adopt":
        from rollmill.storage.imports.logs.tools import log_at
        log_at(Path(sys.argv[2]))
    else:
        from rollmill.storage.imports.reading.readers import read_rows
        for row in read_rows(Path(sys.argv[2])):
            pass
    print("read whole")
except SetupError as error:
    print(error)
[peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(int(peak.split()[1]) >> 10)
"""
HEADER = b'{"version": 2, "status": "success", "results": {"scores": []}, "eval": {"task": "t", "model": "m"}}'
SAMPLE = {"id": 1, "epoch": 1, "input": "1+1", "target": "2", "output": {"completion": "2"}, "scores": {}}


def said_of(verb: str, path: Path) -> str:
    """What the reader says of a file, within its memory and a minute."""
    done = subprocess.run(
        [sys.executable, "-c", READ, verb, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *lines, peak = done.stdout.splitlines()
    assert int(peak) < MOST_MIB, done.stdout
    assert len(lines) == 1
    return lines[0]


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def many_members(path: Path) -> None:
    """A million members, of which each names the same header."""
    name = b"samples/x"
    entry = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name
    directory = entry * 1_000_000
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 9, 9, len(directory), 0, 0)  # which says that there are nine
    path.write_bytes(directory + end)


def overlapping(path: Path) -> None:
    """Members that all are the same compressed megabyte."""
    archive(path, {"header.json": HEADER, "samples/0.json": json.dumps(SAMPLE).encode() + b" " * 200_000})
    data = path.read_bytes()
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    end = data.index(b"PK\x05\x06")
    more = b"".join(data[at:end].replace(b"samples/0.json", b"samples/%06d" % number)[: end - at] for number in range(900))
    place = data.index(b"PK\x01\x02")
    directory = data[place:end] + more
    path.write_bytes(
        data[:place] + directory + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 902, 902, len(directory), place, 0)
    )


def claimed_small(path: Path) -> None:
    """A gigabyte of blanks that says it is a hundred bytes."""
    deflate, blanks = zlib.compressobj(9, wbits=-15), b" " * (1 << 20)
    packed = deflate.compress(blanks) + deflate.flush(zlib.Z_FULL_FLUSH)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("header.json", HEADER)
        info = zipfile.ZipInfo("samples/1.json")
        made.writestr(info, packed * 1024 + deflate.flush())
        info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, 100


def twice_named(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("header.json", HEADER)
        made.writestr("samples/1.json", json.dumps(SAMPLE))
        with pytest.warns(UserWarning, match="Duplicate name"):
            made.writestr("samples/1.json", json.dumps({**SAMPLE, "epoch": 2}))


def holding(sample: bytes, header: bytes = HEADER) -> Callable[[Path], object]:
    return lambda path: archive(path, {"header.json": header, "samples/1.json": sample})


def encrypted(path: Path) -> None:
    holding(b"{}")(path)
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)


LOGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a million members": (many_members, "it has more than 250,000 members"),
    "members that overlap": (overlapping, "members of it overlap"),
    "a length that lies": (claimed_small, "a member of it cannot be read|it is not a whole zip file|is damaged"),
    "one name twice": (twice_named, "two members of it have one name"),
    "LZMA": (lambda path: archive(path, {"header.json": HEADER}, zipfile.ZIP_LZMA), "compressed by method 14"),
    "encrypted": (encrypted, "'header.json' in it is encrypted"),
    "no zip": (lambda path: path.write_bytes(b"x" * 100), "it has no directory"),
    "nested brackets": (holding(b'{"id":' + b"[" * 10**6 + b"]" * 10**6 + b"}"), "cut off or no JSON"),
    "a number of a million digits": (holding(b'{"id": ' + b"9" * 10**6 + b"}"), "cut off or no JSON"),
    "a key twice": (holding(b'{"id": 1, "id": 2}'), "'id' is given twice"),
    "a key twice in the header": (holding(b"{}", b'{"version": 2, "version": 1}'), "'version' is given twice"),
    "an epoch without end": (
        holding(json.dumps({**SAMPLE, "epoch": float("inf")}).encode()),
        "another form than Inspect writes|it has no",
    ),
    "names of other folders": (
        lambda path: archive(
            path, {"header.json": HEADER, "../../etc/x": b"1", "/etc/y": b"2", "samples/../z.json": b"[]"}
        ),
        "holds no JSON object",
    ),
}


@pytest.mark.parametrize("log", LOGS)
def test_a_hostile_log_is_one_line(tmp_path: Path, log: str) -> None:
    make, words = LOGS[log]
    path = tmp_path / "log.eval"
    make(path)
    said = said_of("adopt", path)
    assert "nothing was stored" in said
    assert any(word in said for word in words.split("|")), said
    assert [file.name for file in tmp_path.rglob("*")] == ["log.eval"]


def test_a_pipe_in_a_log_s_folder_is_not_waited_for(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests" / "flows" / "adopting" / "logs" / "verifiers" / "metadata.json", tmp_path)
    os.mkfifo(tmp_path / "results.jsonl")
    assert "results.jsonl: it is no file" in said_of("adopt", tmp_path)


def arrow(path: Path, table: pa.Table, compression: str | None = None, *, file: bool = False) -> None:
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(str(path), table.schema, options=options) as writer:
        writer.write_table(table)


def false_offsets(path: Path) -> None:
    """A text that begins where another process's secrets may lie: its offsets are far outside its bytes."""
    arrow(path, pa.table({"prompt": ["abcdefgh", "ijklmnop"]}))
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<iii", 0, 8, 16), struct.pack("<iii", 0, 8, 1 << 30)))


def packed(path: Path, content: bytes) -> None:
    with gzip.open(path, "wb") as file:
        file.write(content)


def nested(levels: int) -> pa.Table:
    value: object = "x"
    kind = pa.string()
    for _ in range(levels):
        value, kind = [value], pa.list_(kind)
    return pa.table({"p": pa.array([value], kind)})


def blanks() -> pa.Table:
    return pa.table({"a": [" " * (300 << 20)]})


FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a list of a billion nulls": (
        "rows.parquet",
        lambda path: pq.write_table(pa.table({"l": pa.array([[None] * 20_000_000], pa.list_(pa.string()))}), path),
        "unfolds to more than 268,435,456 bytes",
    ),
    "rows of nothing": ("rows.arrow", lambda path: arrow(path, pa.table({"a": pa.nulls(10**9)})), "unfolds to more than"),
    "a batch that unfolds": ("rows.arrow", lambda path: arrow(path, blanks(), "zstd"), "unfolds to more than"),
    "a file's batch that unfolds": (
        "rows.arrow",
        lambda path: arrow(path, blanks(), "lz4", file=True),
        "unfolds to more than",
    ),
    "runs": (
        "rows.arrow",
        lambda path: arrow(
            path, pa.table({"a": pa.RunEndEncodedArray.from_arrays(pa.array([2**31 - 1], pa.int32()), ["x"])})
        ),
        "is not a readable Arrow file",
    ),
    "columns without end": (
        "rows.csv",
        lambda path: path.write_text(",".join(f"c{n}" for n in range(250_000)) + ",c0\n"),
        "has two columns called 'c0'",
    ),
    "names without end": (
        "rows.jsonl",
        lambda path: path.write_text("{" + "".join(f'"{n}":1,' for n in range(250_000)) + '"249999":1}'),
        "'249999' is given twice",
    ),
    "a line without end": (
        "rows.jsonl.gz",
        lambda path: packed(path, b'{"prompt": "' + b"a" * (500 << 20)),
        "longer than 64",
    ),
    "lines of nothing": ("rows.csv.gz", lambda path: packed(path, b"\n" * (400 << 20)), "blank lines"),
    "nested brackets": (
        "rows.jsonl",
        lambda path: path.write_text('{"prompt": ' + "[" * 100_000 + "]" * 100_000 + "}"),
        "nested too deeply",
    ),
    "nested types": ("rows.parquet", lambda path: pq.write_table(nested(200), path), "too deeply nested"),
    "a word of megabytes at each row": (
        "rows.parquet",
        lambda path: pq.write_table(
            pa.table({"p": pa.DictionaryArray.from_arrays(pa.array([0] * 300_000, pa.int32()), ["x" * 2_000_000])}), path
        ),
        "unfolds to more than",
    ),
    "false offsets": ("rows.arrow", false_offsets, "is not a readable Arrow file"),
}


@pytest.mark.parametrize("file", FILES)
def test_a_hostile_file_of_rows_is_one_line(tmp_path: Path, file: str) -> None:
    name, make, words = FILES[file]
    make(tmp_path / name)
    assert (tmp_path / name).stat().st_size < 3 << 20
    assert words in said_of("import", tmp_path / name)


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_an_honest_arrow_file_is_read(tmp_path: Path, compression: str | None) -> None:
    table = pa.table({"prompt": ["a", "b"], "l": [[1], [2, 3]], "d": pa.array(["x", "y"]).dictionary_encode()})
    for place, file in (("a.arrow", True), ("b.arrow", False)):
        arrow(tmp_path / place, table, compression, file=file)
        assert said_of("import", tmp_path / place) == "read whole"
