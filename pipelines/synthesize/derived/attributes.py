"""The synthesizer `attributes`: a model writes problems for personas, topics and the like, sampled by declared shares.

Each request fixes one value of every attribute. A round's values are dealt so that the shares of what is accepted come to
those declared: what a writer refuses or spoils more often is asked for more often, with other combinations (LLMSynthor,
Tang et al. 2025; Zero-shot Benchmarking, Pombal et al. 2025). Values are dealt to each attribute apart, so that attributes
stay independent of one another; one that depends on another has shares for each of its values.
"""

import random
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.protocols import Samplers
from pipelines.synthesize.derived.authored import FORM, Authors, Terms
from pipelines.synthesize.derived.lineage import made
from pipelines.synthesize.derived.references import Reference
from pipelines.synthesize.derived.shares import dealt, shares_of, total_variation
from storage.errors import SetupError
from storage.ids import digest128
from storage.records import Problem

ASK = "Write a word problem with one number as its answer, as {persona} would meet it. Topic: {topic}. Steps: {steps}."
ATTRIBUTES: Mapping[str, Any] = {
    "persona": ["a baker", "a nurse", "a farmer", "a programmer", "a bus driver", "a pupil"],
    "topic": ["money", "time", "distances", "mixtures", "counting"],
    "steps": {"2": 0.4, "3": 0.4, "5": 0.2},
}

Values = Mapping[str, str]


class Attributes:
    """Problems by `attributes`: a name to its values (alike), to values with shares, or to `{of: OTHER, values: {...}}`.

    `ask`: the request, with `{NAME}` of each attribute. An attribute `skill` or `level` becomes the problem's own. The
    other options are those of `self_instruct`.
    """

    name = "attributes"

    def __init__(  # noqa: PLR0913 (a recipe's options, all by name)
        self,
        *,
        attributes: Mapping[str, Any] = ATTRIBUTES,
        ask: str = ASK,
        kind: str = "math",
        licence: str | None = None,
        split: str = "train",
        writer: Mapping[str, Any] | None = None,
        solver: Mapping[str, Any] | None = None,
        reference: str = "round_trip",
        votes: int = 8,
        least: float = 0.6,
        near: float = 0.7,
        samplers: Samplers | None = None,
    ) -> None:
        options = {"writer": writer, "solver": solver, "reference": reference, "votes": votes, "least": least, "near": near}
        self._terms, self._shares = Terms.of(self.name, options), shares_of(attributes)
        for name in self._shares:
            if f"{{{name}}}" not in ask:
                raise SetupError(f"attributes: ask has no {{{name}}}, so nothing would be written by it.")
        self.ask, self.kind, self.licence, self.split = ask, kind, licence, split
        self._samplers, self.refused, self.discrepancy = samplers, dict[str, int](), dict[str, float]()
        self.version = "1" if samplers is None else f"1 {Authors.version(self._terms, samplers)}"

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems. `discrepancy`: afterwards, how far each attribute is from its declared shares."""
        return self._problems(Authors(self._terms, self._samplers, ()), budget, seed)

    def _problems(self, authors: Authors, budget: int, seed: int) -> Iterator[Problem]:
        self.refused = authors.refusals.counts
        taken: list[Values] = []

        def ask(numbers: range) -> list[tuple[Values, str]]:
            rng = random.Random(digest128([self.name, seed, len(taken), sum(self.refused.values())]))
            return [(values, self._prompt(values)) for values in dealt(self._shares, taken, len(numbers), rng)]

        for written in authors.rounds(budget, seed, ask):
            taken += [one.about for one in written]
            self.discrepancy = {name: total_variation(share, taken) for name, share in self._shares.items()}
            yield from (self._problem(one.about, one.text, one.reference, seed) for one in written)

    def _prompt(self, values: Values) -> str:
        text = self.ask
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return f"{text}\n{FORM}"

    def _problem(self, values: Values, text: str, reference: Reference, seed: int) -> Problem:
        level = values.get("level", "")
        return Problem(
            text,
            reference.text,
            kind=self.kind,
            source=self.name,
            licence=self.licence,
            split=self.split,
            level=int(level) if level.isdigit() else None,
            skill=values.get("skill"),
            meta=made(self.name, (), seed, reference.origin, attributes=dict(values), **reference.facts),
        )
