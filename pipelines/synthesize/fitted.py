"""The synthesizer `fitted`: problems whose statistics approach those of real ones, round by round (LLMSynthor, 2025).

The statistics of a source, marginals of `statistics` and their pairs, are compared with those of all problems made so far.
A value that is rarer among the made than among the real problems raises the proposal of the kinds of problem (template and
level) that bring it, and the next round is sampled from the new proposal. Every sampled problem is kept, so each round
corrects the excess of earlier ones. The writer is a conditional sampler, the shipped templates: which values a
kind of problem brings is observed, not declared. `discrepancies` has the distances after each round.
"""

import itertools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.records import Problem
from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.synthesize.derived.lineage import lineage_meta
from rollmill.pipelines.synthesize.reference_solutions import reference_solution
from rollmill.pipelines.synthesize.sources import Source, required
from rollmill.pipelines.synthesize.splits import templates_of
from rollmill.pipelines.synthesize.template import LEVELS
from rollmill.pipelines.synthesize.templates import Templates

Kind = tuple[str, int]
"""A template and a level."""


def _lines(problem: Problem) -> int | None:
    solution = reference_solution(problem)
    return None if solution is None else min(12, sum(bool(line.strip()) for line in solution.splitlines()))


STATISTICS: Mapping[str, Callable[[Problem], object]] = {
    "level": lambda problem: problem.level,
    "skill": lambda problem: problem.skill,
    "words": lambda problem: len(str(problem.prompt).split()) // 10,
    "answer": lambda problem: len(problem.reference.lstrip("-")) if problem.reference else None,
    "lines": _lines,
}
"""Values that are counted: level, skill, tens of words of the text, characters of the answer, lines of the solution."""


def cells_of(problem: Problem, statistics: Sequence[str]) -> list[tuple[str, str]]:
    """The marginal and pair cells that a problem counts in: (statistics, values)."""
    values = {name: str(STATISTICS[name](problem)) for name in statistics}
    pairs = itertools.combinations(statistics, 2)
    return [*values.items(), *((f"{a} x {b}", f"{values[a]} x {values[b]}") for a, b in pairs)]


