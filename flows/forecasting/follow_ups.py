"""Forecast of a budget's follow-ups from a pilot that drew some: completions, tokens and money of every step.

A pilot gives, for each step, the share of possible follow-ups that are drawn and the length of its completions. Each
simulated run of the budget is continued by these (rollmill.steps.to_come). Tokens are the mean of the pilot's
completions on the level, with templates reweighted in each simulation (Bayesian bootstrap), and their own spread.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rollmill.flows.forecasting.kept import KeptOfSteps, Solutions, selected_steps, solutions_of
from rollmill.pipelines.budget.forecasts.forecast import ProblemOutcome
from rollmill.pipelines.budget.forecasts.levels import Level
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem
from rollmill.steps.census import Census, EqualDraws
from rollmill.steps.to_come import LEAST, Counts, FollowUpsToCome, TooLittleSeenError

if TYPE_CHECKING:
    from rollmill.flows.rounds import OpenRun
    from rollmill.ground.records import PlanRow
    from rollmill.storage.workspace import Workspace

Units = Mapping[str, Callable[[int, int], int]]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FollowUpEvidence:
    """Completions of follow-up steps that a pilot drew. `sizes`: (tokens in, tokens out) of each completion, by step and
    problem.

    `rate`: tokens out per second of drawing, None if unknown. `draws`: completions of each problem on every root step.
    `solutions`: the answers that the selector decides on; empty if none of them are follow-ups.
    """

    census: Census
    sizes: Mapping[str, Mapping[str, Sequence[tuple[int, int]]]]
    rate: float | None = None
    draws: int = 0
    solutions: Solutions = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """In and out."""
        return sum(sum(size) for of_step in self.sizes.values() for sizes in of_step.values() for size in sizes)

    @property
    def completions(self) -> int:
        """Number of follow-ups that the pilot drew."""
        return sum(len(sizes) for of_step in self.sizes.values() for sizes in of_step.values())


def follow_up_evidence(pilot: "OpenRun", rate: float | None) -> FollowUpEvidence:
    """Follow-up evidence of a finished pilot, drawn at this rate."""
    from rollmill.flows.rounds.plan_rows import together
    from rollmill.flows.rounds.threads import RunThreads

    workspace, census = pilot.workspace, Census(pilot.spec.graph)
    plans = workspace.runs.plans(pilot.id)
    threads = RunThreads(pilot)
    threads.note(plans)
    for _ in threads.draws(together(plans), census):  # none are left; the census is what is asked for
        raise RuntimeError(f"pilot {pilot.id} has not ended")
    sizes: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for row, size in zip(rows := follow_up_rows(pilot, plans), tokens_of(workspace, rows), strict=True):
        sizes[row.step][row.problem_id].append(size)
    roots = {step.name for step in pilot.spec.roots}
    # Only a selector that decides on follow-ups needs them, and they are read with their texts.
    solutions = {} if roots.issuperset(selected_steps(pilot.spec)) else solutions_of(pilot)
    return FollowUpEvidence(census, sizes, rate, pilot.spec.budget.prefix, solutions)


def follow_up_rows(run: "OpenRun", plans: "Sequence[Sequence[PlanRow]]") -> "list[PlanRow]":
    """The planned rows of steps that follow others."""
    follow = {step.name for step in run.spec.steps if step.follows}
    return [row for plan in plans for row in plan if row.step in follow]


def tokens_of(workspace: "Workspace", rows: "Sequence[PlanRow]") -> list[tuple[int, int]]:
    """Tokens in and out of the completions of these rows."""
    ids = [row.completion_id for row in rows]
    tokens_in, tokens_out = (workspace.segments.column("completions", name, ids) for name in ("tokens_in", "tokens_out"))
    return [(tokens_in.get(cid) or 0, tokens_out.get(cid) or 0) for cid in ids]


class FollowUpForecast:
    """Continues simulated runs of a budget over these problems. `kept`: the number of kept rows, if the selector decides on
    follow-up answers.
    """

    def __init__(
        self,
        evidence: FollowUpEvidence,
        problems: Sequence[SimulatedProblem],
        units: Units,
        kept: KeptOfSteps | None = None,
    ):
        # In order of ids, as simulated outcomes are.
        self._problems = {
            subject.problem_id: subject for subject in sorted(problems, key=lambda subject: subject.problem_id)
        }
        self._to_come, self._graph = (
            FollowUpsToCome(evidence.census, list(self._problems), begun=False),
            evidence.census.graph,
        )
        self._sizes = {
            step: {key: np.array(sizes, np.float64) for key, sizes in of.items()} for step, of in evidence.sizes.items()
        }
        self._units, self._rate, self._kept = units, evidence.rate, kept

    def __call__(self, outcomes: Sequence[ProblemOutcome], rng: np.random.Generator) -> list[ProblemOutcome]:
        """Simulated outcomes in order of problem ids, with their follow-ups. TooLittleSeenError: not to be said."""
        ended, rated = list(outcomes), () if self._kept is None else self._kept.steps
        every, right = self._to_come.simulate_rated(rng, self._roots(outcomes), rated)
        if self._kept is not None:
            ended = [
                outcome._replace(kept=kept) for outcome, kept in zip(ended, self._kept(outcomes, right, rng), strict=True)
            ]
        # Roots have been simulated with their tokens by the budget.
        for step, counts in every.items():
            if step not in self._graph.roots and counts.any():
                tokens_in, tokens_out = self._tokens(step, counts, rng)
                ended = [
                    self._with(outcome, step, sizes)
                    for outcome, *sizes in zip(ended, counts.tolist(), tokens_in.tolist(), tokens_out.tolist(), strict=True)
                ]
        return ended

    def _roots(self, outcomes: Sequence[ProblemOutcome]) -> dict[EqualDraws, Counts]:
        """Draws on each root, by correctness; a budget on one root does not name it."""
        roots: dict[EqualDraws, Counts] = {}
        for root in self._graph.roots:
            pairs = [outcome.roots.get(root, (outcome.drawn, outcome.correct)) for outcome in outcomes]
            drawn, right = np.array(pairs, np.int64).T
            if root in self._graph.answers:
                roots |= {EqualDraws(root, right=True): right, EqualDraws(root, right=False): drawn - right}
            else:
                roots[EqualDraws(root)] = drawn
        return roots

    def _tokens(self, step: str, counts: Counts, rng: np.random.Generator) -> tuple[Counts, Counts]:
        """Tokens in and out of this many completions of each problem."""
        if step not in self._sizes:
            raise TooLittleSeenError(f"completions of {step}")
        # One weight for each template: completions of one template are not independent.
        weights: dict[str, float] = defaultdict(rng.exponential)
        levels = [subject.level for subject in self._problems.values()]
        moments = {level: self._moments(step, level, weights) for level in dict.fromkeys(levels)}
        means, spreads = (np.array([moments[level][place] for level in levels]).T for place in (0, 1))
        # A sum of n independent lengths has sqrt(n) times the spread of one.
        noise = np.sqrt(counts) * rng.standard_normal((2, len(counts)))
        tokens_in, tokens_out = np.maximum(0, np.rint(counts * means + spreads * noise)).astype(np.int64)
        return tokens_in, tokens_out

    def _moments(self, step: str, level: Level, weights: Mapping[str, float]) -> tuple[Numbers, Numbers]:
        """Means and standard deviations of tokens in and out on a level, as prompts of harder problems are longer; of all
        if it has few.
        """
        sizes = self._sizes[step]
        mine = [key for key in sizes if self._problems[key].level == level]
        chosen = mine if sum(len(sizes[key]) for key in mine) >= LEAST else list(sizes)
        of_each = [np.full(len(sizes[key]), weights[self._problems[key].template or key]) for key in chosen]
        every, weight = np.concatenate([sizes[key] for key in chosen]), np.concatenate(of_each)
        means = np.average(every, axis=0, weights=weight)
        return means, np.sqrt(np.average((every - means) ** 2, axis=0, weights=weight))

    def _with(self, outcome: ProblemOutcome, step: str, sizes: Sequence[int]) -> ProblemOutcome:
        """An outcome with so many completions of a step, their tokens in and out."""
        count, tokens_in, tokens_out = sizes
        seconds = None if outcome.seconds is None or not self._rate else outcome.seconds + tokens_out / self._rate
        price = self._units.get(step, _nothing)(tokens_in, tokens_out)
        return outcome._replace(
            drawn=outcome.drawn + count,
            tokens_in=outcome.tokens_in + tokens_in,
            tokens_out=outcome.tokens_out + tokens_out,
            units=None if outcome.units is None else outcome.units + price,
            seconds=seconds,
        )


def _nothing(_sent: int, _drawn: int) -> int:
    """The price of a step whose completions were imported."""
    return 0
