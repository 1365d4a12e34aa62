"""Every call of a command fails once: python -m tests.flows.faults.calls.every_call [SCENARIO...] [--share 0.01 --seed S].

`--kinds K` tries the distinct calls: K of each group of equal ones (kinds.py), and prints how many groups there are.

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
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.flows.faults.calls import checker, kinds
from tests.flows.faults.calls.machine import Ended, Machine, machine
from tests.flows.faults.calls.scenarios import SCENARIOS, SECRET

FAULTS = ("full disk", "no descriptor", "input/output error", "no memory", "short write", "kill")
KILLED, CRASHED = -9, (-6, -11)
PROBE, FOLDER = re.compile(r"[a-z0-9_]{8}"), re.compile(r"tmp[a-z0-9_]{8}")
SPILL = f"rollmill-duckdb-{os.getuid()}"
BY_DVC = re.compile(r"\w+ \S+/ws/(?:\.dvc/cache|remote)/files/md5/")


@dataclass
class Expected:
    """What a scenario leads to when nothing happens to it, and how many calls there are for each fault."""

    template: Path
    counts: Sequence[int]
    hashes: Sequence[str]
    rows: dict[str, int]
    digests: dict[str, str]
    shape: Sequence[str]
    kinds: Sequence[Sequence[str]]
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
    ended = machine.run(scenario.command, log=True)
    assert (ended.status, ended.left) == (0, []), ended
    named = kinds.read(machine.log, len(FAULTS), str(machine.folder.parent))
    folder = machine.folder
    wrong = [*checker.check(folder, SECRET), *_temporaries(machine, "", killed=False)]
    assert wrong == [], wrong
    found = (checker.hashes(folder), checker.rows(folder), checker.digests(folder), checker.shape(folder))
    return Expected(template, ended.counts, *found, named, drawn=set(machine.calls()))


def tried(machine: Machine, name: str, expected: Expected, fault: int, call: int) -> tuple[str, int | None, list[str]]:
    """Let one call fail, run the command again, and look: the call, how the command ended, and what is wrong now."""
    scenario = SCENARIOS[name]
    machine.begin(expected.template)
    first = machine.run(scenario.command, fault, call)
    died = (KILLED,) if fault == FAULTS.index("kill") else CRASHED if _is_native(first.fired) else ()
    wrong = [*_ending(first, "first", (0, 1, 2, 130, *died))]
    if first.status != 0 or _unfinished(first, machine.folder):
        wrong += [f"after the fault: {line}" for line in checker.committed(machine.folder)]
        again = machine.run(scenario.command)
        wrong += _ending(again, "second", (0, 2) if scenario.done and scenario.done in again.err else (0,))
    folder = machine.folder
    # DVC leaves its copy behind, too, where it can neither write nor rename it.
    killed = (fault == FAULTS.index("kill") and bool(first.fired)) or bool(BY_DVC.match(first.fired))
    wrong += checker.check(folder, SECRET, killed=killed)
    for what, was in (("hashes", expected.hashes), ("rows", expected.rows), ("digests", expected.digests)):
        if (now := getattr(checker, what)(folder)) != was:
            wrong.append(f"{what} are {now}, undisturbed {was}")
    if odd := set(checker.shape(folder, killed=killed)) ^ set(expected.shape):
        wrong.append(f"files differ: {sorted(odd)}")
    wrong += _temporaries(machine, first.fired, killed=killed)
    drawn = Counter(machine.calls())
    if set(drawn) != expected.drawn:
        wrong.append(f"{len(drawn)} completions were drawn, undisturbed {len(expected.drawn)}")
    if (twice := drawn.total() - len(drawn)) > scenario.under_way:
        wrong.append(f"{twice} completions were paid twice, {scenario.under_way} may be")
    return first.fired, first.status, wrong


def _unfinished(first: Ended, folder: Path) -> bool:
    """Whether a command that did its work says, or shows, that the next one has to finish it.

    A disk that stays full keeps it from giving its lease back; a DVC that was killed tracks nothing, which is a warning.
    """
    return "is not tracked" in first.out + first.err or checker.leases(folder) > 0


def _is_native(fired: str) -> bool:
    """Whether a library was refused memory or a thread: C++ as DuckDB's may crash then, and that is like a kill."""
    return fired.startswith(("mmap", "pthread_create", *kinds.ALLOCATIONS))


