"""The distinct calls of a command: what its log names, grouped by function, path and the fault that can happen.

A command makes thousands of calls, most of them repetitions: the same write to the same log, the same rename of another
segment. Of each group the first and the last are chosen, and others between them by a seed. Knows nothing of what a call
leads to.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ALLOCATIONS = ("malloc", "calloc", "realloc", "memalign")
PATTERNS = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"(?<=/)[0-9a-f]{2}(?=/|$)", "*"),  # the first two digits of a hash, as a folder
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "*"),  # a UUID
        (r"[0-9a-f]{8,}", "*"),
        (r"(?<=/)\.[A-Za-z0-9_-]{22}\.tmp\b", ".*.tmp"),  # DVC
        (r"tmp_obj_\w{6}", "tmp_obj_*"),  # git
        (r"tmp[a-z0-9_]{8}(?![a-z0-9_])|(?<=^/tmp/)[a-z0-9_]{8}$", "tmp*"),  # Python
        (r"\d+", "0"),
    )
)


def kind(path: str, root: str = "") -> str:
    """A path without what differs from one command to the next: hashes, numbers, random parts, the folder of the case."""
    path = path.replace(root, "", 1) if root else path
    for pattern, instead in PATTERNS:
        path = pattern.sub(instead, path)
    return path


def read(log: Path, faults: int, root: str) -> list[list[str]]:
    """For each fault the kind of its first call, of its second, and so on, from the log of failing.c.

    An allocation has no path: it is named by the call that its process made before.
    """
    kinds: list[list[str]] = [[] for _ in range(faults)]
    before: dict[str, str] = {}
    for line in log.read_text(errors="replace").splitlines():
        process, function, rest = line.split(" ", 2)
        path, _, mask = rest.rpartition(" ")
        if function in ALLOCATIONS:
            name = f"allocation after {before.get(process, 'the start')}"
        else:
            name = before[process] = f"{function} {kind(path, root)}"
        for fault in range(faults):
            if int(mask) >> fault & 1:
                kinds[fault].append(name)
    return kinds


def groups(kinds: Sequence[Sequence[str]]) -> Mapping[tuple[int, str], list[int]]:
    """The numbers of the calls of each (fault, kind)."""
    grouped: dict[tuple[int, str], list[int]] = {}
    for fault, names in enumerate(kinds):
        for number, name in enumerate(names, 1):
            grouped.setdefault((fault, name), []).append(number)
    return grouped


def chosen(grouped: Mapping[tuple[int, str], Sequence[int]], most: int, chance: random.Random) -> Iterator[tuple[int, int]]:
    """(fault, call): of each group the first and the last call and `most` - 2 others, all where there are no more.

    With `most` 1 it is one that the seed chooses, and so for each group of allocations, as those are the most.
    """
    for (fault, name), calls in grouped.items():
        several = 1 if name.startswith("allocation") else most
        if len(calls) <= several:
            numbers: Sequence[int] = calls
        elif several == 1:
            numbers = [chance.choice(calls)]
        else:
            numbers = [calls[0], *chance.sample(calls[1:-1], several - 2), calls[-1]]
        yield from ((fault, number) for number in sorted(numbers))
