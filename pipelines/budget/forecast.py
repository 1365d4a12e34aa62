"""What a budget will draw, spend and keep: it is run many times over outcomes drawn from what a pilot showed.

Evidence (a pilot, or the fixed prefixes of past runs) -> by level a joint posterior of every problem's pass rate, problems
within templates (pipelines.stats.hierarchy), of how many ways of solving it there are (variety), and of the tokens of right
and wrong answers (Bayesian bootstrap over templates: Rubin 1981, Ann. Stat. 9) -> the recipe's own budget run on outcomes
drawn from one such world, again and again -> predictive distributions. Rates are thereby shrunken: problems that looked
hopeless in a pilot are expected to do as badly as such problems do, not as they did. Any budget works, as all are pure
planners over tallies. Knows no workspace; the same evidence and seed give the same forecast.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.budget.simulate import Round, Sample, Subject, run_budget
from pipelines.protocols import Budget, Draw
from pipelines.stats.forecast_score import Predicted, predicted
from pipelines.stats.hierarchy import Counts, Hierarchy
from pipelines.stats.variety import THETAS, fit_variety, variety_after

Level = int | None
Array = npt.NDArray[np.float64]
BLOCK = 1024  # uniform numbers drawn at once
RESAMPLED = 8  # priors of variety
LENGTHS = 64  # lengths of answers drawn at once


class Observed(NamedTuple):
    """A problem of the evidence with its samples, drawn whatever their outcomes were."""

    subject: Subject
    samples: Sequence[Sample]


class Asked(NamedTuple):
    """A problem of the recipe and the tokens of its prompt."""

    subject: Subject
    tokens_in: int


class Ended(NamedTuple):
    """What became of one problem, simulated or real. `kept` None: how many are kept is not known."""

    level: Level
    drawn: int
    correct: int
    distinct: int
    tokens_in: int
    tokens_out: int
    prefix_judged: int
    prefix_correct: int
    stop: str | None
    kept: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a budget over these problems. `kept`: of (correct, distinct) answers, how many a selector keeps;
    `units`: of (tokens in, tokens out), their price; None where it is not known.
    """

    budget: Budget
    problems: Sequence[Asked]
    kept: Callable[[int, int], int] | None = None
    units: Callable[[int, int], int] | None = None
    simulations: int = 200
    seed: int = 0


def forecast(question: Question, evidence: Sequence[Observed]) -> dict[str, Predicted]:
    """Predictive distributions by quantity (`totals_of` names them)."""
    found: dict[str, list[float]] = {}
    worlds = Worlds(question, evidence)
    for number in range(question.simulations):
        ended = simulated(question, worlds.draw(np.random.default_rng([question.seed, number])))
        for name, value in totals_of(ended, question.units).items():
            found.setdefault(name, []).append(value)
    return {name: predicted(values) for name, values in found.items() if len(values) == question.simulations}


def simulated(question: Question, source: Callable[[Draw], Sequence[Sample]]) -> list[Ended]:
    """One run of the budget over a source, problem by problem."""
    stops: dict[str, str] = {}
    last: Round | None = None
    for last in run_budget(question.budget, [one.subject for one in question.problems], source):
        stops.update((stop.problem_id, stop.reason) for stop in last.plan.stops)
    assert last is not None
    tokens_in = {one.subject.problem_id: one.tokens_in for one in question.problems}
    return [
        Ended(
            tally.level,
            tally.drawn,
            tally.correct,
            tally.distinct_correct,
            tally.drawn * tokens_in[tally.problem_id],
            tally.tokens,
            tally.prefix_judged,
            tally.prefix_correct,
            stops.get(tally.problem_id),
            None if question.kept is None else question.kept(tally.correct, tally.distinct_correct),
        )
        for tally in last.tallies
    ]


def totals_of(problems: Sequence[Ended], units: Callable[[int, int], int] | None = None) -> dict[str, float]:
    """The quantities that are forecast and scored: totals, and by level `level.3.pass_rate`, `level.3.met` and so on.

    `pass_rate`: mean over problems of correct/judged in the fixed prefix. `met`, `capped`, `hopeless`: shares of problems
    that stopped for this reason. `units`: money.
    """
    found = _sums(problems)
    if units is not None:
        found["units"] = units(int(found["tokens_in"]), int(found["tokens_out"]))
    for level in sorted({one.level for one in problems}, key=lambda level: (level is None, level)):
        members = [one for one in problems if one.level == level]
        found |= {f"level.{level}.{name}": value for name, value in {**_sums(members), **_shares(members)}.items()}
    return found


def _sums(problems: Sequence[Ended]) -> dict[str, float]:
    tokens_in, tokens_out = sum(one.tokens_in for one in problems), sum(one.tokens_out for one in problems)
    sums: dict[str, float] = {
        "draws": sum(one.drawn for one in problems),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "tokens": tokens_in + tokens_out,
        "solved": sum(one.correct > 0 for one in problems),
    }
    kept = [one.kept for one in problems if one.kept is not None]
    return {**sums, "kept": sum(kept)} if len(kept) == len(problems) else sums


