"""Posterior predictive: outcomes that a pilot's evidence allows, for every problem of a recipe. Forecasts draw from it.

One draw gives each problem a pass rate, a law of new solutions and lengths of its answers: by level a joint posterior of
the pass rates, problems within templates (rollmill.stats.clusters.hierarchy), of solution diversity, and of the
tokens of right and wrong answers (Bayesian bootstrap over templates: Rubin 1981, Ann. Stat. 9). Rates are thereby shrunken:
problems that looked hopeless in a pilot are expected to do as badly as such problems do, not as they did.

With steps, what a pilot saw of the same problems on each step is drawn together: where a first leaves the hard problems
over, the next one's rate on those counts, not its rate on all. So a problem that was not in the pilot gets a donor: a pilot
problem of its level with its rates on all steps, of a posterior per step, and its diversity; which donor is drawn with the
weights of a Bayesian bootstrap, templates as clusters. A problem of the pilot is its own donor. Solutions count over all
steps, so one urn serves them; another names the wrong answers, whose agreement a router may count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from rollmill.pipelines.budget.forecasts.levels import (
    ALIKE,
    RESAMPLED,
    Array,
    Level,
    SolutionCounts,
    Urn,
    draw_urn,
    priors_of_diversity,
    share_evidence,
)
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample, Source
from rollmill.roles.tallies import Draw
from rollmill.stats.clusters.hierarchy import Hierarchy, ProblemCounts, SharedUniforms
from rollmill.stats.draws.solution_diversity import law_weights

BLOCK = 1024  # uniform numbers drawn at once
LENGTHS = 64  # lengths of answers drawn at once
RIGHT = "right"  # what every correct answer agrees on


class Observation(NamedTuple):
    """A problem of the evidence with its samples, drawn whatever their outcomes were."""

    subject: SimulatedProblem
    samples: Sequence[SimulatedSample]


class PosteriorPredictive:
    """Draws outcomes of these problems."""

    def __init__(self, problems: Sequence[SimulatedProblem], evidence: Sequence[Observation]) -> None:
        self._groups = [
            _LevelPosterior(members, observed, priors_of_diversity(level, solution_counts(evidence)))
            for level, members, observed in by_level(problems, evidence)
        ]
        share_evidence([(group.level, group.rates) for group in self._groups])

    def draw(self, rng: np.random.Generator) -> Source:
        """Draw a source of outcomes from the posterior."""
        problems: dict[str, Answers] = {}
        uniforms, shared, prior = Uniforms(rng), SharedUniforms(ALIKE), int(rng.integers(RESAMPLED))
        for group in self._groups:
            problems |= group.draw(rng, uniforms, shared, prior)
        return lambda draw: problems[draw.problem_id].samples(draw.count)


class JointPosteriorPredictive:
    """Draws outcomes of these problems; the evidence is by step, of the same problems on each."""

    def __init__(self, problems: Sequence[SimulatedProblem], evidence: Mapping[str, Sequence[Observation]]) -> None:
        pooled = _pooled(evidence)
        self._groups = [
            _JointLevelPosterior(
                members, _of_problems(observed, evidence), priors_of_diversity(level, solution_counts(pooled))
            )
            for level, members, observed in by_level(problems, pooled)
        ]

    def draw(self, rng: np.random.Generator) -> Source:
        """Draw a source of outcomes from the posterior."""
        problems: dict[tuple[str, str], Answers] = {}
        uniforms = Uniforms(rng)
        for group in self._groups:
            problems |= group.draw(rng, uniforms)

        def source(draw: Draw) -> Sequence[SimulatedSample]:
            return problems[draw.problem_id, draw.step].samples(draw.count)

        return source


class _LevelPosterior:
    """The problems of one level, and the evidence on that level; of all levels if nothing was drawn on it."""

    def __init__(
        self, problems: Sequence[SimulatedProblem], evidence: Sequence[Observation], priors: Sequence[Array]
    ) -> None:
        self._problems = problems
        observed = {entry.subject.problem_id: entry.samples for entry in evidence}
        ids = {problem.problem_id for problem in problems}
        subjects = [*problems, *(entry.subject for entry in evidence if entry.subject.problem_id not in ids)]
        counts = [counts_of(observed.get(subject.problem_id, ())) for subject in subjects]
        self.level = problems[0].level
        self.rates = Hierarchy(
            [ProblemCounts(subject.template or "", c, n) for subject, (c, n) in zip(subjects, counts, strict=True)]
        )
        solutions = [solutions_of(observed.get(problem.problem_id, ())) for problem in problems]
        self._diversity = [[law_weights(distinct, shown, p).cumsum() for shown, distinct in solutions] for p in priors]
        self._undecided = undecided_share(evidence)
        self._tokens = {right: Tokens(evidence, right=right) for right in (True, False)}

    def draw(
        self, rng: np.random.Generator, uniforms: "Uniforms", shared: SharedUniforms, prior: int
    ) -> "dict[str, Answers]":
        """The problems of one draw; `shared` and the prior of diversity are that draw's, the same at all levels."""
        rates = self.rates.draw(rng, shared)
        lengths = {right: tokens.draw(rng) for right, tokens in self._tokens.items()}
        urns = [draw_urn(rng, ends) for ends in self._diversity[prior]]
        return {
            problem.problem_id: Answers(float(rate), urn, self._undecided, lengths, uniforms)
            for problem, rate, urn in zip(self._problems, rates, urns, strict=False)  # rates of other problems come last
        }


