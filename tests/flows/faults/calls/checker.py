"""An independent check of a workspace: python checker.py FOLDER [SECRET]. It imports nothing of the product.

Plain sqlite3, DuckDB, Arrow and hashlib find what a fault may have broken: rows that are lost or doubled, payments of what
is not stored, statistics of a file that differ from its data, bytes of a version that do not hash to what its index says, a
planted secret, temporary files and locks. How a version is hashed is written here again, from docs/explanation/design.md.
"""

# ruff: noqa: T201 (a program that prints what it finds)

import fcntl
import hashlib
import json
import re
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

IDENTITY = {
    "problems": ("id",),
    "completions": ("id",),
    "verdicts": ("completion_id", "problem_id", "verifier", "version"),
    "scores": ("completion_id", "problem_id", "scorer", "version"),
    "decisions": ("run", "problem_id", "completion_id", "step"),
    "plan": ("run", "problem_id", "completion_id", "step"),
}
HASHED: Mapping[str, str] = {
    "completions": "id prompt_id engine model_digest stream sample_index seed text reasoning messages finish_reason "
    "tokens_in tokens_out",
    "decisions": "problem_id completion_id selector version kept reason outcome verifier verifier_version",
    "problems": "id prompt_id prompt reference kind tests source licence split level skill template external_id",
    "verdicts": "completion_id problem_id verifier version outcome rule extracted",
}
FILES = ("manifest.json", "shards.json", "README.md", "report.html", "report.json")
SORTED = {"completions": "id", "problems": "id", "decisions": "problem_id, completion_id"}
SORTED["verdicts"] = "completion_id, problem_id, verifier, version"
TEMPORARY = re.compile(r"(^|/)\.?(tmp-|partial-)|\.tmp$|\.part$|-journal$|/(commands|publishing|scratch|spool)/|\.duckdb\.")
# Completions and verdicts hold the seconds that they took.
TIMED = re.compile(r"(shards/(?:rollouts|verdicts)/)[0-9a-f]+\.parquet")
OF_DVC = re.compile(r"^/?(\.dvc/cache|remote)/files/md5/.*\.[A-Za-z0-9_-]{22}\.tmp$")
RANDOM = re.compile(r"[0-9a-f]{44}|[0-9a-f]{30,32}|(?<=/)[0-9a-f]{2}(?=/)")


def check(folder: Path, secret: str = "", *, killed: bool = False) -> list[str]:
    """What is wrong with a workspace at rest; `killed`: DVC may have been, which clears nothing up then."""
    with _ledger_of(folder) as ledger:
        found = [*(_ledger(ledger) if ledger else ()), *_segments(folder, ledger)]
    secrets = _secrets(folder, secret) if secret else ()
    return [*found, *_versions(folder), *_pointers(folder), *_left_over(folder, killed=killed), *secrets]


def committed(folder: Path) -> list[str]:
    """What is wrong with what was committed: this holds at any moment, also after a kill."""
    with _ledger_of(folder) as ledger:
        return [*_segments(folder, ledger, at_rest=False), *_versions(folder, at_rest=False)]


def shape(folder: Path, *, killed: bool = False) -> list[str]:
    """The names of all files but segments, what is random in them left out: equal work leaves equal names."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    # What SQLite keeps beside its file it folds in, or leaves where it could not: content, not a temporary file.
    away = ("/segments/", "__pycache__", "ledger.sqlite-")
    names = (name for name in names if not (killed and OF_DVC.search(name)))
    names = (TIMED.sub(r"\1*.parquet", name) for name in names)
    kept = {RANDOM.sub("*", name) for name in names if not any(part in name for part in away)}
    return sorted(name for name in kept if not name.startswith(".dvc/") or name.startswith(".dvc/cache"))


def rows(folder: Path) -> dict[str, int]:
    """Rows of each kind that the ledger registers, and how many versions it knows."""
    with _ledger_of(folder) as ledger:
        if ledger is None:
            return {}
        counts = dict(ledger.execute("select kind, sum(rows) from segments where overlaps = 0 group by kind").fetchall())
        counts["versions"] = ledger.execute("select count(*) from datasets").fetchone()[0]
    return {name: count for name, count in counts.items() if count}


def leases(folder: Path) -> int:
    """How many leases the ledger holds."""
    with _ledger_of(folder) as ledger:
        return 0 if ledger is None else int(ledger.execute("select count(*) from leases").fetchone()[0])


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that a command wrote for people: exports and reports."""
    own = (".rollmill", "datasets", ".dvc", ".git", "remote")
    files = [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] not in own]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if "__pycache__" not in path.parts and path.name != "adopted.json"  # counts what this command found new
    }


