"""Real rollouts in bulk: is the rate steady and the memory bounded, and is nothing judged twice after a kill -9?

    python benchmarks/verifiers/verify_bulk.py                      # 100,000 rollouts from ../shared/data
    python benchmarks/verifiers/verify_bulk.py --rows 5000 --folder /some/disk

There are about 15,800 real rollouts (GSM8K, MATH, MathCoder); more rows are the same ones again under further sample
indices, so the bulk run is mostly repeats of answers seen before. The first table therefore gives the verifiers' own rate
on the first sight of a (reference, answer) and on repeats apart. The second is `rollmill curate --direct` over all rows,
judged by `number`, then `math`: rate and memory per 10,000 rows, with the overview page's queries asked every second
meanwhile. The third is the same job killed at a random moment and resumed.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.runs.watching import Watched, watch
from rollmill.storage.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
PER_COPY = 1_000  # sample indices of one copy of the data
STEP = 10_000
BATCH = 256
OPEN_BATCHES = 4  # Limits.unjudged: batches that may be judged and not yet committed
RECIPE = """\
recipe_schema: 1
name: bulk
problems: {imported: bulk}
generate: {engine: imported}
verify:
  - method: counted.py:CountedNumber
  - method: math
select: {method: all_correct}
gate: {max_undecided: 1.0}
"""
# Counts what reaches the first verifier of the chain, also in a process that is killed later.
COUNTED = """\
import os
from pathlib import Path

from rollmill.pipelines.verify.number import NumberVerifier


class CountedNumber(NumberVerifier):
    def verify_many(self, items):
        items = list(items)
        with Path(os.environ["BULK_CALLS"]).open("a") as calls:
            calls.write("".join(f"{completion.id}\\n" for _, completion in items))
        return super().verify_many(items)
"""


def main() -> None:
    """Measure and print three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--seed", type=int, default=1, help="of the moment of the kill")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        originals = list(real_rollouts(options.data))
        _first_sight(originals)
        _imported(folder / "whole", originals, options.rows)
        shutil.copytree(folder / "whole", folder / "killed")
        whole = _undisturbed(folder / "whole", options.rows)
        _killed(folder / "killed", options.rows, whole["content_hash"], random.Random(options.seed))


def real_rollouts(data: Path) -> Iterator[dict[str, Any]]:
    """The rollouts of three sets as rows that carry their problem: prompt, reference, model, sample_index, messages."""
    if not data.is_dir():
        raise SystemExit(f"no folder {data}: the real rollouts lie beside the checkout; name their folder with --data")
    indices: Counter[tuple[str, str]] = Counter()
    for row in (*_solutions(data, "gsm8k"), *_solutions(data, "math"), *_turns(data)):
        key = (row["problem_id"], row["model"])
        yield {**row, "sample_index": indices[key]}
        indices[key] += 1


def _solutions(data: Path, name: str) -> Iterator[dict[str, Any]]:
    problems = {row["id"]: row for row in _lines(data / f"{name}_problems.jsonl")}
    for row in _lines(data / f"{name}_rollouts.jsonl"):
        problem = problems[row["problem_id"]]
        yield {
            "problem_id": row["problem_id"],
            "prompt": problem["prompt"],
            "reference": problem["reference"],
            "model": row.get("model", name),
            "messages": [{"role": "text", "content": row["text"]}],
        }


