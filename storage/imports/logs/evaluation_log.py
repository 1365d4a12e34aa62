"""The log of another tool's evaluation, in one form for all tools: answers with their scores, and the printed numbers."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.ground.ids import digest128
from rollmill.storage.imports.logs.targets import SEVERAL
from rollmill.storage.imports.reading.cells import CellError, Targets
from rollmill.storage.imports.reading.faults import log_error
from rollmill.storage.imports.reading.json_files import each_once
from rollmill.storage.imports.reading.limits import Unfolded

if TYPE_CHECKING:
    from rollmill.metrics.logged_scores import Reduction

MOST = 1 << 30
"""Bytes of one log, unfolded, unless a higher limit is set: a log is held in memory while it is adopted."""
_PACKED = (".eval", ".parquet")
_ABOUT = ("level", "skill", "template", "source", "licence", "subject", "difficulty", "category", "license")


@dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """Logged answer with the tool's scores by name, as JSON values. `problem`: the tool's id of the problem. `text`: a
    text, or the turns of the answer.

    `facts`: other fields of an import (finish_reason, level); `file`, `rows`: its file and every row about it, where a log
    is read as a whole.
    """

    problem: str
    prompt: Any
    reference: Any
    text: Any
    sample: int
    scores: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    rows: tuple[int, ...] = ()

    def values(self, label: Any) -> dict[str, Any]:
        """The fields of an import's row. `label`: the score that says whether the answer is right, if 0 or 1."""
        values = {
            "problem_id": self.problem,
            "prompt": self.prompt,
            "reference": self.reference,
            "text": self.text,
            # A grade between 0 and 1 is no label.
            "is_correct": bool(label) if label in (0, 1) else None,
            **self.facts,
        }
        return {name: value for name, value in values.items() if value is not None}


