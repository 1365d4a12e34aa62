"""The line at which each wrong solution went wrong, by the labels of its lines: for step-wise pairs and for reading errors.

Setlur et al. 2024 (RL on incorrect synthetic data) end a rejected prefix at the first pit, the first line with the lowest
label. Labels are shares of correct continuations, so with more continuations chance decides among the lines that follow
the error with equally low labels; the largest drop from one line to the next does not have this fault. In a chain with one
planted error, 32 continuations of each line and labels .7 before and .05 from it on, the largest drop names it in more than
.99 of solutions and the first pit in .53.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import duckdb
import pyarrow as pa

from rollmill.ground.errors import unknown_name
from rollmill.storage.exports.process_labels import LabelledSolution, ProcessLabels
from rollmill.storage.exports.write import Row

UNLABELLED = "solutions with a line that has no label"
RULES = ("largest_drop", "first_pit")


@dataclass
class Pits(ProcessLabels):
    """Rows of wrong solutions whose lines all have labels. Column `line`: the line with the error; `prefix`: the text
    before it.

    `by`: rule that finds the error, `largest_drop` or `first_pit`. `within`: standard errors within which a line counts as
    equal to the lowest; the first such line is taken. Column `start`: label before the first line, the share of right
    solutions of the problem. Column `drop`: label before the line minus the line's own.
    """

    _: KW_ONLY
    by: str = "largest_drop"
    within: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by not in RULES:
            raise unknown_name("rule of pits", self.by, RULES)

    @property
    def schema(self) -> pa.Schema:
        """The columns of labelled lines, the drop and the rule."""
        more = [("start", pa.float64()), ("drop", pa.float64()), ("rule", pa.string())]
        return pa.schema([*super().schema, *(pa.field(name, kind) for name, kind in more)])

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Rows by problem id, sample index and completion id."""
        # Gathered by problem: the label before the first line is the share of all its solutions that are right.
        solutions: list[LabelledSolution] = []
        for solution in self.labelled(connection):
            if solutions and solutions[0].row["problem_id"] != solution.row["problem_id"]:
                yield from self._of_problem(solutions)
                solutions = []
            solutions.append(solution)
        yield from self._of_problem(solutions)

    def _of_problem(self, solutions: Sequence[LabelledSolution]) -> Iterator[Row]:
        right = sum(solution.row["outcome"] == "correct" for solution in solutions)
        start = right / len(solutions) if solutions else 0.0
        for solution in solutions:
            if solution.row["outcome"] == "correct":
                continue
            # The line without a label may be the one with the error.
            if not solution.lines or len(solution.labels) < len(solution.lines):
                self.left_out[UNLABELLED] += 1
                continue
            labels = [solution.labels[line.number] for line in solution.lines]
            values, counts = [label.value for label in labels], [label.n for label in labels]
            place = located(values, start, self.by, self.within, counts)
            before = values[place - 1] if place else start
            made: dict[str, Any] = self._row(solution.row, solution.lines[place], len(values), labels[place])
            yield made | {
                "labelled_by": solution.labelled_by,
                "start": start,
                "drop": before - values[place],
                "rule": self.by,
            }


def located(
    values: Sequence[float], start: float, by: str, within: float = 0.0, counts: Sequence[int | None] | None = None
) -> int:
    """Place of the error among the labels of a solution's lines, from 0.

    `first_pit`: the first line with the lowest label; `largest_drop`: the line whose label is furthest below the one before
    it, `start` before the first. The first line within `within` standard errors of that one counts; `counts`: continuations
    behind each label, None for labels without noise.
    """
    if by == "first_pit":
        marks = list(values)
    else:
        marks = [value - before for value, before in zip(values, [start, *values[:-1]], strict=True)]
    lowest = min(range(len(marks)), key=lambda place: marks[place])
    count = (counts or [None] * len(values))[lowest]
    noise = within * math.sqrt(0.5 / count) if count else 0.0  # of a difference of two shares, at most
    # The first line within the noise: later lines repeat the low label of the error.
    return next(place for place, mark in enumerate(marks) if mark <= marks[lowest] + noise)
