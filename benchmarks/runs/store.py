"""Speed of writes to spool and segments, and cost of a dashboard's query over many small files and after compaction.

    python benchmarks/runs/store.py --rows 1000000 --files 4000

Half of the files hold completions (texts of median 600 characters), half their verdicts. The query runs in a fresh process
each time: open the workspace, connect, join problems, verdicts and completions, aggregate by level. The file system's cache
is warm, because the rows have just been written.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.upkeep import compaction
from rollmill.storage.workspace import Workspace

PER_PROBLEM = 64
GROUP = 32
QUERY = """
SELECT p.level, count(*) AS rollouts, avg((v.outcome = 'correct')::INT) AS pass_rate,
       avg(c.tokens_out) AS tokens, count(*) FILTER (c.finish_reason = 'length') AS truncated
FROM verdicts v JOIN problems p ON p.id = v.problem_id JOIN completions c ON c.id = v.completion_id
GROUP BY p.level ORDER BY p.level
"""
COLD = """
import json, sys, time
start = time.perf_counter()
from pathlib import Path
from rollmill.storage.workspace import Workspace
with Workspace.open(Path(sys.argv[1])) as workspace, workspace.segments.connect() as connection:
    connected = time.perf_counter()
    rows = connection.execute(sys.argv[2]).fetchall()
    ended = time.perf_counter()
cpu = time.process_time()
print(json.dumps({"open": connected - start, "query": ended - connected, "total": ended - start, "cpu": cpu, "rows": rows}))
"""


def main() -> None:
    """Run the three measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rollouts")
    parser.add_argument("--files", type=int, default=4_000, help="segment files, completions and verdicts together")
    parser.add_argument("--repeats", type=int, default=5, help="fresh processes per query")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        with Workspace.init(root) as workspace:
            measure_spool(workspace)
            fill(workspace, options.rows, options.files)
            small = measure_query(root, options.repeats, "small files")
            compact(workspace)
            large = measure_query(root, options.repeats, "compacted")
            if small["rows"] != large["rows"]:
                raise SystemExit("the query gives other rows after compaction")
    print(f"ratio       {small['total'] / large['total']:.1f} times faster after compaction, same rows")


def measure_spool(workspace: Workspace, groups: int = 1_000) -> None:
    """Rows per second into a spool, in groups of 32 that are each fsynced."""
    rows = list(completions(problems(1), random.Random(0), GROUP * 8))
    parts = [rows[start : start + GROUP] for start in range(0, len(rows), GROUP)]
    spool = workspace.spool("benchmark")
    seconds = []
    for index in range(groups):
        start = time.perf_counter()
        spool.append(parts[index % len(parts)])
        seconds.append(time.perf_counter() - start)
    spool.discard()
    median = statistics.median(seconds)
    rate = GROUP * groups / sum(seconds)
    print(f"spool       {rate:,.0f} rows/s in groups of {GROUP} (median {median * 1e3:.2f} ms a group)")


def fill(workspace: Workspace, rows: int, files: int) -> None:
    """Commit every rollout through the ordinary protocol; rows per second into segments."""
    rng = random.Random(1)
    pool = problems(max(1, rows // PER_PROBLEM))
    workspace.segments.commit(SegmentKey("problems", "benchmark", "1", "all"), pool)
    batches = max(1, files // 2)
    stream = completions(pool, rng, rows)
    spent, stored, each = 0.0, 0, []
    for index in range(batches):
        batch = [next(stream) for _ in range(rows * (index + 1) // batches - rows * index // batches)]
        verdicts = [verdict(completion, rng) for completion in batch]
        for key, records in (
            (SegmentKey("completions", "benchmark", "1", f"b{index}"), batch),
            (SegmentKey("verdicts", "number", "1", f"b{index}"), verdicts),
        ):
            start = time.perf_counter()
            workspace.segments.commit(key, records)
            each.append(time.perf_counter() - start)
            spent += each[-1]
            stored += len(records)
    first, last = statistics.median(each[: len(each) // 10 + 1]), statistics.median(each[-len(each) // 10 :])
    print(
        f"segments    {stored / spent:,.0f} rows/s in {len(each)} commits of {stored // len(each)} rows "
        f"(median {first * 1e3:.1f} ms for the first tenth, {last * 1e3:.1f} ms for the last)"
    )


def measure_query(root: Path, repeats: int, label: str) -> dict[str, Any]:
    """Median seconds of the query in fresh processes, with its rows."""
    command = [sys.executable, "-c", COLD, str(root), QUERY]
    runs = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(repeats)]
    medians = {name: statistics.median(run[name] for run in runs) for name in ("open", "query", "total", "cpu")}
    count = sum(row[1] for row in runs[0]["rows"])
    print(
        f"{label:<11} {medians['total']:.2f} s cold process over {count:,} rollouts "
        f"(open and connect {medians['open']:.2f} s, query {medians['query']:.2f} s; "
        f"processor time {medians['cpu']:.2f} s; medians of {repeats})"
    )
    return {**medians, "rows": runs[0]["rows"]}


def compact(workspace: Workspace) -> None:
    """Compact every kind and say what that took."""
    start = time.perf_counter()
    reports = [compaction.compact(workspace.segments, kind) for kind in ("problems", "completions", "verdicts")]
    before, after = sum(r.files_before for r in reports), sum(r.files_after for r in reports)
    print(f"compaction  {before} files into {after} in {time.perf_counter() - start:.1f} s")


def problems(count: int) -> list[Problem]:
    """Distinct problems over eight levels."""
    return [Problem(f"How much is {index} and {index}?", str(2 * index), level=index % 8 + 1) for index in range(count)]


def completions(pool: Sequence[Problem], rng: random.Random, count: int) -> Iterator[Completion]:
    """Completions with texts of median 600 characters, made of words so that they compress like prose."""
    words = [f"{rng.choice('bcdfghlmnprst')}{rng.choice('aeiou')}{index:x}" for index in range(4_000)]
    prose = " ".join(rng.choices(words, k=200_000))
    for index in range(count):
        length = int(rng.lognormvariate(6.397, 0.5))  # e**6.397 = 600
        start = rng.randrange(len(prose) - length)
        yield Completion(
            digest128(["benchmark", index]),
            pool[index // PER_PROBLEM % len(pool)].prompt_id,
            "benchmark",
            "toy",
            "0" * 32,
            "curate",
            index % PER_PROBLEM,
            index,
            prose[start : start + length],
            "length" if rng.random() < 0.02 else "stop",
            tokens_in=40,
            tokens_out=length // 4,
            logprob_sum=-rng.random() * 30,
            meta={"problem": pool[index // PER_PROBLEM % len(pool)].id},
        )


def verdict(completion: Completion, rng: random.Random) -> Verdict:
    """A verdict whose outcome is mostly, not always, correct."""
    outcome = "correct" if rng.random() < 0.6 else "incorrect"
    problem_id = str(completion.meta["problem"])
    return Verdict(completion.id, problem_id, "number", "1", outcome, "numbers_equal", extracted="4", seconds=0.001)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
