"""Rows for verifiers of programs, from the tables: right and wrong programs, forms, and programs that attack. Runs nothing.

Tests are HumanEval's `check(candidate)`; `meta.certify` holds the same calls as data, for adapters of graders that take
inputs and outputs instead.
"""

from collections.abc import Iterator
from pathlib import Path

from pipelines.certify.rows import Expected, Row, Section
from pipelines.certify.tables.code_built import BUILT
from pipelines.certify.tables.code_tasks import FORMS, TASKS, TOTAL, Task

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


def code_rows() -> Iterator[Row]:
    """Everything: what is right, what is wrong, what is a matter of taste, and what attacks."""
    tasks = {task.name: task for task in TASKS}
    yield from (_row("equivalence", name, tasks[name], source, "correct") for name, source in programs("right"))
    yield from (_row("non_equivalence", name, tasks[name], source, "wrong") for name, source in programs("wrong"))
    yield from (_row("equivalence", "body alone", tasks[name], source, "correct") for name, source in programs("bodies"))
    for name, source in programs("taste"):
        yield _row("policy", name, tasks[name.partition(":")[0]], source, "any")
    for task in TASKS:
        for form, pattern in FORMS.items():
            given = pattern.replace("{name}", task.name)
            yield _row("equivalence", form, task, given.replace("{source}", _first("right", task)), "correct")
            yield _row("non_equivalence", form, task, given.replace("{source}", _first("wrong", task)), "wrong")
    for section, file in _ATTACKS:
        yield from (_row(section, f"{file}: {name}", TOTAL, source, "wrong") for name, source in programs(file))
    yield from (_row("denial_of_service", name, TOTAL, source, "wrong") for name, source in BUILT.items())
    for name, source in programs("leaks"):
        meta = {"entry_point": TOTAL.name, "certify": [[[[1]], "@SECRET@"]]}
        yield Row("code_execution", f"leaks: {name}", "", source, "wrong", TOTAL.prompt, "code", (_KNOWING,), meta)


def probes() -> tuple[Row, Row]:
    """A right and a wrong program, asked after every attack."""
    right, wrong = _first("right", TOTAL), _first("wrong", TOTAL)
    return _row("equivalence", "probe", TOTAL, right, "correct"), _row("non_equivalence", "probe", TOTAL, wrong, "wrong")


def programs(file: str) -> list[tuple[str, str]]:
    """The (name, source) pairs of one file: each begins with a line `### name`."""
    parts = (_PROGRAMS / f"{file}.txt").read_text(encoding="ascii").split("### ")[1:]
    return [(name, source.rstrip("\n") + "\n") for name, _, source in (part.partition("\n") for part in parts)]


def _first(file: str, task: Task) -> str:
    return next(source for name, source in programs(file) if name == task.name)


def _row(section: Section, name: str, task: Task, text: str, expected: Expected) -> Row:
    calls = [[list(args), value] for args, value in task.calls]
    meta = {"entry_point": task.name, "certify": calls}
    return Row(section, name, "", text, expected, task.prompt, "code", (task.tests,), meta)