def _turns(data: Path) -> Iterator[dict[str, Any]]:
    for row in pq.read_table(data / "mathcoder_rollouts.parquet").to_pylist():
        kept = {name: row[name] for name in ("problem_id", "prompt", "reference", "model", "messages")}
        yield {**kept, "messages": json.loads(row["messages"])}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _first_sight(originals: Sequence[dict[str, Any]]) -> None:
    """Rates of the chain alone, in processes of their own: what is remembered begins empty."""
    with get_context("spawn").Pool(1) as pool:
        pairs = pool.apply(_pairs, (list(originals),))
    first = list({pair: number for number, pair in reversed(list(enumerate(pairs)))}.values())
    with get_context("spawn").Pool(1) as pool:
        seconds, cpu, again, again_cpu = pool.apply(_timed_twice, (list(originals), sorted(first)))
    print(f"verifiers alone (number, then math; one thread), {len(originals):,} rollouts\n")
    print(f"{'':32}{'rows':>9}{'rows/s':>10}{'rows/CPU s':>12}")
    print(
        f"{'first sight of (reference, answer)':34}{len(first):>7,}{len(first) / seconds:>10,.0f}{len(first) / cpu:>12,.0f}"
    )
    print(f"{'repeats':34}{len(originals):>7,}{len(originals) / again:>10,.0f}{len(originals) / again_cpu:>12,.0f}\n")