class _JointLevelPosterior:
    """The problems of one level, and the pilot's problems that speak for them."""

    def __init__(
        self, problems: Sequence[SimulatedProblem], evidence: Mapping[str, Sequence[Observation]], priors: Sequence[Array]
    ) -> None:
        self._problems, self._steps = problems, tuple(evidence)
        pooled = _pooled(evidence)
        templates = [entry.subject.template or "" for entry in pooled]
        self._own = {entry.subject.problem_id: place for place, entry in enumerate(pooled)}
        self._clusters = np.unique(templates, return_inverse=True)[1]
        self._rates = {
            step: Hierarchy(
                [ProblemCounts(name, *counts_of(entry.samples)) for name, entry in zip(templates, every, strict=True)]
            )
            for step, every in evidence.items()
        }
        solutions = [solutions_of(entry.samples) for entry in pooled]
        self._diversity = [[law_weights(distinct, shown, p).cumsum() for shown, distinct in solutions] for p in priors]
        # Per problem how many different wrong answers there are, and how many in all; those without a key are left out.
        wrong = [[s.answer for s in entry.samples if s.outcome == "incorrect" and s.answer] for entry in pooled]
        agreeing = [(None, len(answers), len(set(answers))) for answers in wrong]
        self._wrong = [prior.cumsum() for prior in priors_of_diversity(None, agreeing)]
        self._undecided = {step: undecided_share(every) for step, every in evidence.items()}
        self._tokens = {
            step: {good: Tokens(every, right=good) for good in (True, False)} for step, every in evidence.items()
        }

    def draw(self, rng: np.random.Generator, uniforms: "Uniforms") -> "dict[tuple[str, str], Answers]":
        """The problems of one draw on every step."""
        rates = {step: hierarchy.draw(rng) for step, hierarchy in self._rates.items()}
        lengths = {step: {good: tokens.draw(rng) for good, tokens in kinds.items()} for step, kinds in self._tokens.items()}
        number = int(rng.integers(RESAMPLED))
        diversity, agreement = self._diversity[number], self._wrong[number]
        clusters = rng.exponential(size=int(self._clusters.max()) + 1)[self._clusters]
        ends = (clusters * rng.exponential(size=len(self._clusters))).cumsum()
        answers: dict[tuple[str, str], Answers] = {}
        for problem in self._problems:
            place = self._own.get(problem.problem_id)
            donor = int(ends.searchsorted(rng.random() * ends[-1])) if place is None else place
            right, wrong = draw_urn(rng, diversity[donor]), draw_urn(rng, agreement)
            for step in self._steps:
                rate, undecided = float(rates[step][donor]), self._undecided[step]
                answers[problem.problem_id, step] = Answers(rate, right, undecided, lengths[step], uniforms, wrong)
        return answers