def _shares(problems: Sequence[Ended]) -> dict[str, float]:
    rates = [one.prefix_correct / one.prefix_judged for one in problems if one.prefix_judged]
    reasons = {"met": "target_met", "capped": "trial_cap", "hopeless": "hopeless"}
    shares = {name: sum(one.stop == reason for one in problems) / len(problems) for name, reason in reasons.items()}
    return {**shares, "pass_rate": float(np.mean(rates))} if rates else shares


@dataclass(slots=True)
class Worlds:
    """Draws worlds that the evidence allows: a rate, a variety and token lengths for every problem of the question."""

    question: Question
    evidence: Sequence[Observed]
    _groups: dict[Level, "_Group"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        levels = {one.subject.level for one in self.question.problems}
        seen = {one.subject.level for one in self.evidence}
        for level in levels:
            asked = [one.subject for one in self.question.problems if one.subject.level == level]
            alike = [one for one in self.evidence if level not in seen or one.subject.level == level]
            self._groups[level] = _Group(asked, alike, _priors_of_variety(level, self.evidence))

    def draw(self, rng: np.random.Generator) -> Callable[[Draw], Sequence[Sample]]:
        """One world, as a source of outcomes."""
        problems: dict[str, _Answers] = {}
        chance = _Chance(rng)
        for group in self._groups.values():
            problems |= group.draw(rng, chance)
        return lambda draw: problems[draw.problem_id].samples(draw.count)


class _Group:
    """The problems of one level, and the evidence on that level; of all levels where nothing was drawn on it."""

    def __init__(self, asked: Sequence[Subject], evidence: Sequence[Observed], priors: Sequence[Array]) -> None:
        self._asked = asked
        seen = {one.subject.problem_id: _counts(one.samples) for one in evidence}
        others = [one.subject for one in evidence if one.subject.problem_id not in {two.problem_id for two in asked}]
        subjects = [*asked, *others]
        counts = [seen.get(one.problem_id, (0, 0, 0)) for one in subjects]
        self._rates = Hierarchy([Counts(one.template or "", c, n) for one, (c, n, _) in zip(subjects, counts, strict=True)])
        self._variety = [[variety_after(d, c, p).cumsum() for c, _, d in counts[: len(asked)]] for p in priors]
        self._undecided = _share(evidence)
        self._tokens = {right: _Tokens(evidence, right=right) for right in (True, False)}

    def draw(self, rng: np.random.Generator, chance: "_Chance") -> "dict[str, _Answers]":
        """The problems of one world."""
        rates = self._rates.draw(rng)
        lengths = {right: tokens.draw(rng) for right, tokens in self._tokens.items()}
        variety = self._variety[int(rng.integers(len(self._variety)))]
        thetas = [THETAS[min(len(THETAS) - 1, int((rng.random() > ends).sum()))] for ends in variety]
        return {
            one.problem_id: _Answers(float(rate), float(theta), self._undecided, lengths, chance)
            for one, rate, theta in zip(self._asked, rates, thetas, strict=False)
        }


class _Tokens:
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


class _Chance:
    """Uniform numbers from large blocks: one call for each would take longer than everything else."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: list[float] = []

    def __call__(self) -> float:
        if not self._left:
            self._left = self._rng.random(BLOCK).tolist()
        return self._left.pop()


@dataclass(slots=True)
class _Answers:
    """One problem in one world: a right answer is a new solution by the urn of pipelines.stats.variety."""

    rate: float
    theta: float
    undecided: float
    lengths: Mapping[bool, Iterator[int]]
    chance: _Chance
    correct: int = 0
    distinct: int = 0

    def samples(self, count: int) -> list[Sample]:
        """The next answers."""
        return [self._one() for _ in range(count)]

    def _one(self) -> Sample:
        if self.undecided and self.chance() < self.undecided:
            return Sample("undecided", None, next(self.lengths[False]))
        if self.chance() >= self.rate:
            return Sample("incorrect", None, next(self.lengths[False]))
        new = self.chance() * (self.theta + self.correct) < self.theta
        self.correct += 1
        self.distinct += new
        return Sample("correct", self.distinct if new else 1, next(self.lengths[True]))


def _counts(samples: Sequence[Sample]) -> tuple[int, int, int]:
    """Correct, judged, distinct solutions."""
    correct = [one for one in samples if one.outcome == "correct"]
    judged = sum(one.outcome != "undecided" for one in samples)
    return len(correct), judged, len({one.solution for one in correct if one.solution is not None})


def _priors_of_variety(level: Level, evidence: Sequence[Observed]) -> list[Array]:
    """Priors of variety, one for each world: few problems leave it open, so their weights are drawn (Bayesian bootstrap).

    Neighbouring levels count half, the next ones a quarter: with several right answers to few hard problems, a level by
    itself says too little of how many ways there are.
    """
    counts = [(one.subject.level, *_counts(one.samples)) for one in evidence]
    near = np.array([0.5 ** _apart(level, other) for other, *_ in counts])
    rng = np.random.default_rng(0)
    return [
        fit_variety([d for *_, d in counts], [c for _, c, *_ in counts], near * rng.exponential(size=len(counts)))
        for _ in range(RESAMPLED)
    ]


def _apart(one: Level, other: Level) -> int:
    return 0 if one is None or other is None else abs(one - other)


def _share(evidence: Sequence[Observed]) -> float:
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
