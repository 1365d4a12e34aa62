"""The problems and rollouts that problems are made of: a dataset version or a run, read by whoever knows the workspace.

A synthesizer names it in its recipe (`options: {from: arithmetic@v3}`) and is given it as `source`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from storage.errors import SetupError
from storage.records import Outcome, Problem


@dataclass(frozen=True, slots=True)
class SourceRollout:
    """One text of a source. `step`: what of the recipe drew it; `answer`: what its verifier read in it, if anything.

    `outcome`: None for a text that nobody judged, as those of steps in between. `measured`: whether it is one of those
    fixed before any verdict, which alone say how hard a problem is.
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

    `rollouts`: reads them in order of problem and sample; each call reads anew, as they may be many.
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
