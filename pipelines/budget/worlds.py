"""Worlds that a pilot's evidence allows: for every problem of a recipe a rate, ways of solving it, lengths of its answers.

By level a joint posterior of the pass rates, problems within templates (pipelines.stats.hierarchy), of how many ways of
solving a problem there are (variety), and of the tokens of right and wrong answers (Bayesian bootstrap over templates:
Rubin 1981, Ann. Stat. 9). Rates are thereby shrunken: problems that looked hopeless in a pilot are expected to do as badly
as such problems do, not as they did. Knows no budget and no workspace.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.budget.simulate import Sample, Source, Subject
from pipelines.stats.hierarchy import Hierarchy, ProblemCounts, SharedUniforms
from pipelines.stats.solution_diversity import LAWS, fit_laws, laws_after

Level = int | None
Array = npt.NDArray[np.float64]
BLOCK = 1024  # uniform numbers drawn at once
RESAMPLED = 8  # priors of variety
ALIKE = 0.7  # correlation over levels of what is not known of a template: one that is hard at a level is hard at the next
LENGTHS = 64  # lengths of answers drawn at once
RIGHT = "right"  # what every correct answer agrees on


class Observed(NamedTuple):
    """A problem of the evidence with its samples, drawn whatever their outcomes were."""

    subject: Subject
    samples: Sequence[Sample]


class Worlds:
    """Draws worlds for these problems."""

    def __init__(self, problems: Sequence[Subject], evidence: Sequence[Observed]) -> None:
        self._groups: list[_Group] = []
        for level, asked, alike in by_level(problems, evidence):
            self._groups.append(_Group(asked, alike, priors_of_variety(level, evidence)))
        for group in self._groups:
            group.borrow(self._groups)

    def draw(self, rng: np.random.Generator) -> Source:
        """One world, as a source of outcomes."""
        problems: dict[str, Answers] = {}
        chance, luck, prior = Chance(rng), SharedUniforms(ALIKE), int(rng.integers(RESAMPLED))
        for group in self._groups:
            problems |= group.draw(rng, chance, luck, prior)
        return lambda draw: problems[draw.problem_id].samples(draw.count)


def by_level(
    problems: Sequence[Subject], evidence: Sequence[Observed]
) -> Iterator[tuple[Level, list[Subject], list[Observed]]]:
    """Each level with its problems and the evidence on it: all of it where nothing was drawn there."""
    seen = {one.subject.level for one in evidence}
    for level in dict.fromkeys(one.level for one in problems):
        asked = [one for one in problems if one.level == level]
        yield level, asked, [one for one in evidence if level not in seen or one.subject.level == level]


class _Group:
    """The problems of one level, and the evidence on that level; of all levels where nothing was drawn on it."""

    def __init__(self, asked: Sequence[Subject], evidence: Sequence[Observed], priors: Sequence[Array]) -> None:
        self._asked = asked
        seen = {one.subject.problem_id: counts_of(one.samples) for one in evidence}
        others = [one.subject for one in evidence if one.subject.problem_id not in {two.problem_id for two in asked}]
        subjects = [*asked, *others]
        counts = [seen.get(one.problem_id, (0, 0, 0)) for one in subjects]
        self._rates = Hierarchy(
            [ProblemCounts(one.template or "", c, n) for one, (c, n, _) in zip(subjects, counts, strict=True)]
        )
        self._variety = [[laws_after(d, c, p).cumsum() for c, _, d in counts[: len(asked)]] for p in priors]
        self._undecided = undecided_share(evidence)
        self._tokens = {right: Tokens(evidence, right=right) for right in (True, False)}

    def borrow(self, groups: Sequence["_Group"]) -> None:
        """How alike problems are is seen best over all levels: neighbouring ones count half, the next ones a quarter."""
        level = self._asked[0].level
        self._rates.borrow([(0.5 ** _apart(level, one._asked[0].level), one._rates) for one in groups if one is not self])

    def draw(self, rng: np.random.Generator, chance: "Chance", luck: SharedUniforms, prior: int) -> "dict[str, Answers]":
        """The problems of one world; `luck` and the prior of variety are that world's, the same at all levels."""
        rates = self._rates.draw(rng, luck)
        lengths = {right: tokens.draw(rng) for right, tokens in self._tokens.items()}
        urns = [drawn_urn(rng, ends) for ends in self._variety[prior]]
        return {
            one.problem_id: Answers(float(rate), urn, self._undecided, lengths, chance)
            for one, rate, urn in zip(self._asked, rates, urns, strict=False)
        }


