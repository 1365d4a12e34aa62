"""Processor seconds that a command costs beside its work: a rerun with nothing to do, a small first run, reading commands.

    python benchmarks/runs/fixed_cost.py
    python benchmarks/runs/fixed_cost.py --before HEAD~20 --turns 5

Each checkout gets a workspace with a finished run of recipes/arithmetic.yaml, whose making is not measured. Two checkouts
take turns; children of a command count. `imports of`: a process that loads the modules that the command had loaded at its
end. `drawing`: seconds of the small run's rounds, by the clock.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.runs.checkouts import ROOT, checkout, run_in, seconds_of

CURATE = ("curate", "recipes/arithmetic.yaml", "--json")
SMALL = ("problems.count=24", "gate.min_kept=1", "gate.level_shares={}")
READING = (
    ("problems",),
    ("runs", "show"),
    ("show", "PROBLEM"),
    ("dataset", "list"),
    ("dataset", "show", "arithmetic"),
    ("dataset", "why", "arithmetic", "PROBLEM"),
)
LOADED = "import sys; from rollmill.flows import cli; cli.run(sys.argv[1:]); print('\\n' + ' '.join(sys.modules))"
LOADING = """
import importlib, sys
for name in sys.stdin.read().split():
    try:
        importlib.import_module(name)
    except ImportError:  # another module makes it
        pass
"""
MOST_RERUN, MOST_FIRST = 10.0, 25.0  # times `--help`; the latter with drawing and judging
MOST_IMPORTS = 0.5


@dataclass
class Side:
    """A checkout with a workspace, and the seconds measured so far by piece."""

    code: Path
    folder: Path
    seconds: dict[str, list[float]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make the workspace and its finished run, and see what the reading commands load."""
        self.rollmill("init", "ws")
        self.folder /= "ws"
        self.rollmill(*CURATE)
        problem = json.loads(self.rollmill("problems", "--json"))["problems"][0]["id"]
        for words in READING:
            given = [problem if word == "PROBLEM" else word for word in words]
            loaded = run_in(self.code, "-c", LOADED, *given, cwd=self.folder)
            self.modules[f"imports of {' '.join(words[:2])}"] = loaded.splitlines()[-1]

    def rollmill(self, *words: str) -> str:
        """What a command of this checkout prints in the workspace."""
        return run_in(self.code, "-m", "rollmill.flows.cli", *words, cwd=self.folder)

    def measure(self, turn: int) -> None:
        """Measure every piece once more."""
        self.note("--help", "--help")
        self.note("rerun", *CURATE)
        sets = (*SMALL, f"dataset=small-{turn}", f"generate.redraw={turn + 1}")
        small = self.note("24 problems", *CURATE, *(word for text in sets for word in ("--set", text)))
        self.seconds.setdefault("drawing", []).append(json.loads(small)["spent"]["seconds"])
        for piece, names in self.modules.items():
            load = lambda code, names=names: run_in(code, "-c", LOADING, cwd=self.folder, given=names)  # noqa: E731
            self.seconds.setdefault(piece, []).append(seconds_of(load, self.code))

    def note(self, piece: str, *words: str) -> str:
        """Measure a command; what it printed."""
        printed = list[str]()
        used = seconds_of(lambda _: printed.append(self.rollmill(*words)), self.code)
        self.seconds.setdefault(piece, []).append(used)
        return printed[0]

    def medians(self) -> dict[str, float]:
        """The median seconds of every piece."""
        return {piece: statistics.median(seconds) for piece, seconds in self.seconds.items()}


def main() -> None:
    """Print a line for each piece: the median of each checkout's seconds, and how many times its `--help` they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", help="another checkout, or a commit")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as stack:
        codes = [*([stack.enter_context(checkout(options.before))] if options.before else []), ROOT]
        sides = [Side(code, Path(stack.enter_context(tempfile.TemporaryDirectory()))) for code in codes]
        for side in sides:
            side.prepare()
        for turn in range(options.turns):
            for side in sides if turn % 2 == 0 else sides[::-1]:
                side.measure(turn)
    rows, names = [side.medians() for side in sides], ("before", "here")[-len(sides) :]
    print(f"{'CPU s':<24} " + " ".join(f"{name:>8} {'x help':>7}" for name in names))
    for piece in rows[-1]:
        print(f"{piece:<24} " + " ".join(f"{row[piece]:8.2f} {row[piece] / row['--help']:7.1f}" for row in rows))
    for bound, holds in bounds(rows[-1]).items():
        print(f"{'held' if holds else 'NOT HELD'}: {bound}")


def bounds(row: Mapping[str, float]) -> dict[str, bool]:
    """Whether the seconds of a checkout are within each bound."""
    help_seconds = row["--help"]
    loading = max(seconds for piece, seconds in row.items() if piece.startswith("imports of"))
    return {
        f"rerun, at most {MOST_RERUN:g} times --help": row["rerun"] <= MOST_RERUN * help_seconds,
        f"24 problems, at most {MOST_FIRST:g} times --help": row["24 problems"] <= MOST_FIRST * help_seconds,
        f"imports of a reading command, less than {MOST_IMPORTS} s": loading < MOST_IMPORTS,
    }


if __name__ == "__main__":
    main()