def _pairs(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Reference and extracted answer of each rollout, as verifiers see them."""
    return [(row["reference"], verdict.extracted) for row, verdict in zip(rows, _judged(rows), strict=True)]


def _timed_twice(rows: Sequence[dict[str, Any]], first: Sequence[int]) -> tuple[float, float, float, float]:
    """Wall and CPU seconds, workers included, of the first sights and then of every row."""
    times: list[float] = []
    for part in ([rows[number] for number in first], rows):
        began, cpu = time.perf_counter(), _cpu()
        _judged(part)
        times += [time.perf_counter() - began, _cpu() - cpu]
    return times[0], times[1], times[2], times[3]


_chain: list[Any] = []


def _judged(rows: Sequence[dict[str, Any]]) -> list[Any]:
    """The deciding verdict of each row, in batches as rounds ask; the verifiers live as long as the process."""
    from rollmill.pipelines.verify import VERIFIERS
    from rollmill.pipelines.verify.judging import judge

    _chain.extend([] if _chain else [VERIFIERS["number"](), VERIFIERS["math"]()])
    items = [_item(number, row) for number, row in enumerate(rows)]
    verdicts: dict[str, Any] = {}
    for start in range(0, len(items), BATCH):
        verdicts.update({verdict.completion_id: verdict for verdict in judge(_chain, items[start : start + BATCH], {})})
    return [verdicts[completion.id] for _, completion in items]


def _item(number: int, row: dict[str, Any]) -> tuple[Any, Any]:
    from rollmill.ground.records import Completion, Message, Problem

    turns = tuple(Message("assistant", turn["content"], turn["role"]) for turn in row["messages"])
    problem = Problem(row["prompt"], row["reference"], external_id=row["problem_id"])
    text = turns[-1].content
    return problem, Completion(
        str(number), "p", "imported", row["model"], "", "curate", 0, None, text, "imported", messages=turns
    )


def _cpu() -> float:
    import psutil

    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(part.user + part.system for part in times)


def _imported(folder: Path, originals: Sequence[dict[str, Any]], rows: int) -> None:
    """A workspace with `rows` rollouts imported, and what importing cost."""
    Workspace.init(folder).close()
    (folder / "bulk.yaml").write_text(RECIPE)
    (folder / "counted.py").write_text(COUNTED)
    path = folder / "bulk.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            copy, original = divmod(number, len(originals))
            row = originals[original]
            file.write(json.dumps({**row, "sample_index": row["sample_index"] + copy * PER_COPY}) + "\n")
    began = time.perf_counter()
    watched = watch(_start(folder, "import", "rollouts", path.name, "--name", "bulk"), folder, ask=False)
    assert watched.status == 0, watched.errors
    seconds = time.perf_counter() - began
    copies = -(-rows // len(originals))
    print(f"import: {rows:,} rollouts ({len(originals):,} real ones, {copies} times) in {seconds:.1f} s, ", end="")
    print(f"{rows / seconds:,.0f}/s, peak {watched.peak:,.0f} MB\n")
    path.unlink()


def _start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    import os

    return subprocess.Popen(
        [sys.executable, "-m", "rollmill.flows.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BULK_CALLS": str(folder / "calls")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _curate(folder: Path) -> "subprocess.Popen[str]":
    return _start(folder, "curate", "bulk.yaml", "--direct", "--json")


def _undisturbed(folder: Path, rows: int) -> dict[str, Any]:
    began = time.perf_counter()
    watched = watch(_curate(folder), folder)
    assert watched.status == 0, watched.errors
    outcome: dict[str, Any] = json.loads(watched.out)
    _table(watched, rows)
    funnel = outcome["funnel"]
    print(f"\nwhole command {time.perf_counter() - began:.1f} s, peak {watched.peak:,.0f} MB of all its processes")
    print(
        f"outcomes: {', '.join(f'{name} {funnel[name]:,}' for name in ('correct', 'incorrect', 'unparsed', 'undecided'))}"
    )
    delays = sorted(watched.delays)
    middle, worst = delays[len(delays) // 2], delays[-1]
    print(
        f"overview page's queries while it ran: {len(delays)}, median {middle * 1e3:.0f} ms, worst {worst * 1e3:.0f} ms\n"
    )
    return outcome


def _table(seen: Watched, rows: int) -> None:
    """Rate and memory of each 10,000 rows judged."""
    print(f"{'rows judged':>12}{'rows/s':>9}{'rows/CPU s':>12}{'MB, all processes':>19}")
    for done in range(0, rows, STEP):
        last = min(done + STEP, rows)
        seconds = seen.when(last) - seen.when(done)
        rates = [(last - done) / spent if spent > 0 else 0.0 for spent in (seconds, seen.cpu(done, last))]
        print(f"{last:>12,}{rates[0]:>9,.0f}{rates[1]:>12,.0f}{seen.memory(done, last):>19,.0f}")


def _killed(folder: Path, rows: int, expected: str, rng: random.Random) -> None:
    target = rng.randrange(rows // 10, rows * 9 // 10)
    watch(_curate(folder), folder, ask=False, kill_at=target)
    judged, repeated = _verdicts(folder)
    calls = _calls(folder)
    assert judged < rows, "the run ended before the kill; ask for more rows"
    watched = watch(_curate(folder), folder, ask=False)
    assert watched.status == 0, watched.errors
    outcome = json.loads(watched.out)
    final, final_repeated = _verdicts(folder)
    print(f"kill -9 when {target:,} rows were reported judged: {judged:,} rows had a committed verdict of `number`")
    print(
        f"  judged before the kill and not committed: {calls - judged:,} (at most {OPEN_BATCHES} open batches of {BATCH})"
    )
    print(f"  judged by the resumed command: {_calls(folder) - calls:,} = {rows:,} - {judged:,}")
    print(f"  verdicts of `number` in the end: {final:,}, of a pair judged before: {repeated + final_repeated}")
    same = outcome["content_hash"] == expected
    print(f"  content hash: {outcome['content_hash'][:16]}, {'equal to' if same else 'NOT that of'} the undisturbed run's")
    assert same
    assert final_repeated == 0
    assert _calls(folder) - calls == rows - judged
    assert calls - judged <= OPEN_BATCHES * BATCH


def _verdicts(folder: Path) -> tuple[int, int]:
    """Rows of the verdict segments of `number` as registered, and how many of them repeat a pair."""
    with Workspace.open(folder) as workspace:
        segments = [segment for segment in workspace.segments.registry.segments("verdicts") if segment.producer == "number"]
        rows = sum(segment.rows for segment in segments)
        with workspace.segments.connect() as connection:
            query = "SELECT count(*) FROM verdicts WHERE verifier = 'number'"  # each identity once
            distinct = connection.execute(query).fetchall()[0][0]
    return rows, rows - distinct


def _calls(folder: Path) -> int:
    return len((folder / "calls").read_text().split())


if __name__ == "__main__":
    main()