@dataclass(frozen=True, slots=True)
class CellShares:
    """Shares of the cells of each statistic and pair, over `count` problems."""

    shares: Mapping[str, Mapping[str, float]]
    count: int

    @classmethod
    def of(cls, problems: Sequence[Problem], statistics: Sequence[str]) -> "CellShares":
        """The shares among these problems."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for problem in problems:
            for name, value in cells_of(problem, statistics):
                counts[name][value] += 1
        whole = max(1, len(problems))
        return cls(
            {name: {value: n / whole for value, n in sorted(c.items())} for name, c in counts.items()}, len(problems)
        )

    def discrepancy(self, other: "CellShares") -> dict[str, float]:
        """Total variation distance by statistic and pair, 0 to 1."""
        distances = {}
        for name, shares in self.shares.items():
            others = other.shares.get(name, {})
            cells = sorted({*shares, *others})
            distances[name] = math.fsum(abs(shares.get(cell, 0.0) - others.get(cell, 0.0)) for cell in cells) / 2
        return distances


class Fitted:
    """Templated problems with the statistics of a source. `discrepancies`: after each round, by statistic and pair."""

    name, version = "fitted", "1"

    def __init__(
        self,
        *,
        statistics: Sequence[str] = ("level", "skill", "answer"),
        rounds: int = 8,
        rate: float = 1.0,
        split: str = "train",
        source: Source | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            statistics: Statistics that are compared, each alone and in pairs: `level`, `skill`, `words`, `answer`, `lines`.
            rounds: Times that the proposal is corrected; 1 samples all kinds alike.
            rate: How strongly a round corrects the proposal, above 0.
            split: Split of the new problems.
        """
        for name in statistics:
            if name not in STATISTICS:
                raise unknown_name("statistic of synthesizer 'fitted'", name, STATISTICS)
        checked_count("synthesizer", self.name, "rounds", rounds)
        if not statistics or not 0 < rate < math.inf:
            raise SetupError(
                f"synthesizer 'fitted': statistics {list(statistics)}, rate {rate}.", choices=tuple(STATISTICS)
            )
        self.statistics, self.rounds, self.rate, self.split = tuple(dict.fromkeys(statistics)), rounds, rate, split
        self.source, self.discrepancies = source, list[dict[str, float]]()

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` distinct problems, in rounds of equal size."""
        source = required(self.source, self.name)
        real = CellShares.of(source.problems, self.statistics)
        for name in self.statistics:
            # `cells_of` spells a missing value `None`; a statistic of nothing else has no shares to approach.
            if not real.count or set(real.shares[name]) == {"None"}:
                raise SetupError(
                    f"{source.name} has no problem with a {name}.",
                    choices=tuple(STATISTICS),
                    next_command="other statistics",
                )
        self.discrepancies = []
        # Not a generator itself, so that a wrong source is refused at the call and not at the first problem.
        return self._problems(source, real, budget, seed)

    def _problems(self, source: Source, real: CellShares, budget: int, seed: int) -> Iterator[Problem]:
        proposals = dict.fromkeys(itertools.product(templates_of(self.split), LEVELS), 1.0)
        # One iterator for each kind over all rounds, so that a later round goes on with new instances.
        writers = {kind: self._writer(kind, budget, seed) for kind in proposals}
        made: list[Problem] = []
        brought: dict[Kind, Counter[tuple[str, str]]] = defaultdict(Counter)
        prompts = set[str]()
        for number, size in enumerate(_sizes(budget, self.rounds)):
            for kind in _drawn(proposals, size, random.Random(digest128([self.name, seed, number]))):
                problem = next(problem for problem in writers[kind] if problem.prompt_id not in prompts)
                prompts.add(problem.prompt_id)
                made.append(problem)
                brought[kind].update(cells_of(problem, self.statistics))
                facts: dict[str, Any] = {"like": source.name, "round": number, "discrepancy": round(self._last(), 6)}
                yield replace(problem, meta={**problem.meta, **lineage_meta(self.name, (), seed, **facts)})
            shares = CellShares.of(made, self.statistics)
            self.discrepancies.append(real.discrepancy(shares))
            proposals = self._corrected(proposals, real, shares, brought)

    def _last(self) -> float:
        """Mean discrepancy after the last round; 1 before the first."""
        if not self.discrepancies:
            return 1.0
        return math.fsum(self.discrepancies[-1].values()) / len(self.discrepancies[-1])

    def _writer(self, kind: Kind, budget: int, seed: int) -> Iterator[Problem]:
        template, level = kind
        maker = Templates(levels=[level], templates=[template], split=self.split)
        # At most `budget` problems are skipped as prompts of other kinds, so twice as many suffice.
        return maker.synthesize(2 * budget, int(digest128([self.name, seed, template, level])[:16], 16) >> 11)

    def _corrected(
        self,
        proposals: Mapping[Kind, float],
        real: CellShares,
        made: CellShares,
        brought: Mapping[Kind, Counter[tuple[str, str]]],
    ) -> dict[Kind, float]:
        """Proposals times exp(rate x mean log ratio of real to made shares in the cells that the kind has brought).

        Shares are smoothed by half a problem, so a cell that no real problem is in counts against a kind, finitely.
        """
        # A problem is in `each` cells: one of each statistic and one of each pair.
        floor, each = 0.5 / (made.count + 1), len(self.statistics) + math.comb(len(self.statistics), 2)
        # A kind that was not drawn yet keeps its weight: the cells that it brings are unknown.
        corrected = dict(proposals)
        for kind, counts in brought.items():
            problems = counts.total() / each
            gain = math.fsum(
                n * math.log((real.shares[name].get(cell, 0.0) + floor) / (made.shares[name].get(cell, 0.0) + floor))
                for (name, cell), n in sorted(counts.items())
            )
            corrected[kind] *= math.exp(self.rate * gain / problems / each)
        whole = math.fsum(corrected.values())
        return {kind: weight / whole for kind, weight in corrected.items()}


def _sizes(budget: int, rounds: int) -> list[int]:
    # Differences of running totals that are rounded down, which sum to `budget` exactly.
    return [budget * (at + 1) // rounds - budget * at // rounds for at in range(rounds)]


def _drawn(proposals: Mapping[Kind, float], size: int, rng: random.Random) -> list[Kind]:
    """Kinds by systematic sampling: each as often as its share says, rounded up or down, in a shuffled order."""
    whole, start, total = math.fsum(proposals.values()), rng.random(), 0.0
    kinds: list[Kind] = []
    for kind, weight in proposals.items():
        total += weight / whole * size
        while len(kinds) < size and start + len(kinds) < total:
            kinds.append(kind)
    # Rounding of the running total may leave the last places empty.
    kinds += list(proposals)[-1:] * (size - len(kinds))
    rng.shuffle(kinds)
    return kinds
