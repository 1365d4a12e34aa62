"""The synthesizer `attributes`: a model writes problems for personas, topics and the like, sampled by declared shares.

Each request fixes one value of every attribute. A round's values are assigned so that the shares of the accepted problems
approach the declared ones: values that a writer often refuses or spoils are requested more often, in other combinations
(LLMSynthor, Tang et al. 2025; Zero-shot Benchmarking, Pombal et al. 2025). Values are assigned to each attribute
separately, so that attributes stay independent; one that depends on another has shares for each of its values.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.records import Problem
from rollmill.pipelines.arithmetic import whole_number
from rollmill.pipelines.synthesize.derived.lineage import lineage_meta
from rollmill.pipelines.synthesize.derived.written.authored import FORM, Authors, WritingSettings
from rollmill.pipelines.synthesize.derived.written.references import Reference
from rollmill.roles.engine_roles import Samplers

Weights = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class AttributeShare:
    """The shares of one attribute's values: by value of the attribute `of` that it depends on, under "" if on none."""

    name: str
    of: str | None
    weights: Mapping[str, Weights]

    def given(self, values: Mapping[str, str]) -> str:
        """The value of the attribute `of` in these values; "" without one."""
        return "" if self.of is None else values[self.of]


def shares_of(attributes: Mapping[str, Any]) -> dict[str, AttributeShare]:
    """Checked shares that sum to 1, in the order given; SetupError for an invalid one."""
    if not attributes:
        raise SetupError("attributes is empty.", next_command="attributes: {topic: [money, time]}")
    shares: dict[str, AttributeShare] = {}
    for name, given in attributes.items():
        if isinstance(given, Mapping) and "of" in given:
            of = str(given["of"])
            if of not in shares:
                raise unknown_name(f"attribute that {name!r} depends on", of, shares)
            parts = {str(value): _weights(name, part) for value, part in dict(given.get("values") or {}).items()}
            # A value of the other attribute without shares here would leave combinations incomplete.
            for value in (value for weights in shares[of].weights.values() for value in weights):
                if value not in parts:
                    raise SetupError(f"attribute {name!r} has no values for {of} {value!r}.")
            shares[name] = AttributeShare(name, of, parts)
        else:
            shares[name] = AttributeShare(name, None, {"": _weights(name, given)})
    return shares


def _weights(name: str, given: Any) -> Weights:
    if isinstance(given, (list, tuple)):
        given = dict.fromkeys(map(str, given), 1.0)
    if not isinstance(given, Mapping) or not given:
        raise SetupError(f"attribute {name!r} has no values: give a list, or a mapping of values to shares.")
    numbers = {str(value): share for value, share in given.items()}
    # True is an int; False fails the comparison.
    if not all(isinstance(share, int | float) and share is not True and 0 < share < math.inf for share in numbers.values()):
        raise SetupError(f"attribute {name!r}: a share is a number above 0.")
    whole = math.fsum(numbers.values())
    return {value: share / whole for value, share in numbers.items()}


def dealt(
    shares: Mapping[str, AttributeShare], taken: Sequence[Mapping[str, str]], size: int, rng: random.Random
) -> list[dict[str, str]]:
    """`size` combinations after which the taken ones and these have the declared shares, as nearly as whole numbers can.

    Each attribute's values are shuffled separately: in one order, two attributes would always form the same pairs.
    """
    combinations: list[dict[str, str]] = [{} for _ in range(size)]
    for name, share in shares.items():
        for group, weights in sorted(share.weights.items()):
            # The attribute that this one depends on was dealt before: `shares_of` allows no other order.
            mine = [values for values in combinations if share.given(values) == group]
            had = Counter(values[name] for values in taken if share.given(values) == group)
            cards = [value for value, number in _owed(weights, had, len(mine)).items() for _ in range(number)]
            rng.shuffle(cards)
            for values, card in zip(mine, cards, strict=True):
                values[name] = card
    return combinations


def _owed(weights: Weights, had: Mapping[str, int], size: int) -> dict[str, int]:
    """So many of each value, `size` in all, that the largest shortfall is made good first."""
    owed = dict.fromkeys(weights, 0)
    whole = sum(had.values()) + size
    for _ in range(size):
        # Equal shortfalls are told apart by name, so that the order in the recipe does not matter.
        value = max(weights, key=lambda value: (weights[value] * whole - had.get(value, 0) - owed[value], value))
        owed[value] += 1
    return owed


def total_variation(share: AttributeShare, taken: Sequence[Mapping[str, str]]) -> float:
    """Half the summed distance of the taken values' shares from the declared ones, groups weighted by size."""
    if not taken:
        return 1.0
    distance = 0.0
    for group, weights in share.weights.items():
        mine = [values[share.name] for values in taken if share.given(values) == group]
        if mine:
            counts = Counter(mine)
            part = math.fsum(abs(counts[value] / len(mine) - weight) for value, weight in weights.items()) / 2
            distance += part * len(mine) / len(taken)
    return distance


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
        """Take the options of a recipe.

        Args:
            attributes: Each attribute with its values, alike or by shares, or with values that depend on another
                attribute.
            ask: Text of the request, with `{NAME}` for each attribute.
            kind: Kind of the new problems.
            licence: Licence recorded with the new problems.
            split: Split of the new problems.
            writer: The model that writes problems, with the keys of `generate`; none: the shipped model.
            solver: The model that solves them for the reference, with the keys of `generate`; none: the shipped model.
            reference: Origin of a reference: `majority` of the solver's answers, or `round_trip`, where the writer's
                answer must be the elected one.
            votes: Solutions drawn for each reference.
            least: Share of the solutions that must agree.
            near: Similarity from which a text counts as a copy.
        """
        options = {"writer": writer, "solver": solver, "reference": reference, "votes": votes, "least": least, "near": near}
        self._terms, self._shares = WritingSettings.of(self.name, options), shares_of(attributes)
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
            # Both counts grow with each answer: no round repeats another's deal, and a resumed one deals the same.
            rng = random.Random(digest128([self.name, seed, len(taken), sum(self.refused.values())]))
            return [(values, self._prompt(values)) for values in dealt(self._shares, taken, len(numbers), rng)]

        for written in authors.rounds(budget, seed, ask):
            taken += [problem.about for problem in written]
            self.discrepancy = {name: total_variation(share, taken) for name, share in self._shares.items()}
            yield from (self._problem(problem.about, problem.text, problem.reference, seed) for problem in written)

    def _prompt(self, values: Values) -> str:
        text = self.ask
        for name, value in values.items():
            # Not `format`: a request may hold other braces, such as those of JSON.
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
            level=whole_number(level),
            skill=values.get("skill"),
            meta=lineage_meta(self.name, (), seed, reference.origin, attributes=dict(values), **reference.facts),
        )
