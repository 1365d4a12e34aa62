"""Scorer `imported`: a number imported with the rollout, for example from a reward model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Score


@dataclass(frozen=True, slots=True)
class Imported:
    """The number at `key` of the completion's meta, where an import keeps the columns that it has no field for.

    `key` may be a path into nested values, for example `scores.reward`. A list holds one number for each step, which is a
    line of the text, and its last number is the value. Rollouts without a number there get no score.
    """

    key: str
    """Path to the number in the completion's meta, for example `scores.reward`."""
    name = "imported"

    def __post_init__(self) -> None:
        if not all(self.key.split(".")):
            raise SetupError(f"scorer 'imported': key is {self.key!r}.", choices=("reward", "scores.reward"))

    @property
    def version(self) -> str:
        """Version with the key."""
        return f"1 key={self.key}"

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]:
        """Yield a score for each completion with a number there, in input order."""
        for completion in completions:
            imported = _inside(completion.meta, self.key.split("."))
            steps = (
                tuple(map(float, imported))
                if isinstance(imported, list) and imported and all(map(_is_number, imported))
                else None
            )
            if steps is not None or _is_number(imported):
                value = float(imported) if steps is None else steps[-1]
                yield Score(completion.id, problem.id, self.name, self.version, value, steps)


def _inside(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
