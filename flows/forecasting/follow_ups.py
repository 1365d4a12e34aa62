"""What follows the draws of a budget, forecast from a pilot that drew some: completions, tokens and money of every step.

A pilot says of each step which share of what it may follow it follows, and how long its completions are. Each simulated run
of the budget is continued by these (pipelines.steps.to_come); tokens are a mean of the pilot's completions, its problems
weighted anew in each simulation (Bayesian bootstrap), and their own spread.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipelines.budget.forecast import ProblemOutcome
from pipelines.steps.census import Census, Kind
from pipelines.steps.to_come import Counts, FollowUpsToCome, TooLittleSeenError

if TYPE_CHECKING:
    from flows.rounds import OpenRun
    from storage.records import PlanRow
    from storage.workspace import Workspace

Units = Mapping[str, Callable[[int, int], int]]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FollowUpEvidence:
    """What a pilot drew after its roots. `sizes`: by step and problem (tokens in, tokens out) of each completion."""

    census: Census
    sizes: Mapping[str, Mapping[str, Sequence[tuple[int, int]]]]

    @property
    def completions(self) -> int:
        """How many follow-ups it drew."""
        return sum(len(sizes) for of_step in self.sizes.values() for sizes in of_step.values())


def follow_up_evidence(workspace: "Workspace", pilot: "OpenRun") -> FollowUpEvidence:
    """What a pilot that has ended says of its follow-ups."""
    from flows.rounds.plan_rows import together
    from flows.rounds.threads import RunThreads

    if pilot.spec.graph is None:
        raise RuntimeError(f"no step of pilot {pilot.id} follows another")
    plans, census = workspace.runs.plans(pilot.id), Census(pilot.spec.graph)
    threads = RunThreads(workspace, pilot)
    threads.note(plans)
    for _ in threads.draws(together(plans), census):  # none are left; the census is what is asked for
        raise RuntimeError(f"pilot {pilot.id} has not ended")
    sizes: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for row, size in zip(rows := follow_up_rows(pilot, plans), tokens_of(workspace, rows), strict=True):
        sizes[row.step][row.problem_id].append(size)
    return FollowUpEvidence(census, sizes)


def follow_up_rows(run: "OpenRun", plans: "Sequence[Sequence[PlanRow]]") -> "list[PlanRow]":
    """The planned rows of steps that follow others."""
    follow = {step.name for step in run.spec.every_step() if step.follows}
    return [row for plan in plans for row in plan if row.step in follow]


def tokens_of(workspace: "Workspace", rows: "Sequence[PlanRow]") -> list[tuple[int, int]]:
    """Tokens in and out of the completions of these rows."""
    ids = [row.completion_id for row in rows]
    sent, drawn = (workspace.segments.column("completions", name, ids) for name in ("tokens_in", "tokens_out"))
    return [(sent.get(cid) or 0, drawn.get(cid) or 0) for cid in ids]


class FollowUpForecast:
    """Continues simulated runs of a budget over these problems, whose root has this name."""

    def __init__(self, evidence: FollowUpEvidence, problems: Sequence[str], root: str, units: Units, rate: float | None):
        self._to_come = FollowUpsToCome(evidence.census, sorted(problems), begun=False)
        self._judged = root in evidence.census.graph.answers
        self._sizes = {step: [np.array(sizes) for sizes in of.values()] for step, of in evidence.sizes.items()}
        self._root, self._units, self._rate = root, units, rate

    def __call__(self, outcomes: Sequence[ProblemOutcome], rng: np.random.Generator) -> list[ProblemOutcome]:
        """The same outcomes, in order of their problems' ids, with what follows. TooLittleSeenError: not to be said."""
        ended = list(outcomes)
        for step, counts in self._to_come.simulate(rng, self._roots(outcomes)).items():
            if step != self._root and counts.any():
                sent, drawn = self._tokens(step, counts, rng)
                ended = [
                    self._with(one, step, sizes)
                    for one, *sizes in zip(ended, counts.tolist(), sent.tolist(), drawn.tolist(), strict=True)
                ]
        return ended

    def _roots(self, outcomes: Sequence[ProblemOutcome]) -> dict[Kind, Counts]:
        drawn, right = (np.array([getattr(one, name) for one in outcomes], np.int64) for name in ("drawn", "correct"))
        if not self._judged:
            return {Kind(self._root): drawn}
        return {Kind(self._root, right=True): right, Kind(self._root, right=False): drawn - right}

    def _tokens(self, step: str, counts: Counts, rng: np.random.Generator) -> tuple[Counts, Counts]:
        """Of so many completions of each problem, in and out."""
        if step not in self._sizes:
            raise TooLittleSeenError(f"completions of {step}")
        weights = np.concatenate([np.full(len(sizes), rng.exponential()) for sizes in self._sizes[step]])
        sizes = np.concatenate(self._sizes[step]).astype(np.float64)
        means = np.average(sizes, axis=0, weights=weights)
        spreads = np.sqrt(np.average((sizes - means) ** 2, axis=0, weights=weights))
        noise = np.sqrt(counts) * rng.standard_normal((2, len(counts)))
        sent, drawn = (
            np.maximum(0, np.rint(counts * mean + spread * one)).astype(np.int64)
            for mean, spread, one in zip(means, spreads, noise, strict=True)
        )
        return sent, drawn

    def _with(self, outcome: ProblemOutcome, step: str, sizes: Sequence[int]) -> ProblemOutcome:
        """An outcome with so many completions of a step, their tokens in and out."""
        count, sent, drawn = sizes
        seconds = None if outcome.seconds is None or not self._rate else outcome.seconds + drawn / self._rate
        price = self._units.get(step, _nothing)(sent, drawn)
        return outcome._replace(
            drawn=outcome.drawn + count,
            tokens_in=outcome.tokens_in + sent,
            tokens_out=outcome.tokens_out + drawn,
            units=None if outcome.units is None else outcome.units + price,
            seconds=seconds,
        )


def _nothing(_sent: int, _drawn: int) -> int:
    """The price of a step whose completions were imported."""
    return 0