def _temporaries(machine: Machine, fired: str, *, killed: bool) -> Iterator[str]:
    """What a command left in the folder for temporary files, but for what could not be removed, as that was the call that
    failed, and for what libraries make there and remove at once.

    That is the file by which Python's tempfile sees whether it can write, the user's empty folder for what DuckDB does not
    hold in memory and, after a kill, the empty folder that a context of Great Expectations begins with.
    """
    left = [path for path in sorted((machine.folder.parent / "tmp").iterdir()) if not _of_library(path, killed=killed)]
    left = [path for path in left if fired not in (f"rmdir {path}", f"unlink {path}", f"open {path}")]  # to list a folder
    if left:
        yield f"left in the folder for temporary files: {[path.name for path in left]}"


def _of_library(path: Path, *, killed: bool) -> bool:
    if path.is_dir():
        kept = path.name == SPILL or (killed and FOLDER.fullmatch(path.name))
        return bool(kept) and not any(path.iterdir())
    return bool(PROBE.fullmatch(path.name)) and path.read_bytes() in (b"", b"blat")


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


def cases(expected: Expected, asked: argparse.Namespace, chance: random.Random) -> list[tuple[int, int]]:
    """(fault, call) for every call, for some of each group or for a random share, in no order."""
    every = [(fault, call) for fault, count in enumerate(expected.counts) for call in range(1, count + 1)]
    if asked.case:
        return [asked.case]
    if asked.kinds:
        every = list(kinds.chosen(kinds.groups(expected.kinds), asked.kinds, chance))
    chosen = max(5, round(len(every) * asked.share))
    return chance.sample(every, min(len(every), chosen, asked.most or chosen))


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Try the calls of scenarios; prints each violation and the figures, and gives those."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS], help="all without any")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--most", type=int, help="cases of a scenario, a random part of the share")
    parser.add_argument("--kinds", type=int, metavar="K", help="of each group of equal calls K, of allocations 1")
    parser.add_argument("--seconds", type=float, help="begin no case of a scenario after so many")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--progress", type=Path)
    parser.add_argument("--case", type=lambda text: tuple(map(int, text.split(":"))), help="FAULT:CALL, one case")
    asked = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    with machine() as one:
        for name in asked.scenarios or SCENARIOS:
            figures[name] = scenario(one, name, asked)
            print(f"{name}: {json.dumps(figures[name])}", flush=True)
    return figures


def scenario(machine: Machine, name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Try the calls of a scenario that are asked for, and count.

    Of `faults` (call, fault) pairs there are `groups` of equal function, path and fault; of `groups_tried` at least one.
    `crashed`: a library died of memory that it was refused, and nothing was wrong with the workspace after.
    """
    expected, known, begun = undisturbed(machine, name), _known(asked.progress), time.monotonic()
    grouped = kinds.groups(expected.kinds)
    group = {(fault, call): (fault, kind) for (fault, kind), calls in grouped.items() for call in calls}
    seen: Counter[str] = Counter(tried=0, untouched=0, wrong=0, crashed=0)
    reached = set()
    for fault, call in cases(expected, asked, random.Random(f"{asked.seed} {name}")):
        row = known.get((name, fault, call))
        if row is None and asked.seconds and time.monotonic() - begun > asked.seconds and seen["tried"]:
            continue
        if row is None:
            fired, status, wrong = tried(machine, name, expected, fault, call)
            row = {"scenario": name, "fault": fault, "call": call, "fired": fired, "wrong": wrong, "status": status}
            _keep(asked.progress, row)
            for line in wrong:
                print(f"{name} {FAULTS[fault]} {call} ({fired}): {line}"[:1500], flush=True)
        seen["tried" if row["fired"] else "untouched"] += 1
        seen["wrong"] += bool(row["wrong"])
        seen["crashed"] += row.get("status") in CRASHED
        if row["fired"]:
            reached.add(group.get((fault, call)))
    counts = {"calls": max(expected.counts), "faults": sum(expected.counts), "groups": len(grouped)}
    return {**counts, "groups_tried": len(reached - {None}), **seen, "seconds": round(time.monotonic() - begun)}


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
