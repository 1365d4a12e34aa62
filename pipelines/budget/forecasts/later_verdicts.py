"""Final correct answers of a simulated run whose plan uses other verdicts: for forecasts of runs that wait for votes.

A budget counts an answer as undecided while a verdict waits for votes, and rows are kept by what the votes then say. So a
simulated run of the budget says how much is drawn, and this what becomes of it: of the answers that the plan counted right,
and of the others, each problem has a share that is right in the end, from the joint posterior that pass rates have
(rollmill.stats.clusters.hierarchy). Solutions repeat by the laws of
rollmill.stats.draws.solution_diversity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rollmill.pipelines.budget.forecasts.forecast import ProblemOutcome
from rollmill.pipelines.budget.forecasts.levels import (
    ALIKE,
    RESAMPLED,
    Level,
    draw_urn,
    priors_of_diversity,
    share_evidence,
)
from rollmill.pipelines.budget.forecasts.posterior_predictive import (
    Observation,
    Uniforms,
    by_level,
    solution_counts,
    solutions_of,
)
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem
from rollmill.stats.clusters.hierarchy import Hierarchy, ProblemCounts, SharedUniforms
from rollmill.stats.draws.solution_diversity import law_weights

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Recount:
    """Evidence of a pilot on both verdicts. `ended`: its samples with the final outcomes, by problem as many and in the
    same order as with the outcomes used for planning. `stays`: an answer that the plan counts as right is right in the
    end, whatever the votes say.
    """

    ended: Sequence[Observation]
    stays: bool = False


class LaterVerdicts:
    """Recounts simulated runs over these problems. `planned`: the samples with the outcomes that the plan used;
    `prefix`: the completions that rates are over.
    """

    def __init__(
        self, problems: Sequence[SimulatedProblem], planned: Sequence[Observation], recount: Recount, prefix: int
    ) -> None:
        self._prefix, self._stays, ended = prefix, recount.stays, recount.ended
        self._place = {name: place for place, name in enumerate(sorted(problem.problem_id for problem in problems))}
        went_by = {entry.subject.problem_id: [sample.outcome == "correct" for sample in entry.samples] for entry in planned}
        self._levels = [
            _Level(level, members, observed, [went_by[entry.subject.problem_id] for entry in observed])
            for level, members, observed in by_level(problems, ended)
        ]
        for kind in (True, False):
            share_evidence([(level.name, level.laws[kind]) for level in self._levels])
        self._diversity = {level.name: priors_of_diversity(level.name, solution_counts(ended)) for level in self._levels}
        # The undecided are drawn below among what is not right, so their share is taken among those too.
        wrong = [sample.outcome for entry in ended for sample in entry.samples if sample.outcome != "correct"]
        self._undecided = wrong.count("undecided") / len(wrong) if wrong else 0.0

    def __call__(self, outcomes: Sequence[ProblemOutcome], rng: np.random.Generator) -> list[ProblemOutcome]:
        """Outcomes in order of problem ids, with the finally correct answers."""
        drawn, right, first = (
            np.array([getattr(outcome, name) for outcome in outcomes], np.int64)
            for name in ("drawn", "correct", "prefix_correct")
        )
        measured = np.minimum(drawn, self._prefix)
        shares = self._shares(rng)
        # The prefix and the later draws apart: rates are over the prefix alone.
        early = self._right(rng, shares, measured, first)
        correct = early + self._right(rng, shares, drawn - measured, right - first)
        judged = measured - rng.binomial(measured - early, self._undecided)
        distinct = self._distinct(rng, correct)
        columns = zip(outcomes, correct.tolist(), distinct, judged.tolist(), early.tolist(), strict=True)
        return [
            outcome._replace(correct=c, distinct=d, prefix_judged=n, prefix_correct=e) for outcome, c, d, n, e in columns
        ]

    def _shares(self, rng: np.random.Generator) -> Mapping[bool, Array]:
        """Finally correct share by problem, of answers that the plan counts as right (True) or not."""
        shares = {went_by: np.zeros(len(self._place)) for went_by in (True, False)}
        for went_by, of_all in shares.items():
            shared = SharedUniforms(ALIKE)
            for level in self._levels:
                of_all[[self._place[name] for name in level.ids]] = level.draw(rng, shared, went_by=went_by)
        return {**shares, True: np.ones(len(self._place))} if self._stays else shares

    def _right(self, rng: np.random.Generator, shares: Mapping[bool, Array], drawn: Counts, right: Counts) -> Counts:
        return np.asarray(rng.binomial(right, shares[True]) + rng.binomial(drawn - right, shares[False]), np.int64)

    def _distinct(self, rng: np.random.Generator, correct: Counts) -> list[int]:
        """Number of different solutions among so many right answers of each problem."""
        uniforms, number, distinct_counts = Uniforms(rng), int(rng.integers(RESAMPLED)), [0] * len(correct)
        for level in self._levels:
            prior = self._diversity[level.name][number]
            for name in level.ids:
                count, distinct, place = *level.seen.get(name, (0, 0)), self._place[name]
                urn = draw_urn(rng, law_weights(distinct, count, prior).cumsum())
                for _ in range(int(correct[place])):
                    urn.next(uniforms())
                distinct_counts[place] = urn.distinct
        return distinct_counts


class _Level:
    """The problems of one level: planning and final outcomes of the observed ones."""

    def __init__(
        self,
        name: Level,
        problems: Sequence[SimulatedProblem],
        ended: Sequence[Observation],
        planned: Sequence[Sequence[bool]],
    ) -> None:
        self.name, self.ids = name, [problem.problem_id for problem in problems]
        self.seen: dict[str, tuple[int, int]] = {}
        observed: dict[str, list[tuple[bool, bool]]] = {}
        for entry, went_by in zip(ended, planned, strict=True):
            self.seen[entry.subject.problem_id] = solutions_of(entry.samples)
            observed[entry.subject.problem_id] = [
                (by, sample.outcome == "correct") for by, sample in zip(went_by, entry.samples, strict=True)
            ]
        # Pilot problems that the run does not draw inform the law; `draw` cuts their shares off.
        others = [entry.subject for entry in ended if entry.subject.problem_id not in set(self.ids)]
        pairs = [(subject, observed.get(subject.problem_id, [])) for subject in [*problems, *others]]
        self.laws = {went_by: _law(pairs, went_by) for went_by in (True, False)}

    def draw(self, rng: np.random.Generator, shared: SharedUniforms, *, went_by: bool) -> Array:
        """The shares of its problems in one simulation."""
        return self.laws[went_by].draw(rng, shared)[: len(self.ids)]


def _law(pairs: Sequence[tuple[SimulatedProblem, Sequence[tuple[bool, bool]]]], went_by: bool) -> Hierarchy:
    """Law of the finally right share among answers that the plan counted as `went_by`."""
    of_kind = [(subject, [right for by, right in seen if by is went_by]) for subject, seen in pairs]
    return Hierarchy([ProblemCounts(subject.template or "", sum(seen), len(seen)) for subject, seen in of_kind])
