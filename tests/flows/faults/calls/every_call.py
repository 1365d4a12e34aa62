"""Every call of a command fails once: python -m tests.flows.faults.calls.every_call [SCENARIO...] [--share 0.01 --seed S].

For each scenario the calls are counted by a command that nothing happens to. Then, for each call and each fault that can
happen to it, the command runs in a fresh copy of its workspace, the call fails, the same command runs once more untouched,
and the checker looks. Counts may differ by a few from one command to the next, as threads race: the last calls are tried
until the command ends without one. `--progress FILE` keeps what was tried; what stands there is not tried again.
"""

# ruff: noqa: T201 (a program that prints its figures)

import argparse
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.flows.faults.calls import checker
from tests.flows.faults.calls.scenarios import SCENARIOS, SECRET

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
FAULTS = ("full disk", "no descriptor", "input/output error", "no memory", "short write", "kill")
STATE = struct.Struct("<iiq6qqq512si4x")  # struct state of failing.c
KILLED = -9


@dataclass(frozen=True)
class Ended:
    """How a command ended. `fired`: the call that failed, "" where none did."""

    status: int | None
    out: str
    err: str
    left: Sequence[str]
    fired: str
    counts: Sequence[int]


def library(folder: Path) -> Path:
    """The preloaded library, compiled; RuntimeError where there is no compiler."""
    if shutil.which("gcc") is None:
        raise RuntimeError("EVERY CALL: NOT RUN, there is no gcc to compile failing.c. Next: apt-get install gcc libc6-dev")
    made = folder / "failing.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", made, HERE / "failing.c", "-ldl", "-lpthread"], check=True)
    return made


