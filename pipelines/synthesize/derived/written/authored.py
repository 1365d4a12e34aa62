"""Base of writers of problems: ask, read the answer as JSON, refuse texts that are not a new problem, find a reference.

The writer answers with an object of a problem and its answer, held to that schema where its engine can be. That answer
alone is never the reference: a solver elects one, alone or for comparison.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rollmill.ground.errors import SetupError
from rollmill.ground.records import CARRIED
from rollmill.pipelines.synthesize.derived.written.references import Elections, Reference, ReferencePolicy
from rollmill.pipelines.synthesize.derived.written.refusals import Refusals
from rollmill.pipelines.synthesize.derived.written.writing import Writer, WriterModel, fields_of, model_of, schema_of
from rollmill.roles.engine_roles import Samplers

FIELDS = ("problem", "answer")
_TOGETHER = 32  # requests of a round
_BARREN = 3  # rounds in a row from which no problem came: no more will
FORM = 'Answer with one JSON object {"problem": "...", "answer": "..."} and nothing else.'

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NewProblem(Generic[T]):
    """A problem that was written for `about`, with its reference."""

    about: T
    text: str
    reference: Reference


@dataclass(frozen=True, slots=True)
class WritingSettings:
    """Settings of writing and judging problems, from a recipe's options."""

    name: str
    writer: WriterModel
    wanted: ReferencePolicy
    near: float

    @classmethod
    def of(cls, name: str, options: Mapping[str, Any]) -> "WritingSettings":
        """From the options `writer`, `reference`, `solver`, `votes`, `least` and `near`; SetupError for an invalid one."""
        wanted = ReferencePolicy.of(options["reference"], options["solver"], options["votes"], options["least"], name)
        if wanted.origin == CARRIED:
            raise SetupError(f"synthesizer {name!r} writes new problems: no reference can be carried over.")
        return cls(name, model_of(options["writer"], f"writer of synthesizer {name!r}"), wanted, options["near"])


class Authors:
    """A writer and a solver that work on one set of problems. `known`: texts that a new one may not repeat."""

    def __init__(self, terms: WritingSettings, samplers: Samplers | None, known: Iterable[str]) -> None:
        self._writer = Writer(terms.name, terms.writer, samplers, schema_of(FIELDS))
        self._elections = Elections(terms.name, terms.wanted, samplers)
        self.refusals = Refusals(known, terms.near)

    @classmethod
    def version(cls, terms: WritingSettings, samplers: Samplers) -> str:
        """Version of everything besides the prompts that determines the written problems."""
        authors = cls(terms, samplers, ())
        return f"writer {authors._writer.version} {authors._elections.version} near={terms.near:g}"

    def rounds(self, budget: int, seed: int, ask: Callable[[range], list[tuple[T, str]]]) -> Iterator[list[NewProblem[T]]]:
        """The problems of each round, at most `budget` in all; fewer if round after round gives none.

        `ask`: what for and the prompt of the requests of these numbers, made when all earlier rounds are known: so they do
        not depend on the order of replies.
        """
        missing, barren, first = budget, 0, 0
        while missing > 0 and barren < _BARREN:
            # The numbers are sample indices too: an equal prompt of a later round is drawn anew, not found in storage.
            numbers = range(first, first + min(_TOGETHER, missing))
            problems = self._accepted(
                [(about, text, n) for n, (about, text) in zip(numbers, ask(numbers), strict=True)], seed
            )
            first, missing = numbers.stop, missing - len(problems)
            barren = 0 if problems else barren + 1
            yield problems

    def _accepted(self, asked: Sequence[tuple[T, str, int]], seed: int) -> list[NewProblem[T]]:
        """New problems from (subject, prompt, index) triples, in order; texts that become none are left out."""
        texts = self._writer.texts([(prompt, index) for _, prompt, index in asked], seed)
        drafts = []
        for (about, _, _), text in zip(asked, texts, strict=True):
            fields = fields_of(text, FIELDS)
            # `refused` counts what could not be read; the second condition is for the type checker.
            if not self.refusals.refused(None if fields is None else fields["problem"]) and fields is not None:
                drafts.append((about, fields))
        pairs: list[tuple[str, str | None]] = [(fields["problem"], fields["answer"]) for _, fields in drafts]
        references = self._elections.references(pairs, seed)
        self.refusals.counts["no_reference"] += sum(reference is None for reference in references)
        return [
            NewProblem(about, fields["problem"], reference)
            for (about, fields), reference in zip(drafts, references, strict=True)
            if reference is not None
        ]