class Tokens:
    """Token counts of right or wrong answers by template; of all answers where there is none of the kind."""

    def __init__(self, evidence: Sequence[Observed], *, right: bool) -> None:
        pairs = _lengths(evidence, (right,)) or _lengths(evidence, (True, False)) or [("", 0)]
        names = sorted({name for name, _ in pairs})
        self._of = np.array([names.index(name) for name, _ in pairs])
        self._values = np.array([tokens for _, tokens in pairs])
        self._count = len(names)

    def draw(self, rng: np.random.Generator) -> Iterator[int]:
        """Endless lengths of one world: templates are weighted anew, so that few of them leave it unsure."""
        weights = rng.exponential(size=self._count)[self._of]
        ends = weights.cumsum()
        return self._endless(rng, ends / ends[-1])

    def _endless(self, rng: np.random.Generator, ends: Array) -> Iterator[int]:
        while True:
            yield from self._values[ends.searchsorted(rng.random(LENGTHS)).clip(max=len(ends) - 1)].tolist()


class Chance:
    """Uniform numbers from large blocks: one call for each would take longer than everything else."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: list[float] = []

    def __call__(self) -> float:
        if not self._left:
            self._left = self._rng.random(BLOCK).tolist()
        return self._left.pop()


@dataclass(slots=True)
class Urn:
    """Which of a problem's answers of one kind are new, by a law of pipelines.stats.solution_diversity."""

    alpha: float
    theta: float
    drawn: int = 0
    distinct: int = 0

    def name(self, chance: float) -> int:
        """The number of the next one: a new number, or 1 for one that was there before."""
        new = chance * (self.theta + self.drawn) < self.theta + self.alpha * self.distinct
        self.drawn += 1
        self.distinct += new
        return self.distinct if new else 1


@dataclass(slots=True)
class Answers:
    """One problem in one world, on one arm. `wrong`: names the wrong answers, where somebody counts which agree."""

    rate: float
    right: Urn
    undecided: float
    lengths: Mapping[bool, Iterator[int]]
    chance: Chance
    wrong: Urn | None = None

    def samples(self, count: int) -> list[Sample]:
        """The next answers."""
        return [self._one() for _ in range(count)]

    def _one(self) -> Sample:
        if self.undecided and self.chance() < self.undecided:
            return Sample("undecided", None, next(self.lengths[False]))
        if self.chance() >= self.rate:
            answer = None if self.wrong is None else self.wrong.name(self.chance())
            return Sample("incorrect", None, next(self.lengths[False]), answer)
        solution = self.right.name(self.chance())
        return Sample("correct", solution, next(self.lengths[True]), None if self.wrong is None else RIGHT)


def drawn_urn(rng: np.random.Generator, ends: Array) -> Urn:
    """An urn of one of LAWS, by their cumulative weights."""
    alpha, theta = LAWS[min(len(LAWS) - 1, int((rng.random() > ends).sum()))].tolist()
    return Urn(alpha, theta)


def counts_of(samples: Sequence[Sample]) -> tuple[int, int, int]:
    """Correct, judged, distinct solutions."""
    correct = [one for one in samples if one.outcome == "correct"]
    judged = sum(one.outcome != "undecided" for one in samples)
    return len(correct), judged, len({one.solution for one in correct if one.solution is not None})


def priors_of_variety(level: Level, evidence: Sequence[Observed]) -> list[Array]:
    """Priors of variety, one for each world: few problems leave it open, so their weights are drawn (Bayesian bootstrap).

    Neighbouring levels count half, the next ones a quarter: with several right answers to few hard problems, a level by
    itself says too little of how many ways there are.
    """
    counts = [(one.subject.level, *counts_of(one.samples)) for one in evidence]
    near = np.array([0.5 ** _apart(level, other) for other, *_ in counts])
    rng = np.random.default_rng(0)
    return [
        fit_laws([d for *_, d in counts], [c for _, c, *_ in counts], near * rng.exponential(size=len(counts)))
        for _ in range(RESAMPLED)
    ]


def _apart(one: Level, other: Level) -> int:
    return 0 if one is None or other is None else abs(one - other)


def undecided_share(evidence: Sequence[Observed]) -> float:
    """The share of undecided samples."""
    every = [sample for one in evidence for sample in one.samples]
    return sum(sample.outcome == "undecided" for sample in every) / len(every) if every else 0.0


def _lengths(evidence: Sequence[Observed], right: Sequence[bool]) -> list[tuple[str, int]]:
    return [
        (one.subject.template or "", sample.tokens)
        for one in evidence
        for sample in one.samples
        if (sample.outcome == "correct") in right
    ]