@dataclass
class Machine:
    """Runs commands whose calls are counted and fail."""

    place: Path
    server: "subprocess.Popen[str]"

    @property
    def folder(self) -> Path:
        """The workspace of the moment, always at this path."""
        return self.place / "case" / "ws"

    def run(self, command: Sequence[str], fault: int = -1, call: int = 0) -> Ended:
        """A command in the workspace, of which a call fails."""
        state, said = self.place / "state", self.place / "said"
        state.write_bytes(STATE.pack(fault, 0, call, *([0] * 6), 0, 0, b"", int("FAILING_LOG" in os.environ)))
        case = self.folder.parent
        (case / "tmp").mkdir(exist_ok=True)
        environment = {
            "TMPDIR": str(case / "tmp"),
            "TOY_CALLS": str(self.place / "calls"),
            "OPENAI_API_KEY": SECRET,
            "DVC_SITE_CACHE_DIR": str(self.place / "dvc"),
        }
        question = {
            "arguments": list(command),
            "cwd": str(self.folder),
            "environment": environment,
            "state": str(state),
            "roots": str(case),
            "said": str(said),
        }
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        print(json.dumps(question), file=self.server.stdin, flush=True)
        answer = json.loads(self.server.stdout.readline())
        _, _, _, *counts, _, _, what, _ = STATE.unpack(state.read_bytes())
        out, err = (said.with_suffix(f".{name}").read_text(errors="replace") for name in ("out", "err"))
        return Ended(answer["status"], out, err, answer["left"], what.partition(b"\0")[0].decode(), counts)

    def begin(self, template: Path) -> None:
        """A fresh copy of a workspace."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        shutil.copytree(template, self.folder, symlinks=True)
        (self.place / "calls").unlink(missing_ok=True)

    def calls(self) -> list[str]:
        """The completions that were drawn, each as often as it was."""
        log = self.place / "calls"
        return log.read_text().split() if log.exists() else []


@contextmanager
def machine() -> Iterator[Machine]:
    """A machine with a place of its own."""
    with tempfile.TemporaryDirectory(prefix="every-call-") as name:
        place = Path(name)
        made = library(place)
        command = [sys.executable, "-m", "tests.flows.faults.calls.forking", str(made)]
        environment = {**os.environ, "LD_PRELOAD": str(made), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment)
        assert server.stdin is not None
        assert server.stdout is not None
        assert json.loads(server.stdout.readline()) == "ready"
        try:
            yield Machine(place, server)
        finally:
            server.stdin.close()
            server.wait(30)
            server.stdout.close()


@dataclass
class Expected:
    """What a scenario leads to when nothing happens to it, and how many calls there are for each fault."""

    template: Path
    counts: Sequence[int]
    hashes: Sequence[str]
    rows: dict[str, int]
    digests: dict[str, str]
    shape: Sequence[str]
    drawn: set[str] = field(default_factory=set)


def undisturbed(machine: Machine, name: str) -> Expected:
    """Make the workspace of a scenario and run its command untouched."""
    scenario, template = SCENARIOS[name], machine.place / f"template-{name}"
    shutil.rmtree(machine.folder.parent, ignore_errors=True)
    machine.folder.mkdir(parents=True)

    def run(*command: str) -> None:
        ended = machine.run(command)
        assert ended.status == 0, ended.err

    run("init", ".", "--bare")
    scenario.ready(machine.folder, run)
    shutil.rmtree(template, ignore_errors=True)
    shutil.copytree(machine.folder, template, symlinks=True)
    machine.begin(template)
    ended = machine.run(scenario.command)
    assert (ended.status, ended.left) == (0, []), ended
    folder = machine.folder
    wrong = checker.check(folder, SECRET)
    assert wrong == [], wrong
    found = (checker.hashes(folder), checker.rows(folder), checker.digests(folder), checker.shape(folder))
    return Expected(template, ended.counts, *found, drawn=set(machine.calls()))


def tried(machine: Machine, name: str, expected: Expected, fault: int, call: int) -> tuple[str, list[str]]:
    """Let one call fail, run the command again, and look: the call that failed, and what is wrong now."""
    scenario = SCENARIOS[name]
    machine.begin(expected.template)
    first = machine.run(scenario.command, fault, call)
    wrong = [*_ending(first, "first", (0, 1, 2, 130, *([KILLED] if fault == FAULTS.index("kill") else [])))]
    if first.status != 0:
        wrong += [f"after the fault: {line}" for line in checker.committed(machine.folder)]
        again = machine.run(scenario.command)
        wrong += _ending(again, "second", (0, 2) if scenario.done and scenario.done in again.err else (0,))
    folder = machine.folder
    wrong += checker.check(folder, SECRET)
    for what, was in (("hashes", expected.hashes), ("rows", expected.rows), ("digests", expected.digests)):
        if (now := getattr(checker, what)(folder)) != was:
            wrong.append(f"{what} are {now}, undisturbed {was}")
    if odd := set(checker.shape(folder)) ^ set(expected.shape):
        wrong.append(f"files differ: {sorted(odd)}")
    if left := [path.name for path in (folder.parent / "tmp").iterdir()]:
        wrong.append(f"left in the folder for temporary files: {left}")
    drawn = Counter(machine.calls())
    if set(drawn) != expected.drawn:
        wrong.append(f"{len(drawn)} completions were drawn, undisturbed {len(expected.drawn)}")
    if (twice := drawn.total() - len(drawn)) > scenario.under_way:
        wrong.append(f"{twice} completions were paid twice, {scenario.under_way} may be")
    return first.fired, wrong


def _ending(ended: Ended, which: str, may: Sequence[int]) -> Iterator[str]:
    said = ended.err.strip().splitlines()[-1:]
    if ended.status is None:
        yield f"the {which} command hangs: {said}"
    elif ended.status not in may:
        yield f"the {which} command ended with {ended.status}: {said}"
    if "Traceback" in ended.err or "Traceback" in ended.out:
        yield f"the {which} command shows a traceback: {said}"
    if "Exception ignored" in ended.err:
        yield f"the {which} command shows an exception that it ignored: {said}"
    if ended.left:
        yield f"the {which} command left processes: {ended.left}"


def cases(expected: Expected, share: float, most: int | None, chance: random.Random) -> list[tuple[int, int]]:
    """(fault, call) for every call, or for a random share of them, in no order."""
    every = [(fault, call) for fault, count in enumerate(expected.counts) for call in range(1, count + 1)]
    chosen = round(len(every) * share) if share < 1 else len(every)
    return chance.sample(every, min(len(every), max(5, min(chosen, most or chosen))))


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Try the calls of scenarios; prints each violation and the figures, and gives those."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS], help="all without any")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--most", type=int, help="cases of a scenario, a random part of the share")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--progress", type=Path)
    parser.add_argument("--case", type=lambda text: tuple(map(int, text.split(":"))), help="FAULT:CALL, one case")
    asked = parser.parse_args(arguments)
    known = _known(asked.progress)
    figures: dict[str, Any] = {}
    with machine() as one:
        for name in asked.scenarios or SCENARIOS:
            expected = undisturbed(one, name)
            chance = random.Random(f"{asked.seed} {name}")
            chosen = [asked.case] if asked.case else cases(expected, asked.share, asked.most, chance)
            seen = {"calls": max(expected.counts), "faults": sum(expected.counts), "tried": 0, "untouched": 0, "wrong": 0}
            for fault, call in chosen:
                found = known.get((name, fault, call))
                if found is None:
                    fired, wrong = tried(one, name, expected, fault, call)
                    found = {"scenario": name, "fault": fault, "call": call, "fired": fired, "wrong": wrong}
                    _keep(asked.progress, found)
                    for line in found["wrong"]:
                        print(f"{name} {FAULTS[fault]} {call} ({found['fired']}): {line}"[:1500], flush=True)
                seen["tried" if found["fired"] else "untouched"] += 1
                seen["wrong"] += bool(found["wrong"])
            figures[name] = seen
            print(f"{name}: {json.dumps(seen)}", flush=True)
    return figures


def _known(progress: Path | None) -> dict[tuple[str, int, int], dict[str, Any]]:
    if progress is None or not progress.exists():
        return {}
    rows = [json.loads(line) for line in progress.read_text().splitlines()]
    return {(row["scenario"], row["fault"], row["call"]): row for row in rows}


def _keep(progress: Path | None, found: dict[str, Any]) -> None:
    if progress is not None:
        with progress.open("a") as file:
            file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    sys.exit(any(seen["wrong"] for seen in main().values()))