class Tokens:
    """Token counts of right or wrong answers by template; of all answers if there is none of the kind."""

    def __init__(self, evidence: Sequence[Observation], *, right: bool) -> None:
        pairs = _lengths(evidence, (right,)) or _lengths(evidence, (True, False)) or [("", 0)]
        names = sorted({name for name, _ in pairs})
        self._of = np.array([names.index(name) for name, _ in pairs])
        self._values = np.array([tokens for _, tokens in pairs])
        self._count = len(names)

    def draw(self, rng: np.random.Generator) -> Iterator[int]:
        """Endless lengths of one draw: templates are reweighted for each, so that few templates give a wide spread."""
        weights = rng.exponential(size=self._count)[self._of]
        ends = weights.cumsum()
        ends /= ends[-1]

        def endless() -> Iterator[int]:
            while True:
                yield from self._values[ends.searchsorted(rng.random(LENGTHS)).clip(max=len(ends) - 1)].tolist()

        return endless()  # the weights are drawn now, not when the first length is


class Uniforms:
    """Uniform numbers from large blocks: one call for each would take longer than everything else."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: list[float] = []

    def __call__(self) -> float:
        if not self._left:
            self._left = self._rng.random(BLOCK).tolist()
        return self._left.pop()


@dataclass(slots=True)
class Answers:
    """Answers of a problem in one draw, on one step. `wrong`: names the wrong answers, where their agreement is counted."""

    rate: float
    right: Urn
    undecided: float
    lengths: Mapping[bool, Iterator[int]]
    uniforms: Uniforms
    wrong: Urn | None = None

    def samples(self, count: int) -> list[SimulatedSample]:
        """The next answers."""
        return [self.next() for _ in range(count)]

    def next(self) -> SimulatedSample:
        """The next answer."""
        if self.undecided and self.uniforms() < self.undecided:
            return SimulatedSample("undecided", None, next(self.lengths[False]))
        # Rates are of judged answers, so the undecided are drawn first.
        if self.uniforms() >= self.rate:
            answer = None if self.wrong is None else self.wrong.next(self.uniforms())
            return SimulatedSample("incorrect", None, next(self.lengths[False]), answer)
        solution = self.right.next(self.uniforms())
        return SimulatedSample("correct", solution, next(self.lengths[True]), None if self.wrong is None else RIGHT)


def by_level(
    problems: Sequence[SimulatedProblem], evidence: Sequence[Observation]
) -> Iterator[tuple[Level, list[SimulatedProblem], list[Observation]]]:
    """Each level with its problems and the evidence on it: all of it if nothing was drawn there."""
    observed = {entry.subject.level for entry in evidence}
    for level in dict.fromkeys(problem.level for problem in problems):
        members = [problem for problem in problems if problem.level == level]
        yield level, members, [entry for entry in evidence if level not in observed or entry.subject.level == level]


def counts_of(samples: Sequence[SimulatedSample]) -> tuple[int, int]:
    """Correct, judged."""
    outcomes = [sample.outcome for sample in samples]
    return outcomes.count("correct"), len(outcomes) - outcomes.count("undecided")


def solutions_of(samples: Sequence[SimulatedSample]) -> tuple[int, int]:
    """The correct answers that show a solution, which one that was cut off does not, and how many of these differ."""
    shown = [sample.solution for sample in samples if sample.outcome == "correct" and sample.solution is not None]
    return len(shown), len(set(shown))


def solution_counts(evidence: Sequence[Observation]) -> SolutionCounts:
    """Counts of repeated solutions in the evidence."""
    return [(entry.subject.level, *solutions_of(entry.samples)) for entry in evidence]


def undecided_share(evidence: Sequence[Observation]) -> float:
    """The share of undecided samples."""
    every = [sample for entry in evidence for sample in entry.samples]
    return sum(sample.outcome == "undecided" for sample in every) / len(every) if every else 0.0


def _lengths(evidence: Sequence[Observation], right: Sequence[bool]) -> list[tuple[str, int]]:
    return [
        (entry.subject.template or "", sample.tokens)
        for entry in evidence
        for sample in entry.samples
        if (sample.outcome == "correct") in right
    ]


def _pooled(evidence: Mapping[str, Sequence[Observation]]) -> list[Observation]:
    """Each problem with its samples on all steps, in the order of the first step's."""
    every = list(evidence.values())
    return [
        Observation(members[0].subject, list(chain.from_iterable(entry.samples for entry in members)))
        for members in zip(*every, strict=True)
    ]


def _of_problems(
    chosen: Sequence[Observation], evidence: Mapping[str, Sequence[Observation]]
) -> dict[str, list[Observation]]:
    """The evidence on these problems, by step."""
    ids = {entry.subject.problem_id for entry in chosen}
    return {step: [entry for entry in every if entry.subject.problem_id in ids] for step, every in evidence.items()}