def imported(answers: Iterable[LoggedAnswer], rest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of an import: each answer with its scores, of which the first is its label, and with what else its row holds."""
    for answer in answers:
        yield {**rest, **answer.scores, **answer.values(next(iter(answer.scores.values()), None))}


@contextmanager
def whole(path: Path, where: str) -> Iterator[None]:
    """A row that its tool's reader refuses ends the reading of a whole log, with the place of the row."""
    try:
        yield
    except CellError as error:
        raise log_error(path, f"{where}: {error}") from error


@dataclass(frozen=True, slots=True)
class PrintedNumber:
    """A number that the tool printed: the score of the answers it reduces, its reduction, and `scale` (100: percent).

    `reduction` is None if nothing here computes it; `why` says so. `reduced`: the tool logged the value of each problem
    itself, which the problem's first answer carries. `answers`: the score that is the text which votes. Average `runs`
    is the spread over the i-th answers of all problems. `graded`: the score says how right an answer is.
    """

    name: str
    value: float
    score: str
    reduction: "Reduction | None"
    average: str = "mean"
    scale: float = 1.0
    why: str = ""
    reduced: bool = False
    answers: str = ""
    graded: bool = True


@dataclass(frozen=True, slots=True)
class EvaluationLog:
    """The contents of one evaluation log. `rows`: rows of each file, as JSON texts. `files`: other contents of the log, by
    file name.

    `aside`: answers that an import cannot hold (no reference, an image), by reason; the tool's averages include them.
    `chosen`: metric that chose among the options of each problem, for a log without drawn answers. `verify`: verifiers that
    fit answers of this kind; (): they follow from the references.
    """

    tool: str
    version: str
    path: Path
    task: str
    model: str
    answers: Sequence[LoggedAnswer]
    printed: Sequence[PrintedNumber]
    rows: Mapping[str, Sequence[str]]
    files: Mapping[str, str]
    notes: Sequence[str] = ()
    aside: Mapping[str, Sequence[LoggedAnswer]] = field(default_factory=dict)
    chosen: str = ""
    verify: Sequence[Mapping[str, Any]] = ()

    @property
    def digest(self) -> str:
        """Digest of the whole log; computing it reads every row."""
        parts: list[Any] = [[name, list(texts)] for name, texts in sorted(self.rows.items())]
        # Logs of several rules share all rows and files, and would be one log without the rule.
        return digest128([*parts, *sorted(self.files.items()), *([self.chosen] if self.chosen else [])])

    @property
    def samples(self) -> int:
        """The least number of answers that a problem has."""
        counts: dict[str, int] = {}
        for answer in self.answers:
            counts[answer.problem] = counts.get(answer.problem, 0) + 1
        return min(counts.values())

    @property
    def score_names(self) -> list[str]:
        """The scores that answers have, in their order."""
        return list(dict.fromkeys(name for answer in self.answers for name in answer.scores))

    @property
    def labels(self) -> list[str]:
        """The scores of single answers, which can be compared with verdicts."""
        # Such a score stands with the first answer and is of all answers to the problem.
        of_problems = {number.score for number in self.printed if number.reduced}
        # What an answer votes for is a text and no score.
        of_problems |= {number.answers for number in self.printed}
        return [name for name in self.score_names if name not in of_problems]


def usable(
    path: Path, answers: Iterable[tuple[LoggedAnswer, str | None]]
) -> tuple[list[LoggedAnswer], dict[str, list[LoggedAnswer]]]:
    """The answers that an import can hold, and by reason those that it cannot; SetupError if it can hold none."""
    kept: list[LoggedAnswer] = []
    aside: dict[str, list[LoggedAnswer]] = {}
    for answer, reason in answers:
        why = SEVERAL if reason is None and isinstance(answer.reference, Targets) else reason
        (kept if why is None else aside.setdefault(why, [])).append(answer)
    if not kept:
        raise log_error(path, f"every answer in it has {' or '.join(aside)}")
    return kept, aside


def set_aside(log: EvaluationLog, aside: Mapping[str, Sequence[LoggedAnswer]]) -> dict[str, str]:
    """The rows of answers set aside, as a file of the log: they are no rollouts, and it must come back whole."""
    lines = log.rows[log.path.name]
    places = dict.fromkeys(at for answers in aside.values() for answer in answers for at in answer.rows)
    return {f"{log.path.name}, set aside": "\n".join(lines[at - 1] for at in places)} if places else {}


def require(path: Path, values: Mapping[str, Any], keys: Iterable[str], place: str, form: str = "") -> None:
    """SetupError if an object of a log lacks some of these keys; `form`: the name of the expected form."""
    missing = [key for key in keys if key not in values]
    if missing:
        raise log_error(path, f"{place} has no {', '.join(missing)}{form and f': {form}'}")


def unfolded_log(path: Path, max_bytes: int | None = None) -> Unfolded:
    """Limit on the unpacked size of a log: by default the size held in memory; for a packed file also the import limit."""
    # A packed file of a few kilobytes may unfold to gigabytes; a text is as large as it looks.
    packed = path.suffix in _PACKED and path.is_file()
    return Unfolded(path, max_bytes or (min(MOST, Unfolded.of(path).most) if packed else MOST))


def whole_text(path: Path, unfolded: Unfolded) -> str:
    """The text of one file of a log; SetupError if it cannot be read."""
    try:
        if not path.is_file():  # a pipe or a device never ends
            raise log_error(path, "it is no file")
        # Before it is read, so that a file beyond the limit is never held in memory.
        unfolded.add(path.stat().st_size)
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise log_error(path, f"byte {error.start} is not UTF-8") from error
    except OSError as error:
        raise log_error(path, str(error.strerror or error).lower()) from error


def json_object(path: Path, text: str, place: str = "") -> dict[str, Any]:
    """JSON text as an object; SetupError, with the place in the file, for anything else."""
    where = f"{place}: " if place else ""
    try:
        value = json.loads(text, object_pairs_hook=each_once)
    # Thousands of nested brackets end in a RecursionError.
    except (ValueError, RecursionError) as error:
        raise log_error(path, f"{where}it is cut off or no JSON ({error})") from error
    if not isinstance(value, dict):
        raise log_error(path, f"{where}it holds no JSON object")
    return value


def json_lines(path: Path, unfolded: Unfolded) -> list[str]:
    """The unchanged lines of a JSONL file, each an object."""
    # Not splitlines(), which also splits at U+2028: JSON texts may hold it unescaped.
    lines = [line for line in whole_text(path, unfolded).split("\n") if line.strip()]
    for number, line in enumerate(lines, 1):
        unfolded.check_row(len(line.encode()), f"line {number}")
        json_object(path, line, f"line {number}")
    if not lines:
        raise log_error(path, "it has no rows")
    return lines


def about(*documents: Any) -> dict[str, Any]:
    """Facts about a problem in a data set's rows for which an import has a field: level, template, source, ..."""
    known: dict[str, Any] = {}
    for document in documents:
        if isinstance(document, Mapping):
            known |= {name: document[name] for name in _ABOUT if isinstance(document.get(name), str | int)}
    return known


def number_or_none(value: Any) -> float | None:
    """A printed value as a number; None for texts such as `N/A`, and for truth values."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
