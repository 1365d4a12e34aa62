"""Time of `dataset why` in a version of ten million rollouts: as the one database file of older programs and as shards.

    python benchmarks/runs/why.py --rows 10000000

A version of six rows is published and its rows are replaced by generated ones, in key order and in the layouts that
publishing wrote and writes; hashing them would take most of the time. Every rollout has a verdict and a decision, eight
belong to a problem and lie far from one another. `first` is the first look of a process; ids are at random, the page cache
is warm.
`cpu` is processor time of all threads, which on a machine that does other work as well is the one to compare.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import duckdb
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rollmill.ground.files import json_text
from rollmill.storage.artifacts.layout import FOLDER, LISTING
from rollmill.storage.queries.browse.why import why
from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.versions.content.catalogue import OPTIONAL, TABLE_NAMES, TABLES
from rollmill.storage.versions.content.shards import write_shard
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import load_manifest
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import build
from tests.storage.versions.older import one_file

SAMPLES = 8
KINDS = tuple(kind for kind in TABLES if kind not in OPTIONAL)  # a version without rows of these has no table for them
PIECE = 100_000  # rows made at a time, and of a shard
# Ids in ascending order that no row number is read off: 8 hex digits of the number's place, 24 of its hash.
_ID = "printf('%08x', ({n}) * 4294967295 // {of}) || left(md5('{salt}' || ({n})), 24)"


def main() -> None:
    """Measure and print one JSON object a layout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--looks", type=int, default=50)
    parser.add_argument("--layouts", nargs="+", choices=("file", "shards"), default=["file", "shards"])
    options = parser.parse_args()
    rows = options.rows - options.rows % SAMPLES
    for layout in options.layouts:
        with tempfile.TemporaryDirectory() as folder, Workspace.init(Path(folder)) as ws:
            info = publish(ws, build(), report_html="", report_json={}).version
            began = time.perf_counter()
            (fill_shards if layout == "shards" else fill_file)(one_file(info) if layout == "file" else info, rows)
            seconds = time.perf_counter() - began
            size = sum(path.stat().st_size for path in info.path.rglob("*") if path.is_file())
            row = {"layout": layout, "rows": rows, "gigabytes": round(size / 1e9, 2), "made_in_s": round(seconds, 1)}
            print(json.dumps({**row, **looked_up(info, rows, options.looks)}), flush=True)


def fill_file(info: VersionInfo, rows: int) -> None:
    """Put the rows into the tables of dataset.duckdb."""
    with duckdb.connect(str(info.path / "dataset.duckdb")) as connection:
        for kind in KINDS:
            connection.execute(f"DELETE FROM {TABLE_NAMES[kind]}")
            for piece in pieces(connection, kind, rows):
                connection.register("piece", piece)
                connection.execute(f"INSERT INTO {TABLE_NAMES[kind]} SELECT * FROM piece")
        connection.execute("CHECKPOINT")


def fill_shards(info: VersionInfo, rows: int) -> None:
    """Put the rows into shards."""
    shutil.rmtree(info.path / FOLDER)
    with duckdb.connect() as connection:
        listing = {
            kind: [write_shard(info.path, kind, piece) for piece in pieces(connection, kind, rows)] for kind in KINDS
        }
    (info.path / LISTING).write_text(json_text(listing))


def pieces(connection: duckdb.DuckDBPyConnection, kind: Kind, rows: int) -> Iterator[pa.Table]:
    """The rows of a kind in key order, some at a time; what is not named is null, or what a toy has."""
    for start in range(0, total(kind, rows), PIECE):
        end = min(start + PIECE, total(kind, rows))
        table = connection.sql(f"SELECT {columns(kind, rows)} FROM range({start}, {end}) numbers(n)").to_arrow_table()
        absent = [pa.nulls(table.num_rows, field.type) for field in SCHEMAS[kind] if field.name not in table.column_names]
        names = [field.name for field in SCHEMAS[kind] if field.name not in table.column_names]
        yield (
            pa.table([*table.columns, *absent], [*table.column_names, *names])
            .select(SCHEMAS[kind].names)
            .cast(SCHEMAS[kind])
        )


