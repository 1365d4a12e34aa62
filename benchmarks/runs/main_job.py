"""The main job by stage: wall time and peak memory of `rollmill curate`, first and second run, beside the bare engine.

    python benchmarks/runs/main_job.py                      # recipes/arithmetic.yaml, in a fresh workspace
    python benchmarks/runs/main_job.py --direct             # without Prefect

Memory is the proportional set size (shared pages counted once) of the command and all its children, sampled four times a
second. The bare engine draws the very completions of the run again, in one call, and throws them away.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Watched:
    """Measurements of one command: its result, seconds and peak MiB by stage."""

    result: dict[str, Any]
    seconds: float
    peak: float
    stages: dict[str, tuple[float, float]] = field(default_factory=dict)


def tree_mib(pid: int) -> float:
    """Proportional set size of a process and its descendants, in MiB."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            total += process.memory_full_info().pss
    except psutil.Error:
        pass
    return total / 2**20


def watch(arguments: list[str], workspace: Path) -> Watched:
    """Run the command line in a workspace and watch it until it ends; the stage is the one its last log line names next."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "rollmill.flows.cli", *arguments],
        cwd=workspace,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[tuple[float, str]] = []
    samples: list[tuple[float, float]] = []
    reader = threading.Thread(target=_collect, args=(process, lines, begun), daemon=True)
    sampler = threading.Thread(target=_sample, args=(process, samples, begun), daemon=True)
    reader.start()
    sampler.start()
    out = process.stdout.read() if process.stdout else ""
    status = process.wait()
    seconds = time.monotonic() - begun
    reader.join()
    sampler.join()
    if status != 0:
        raise SystemExit(f"rollmill {' '.join(arguments)} ended with {status}: {lines[-5:]}")
    stages = _by_stage(lines, samples, seconds)
    return Watched(json.loads(out), seconds, max((mib for _, mib in samples), default=0.0), stages)


def _collect(process: "subprocess.Popen[str]", lines: list[tuple[float, str]], begun: float) -> None:
    lines.extend((time.monotonic() - begun, line.strip()) for line in process.stderr or ())


def _sample(process: "subprocess.Popen[str]", samples: list[tuple[float, float]], begun: float) -> None:
    while process.poll() is None:
        samples.append((time.monotonic() - begun, tree_mib(process.pid)))
        time.sleep(0.25)


def _by_stage(
    lines: list[tuple[float, str]], samples: list[tuple[float, float]], end: float
) -> dict[str, tuple[float, float]]:
    """(seconds, peak MiB) by stage; drawing and verifying overlap and count as one."""
    marks = [(at, line.split()[0].removeprefix("stage=")) for at, line in lines if line.startswith("stage=")]
    stages: dict[str, tuple[float, float]] = {}
    last = 0.0
    for at, name in [*marks, (end, "end")]:
        stage = "draw+verify" if name in ("draw", "verify") else name
        peak = max((mib for when, mib in samples if last <= when <= at), default=0.0)
        seconds, before = stages.get(stage, (0.0, 0.0))
        stages[stage] = (seconds + at - last, max(before, peak))
        last = at
    return stages


def bare(recipe: Path, workspace: Path) -> dict[str, float]:
    """Draw the run's completions again with the engine alone: rows, tokens, seconds."""
    from rollmill.flows.identity import open_run
    from rollmill.flows.job import Job
    from rollmill.flows.rounds.drawing.batches import requests_of
    from rollmill.flows.session import open_session, recipe_of

    job = Job(str(workspace), str(recipe))
    with open_session(job) as session, open_run(session, recipe_of(job)) as run:
        plans = run.workspace.runs.plans(run.id)
        requests = [request for plan in plans for request in requests_of(run, plan)]
        engine = run.engine()
        begun = time.monotonic()
        tokens = sum(completion.tokens_out or 0 for completion in engine.generate(requests))
        return {"rows": len(requests), "tokens": tokens, "seconds": time.monotonic() - begun}


def show(title: str, watched: Watched) -> None:
    """Print a command's measurements as a table."""
    print(f"\n{title}: {watched.seconds:.1f} s, peak {watched.peak:,.0f} MiB")
    for stage, (seconds, mib) in watched.stages.items():
        print(f"  {stage:<14}{seconds:8.1f} s {mib:9,.0f} MiB")


def main() -> None:
    """Run it twice in a fresh workspace and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, default=ROOT / "recipes" / "arithmetic.yaml")
    parser.add_argument("--direct", action="store_true", help="without Prefect")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "ws"
        subprocess.run(
            [sys.executable, "-m", "rollmill.flows.cli", "init", str(workspace), "--bare"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (workspace / "models").symlink_to(ROOT / "models")
        arguments = ["curate", str(options.recipe.resolve()), "--json", *(["--direct"] if options.direct else [])]
        first = watch(arguments, workspace)
        show("first run", first)
        second = watch(arguments, workspace)
        show("second run (nothing to draw)", second)
        funnel = first.result["funnel"]
        alone = bare(options.recipe.resolve(), workspace)
        draw_seconds = first.stages.get("draw+verify", (0.0, 0.0))[0]
        print(
            f"\n{funnel['drawn']:,} completions; drawing and verifying took {draw_seconds:.1f} s of {first.seconds:.1f} s"
        )
        print(
            f"bare engine: {alone['rows']:,} completions, {alone['tokens']:,} tokens in {alone['seconds']:.1f} s; "
            f"drawing and verifying took {draw_seconds / alone['seconds']:.2f} times that"
        )
        assert second.result["content_hash"] == first.result["content_hash"]


if __name__ == "__main__":
    main()