def hashes(folder: Path) -> list[str]:
    """The content hashes of all versions, as their rows give them."""
    return sorted(content_hash(path.parent) for path in (folder / "datasets").glob("*/v*/shards.json"))


def content_hash(version: Path) -> str:
    """The content hash of a version's rows."""
    return _hash(version, kept=False)


def opened(version: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with the rows of a version as views."""
    database = duckdb.connect()
    for kind, shards in json.loads((version / "shards.json").read_text()).items():
        files = [[f"'{version / 'shards' / shard[key]}'" for key in ("file", "beside") if key in shard] for shard in shards]
        parts = " union all ".join(f"select * from {' positional join '.join(names)}" for names in files)
        if parts:
            database.execute(f"create view {'rollouts' if kind == 'completions' else kind} as {parts}")
    return database


def _hash(version: Path, *, kept: bool) -> str:
    digest = hashlib.sha256()
    with opened(version) as database:
        tables = {name for (name,) in database.execute("select view_name from duckdb_views()").fetchall()}
        for line in _kept_lines(database) if kept else _lines(database, tables):
            digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _lines(database: duckdb.DuckDBPyConnection, tables: set[str]) -> Iterator[str]:
    for kind, columns in HASHED.items():
        yield from _select(database, kind, columns.split(), SORTED[kind])
    steps = ["problem_id", "completion_id", "step"]
    yield from _select(database, "decisions", steps, SORTED["decisions"], "step is not null")
    if "threads" in tables:
        yield from _select(database, "threads", [*steps, "role", "after"], "problem_id, completion_id")


def _kept_lines(database: duckdb.DuckDBPyConnection) -> Iterator[str]:
    named = "id in (select {} from decisions where kept)"
    yield from _select(database, "completions", HASHED["completions"].split(), "id", named.format("completion_id"))
    yield from _select(database, "decisions", ["problem_id", "completion_id"], SORTED["decisions"], "kept")
    yield from _select(database, "problems", HASHED["problems"].split(), "id", named.format("problem_id"))


def _select(
    database: duckdb.DuckDBPyConnection, kind: str, columns: Sequence[str], order: str, where: str = "true"
) -> Iterator[str]:
    table = "rollouts" if kind == "completions" else kind
    names = ", ".join(f'"{name}"' for name in columns)
    told = "prompt_is_messages" if kind == "problems" else "true"
    for messages, *row in database.execute(
        f"select {told}, {names} from {table} where {where} order by {order}"
    ).fetchall():
        if not messages:  # a prompt that is a text is shown as it is, and hashed as JSON like any other
            place = columns.index("prompt")
            row[place] = json.dumps(row[place], ensure_ascii=False)
        yield json.dumps([kind, *row], separators=(",", ":"), ensure_ascii=False)


@contextmanager
def _ledger_of(folder: Path) -> Iterator[sqlite3.Connection | None]:
    """The ledger, or None where there is none yet; of a copy, as opening one in place could mend or add something."""
    with tempfile.TemporaryDirectory() as place:
        for path in (folder / ".rollmill").glob("ledger.sqlite*"):
            shutil.copyfile(path, Path(place, path.name))
        with closing(sqlite3.connect(Path(place, "ledger.sqlite"))) as ledger:
            there = ledger.execute("select 1 from sqlite_master where name = 'segments'").fetchall()
            yield ledger if there else None


def _ledger(ledger: sqlite3.Connection) -> Iterator[str]:
    """Whether the ledger is whole, nothing in it still runs, and every payment is of something stored."""
    if (said := ledger.execute("pragma integrity_check").fetchone()[0]) != "ok":
        yield f"ledger: {said}"
    if ledger.execute("pragma foreign_key_check").fetchall():
        yield "ledger: a foreign key leads nowhere"
    for table in ("leases", "reserved", "lost_segments"):
        if found := ledger.execute(f"select count(*) from {table}").fetchone()[0]:
            yield f"ledger: {found} rows left in {table}"
    if running := ledger.execute("select id from runs where status = 'running'").fetchall():
        yield f"ledger: runs still running: {running}"
    # One that was killed stays as it was, and is told by its process; the last one here was not.
    last = ledger.execute("select id, status from firings order by id desc limit 1").fetchone()
    if last and last[1] == "running":
        yield f"ledger: firing {last[0]} is still running"
    paid = ledger.execute("select coalesce(sum(completions), 0) from spend where not redundant").fetchone()[0]
    stored = ledger.execute(
        "select coalesce(sum(b.rows), 0) from batches b where kind = 'completions' and b.producer not like 'import%'"
    ).fetchone()[0]
    if paid > stored:
        yield f"ledger: {paid} completions are paid for and {stored} are stored"


def _segments(folder: Path, ledger: sqlite3.Connection | None, *, at_rest: bool = True) -> Iterator[str]:
    """Whether the files are those that the ledger registers, byte for byte, and each row is there once."""
    place = folder / ".rollmill" / "segments"
    files = {path.stem: path for path in place.rglob("*.parquet") if not path.name.startswith(".")}
    for file in files.values():
        if at_rest:
            try:
                yield from list(_statistics(file))
            except (OSError, pa.ArrowException) as error:  # a byte that is another may end the stream of a column
                yield f"{file.name}: cannot be read: {error}"
    if ledger is None:
        return
    listed = ledger.execute("select id, kind, rows, bytes, checksum, overlaps from segments").fetchall()
    retired = {name for (name,) in ledger.execute("select id from retired_segments").fetchall()}
    batches = dict(ledger.execute("select segment_id, sum(rows) from batches group by 1").fetchall())
    seen: dict[str, Counter[Any]] = {kind: Counter() for kind in IDENTITY}
    for name, kind, count, size, checksum, overlaps in listed:
        path = files.pop(name) if name in files else None
        table = None if path is None else _table(path, size, checksum)
        if table is None:
            yield f"segment {kind}/{name} is {'not what was registered' if path else 'registered and not there'}"
            continue
        if table.num_rows != count or batches.get(name) != count:
            yield f"segment {kind}/{name}: {table.num_rows} rows, registered {count}, in batches {batches.get(name)}"
        if kind in IDENTITY and not overlaps:
            columns = [table[key].to_pylist() for key in IDENTITY[kind] if key in table.column_names]
            seen[kind].update(zip(*columns, strict=True))
    yield from _doubled(seen)
    for path in (files[name] for name in files.keys() - retired if at_rest):
        yield f"{path.relative_to(folder)} belongs to nobody"


def _doubled(seen: Mapping[str, Counter[Any]]) -> Iterator[str]:
    for kind, counted in seen.items():
        if twice := [key for key, times in counted.items() if times > 1]:
            yield f"{len(twice)} rows of {kind} are stored twice, first {twice[0]}"


def _table(path: Path, size: int, checksum: str) -> pa.Table | None:
    """The rows of a file, or None where its bytes are not those that were registered."""
    data = path.read_bytes()
    same = (len(data), hashlib.sha256(data).hexdigest()) == (size, checksum)
    return pq.read_table(pa.BufferReader(data)) if same else None


def _statistics(path: Path) -> Iterator[str]:
    """Whether smallest, largest and missing values of each column are as the file's footer says."""
    file = pq.ParquetFile(path)
    for group in range(file.metadata.num_row_groups):
        table = file.read_row_group(group)
        described = file.metadata.row_group(group)
        for at in range(described.num_columns):
            column, said = described.column(at), described.column(at).statistics
            if said is None or "." in column.path_in_schema:
                continue
            values = table[column.path_in_schema]
            if said.has_null_count and said.null_count != values.null_count:
                name = column.path_in_schema
                yield f"{path.name}: {name} has {values.null_count} nulls, its statistics say {said.null_count}"
            if said.has_min_max and values.null_count < len(values):
                found = pc.min_max(values).as_py()
                if (found["min"], found["max"]) != (said.min, said.max):
                    yield f"{path.name}: statistics of {column.path_in_schema} are {said.min!r}, {said.max!r}, data {found}"


def _versions(folder: Path, *, at_rest: bool = True) -> Iterator[str]:
    """Whether the versions of each index are there, with the bytes and the rows that it says.

    DVC fetches one file after another: while it does, a version that it tracks may lack some.
    """
    for index in sorted((folder / "datasets").glob("*/index.json")):
        entries = json.loads(index.read_text())["versions"]
        for entry in entries:
            name = f"v{entry['number']}-{entry['content_hash'][:8]}"
            version = index.parent / name
            copy = index.parent / "manifests" / f"{name}.json"
            if not copy.exists():
                yield f"{name}: no copy of its manifest"
            if not version.is_dir():
                if not version.with_name(f"{name}.dvc").exists():
                    yield f"{name} is in the index and not there"
                continue
            tracked = version.with_name(f"{name}.dvc").exists()
            if at_rest or not tracked or all((version / file).exists() for file in FILES):
                yield from _version(version, entry, copy)


def _version(version: Path, entry: Mapping[str, Any], copy: Path) -> Iterator[str]:
    if lacking := [name for name in FILES if not (version / name).exists()]:
        yield f"{version.name} lacks {lacking}"
        return
    manifest = json.loads((version / "manifest.json").read_text())
    if copy.exists() and copy.read_text() != (version / "manifest.json").read_text():
        yield f"{version.name}: the copy of its manifest differs"
    for name, digest in manifest.get("files", {}).items():
        if hashlib.sha256((version / name).read_bytes()).hexdigest() != digest:
            yield f"{version.name}/{name} is not what was published"
    for name, kept in (("content", False), ("kept", True)):
        found = {_hash(version, kept=kept), manifest["hashes"][name], entry[f"{name}_hash"]}
        if len(found) != 1:
            yield f"{version.name}: its {name} hash is {sorted(found)} in rows, manifest and index"
    with opened(version) as database:
        judged = "(select distinct completion_id from decisions)"  # pieces of a search are no rollouts
        for table, count in (("problems", "problems"), (judged, "rows"), ("decisions where kept", "kept")):
            number = database.execute(f"select count(*) from {table}").fetchone()[0]  # type: ignore[index]
            if number != entry[count]:
                yield f"{version.name}: {number} {table}, the index says {entry[count]}"


def _pointers(folder: Path) -> Iterator[str]:
    """Whether DVC's pointers name the bytes that lie there, and its cache holds them."""
    for pointer in sorted((folder / "datasets").glob("*/v*.dvc")):
        found = re.search(r"md5: ([0-9a-f]{32})\.dir", pointer.read_text())
        if not found:
            yield f"{pointer.name} names no folder"
            continue
        cache = folder / ".dvc" / "cache" / "files" / "md5"
        listing = cache / found[1][:2] / f"{found[1][2:]}.dir"
        if not listing.exists():
            continue  # not fetched
        if hashlib.md5(listing.read_bytes()).hexdigest() != found[1]:
            yield f"{pointer.name}: its listing in DVC's cache is another"
        for item in json.loads(listing.read_text()):
            place, cached = pointer.with_suffix("") / item["relpath"], cache / item["md5"][:2] / item["md5"][2:]
            for path in (place, cached):
                if path.exists() and hashlib.md5(path.read_bytes()).hexdigest() != item["md5"]:
                    yield f"{path.relative_to(folder)} is not what {pointer.name} says"
            if pointer.with_suffix("").is_dir() and not place.exists():
                yield f"{place.relative_to(folder)} is missing"


def _left_over(folder: Path, *, killed: bool) -> Iterator[str]:
    """Temporary files, and locks that somebody holds.

    After a kill DVC's own temporary files in its cache and at its remote may stay: it makes each file there by a copy
    beside it, under a random name that nothing reads, and cannot clear up after SIGKILL.
    """
    for path in sorted(folder.rglob("*")):
        name = f"/{path.relative_to(folder)}"
        if killed and OF_DVC.search(name):
            continue
        if path.is_file() and TEMPORARY.search(name) and "/.git/" not in name and "/.dvc/tmp/" not in name:
            yield f"left over: {name[1:]}"
    for path in [*(folder / ".rollmill" / "locks").glob("*"), *(folder / ".dvc" / "tmp").glob("*lock")]:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield f"{path.name} is held"


def _secrets(folder: Path, secret: str) -> Iterator[str]:
    for path in (path for path in folder.rglob("*") if path.is_file()):
        if secret.encode() in path.read_bytes():
            yield f"the planted secret is in {path.relative_to(folder)}"
        if path.suffix == ".parquet" and not path.name.startswith("."):
            try:
                table = pq.read_table(path)
            except (OSError, pa.ArrowException) as error:
                yield f"{path.name}: cannot be read: {error}"
                continue
            texts = [name for name in table.column_names if pa.types.is_string(table[name].type)]
            if any(pc.any(pc.match_substring(table[name], secret)).as_py() for name in texts):
                yield f"the planted secret is in {path.relative_to(folder)}"


if __name__ == "__main__":
    found = check(Path(sys.argv[1]), *sys.argv[2:3])
    print("\n".join(found) or "sound")
    sys.exit(bool(found))
