"""The table of published systems that comes with the program: recipes/papers/systems, a file for each kind.

A row says what a system does, the commands that run its mechanism here, what is missing, what its paper reports, and what
was measured here. Measured numbers are quoted from a page of the documentation, or read from the result of a study; a test
compares them with their source.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.files import read_object, read_utf8

# The checkout, or the folder `rollmill` of a wheel: both hold `recipes`.
PROGRAM = Path(__file__).resolve().parents[3]
SYSTEMS = PROGRAM / "recipes/papers/systems"
RESULTS = PROGRAM / "recipes/papers/results"
STATUSES: Mapping[str, str] = {
    "holds": "every effect that was measured came as the paper's claim predicts, its 95% interval without the opposite",
    "does not hold here": "an interval leaves no room for the prediction",
    "cannot be seen on this model": "the intervals decide neither",
    "implementation checked": "a test proves the mechanism; the paper's claim was not measured",
    "not here": "the mechanism cannot be run",
}
"""Statuses of a row, with what they mean."""
MEASURED = ("holds", "does not hold here", "cannot be seen on this model")
NEEDS: Mapping[str, str] = {
    "train": "the extra `train`",
    "server": "a server with a model that follows instructions",
    "imports": "data of yours",
    "people": "people who judge",
    "sandbox": "bubblewrap",
    "labels": "a version with labels of lines",
    "long": "many minutes",
}
"""Needs of a row's commands beyond the shipped model."""


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A published system. `kind`: title of its file.

    `run`: commands, in order. `quick`: overrides that shrink the last command with a recipe. `needs`: names of NEEDS.
    `missing`: what a command does not do, or why there is none. `measured`: numbers of `source`, a page of the
    documentation. `study`, `claims`: names whose verdicts decide the status. `tests`: tests of the mechanism.
    """

    name: str
    title: str
    kind: str
    does: str
    reports: str
    status: str
    run: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    missing: str = ""
    measured: str = ""
    source: str = ""
    study: str = ""
    claims: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    @property
    def numbers(self) -> str:
        """The measured numbers in words; those of a study are read from its stored result."""
        return self.measured or (study_words(self.study) if self.study else "")


@cache
def published_papers(folder: Path = SYSTEMS) -> tuple[PaperRow, ...]:
    """All rows, kind by kind; SetupError for a mistake in a file."""
    rows: list[PaperRow] = []
    for path in sorted(folder.glob("*.yaml")):
        text = read_utf8(path, next_command=f"ls {folder}")
        try:
            data = yaml.load(text, yaml.CSafeLoader)
            rows += [_row(path, data["kind"], given) for given in data["papers"]]
        except (yaml.YAMLError, KeyError, TypeError) as error:
            raise SetupError(f"{path}: not a table of papers: {error}.", next_command=f"correct {path}") from None
    doubled = sorted({row.name for row in rows if sum(other.name == row.name for other in rows) > 1})
    if doubled:
        raise SetupError(f"two papers have one name: {', '.join(doubled)}.", next_command=f"rename one in {folder}")
    return tuple(rows)


def _row(path: Path, kind: str, given: Mapping[str, Any]) -> PaperRow:
    # The kind is that of the file: a row that names one is a mistake.
    known = [part.name for part in fields(PaperRow) if part.name != "kind"]
    for key in given:
        if key not in known:
            raise unknown_name(f"key of {path.name}", key, known)
    # Tuples, as the rows are cached and shared by all callers.
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    row = PaperRow(kind=kind, **values)
    if row.status not in STATUSES:
        raise unknown_name(f"status of {row.name}", row.status, STATUSES)
    for need in row.needs:
        if need not in NEEDS:
            raise unknown_name(f"need of {row.name}", need, NEEDS)
    return row


def study_words(name: str) -> str:
    """Predicted effects of a study with value, interval and n, from the result that comes with the program."""
    result = read_object(RESULTS / f"{name}.json", next_command="rollmill study RECIPE --write FILE")
    words = []
    for expected in result["expected"]:
        effect = result["effects"][expected["effect"]]
        interval = f"[{_end(effect['low'])}, {_end(effect['high'])}]"
        words.append(f"{expected['effect']} {effect['value']:+.3f} {interval} (n {effect['n']:,})")
    return f"Shipped model; {', '.join(words)}."


def _end(value: float | None) -> str:
    return "open" if value is None else f"{value:+.3f}"


def words_of(command: str) -> Sequence[str]:
    """The words of a command of a row, without `rollmill`."""
    return shlex.split(command)[1:]


def papers_where(status: str | None = None, kind: str | None = None) -> list[PaperRow]:
    """The rows with a status and of a kind; SetupError for a status or kind that no row can have."""
    rows = published_papers()
    kinds = list(dict.fromkeys(row.kind for row in rows))
    if status is not None and status not in STATUSES:
        raise unknown_name("status", status, STATUSES)
    if kind is not None and kind not in kinds:
        raise unknown_name("kind", kind, kinds)
    return [row for row in rows if status in (None, row.status) and kind in (None, row.kind)]
