"""The source of derived problems: problems and rollouts of a dataset version or a run, read by a caller with the workspace.

A synthesizer names it in its recipe (`options: {from: arithmetic@v3}`) and is given it as `source`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Outcome, Problem


@dataclass(frozen=True, slots=True)
class SourceRollout:
    """A text of a source. `step`: the recipe's step that drew it; `answer`: the answer that its verifier read, if any.

    `outcome`: None for a text that was not judged, such as texts of intermediate steps. `measured`: whether the text was
    fixed before any verdict; only such texts show how hard a problem is.
    """

    problem_id: str
    completion_id: str
    step: str
    text: str
    outcome: Outcome | None
    answer: str | None
    kept: bool
    measured: bool


@dataclass(frozen=True, slots=True)
class Source:
    """Problems in order of their ids. `name`: what finds exactly these again, such as `arithmetic@v3-3f9a0c1d`.

    `rollouts`: reads them in order of problem and sample; each call reads them again, as there may be many.
    """

    name: str
    content_hash: str
    problems: tuple[Problem, ...]
    rollouts: Callable[[], Iterator[SourceRollout]] = field(default=lambda: iter(()), compare=False, repr=False)


def required(source: Source | None, name: str) -> Source:
    """The source; SetupError for a synthesizer that was given none."""
    if source is None:
        raise SetupError(
            f"synthesizer {name!r} makes problems of others and was given none.",
            next_command="options: {from: DATASET@v1} in the recipe, or source=Source(...)",
        )
    return source
