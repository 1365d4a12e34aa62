"""Guarded halves of benchmarks: how each is split, and the ledger of every question that was asked about it.

A small JSON file in the workspace's state folder; every change is made under a file lock, and readers see it whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.files import json_text, locked, read_object, write_text
from rollmill.ground.ids import digits

AGAIN = "rollmill holdout show"
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class HoldoutQuestion:
    """A question and its answer. `key`: digest of the rates that it is about; the same ones get the same answer again."""

    key: str
    reference: str
    value: float
    bound: float
    looked: bool


@dataclass(frozen=True, slots=True)
class Holdout:
    """A guarded half of a benchmark. `problems`: number of problems in the whole benchmark. `members`: digest of their ids.
    `visible`, `guarded`: number of independent units in each half. `budget`: number of looks allowed. `shift`: noise of the
    threshold since the last look.
    """

    benchmark: str
    problems: int
    members: str
    visible: int
    guarded: int
    seed: int
    budget: int
    threshold: float
    noise: float
    shift: float
    questions: tuple[HoldoutQuestion, ...] = field(default=())

    @property
    def looks(self) -> int:
        """The looks that are spent."""
        return sum(question.looked for question in self.questions)

    def row(self, name: str) -> dict[str, Any]:
        """The guarded half with its questions, as JSON values."""
        return {
            "name": name,
            "benchmark": self.benchmark,
            "problems": self.problems,
            "visible": self.visible,
            "guarded": self.guarded,
            "budget": self.budget,
            "looks": self.looks,
            "threshold": digits(self.threshold),
            "noise": digits(self.noise),
            "questions": [self.question_row(question, question.reference) for question in self.questions],
        }

    def question_row(self, question: HoldoutQuestion, reference: str) -> dict[str, Any]:
        """A question about `reference` with its answer and interval, as JSON values."""
        return {
            "reference": reference,
            "value": question.value,
            "low": digits(max(0.0, question.value - question.bound)),
            "high": digits(min(1.0, question.value + question.bound)),
            "interval": "Thresholdout: largest sampling error, threshold and noise",
            "estimand": "pass rate of the population of problems",
            "n": self.guarded if question.looked else self.visible,
            "half": "guarded" if question.looked else "visible",
        }


class Holdouts:
    """The file of guarded halves in a workspace's state folder."""

    def __init__(self, state: Path) -> None:
        self.path = state / "holdouts.json"

    def all(self) -> dict[str, Holdout]:
        """Every guarded half by its name, in the order of names."""
        if not self.path.exists():
            return {}
        # Moved, not removed: the file is the only record of what was asked.
        again = f"mv {self.path} {self.path}.damaged"
        stored = read_object(self.path, next_command=again)
        try:
            return {name: _holdout(stored[name]) for name in sorted(stored)}
        except (KeyError, TypeError) as error:
            raise SetupError(f"{self.path} is damaged: {error}.", next_command=again) from None

    def get(self, name: str) -> Holdout:
        """One of them; SetupError for an unknown name."""
        return _known(self.all(), name)

    def open(self, name: str, holdout: Holdout) -> None:
        """Add one under a new name: what was asked of a guarded half is never forgotten."""
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise SetupError(f"a guarded half's name has 1 to {LONGEST_NAME} visible characters.", next_command=AGAIN)
        with self._changing() as holdouts:
            if name in holdouts:
                raise SetupError(f"there is a guarded half {name!r} already.", next_command=AGAIN)
            holdouts[name] = holdout

    @contextmanager
    def asking(self, name: str) -> Iterator[tuple[Holdout, list[Holdout]]]:
        """The guarded half for one question; the block appends what it has become. No other question comes between."""
        with self._changing() as holdouts:
            changed: list[Holdout] = []
            # Records are frozen, so the block hands back a new one; an empty list changes nothing.
            yield _known(holdouts, name), changed
            if changed:
                holdouts[name] = changed[-1]

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Holdout]]:
        with locked(self.path.with_suffix(".lock")):
            holdouts = self.all()
            # An error in the block ends here, before the file is written.
            yield holdouts
            write_text(self.path, json_text({name: asdict(holdout) for name, holdout in holdouts.items()}))


def _holdout(stored: dict[str, Any]) -> Holdout:
    return Holdout(**{**stored, "questions": tuple(HoldoutQuestion(**question) for question in stored["questions"])})


def _known(holdouts: dict[str, Holdout], name: str) -> Holdout:
    if name not in holdouts:
        raise unknown_name("guarded half", name, holdouts, next_command="rollmill holdout open NAME EVALUATION")
    return holdouts[name]
