"""Processor seconds of five pieces of work in two checkouts, turn by turn: what a change costs.

    python benchmarks/runs/checkouts.py --before HEAD~20
    python benchmarks/runs/checkouts.py --before ../other --only rounds verify --turns 9

`--before` is a folder, or a commit that is unpacked into a temporary one.

Each piece is a process of its own. The checkouts take turns, and every second turn begins with the other one, so that a
machine that grows slower slows both. Processor seconds count the children of a process, but not the model server of
`http`. The ratio is the median over the turns of this checkout's seconds to those of the other one.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "benchmarks" / "peers" / "zero_server.py"
HTTP = """
import sys, tempfile
from pathlib import Path
from benchmarks.engines.http_engine import run
with tempfile.TemporaryDirectory() as folder:
    run(sys.argv[1], int(sys.argv[2]), 64, Path(folder))
"""
VERIFY = """
import sys
from benchmarks.verifiers.verify import as_items, short_completions, written_pairs
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.number import NumberVerifier
for verifier, items in ((NumberVerifier, short_completions()), (MathVerifier, as_items(written_pairs(int(sys.argv[1]))))):
    with verifier() as ours:
        for _ in ours.verify_many(items):
            pass
"""


def main() -> None:
    """Print a line for each piece: medians of both checkouts and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default="HEAD", help="the other checkout, or a commit (HEAD: without open changes)")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=sorted(PIECES), default=list(PIECES))
    options = parser.parse_args()
    print(f"{'piece':<10} {'before':>8} {'here':>8}  ratio (least, most), CPU s, {options.turns} turns")
    with checkout(options.before) as before:
        for name in options.only:
            with PIECES[name]() as work:
                print(f"{name:<10} {_compared(work, [before, ROOT], options.turns)}", flush=True)


@contextmanager
def checkout(given: str) -> Iterator[Path]:
    """The folder of a checkout, or the files of a commit in a temporary one."""
    if Path(given).is_dir():
        yield Path(given).resolve()
        return
    archive = subprocess.run(["git", "archive", given], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield Path(folder)


def _compared(work: Callable[[Path], object], sides: list[Path], turns: int) -> str:
    spent: list[tuple[float, float]] = []
    for turn in range(turns):
        order = sides if turn % 2 == 0 else sides[::-1]
        seconds = {side: seconds_of(work, side) for side in order}
        spent.append((seconds[sides[0]], seconds[sides[1]]))
    before, here = (statistics.median(turn[at] for turn in spent) for at in (0, 1))
    ratios = sorted(after / first for first, after in spent)
    return f"{before:8.2f} {here:8.2f}  {statistics.median(ratios):.3f} ({ratios[0]:.3f}, {ratios[-1]:.3f})"


def seconds_of(work: Callable[[Path], object], side: Path) -> float:
    """Processor seconds of the children that the work starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work(side)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run_in(side: Path, *words: str, cwd: Path | None = None, given: str = "") -> str:
    """Output of a Python process that imports the code of this checkout; RuntimeError with its last words if it fails."""
    # -P: otherwise the folder of a script, or the current one, would be searched before the checkout.
    command = [sys.executable, "-P", *words]
    environment = os.environ | {"PYTHONPATH": str(side)}
    done = subprocess.run(command, cwd=cwd or side, env=environment, input=given, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} in {side} ended with {done.returncode}: {done.stderr[-400:]}")
    return done.stdout


@contextmanager
def _script(*words: str) -> Iterator[Callable[[Path], object]]:
    yield lambda side: run_in(side, *words)


@contextmanager
def _main_job(problems: int) -> Iterator[Callable[[Path], object]]:
    """`rollmill curate` of the shipped recipe, in a fresh workspace each time."""

    def work(side: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            shutil.copytree(ROOT / "recipes", place / "recipes")
            shutil.copy(ROOT / "rollmill.toml", place)
            sets = ("--set", f"problems.count={problems}", "--set", "gate.min_kept=1")
            run_in(side, "-m", "rollmill.flows.cli", "curate", "recipes/arithmetic.yaml", "--direct", *sets, cwd=place)

    yield work


@contextmanager
def _http(rows: int) -> Iterator[Callable[[Path], object]]:
    """A run over HTTP; the server lives beside it and is not waited for, so that its seconds are not counted."""
    server = subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    try:
        yield lambda side: run_in(side, "-c", HTTP, url, str(rows))
    finally:
        server.kill()
        server.wait()


PIECES = {
    "rounds": partial(_script, "benchmarks/runs/rounds.py", "--rows", "20000"),
    "main job": partial(_main_job, 60),
    "http": partial(_http, 8_000),
    "verify": partial(_script, "-c", VERIFY, "500"),
    "memory": partial(_script, "benchmarks/runs/memory.py", "--rows", "60000"),
}

if __name__ == "__main__":
    main()
