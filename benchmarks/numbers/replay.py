"""Budgets run again over recorded draws: what each would have drawn, spent and covered.

Completions are deterministic by (seed, stream, prompt, sample index), so a budget that is run over the recorded draws of a
problem in order of sample index plans the very rows that it would have planned in a run, as long as the record reaches its
cap. Budgets are thus compared on the same draws: their differences are paired, and another budget needs no new draw.

A problem is covered when it has at least k distinct correct solutions. It is solvable within the record when all of its
recorded draws together cover it: a statement about these draws, not about the problem (a problem with p near k/cap is
solvable under one sampling seed and not under the next), and the same for every budget that is compared on them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample, run_budget
from rollmill.roles.protocols import Budget
from rollmill.roles.tallies import Draw, Stop


@dataclass(frozen=True, slots=True)
class RecordedProblem:
    """A problem and its recorded draws, sample index 0 first."""

    subject: SimulatedProblem
    samples: tuple[SimulatedSample, ...]


Record = Sequence[RecordedProblem]


@dataclass(frozen=True, slots=True)
class Spending:
    """State of a problem after a round: tokens and draws so far, distinct correct solutions."""

    tokens: int = 0
    drawn: int = 0
    distinct: int = 0


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """A budget's run over a record: its draws round by round, what each problem had after each, and why it stopped."""

    rounds: tuple[tuple[Draw, ...], ...]
    after: tuple[Mapping[str, Spending], ...]
    stops: Mapping[str, Stop]

    @property
    def spent(self) -> Mapping[str, Spending]:
        """Final state of each problem."""
        return self.after[-1] if self.after else {}

    def tokens(self, among: Iterable[str] | None = None) -> int:
        """Tokens spent in all, on these problems or on every one."""
        return sum(self.spent[key].tokens for key in (self.spent if among is None else among))

    def covered(self, k: int) -> frozenset[str]:
        """The problems with at least k distinct correct solutions."""
        return frozenset(key for key, one in self.spent.items() if one.distinct >= k)


def replay(budget: Budget, record: Record) -> ReplayResult:
    """Run a budget over recorded draws; ValueError if it asks for a draw that was not recorded."""
    samples = {recorded.subject.problem_id: recorded.samples for recorded in record}
    spent = {key: Spending() for key in sorted(samples)}
    rounds: list[tuple[Draw, ...]] = []
    after: list[Mapping[str, Spending]] = []
    stops: dict[str, Stop] = {}
    for step in run_budget(budget, [recorded.subject for recorded in record], lambda draw: _recorded(samples, draw)):
        stops |= {stop.problem_id: stop for stop in step.plan.stops}
        if step.plan.draws:
            distinct = {tally.problem_id: tally.distinct_correct for tally in step.tallies}
            spent = spent | {
                draw.problem_id: _more(spent[draw.problem_id], drawn, distinct[draw.problem_id])
                for draw, drawn in zip(step.plan.draws, step.samples, strict=True)
            }
            rounds.append(step.plan.draws)
            after.append(spent)
    return ReplayResult(tuple(rounds), tuple(after), stops)


def solvable(record: Record, k: int) -> frozenset[str]:
    """The problems that all their recorded draws together cover."""
    return frozenset(observation.subject.problem_id for observation in record if len(solutions(observation.samples)) >= k)


def solutions(samples: Iterable[SimulatedSample]) -> set[str | int]:
    """The distinct correct solutions among these draws."""
    return {sample.solution for sample in samples if sample.outcome == "correct" and sample.solution is not None}


def _recorded(samples: Mapping[str, Sequence[SimulatedSample]], draw: Draw) -> Sequence[SimulatedSample]:
    end = draw.first_index + draw.count
    if end > len(samples[draw.problem_id]):
        raise ValueError(
            f"{len(samples[draw.problem_id])} draws are recorded of {draw.problem_id}, the budget asks for {end}"
        )
    return samples[draw.problem_id][draw.first_index : end]


def _more(before: Spending, drawn: Sequence[SimulatedSample], distinct: int) -> Spending:
    return Spending(before.tokens + sum(sample.tokens for sample in drawn), before.drawn + len(drawn), distinct)
