"""Planned rows in groups of whole problems, so that a run of any size is gone through in bounded memory. Reads nothing."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from storage.records import PlanRow
from storage.segments.rows import Rows
from storage.segments.schema import CHUNK


def in_order(plans: Sequence[Sequence[PlanRow]]) -> Rows[PlanRow]:
    """The rows of all rounds by problem and sample index."""
    return together(plans).sorted_by("problem_id", "sample_index", "completion_id")


def by_problems(plans: Sequence[Sequence[PlanRow]], at_least: int) -> Iterator[list[PlanRow]]:
    """The same, each (completion, problem) once, in groups of whole problems of `at_least` rows."""
    for group in whole_problems(in_order(plans), at_least):
        yield list({(row.completion_id, row.problem_id): row for row in group}.values())


def together(plans: Sequence[Sequence[PlanRow]]) -> Rows[PlanRow]:
    """The rows of all rounds, one after another."""
    return Rows.joined("plan", [Rows.of("plan", plan).table for plan in plans if plan])


def problems_and_arms(rows: Rows[PlanRow]) -> Iterator[tuple[str, str]]:
    """(problem id, arm) of each row, without making a record of it."""
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        arms = (arm or "" for arm in part.column("arm").to_pylist())
        yield from zip(part.column("problem_id").to_pylist(), arms, strict=True)


def whole_problems(rows: Iterable[PlanRow], at_least: int) -> Iterator[list[PlanRow]]:
    """Rows that are in order of their problems, in groups of whole problems of `at_least` rows."""
    group: list[PlanRow] = []
    for _, members in groupby(rows, key=lambda row: row.problem_id):
        group += members
        if len(group) >= at_least:
            yield group
            group = []
    if group:
        yield group
