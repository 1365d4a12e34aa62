"""Labels of single lines: a stored score of each, or the share of correct continuations (Math-Shepherd).

Wang et al. 2024 (Math-Shepherd) label a line by the completions that a model draws from the text up to and with it: the
share of correct ones. Here those are the completions of a step with `turn: continue`, whose record has the length of the
given text. Two solutions with the same lines so far share their continuations.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.recipe_steps import recorded_steps
from rollmill.ground.records import JUDGED
from rollmill.ground.solutions import Line, lines_of
from rollmill.storage.exports.chat_rows import ABOUT_THE_PROBLEM, RolloutTexts, columns_of, judged_by
from rollmill.storage.exports.origin import ORIGIN, origin_of
from rollmill.storage.exports.thread_rows import STORED, ProblemThreads, manifest_of
from rollmill.storage.exports.write import Row

UNLABELLED = "lines without a label"
REPEATED = "lines that another solution of the problem has too, behind the same ones"
OTHER_LINES = "solutions whose scores are not one for each line"


class StepLabel(NamedTuple):
    """Label of a line: a share of `n` continuations, or a score (`n` and `correct` None)."""

    value: float
    n: int | None = None
    correct: int | None = None


class LabelledSolution(NamedTuple):
    """A judged solution: its row, its lines, labels by number of a line, and the score or step that labelled them."""

    row: Row
    lines: list[Line]
    labels: Mapping[int, StepLabel]
    labelled_by: str


@dataclass
class ProcessLabels(RolloutTexts):
    """Rows of labelled lines of judged solutions: `prefix` is the text before the line, `label` a number from 0 to 1.

    `score`: a scorer with numbers by line, or `scorer@version`; without it labels are shares of continuations. `step`: the
    continuing step, if there are several. `least_n`: the fewest continuations of a line.
    """

    _: KW_ONLY
    score: str = ""
    step: str = ""
    least_n: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least_n < 1:
            raise SetupError(f"least_n is {self.least_n}; it must be 1 or more.")
        if self.score and self.step:
            raise SetupError("score and step are both given: a label is a score or a share of continuations.")

    @property
    def schema(self) -> pa.Schema:
        """The line, its label, and its origin."""
        return pa.schema(
            [
                ("prompt", self.turns),
                *columns_of(pa.string(), "prefix", "line"),
                *columns_of(pa.int64(), "number", "lines"),
                ("label", pa.float64()),
                *columns_of(pa.int64(), "n", "correct"),
                *columns_of(pa.string(), "labelled_by", "id", "completion_id", "problem_id", "outcome", "verifier"),
                *ABOUT_THE_PROBLEM,
                ("model", pa.string()),
                *ORIGIN,
            ]
        )

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Rows by problem id, sample index, completion id and line."""
        told: dict[str, set[tuple[str, float]]] = {}
        for row, lines, labels, by in self.labelled(connection):
            once = told.setdefault(row["problem_id"], set())
            for line, label in self._once(row["text"], lines, labels, once):
                yield self._row(row, line, len(lines), label) | {"labelled_by": by}

    def labelled(self, connection: duckdb.DuckDBPyConnection) -> Iterator[LabelledSolution]:
        """Every judged solution with its lines, their labels by number, and their labelling score or step."""
        self.left_out.clear()
        scores = _line_scores(connection, self.score) if self.score else {}
        continuing = "" if self.score else self._continuing(connection)
        for problem in self.problems(connection):
            continuations = None if self.score else _continuations(problem, continuing)
            for cid, row in problem.rows.items():
                # A continuation labels the text that it continues and gets no labels of its own.
                if row["outcome"] not in JUDGED or (continuations is not None and row["step"] == continuing):
                    continue
                if not self.may_use(row):
                    continue
                lines = lines_of(row["text"])
                labels = (
                    self._of_scores(scores.get((cid, problem.problem_id)), lines)
                    if continuations is None
                    else _shares(continuations, row["text"], lines)
                )
                yield LabelledSolution(row, lines, self._enough(labels), self.score or continuing)

    def _enough(self, labels: Mapping[int, StepLabel]) -> dict[int, StepLabel]:
        """The labels of `least` continuations or more, and those that are scores."""
        return {number: label for number, label in labels.items() if label.n is None or label.n >= self.least_n}

    def _once(
        self, text: str, lines: list[Line], labels: Mapping[int, StepLabel], told: set[tuple[str, float]]
    ) -> Iterator[tuple[Line, StepLabel]]:
        """The labelled lines; equal labels of equal beginnings of a problem count once."""
        for line in lines:
            label = labels.get(line.number)
            if label is None:
                self.left_out[UNLABELLED] += 1
            # With the label: two scored solutions may begin alike and differ in the score of that line.
            elif (text[: line.end], label.value) in told:
                self.left_out[REPEATED] += 1
            else:
                told.add((text[: line.end], label.value))
                yield line, label

    def _row(self, row: Row, line: Line, lines: int, label: StepLabel) -> Row:
        return {
            **row,
            **origin_of(row),
            "prompt": self.asked(row),
            "prefix": row["text"][: line.start],
            "line": row["text"][line.start : line.end],
            "number": line.number,
            "lines": lines,
            "label": label.value,
            "n": label.n,
            "correct": label.correct,
            "id": f"{row['completion_id']}-{line.number}",
            "verifier": judged_by(row),
        }

    def _of_scores(self, steps: list[float] | None, lines: list[Line]) -> dict[int, StepLabel]:
        """The scores as labels; empty if there is not one score per line."""
        if steps is None or len(steps) != len(lines):
            if steps is not None:
                self.left_out[OTHER_LINES] += 1
            return {}
        return {line.number: StepLabel(value) for line, value in zip(lines, steps, strict=True)}

    def _continuing(self, connection: duckdb.DuckDBPyConnection) -> str:
        """The continuing step; SetupError without one, or for several without a choice."""
        steps = recorded_steps(manifest_of(connection).get("recipe", {}))
        names = [str(step["name"]) for step in steps if step.get("turn") == "continue"]
        if self.step and self.step not in names:
            raise unknown_name("continuing step", self.step, names)
        if not names:
            raise SetupError(
                "no step of this version continues from a line (turn: continue).", next_command="--set score=SCORER"
            )
        if len(names) > 1 and not self.step:
            raise SetupError("several steps continue from lines.", choices=names, next_command=f"--set step={names[0]}")
        return self.step or names[0]


