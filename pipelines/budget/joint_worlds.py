"""Worlds of a recipe with arms: what a pilot saw of the same problems on every arm is drawn together.

Where a first arm leaves the hard problems over, the next one's rate on those counts, not its rate on all. So a problem that
was not in the pilot gets a donor: a pilot problem of its level with its rates on all arms, of a posterior per arm, and its
ways of solving; which donor is drawn with the weights of a Bayesian bootstrap, templates as clusters (Rubin 1981, Ann.
Stat. 9). A problem of the pilot is its own donor. Solutions count over all arms, so one urn serves them; another names the
wrong answers, whose agreement a router may count. Knows no budget and no workspace.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from pipelines.budget.simulate import Sample, Source, Subject
from pipelines.budget.worlds import (
    Answers,
    Array,
    Chance,
    Observed,
    Tokens,
    by_level,
    counts_of,
    drawn_urn,
    priors_of_variety,
    undecided_share,
)
from pipelines.protocols import Draw
from pipelines.stats.hierarchy import Hierarchy, ProblemCounts
from pipelines.stats.solution_diversity import fit_laws, laws_after


class JointWorlds:
    """Draws worlds for these problems; the evidence is by arm, of the same problems on each."""

    def __init__(self, problems: Sequence[Subject], evidence: Mapping[str, Sequence[Observed]]) -> None:
        pooled = _pooled(evidence)
        self._groups = [
            _Group(asked, {arm: _of(alike, every) for arm, every in evidence.items()}, priors_of_variety(level, pooled))
            for level, asked, alike in by_level(problems, pooled)
        ]

    def draw(self, rng: np.random.Generator) -> Source:
        """One world, as a source of outcomes."""
        problems: dict[tuple[str, str], Answers] = {}
        chance = Chance(rng)
        for group in self._groups:
            problems |= group.draw(rng, chance)

        def source(draw: Draw) -> Sequence[Sample]:
            return problems[draw.problem_id, draw.arm].samples(draw.count)

        return source


class _Group:
    """The problems of one level, and the pilot's problems that speak for them."""

    def __init__(
        self, asked: Sequence[Subject], evidence: Mapping[str, Sequence[Observed]], priors: Sequence[Array]
    ) -> None:
        self._asked, self._arms = asked, tuple(evidence)
        pooled = _pooled(evidence)
        templates = [one.subject.template or "" for one in pooled]
        self._own = {one.subject.problem_id: place for place, one in enumerate(pooled)}
        self._clusters = np.unique(templates, return_inverse=True)[1]
        self._rates = {
            arm: Hierarchy(
                [ProblemCounts(name, *counts_of(one.samples)[:2]) for name, one in zip(templates, every, strict=True)]
            )
            for arm, every in evidence.items()
        }
        counts = [counts_of(one.samples) for one in pooled]
        self._variety = [[laws_after(d, c, p).cumsum() for c, _, d in counts] for p in priors]
        self._wrong = fit_laws(*_wrong_counts(pooled), [1.0] * len(pooled)).cumsum()
        self._undecided = {arm: undecided_share(every) for arm, every in evidence.items()}
        self._tokens = {arm: {good: Tokens(every, right=good) for good in (True, False)} for arm, every in evidence.items()}

    def draw(self, rng: np.random.Generator, chance: Chance) -> dict[tuple[str, str], Answers]:
        """The problems of one world on every arm."""
        rates = {arm: hierarchy.draw(rng) for arm, hierarchy in self._rates.items()}
        lengths = {arm: {good: one.draw(rng) for good, one in kinds.items()} for arm, kinds in self._tokens.items()}
        variety = self._variety[int(rng.integers(len(self._variety)))]
        ends = self._weights(rng).cumsum()
        found: dict[tuple[str, str], Answers] = {}
        for one in self._asked:
            place = self._own.get(one.problem_id)
            donor = int(ends.searchsorted(rng.random() * ends[-1])) if place is None else place
            right, wrong = drawn_urn(rng, variety[donor]), drawn_urn(rng, self._wrong)
            for arm in self._arms:
                rate, undecided = float(rates[arm][donor]), self._undecided[arm]
                found[one.problem_id, arm] = Answers(rate, right, undecided, lengths[arm], chance, wrong)
        return found

    def _weights(self, rng: np.random.Generator) -> Array:
        clusters = rng.exponential(size=int(self._clusters.max()) + 1)[self._clusters]
        weights: Array = clusters * rng.exponential(size=len(self._clusters))
        return weights


def _pooled(evidence: Mapping[str, Sequence[Observed]]) -> list[Observed]:
    """Each problem with its samples on all arms, in the order of the first arm's."""
    every = list(evidence.values())
    return [
        Observed(members[0].subject, list(chain.from_iterable(one.samples for one in members)))
        for members in zip(*every, strict=True)
    ]


def _of(alike: Sequence[Observed], every: Sequence[Observed]) -> list[Observed]:
    chosen = {one.subject.problem_id for one in alike}
    return [one for one in every if one.subject.problem_id in chosen]


def _wrong_counts(evidence: Sequence[Observed]) -> tuple[list[int], list[int]]:
    """Per problem how many different wrong answers there are, and how many in all; those without a key are left out."""
    answers = [[one.answer for one in problem.samples if one.outcome == "incorrect" and one.answer] for problem in evidence]
    return [len(set(members)) for members in answers], [len(members) for members in answers]
