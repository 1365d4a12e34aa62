"""What a run holds in memory: peak resident memory of one process through which completions pass, by their number.

    python benchmarks/memory.py --rows 100000 300000 1000000 --limit 2000

Each number is a process of its own under a hard limit of its data (RLIMIT_DATA, megabytes): the kernel gives it no more.
It plans, draws from an engine that costs nothing, commits, judges with `number`, commits, decides; publishing is no part
of it. What must grow with the rows is the plan (some 90 bytes a row), the decisions (as many), the index of what is stored
(40) and, of each row, its outcome and the key of its solution (18); and the problems, which are the caller's.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

MEGA = 1 << 20


def main() -> None:
    """Measure and print one JSON object a number of rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 60_000])
    parser.add_argument("--limit", type=int, default=2000, help="megabytes of data that a process may have")
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        resource.setrlimit(resource.RLIMIT_DATA, (options.limit * MEGA, options.limit * MEGA))
        print(json.dumps(passed(options.child, options.batch)))
        return
    for rows in options.rows:
        command = [
            sys.executable,
            __file__,
            "--child",
            str(rows),
            "--limit",
            str(options.limit),
            "--batch",
            str(options.batch),
        ]
        environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}  # the default reserves a gigabyte of addresses
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
        print(done.stdout.strip() or json.dumps({"rows": rows, "failed": done.returncode}), flush=True)


def passed(rows: int, batch: int) -> dict[str, object]:
    """Let so many rows pass; peaks are megabytes, each up to the end of its part."""
    from benchmarks.rounds import SAMPLES, ZeroCost
    from flows.rounds import OpenRun, RunSpec, decide, plan_round, run_all
    from pipelines.budget import Fixed
    from pipelines.select import Quota
    from pipelines.verify import VERIFIERS
    from storage.records import Problem
    from storage.workspace import Workspace

    peaks, began = {"start": peak()}, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, Workspace.init(Path(folder)) as ws:
        ws.runs.open("bench", name="bench", recipe={}, recipe_hash="bench")
        spec = OpenRun(
            RunSpec(
                run="bench",
                problems=[Problem(f"What is {number} modulo 5?", str(number % 5)) for number in range(rows // SAMPLES)],
                generator=ZeroCost,
                verifiers=(VERIFIERS["number"],),
                budget=Fixed(initial=SAMPLES),
                selector=Quota(),
                batch_size=batch,
            )
        )
        with spec:
            planned = len(plan_round(ws, spec, 0) or ())
            peaks["plan"] = peak()
            drawn = sum(result.drawn for result in run_all(ws, spec))
            peaks["draw_and_judge"] = peak()
            report = decide(ws, spec)
            peaks["decide"] = peak()
    seconds = time.perf_counter() - began
    assert planned == drawn == report.origins.completions == rows - rows % SAMPLES
    return {"rows": drawn, "peak_megabytes": peaks, "seconds": round(seconds, 1), "rows_per_second": round(drawn / seconds)}


def peak() -> int:
    """The most resident memory of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
