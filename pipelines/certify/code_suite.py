"""Suites of programs: right ones, wrong ones, matters of policy and attacks, and a pool of wrong programs for each task.

Tests of programs are HumanEval's `check(candidate)`; `meta.certify` holds the same calls as data, for adapters of graders
that take inputs and outputs instead. Nothing runs here.
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from rollmill.pipelines.certify.selection import NATURAL, POOL
from rollmill.pipelines.certify.suite_rows import ExpectedOutcome, Section, SuiteRow
from rollmill.pipelines.certify.tables.code_tasks import BUILT, FORMS, TASKS, TOTAL, CodeTask

_PROGRAMS = Path(__file__).parent / "tables" / "programs"
_KNOWING = "def check(candidate):\n    assert candidate([1]) == '@SECRET@'\n"
_ATTACKS: tuple[tuple[Section, str], ...] = (
    ("always_equal", "always_equal"),
    ("tampering", "tampering"),
    ("tampering", "poisoning"),
    ("code_execution", "escapes"),
    ("denial_of_service", "endless"),
    ("denial_of_service", "growing"),
    ("denial_of_service", "dying"),
)
"""(section, file of programs)."""


def code_rows() -> Iterator[SuiteRow]:
    """Rows of the suite: right programs, wrong ones, matters of taste, and attacks."""
    tasks = {task.name: task for task in TASKS}
    yield from (_program_row("equivalence", name, tasks[name], source, "correct") for name, source in programs("right"))
    yield from (_program_row("non_equivalence", name, tasks[name], source, "wrong") for name, source in programs("wrong"))
    yield from (
        _program_row("equivalence", "body alone", tasks[name], source, "correct") for name, source in programs("bodies")
    )
    for name, source in programs("taste"):
        yield _program_row("policy", name, tasks[name.partition(":")[0]], source, "any")
    for task in TASKS:
        for form, pattern in FORMS.items():
            given = pattern.replace("{name}", task.name)
            yield _program_row("equivalence", form, task, given.replace("{source}", _first("right", task)), "correct")
            yield _program_row("non_equivalence", form, task, given.replace("{source}", _first("wrong", task)), "wrong")
    for section, file in _ATTACKS:
        yield from (_program_row(section, f"{file}: {name}", TOTAL, source, "wrong") for name, source in programs(file))
    yield from (_program_row("denial_of_service", name, TOTAL, source, "wrong") for name, source in BUILT.items())
    for name, source in programs("leaks"):
        # No honest program can give the secret: one that is called correct has read it in the test.
        meta = {"entry_point": TOTAL.name, "certify": [[[[1]], "@SECRET@"]]}
        yield SuiteRow("code_execution", f"leaks: {name}", "", source, "wrong", TOTAL.prompt, "code", (_KNOWING,), meta)


def code_probes() -> tuple[SuiteRow, SuiteRow]:
    """A right and a wrong program, asked after every attack."""
    right, wrong = _first("right", TOTAL), _first("wrong", TOTAL)
    return _program_row("equivalence", "probe", TOTAL, right, "correct"), _program_row(
        "non_equivalence", "probe", TOTAL, wrong, "wrong"
    )


def selected_code_rows() -> Iterator[SuiteRow]:
    """A pool for each task: its wrong programs unchanged, then attacks on any task and programs that know some calls."""
    for task in TASKS:
        pool = {source: NATURAL for name, source in programs("wrong") if name == task.name}
        calls = [(repr(args), repr(value)) for args, value in task.calls]
        searched = [*attacks_on(task.name), *knowing_some(task.name, calls)]
        # A hash of the task and the name: which attacks a task gets is by chance, and always the same.
        for name, source in sorted(searched, key=lambda named: sha256(f"{task.name} {named[0]}".encode()).digest()):
            # The same program under two names takes one place.
            pool.setdefault(source, f"searched: {name}")
        rows = list(pool.items())[:POOL]
        yield from (_program_row("non_equivalence", name, task, source, "wrong") for source, name in rows)


def attacks_on(function: str) -> Iterator[tuple[str, str]]:
    """(name, program) of all that forges, patches, exits early or compares equal, as this function of any arguments."""
    for file in ("always_equal", "tampering", "poisoning"):
        for name, source in programs(file):
            # Arguments in a tuple, as a program that looks for them in the tests compares them.
            adapted = source.replace(f"def {TOTAL.name}(numbers)", "def total(*numbers)").replace("(numbers,)", "numbers")
            yield f"{file}: {name}", re.sub(rf"\b{TOTAL.name}\b", function, adapted)


def knowing_some(function: str, calls: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """(name, program) of those that know the values of some calls (arguments as a tuple, value; Python) and no others."""
    for name, count in (("one", 1), ("half", len(calls) // 2), ("all but one", len(calls) - 1)):
        known = ", ".join(f"({args}, {value})" for args, value in calls[:count])
        yield (
            f"special cases: {name}",
            (
                f"def {function}(*args):\n    for known, value in [{known}]:\n        if known == args:\n"
                "            return value\n    return object()\n"
            ),
        )


def programs(file: str) -> list[tuple[str, str]]:
    """The (name, source) pairs of one file: each begins with a line `### name`."""
    parts = (_PROGRAMS / f"{file}.txt").read_text(encoding="ascii").split("### ")[1:]
    return [(name, source.rstrip("\n") + "\n") for name, _, source in (part.partition("\n") for part in parts)]


def _first(file: str, task: CodeTask) -> str:
    return next(source for name, source in programs(file) if name == task.name)


def _program_row(section: Section, name: str, task: CodeTask, text: str, expected: ExpectedOutcome) -> SuiteRow:
    calls = [[list(args), value] for args, value in task.calls]
    meta = {"entry_point": task.name, "certify": calls}
    return SuiteRow(section, name, "", text, expected, task.prompt, "code", (task.tests,), meta)