Continuations = Mapping[str, Counter[bool]]
"""For each given beginning, without blanks at its end: the numbers of its correct and incorrect continuations."""


def _continuations(problem: ProblemThreads, step: str) -> Continuations:
    """Outcomes of a step's completions by their given text."""
    continuations: dict[str, Counter[bool]] = {}
    for row in problem.rows.values():
        given = json.loads(row["meta"] or "{}").get("prefix")
        # A completion without a given text is a whole answer, and labels no line.
        if row["step"] == step and row["outcome"] in JUDGED and isinstance(given, int) and given > 0:
            continuations.setdefault(row["text"][:given].rstrip(), Counter())[row["outcome"] == "correct"] += 1
    return continuations


def _shares(continuations: Continuations, text: str, lines: list[Line]) -> dict[int, StepLabel]:
    """The share of correct ones among the continuations of each line."""
    # Cut at the end on both sides, so that a given text with its line break is found as well.
    counts = {line.number: continuations.get(text[: line.end].rstrip()) for line in lines}
    return {
        number: StepLabel(count[True] / count.total(), count.total(), count[True])
        for number, count in counts.items()
        if count is not None
    }


def _line_scores(connection: duckdb.DuckDBPyConnection, score: str) -> dict[tuple[str, str], list[float]]:
    """The numbers by line of one scorer, of the version or stored later; SetupError for none, or several versions."""
    every = f"select * from scores union all by name select * from {STORED}"  # noqa: S608 - a name of ours
    columns = "completion_id, problem_id, scorer, version, steps"
    # Distinct, as a score of the version may be stored in the workspace as well.
    query = f"select distinct {columns} from ({every}) where steps is not null"  # noqa: S608
    rows: list[Any] = connection.execute(query).fetchall()
    known = sorted({f"{scorer}@{version}" for _, _, scorer, version, _ in rows})
    wanted = [name for name in known if score in (name, name.rpartition("@")[0])]
    if not wanted:
        raise unknown_name("score by line", score, known, next_command="rollmill score RUN --with NAME")
    if len(wanted) > 1:
        raise SetupError(f"score {score!r} is stored in several versions.", choices=wanted)
    return {(cid, pid): steps for cid, pid, scorer, version, steps in rows if f"{scorer}@{version}" == wanted[0]}
