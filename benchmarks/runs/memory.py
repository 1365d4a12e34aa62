"""Memory of a run: peak resident memory of one process that handles the completions, by their number.

    python benchmarks/runs/memory.py --rows 100000 300000 1000000 --limit 2000
    python benchmarks/runs/memory.py --rows 1000000 --publish --limit 4000  # a whole recipe, gate and publishing included

Each number is a process of its own under a hard limit of its data (RLIMIT_DATA, megabytes): the kernel gives it no more.
It plans, draws from an engine that costs nothing, commits, judges with `number`, commits, decides. With `--publish` it does
so as `rollmill curate --direct` does, and then a second process finds every row there, decides again, checks the gate and
publishes: its peaks are those of publishing alone.

What must grow with the rows is the plan (some 90 bytes a row), the decisions (as many), the index of what is stored (40)
and, of each row, its outcome and the key of its solution (18); and the problems, which are the caller's.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

MEGA = 1 << 20


def main() -> None:
    """Measure and print one JSON object a number of rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 60_000])
    parser.add_argument("--limit", type=int, default=2000, help="megabytes of data that a process may have")
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--publish", action="store_true", help="a whole recipe, then its decisions, gate and version again")
    parser.add_argument("--workspace", type=Path, help="where the rows of --publish lie, to be used again")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        resource.setrlimit(resource.RLIMIT_DATA, (options.limit * MEGA, options.limit * MEGA))
        row = published(options.child, options.workspace) if options.publish else passed(options.child, options.batch)
        print(json.dumps(row))
        return
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            place = ["--publish", "--workspace", str(options.workspace or folder)] if options.publish else []
            for _ in range(2 if options.publish else 1):
                shared = ["--limit", str(options.limit), "--batch", str(options.batch)]
                command = [sys.executable, __file__, "--child", str(rows), *shared, *place]
                environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}  # the default reserves a gigabyte
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
                print(done.stdout.strip() or json.dumps({"rows": rows, "failed": done.returncode}), flush=True)


def passed(rows: int, batch: int) -> dict[str, object]:
    """Let so many rows pass; peaks are megabytes, each up to the end of its part."""
    from benchmarks.fixed_run import fixed_run
    from benchmarks.runs.rounds import SAMPLES, ZeroCost
    from rollmill.flows.rounds import decide, plan_round, run_all
    from rollmill.ground.records import Problem
    from rollmill.storage.workspace import Workspace

    peaks, began = {"start": peak()}, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, Workspace.init(Path(folder)) as ws:
        problems = [Problem(f"What is {number} modulo 5?", str(number % 5)) for number in range(rows // SAMPLES)]
        with fixed_run(ws, problems, ZeroCost, SAMPLES, batch_size=batch) as run:
            planned = len(plan_round(run, 0) or ())
            peaks["plan"] = peak()
            drawn = sum(result.drawn for result in run_all(run))
            peaks["draw_and_judge"] = peak()
            report = decide(run)
            peaks["decide"] = peak()
    seconds = time.perf_counter() - began
    assert planned == drawn == report.completions == rows - rows % SAMPLES
    return {"rows": drawn, "peak_megabytes": peaks, "seconds": round(seconds, 1), "rows_per_second": round(drawn / seconds)}


ENGINE = """
from toys import ToyEngine

class Zero(ToyEngine):
    def answer(self, request):
        given = super().answer(request)
        return {**given, "text": FILLER + given["text"], "tokens_out": 150}

FILLER = "So we add the parts one after another and write down what is left over. " * 8
"""
RECIPE = """
recipe_schema: 1
name: bench
problems: {{synthesize: toys.py:ToyProblems, count: {problems}}}
generate: {{engine: zero.py:Zero, model: zero, batch_size: 2048}}
verify: [{{method: number}}]
budget: {{method: fixed, options: {{initial: 8}}}}
select: {{method: quota, options: {{per_problem: 1}}}}
"""


def published(rows: int, folder: Path) -> dict[str, object]:
    """A recipe to a version, with the peak up to the end of each stage; the version is removed again."""
    from benchmarks.runs.rounds import SAMPLES
    from rollmill.flows.driver import Direct, drive
    from rollmill.flows.job import Job
    from rollmill.flows.jobs.curate import Curate
    from rollmill.storage.workspace import Workspace

    began, peaks = time.perf_counter(), {"start": peak()}

    class Watched(Direct):
        def stage(self, name: str, work: Callable[[], Any], **inputs: str | int) -> Any:
            given = super().stage(name, work, **inputs)
            peaks[name] = peak()
            return given

    if not (folder / "rollmill.toml").exists():
        Workspace.init(folder).close()
        shutil.copyfile(Path(__file__).parents[2] / "tests" / "toys.py", folder / "toys.py")
        (folder / "zero.py").write_text(ENGINE)
        (folder / "bench.yaml").write_text(RECIPE.format(problems=rows // SAMPLES))
    os.chdir(folder)
    outcome = drive(Curate(Job.here("bench.yaml", (), None)), Watched())
    megabytes = sum(path.stat().st_size for path in Path(outcome["path"]).rglob("*") if path.is_file()) // MEGA
    shutil.rmtree(folder / "datasets")
    return {
        "rows": outcome["funnel"]["drawn"],
        "kept": outcome["funnel"]["kept"],
        "content_hash": outcome["content_hash"],
        "version_megabytes": megabytes,
        "peak_megabytes": peaks,
        "seconds": round(time.perf_counter() - began, 1),
    }


def peak() -> int:
    """The most resident memory of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
