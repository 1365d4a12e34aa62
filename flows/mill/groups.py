"""Planned rows in groups of whole problems, so that a run of any size is gone through in bounded memory. Reads nothing."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from storage.records import PlanRow


def by_problems(plans: Sequence[Sequence[PlanRow]], at_least: int) -> Iterator[list[PlanRow]]:
    """The rows of all rounds by problem and sample index, each (completion, problem) once, groups of `at_least` rows."""
    rows = {(row.completion_id, row.problem_id): row for plan in plans for row in plan}
    ordered = sorted(rows.values(), key=lambda row: (row.problem_id, row.sample_index, row.completion_id))
    group: list[PlanRow] = []
    for _, members in groupby(ordered, key=lambda row: row.problem_id):
        group += members
        if len(group) >= at_least:
            yield group
            group = []
    if group:
        yield group
