"""Start-up time of a command: processor seconds of helps and listings, and the first lines of `curate`.

    python benchmarks/runs/startup.py --turns 5

Processor time is of the command alone, the median of some turns; a machine that does other work hardly changes it. The
first lines of `rollmill curate recipes/arithmetic.yaml` are timed on a terminal, in a workspace made by `rollmill init`:
the first sign of life, what stands in it, and the first stage; the command is ended then.
"""

import argparse
import json
import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-P", "-m", "rollmill.flows.cli"]
QUICK = (
    ["--help"],
    ["curate", "--help"],
    ["runs", "list"],
    ["schedule", "list"],
    ["dataset", "list"],
    ["doctor", "--quick"],
)
MOST = 0.5  # processor seconds of `rollmill --help`
FIRST = 2.0  # seconds to the first sign of life


def main() -> None:
    """Measure and print one JSON object; exit status 1 if a bound is not held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "ws"
        subprocess.run([*PROGRAM, "init", str(workspace)], env=environment(), check=True, capture_output=True)
        seconds = {" ".join(words): cpu_seconds(words, workspace, turns) for words in QUICK}
        firsts = [first_lines(workspace) for _ in range(turns)]
    first = {key: round(statistics.median(turn[key] for turn in firsts), 2) for key in ("first_line", "first_stage")}
    row: dict[str, Any] = {"cpu_seconds": seconds, "curate": {**first, "said": firsts[0]["said"]}}
    row["held"] = seconds["--help"] < MOST and first["first_line"] < FIRST
    print(json.dumps(row, indent=2))
    sys.exit(not row["held"])


def environment() -> dict[str, str]:
    """Environment with this checkout's command line, for calls from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def cpu_seconds(words: list[str], folder: Path, turns: int) -> float:
    """The median processor seconds of a command."""
    used = []
    for _ in range(turns):
        command = subprocess.Popen(
            [*PROGRAM, *words], cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, _, usage = os.wait4(command.pid, 0)
        used.append(usage.ru_utime + usage.ru_stime)
    return round(statistics.median(used), 3)


def first_lines(workspace: Path) -> dict[str, Any]:
    """Seconds to the first line and to the first stage of `curate` on a terminal, and the first line itself."""
    ours, theirs = pty.openpty()
    began, first = time.monotonic(), dict[str, Any]()
    recipe = ["curate", "recipes/arithmetic.yaml"]
    command = subprocess.Popen([*PROGRAM, *recipe], cwd=workspace, env=environment(), stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        for text in _shown(ours):
            now = time.monotonic() - began
            first = first or {"first_line": now, "said": text.splitlines()[0].strip()}
            if "synthesize" in text:
                return {**first, "first_stage": now}
    finally:
        command.send_signal(signal.SIGINT)
        command.wait()
        os.close(ours)
    raise SystemExit("the command ended without a stage")


def _shown(terminal: int) -> Iterator[str]:
    """Output on a terminal as it arrives, without its colours."""
    while select.select([terminal], [], [], 600)[0]:
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # the other side was closed
            return
        text = data.decode(errors="replace").replace("\x1b[2m", "").replace("\x1b[0m", "")
        if text.strip():
            yield text.lstrip()


if __name__ == "__main__":
    main()