def total(kind: Kind, rows: int) -> int:
    """Number of rows of a kind."""
    return {"problems": rows // SAMPLES, "scores": 0}.get(kind, rows)


def columns(kind: Kind, rows: int) -> str:
    """The columns of row n: completion n is sample n // problems of problem n % problems, so that they lie apart."""
    problems = rows // SAMPLES
    completion, problem = _ID.format(n="n", of=rows, salt="c"), _ID.format(n=f"n % {problems}", of=problems, salt="p")
    decided = f"n // {SAMPLES} + (n % {SAMPLES}) * {problems}"
    outcome = "CASE WHEN {0} % 3 = 0 THEN 'correct' ELSE 'incorrect' END"
    return {
        "problems": f"{_ID.format(n='n', of=problems, salt='p')} AS id, md5('q' || n) AS prompt_id, "
        "'\"What is ' || n || ' modulo 5?\"' AS prompt, (n % 5)::VARCHAR AS reference, 'math' AS kind, '[]' AS tests, "
        "'toy' AS source, 'CC0-1.0' AS licence, 'train' AS split, n % 8 + 1 AS level, '{}' AS meta",
        "completions": f"{completion} AS id, md5('q' || n % {problems}) AS prompt_id, 'toy' AS engine, 'sums' AS model, "
        f"'d123' AS model_digest, 'curate' AS stream, n // {problems} AS sample_index, n AS seed, "
        "'First I look at the number. ' || md5(n::VARCHAR) || ' Then I divide: the answer is ' || n % 7 AS text, "
        "'stop' AS finish_reason, 20 AS tokens_in, 60 AS tokens_out, '{}' AS meta",
        "verdicts": f"{completion} AS completion_id, {problem} AS problem_id, 'number' AS verifier, '1' AS version, "
        f"{outcome.format('n')} AS outcome, 'last_number' AS rule, (n % 7)::VARCHAR AS extracted",
        "scores": "NULL AS completion_id",
        "decisions": f"'bench' AS run, {_ID.format(n=f'n // {SAMPLES}', of=problems, salt='p')} AS problem_id, "
        f"{_ID.format(n=decided, of=rows, salt='c')} AS completion_id, 'quota' AS selector, '1' AS version, "
        f"({decided}) % 3 = 0 AS kept, 'quota' AS reason, {outcome.format(f'({decided})')} AS outcome, "
        "'number' AS verifier, '1' AS verifier_version",
    }[kind]


def looked_up(info: VersionInfo, rows: int, looks: int) -> dict[str, object]:
    """Milliseconds of looks at completions and at problems."""
    load_manifest(info)
    rng = random.Random(7)
    ids = {}
    with duckdb.connect() as connection:
        for kind, most in (("completion", rows), ("problem", rows // SAMPLES)):
            chosen = [rng.randrange(most) for _ in range(looks)]
            sql = _ID.format(n="n", of=most, salt=kind[0])
            ids[kind] = [connection.execute(f"SELECT {sql} FROM (SELECT ? AS n)", [n]).fetchall()[0][0] for n in chosen]
    result: dict[str, object] = {}
    for kind, members in ids.items():
        wall, cpu = [], []
        for identity in members:
            began, worked = time.perf_counter(), time.process_time()
            answer = why(info, identity[:16])
            wall.append((time.perf_counter() - began) * 1000)
            cpu.append((time.process_time() - worked) * 1000)
            assert answer.id == identity
            assert len(answer.decisions) == (1 if kind == "completion" else SAMPLES)
        result[f"{kind}_ms"] = {"wall": summary(wall), "cpu": summary(cpu)}
    return result


def summary(spent: list[float]) -> dict[str, float]:
    """The first, the median and the 95th of a hundred."""
    return {
        "first": round(spent[0], 1),
        "median": round(median(spent), 1),
        "p95": round(sorted(spent)[int(0.95 * len(spent))], 1),
    }


if __name__ == "__main__":
    main()
