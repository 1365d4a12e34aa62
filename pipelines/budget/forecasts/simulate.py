"""Runs a budget against any source of outcomes until it stops: what forecasts, replays and tests of budgets share.

It keeps the state of a run between rounds (a tally per problem, permanent stops) and makes a run's checks.
The source decides the outcomes, at random or not.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rollmill.ground.records import OUTCOMES, Outcome
from rollmill.roles.protocols import Budget
from rollmill.roles.tallies import Draw, PrefixTally, RoundPlan, StepTally

MOST_ROUNDS = 10_000  # more than any budget takes: beyond it, one that never ends is told so


class SimulatedSample(NamedTuple):
    """A completion as a budget counts it. `solution` names a correct one's solution: equal names are not distinct; None:
    it counts as no solution. `tokens` are tokens out. `answer` is the key of its answer; None: no answer could be read.
    """

    outcome: Outcome
    solution: str | int | None = None
    tokens: int = 0
    answer: str | int | None = None


class SimulatedProblem(NamedTuple):
    """Facts about a problem that are known before anything is drawn."""

    problem_id: str
    level: int | None = None
    template: str | None = None


Source = Callable[[Draw], Sequence[SimulatedSample]]
"""The samples of a draw, exactly `draw.count` of them, in order of sample index."""


@dataclass(frozen=True, slots=True)
class Round:
    """A simulated round: the plan (its stops only those that are new), the samples of each of its draws, the tallies
    after it.
    """

    index: int
    plan: RoundPlan
    samples: tuple[Sequence[SimulatedSample], ...]
    tallies: Sequence[PrefixTally]


def run_budget(
    budget: Budget, problems: Sequence[SimulatedProblem], outcomes: Source, steps: Sequence[str] = ()
) -> Iterator[Round]:
    """The rounds of a budget over these problems, the last one without draws; RuntimeError if it breaks a rule.

    An iterator: read each round before the next one, and stop reading to stop drawing.
    `steps`: the names of the recipe's steps, in order, if it has some.
    """
    ordered = sorted(problems, key=lambda problem: problem.problem_id)
    accounts = {problem.problem_id: _Account(problem, budget.prefix, tuple(steps) or ("",)) for problem in ordered}
    for index in range(MOST_ROUNDS):
        plan = _only_new_stops(budget.plan(index, [account.tally() for account in accounts.values()]), accounts)
        samples = tuple(_samples(accounts[draw.problem_id], draw, outcomes) for draw in plan.draws)
        yield Round(index, plan, samples, [account.tally() for account in accounts.values()])
        if not plan.draws:
            return
    raise RuntimeError(f"budget {budget.name} has not ended after {MOST_ROUNDS} rounds")


def _only_new_stops(plan: RoundPlan, accounts: "dict[str, _Account]") -> RoundPlan:
    """The plan with its new stops, which are recorded."""
    # A budget is a pure function of the tallies and names a stop again in each round.
    stops = tuple(stop for stop in plan.stops if accounts[stop.problem_id].stopped is None)
    continued = tuple(stop for stop in plan.continued if not accounts[stop.problem_id].given_up)
    for stop in stops:
        accounts[stop.problem_id].stop(stop.reason)
    for stop in continued:
        accounts[stop.problem_id].given_up = True
    return RoundPlan(plan.draws, stops, continued)


def _samples(account: "_Account", draw: Draw, outcomes: Source) -> Sequence[SimulatedSample]:
    if draw.step not in account.steps:
        raise RuntimeError(f"the budget planned {draw}; steps: {list(account.steps)}")
    before = account.steps[draw.step].drawn
    # A gap or an overlap would name other completions in a real run.
    if draw.count < 1 or draw.first_index != before:
        raise RuntimeError(f"the budget planned {draw}, but {before} are drawn so far")
    samples = outcomes(draw)
    if len(samples) != draw.count:
        raise RuntimeError(f"{len(samples)} samples for {draw}")
    account.add(draw.step, draw.first_index, samples)
    return samples


@dataclass(slots=True)
class _Counts:
    """Counts of a problem's draws, on one step or in all."""

    drawn: int = 0
    tokens: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    solutions: set[str | int] = field(default_factory=set)
    answers: dict[str | int, int] = field(default_factory=dict)

    def add(self, samples: Sequence[SimulatedSample]) -> None:
        """Count these."""
        self.drawn += len(samples)
        for outcome, solution, tokens, answer in samples:
            self.outcomes[outcome] += 1
            self.tokens += tokens
            if outcome == "correct" and solution is not None:
                self.solutions.add(solution)
            if answer is not None:
                self.answers[answer] = self.answers.get(answer, 0) + 1

    def step_tally(self, name: str) -> StepTally:
        """As rollmill.flows.rounds makes it of stored rows."""
        return StepTally(
            name,
            self.drawn,
            self.outcomes["correct"],
            self.outcomes["incorrect"],
            self.outcomes["unparsed"],
            self.outcomes["undecided"],
            len(self.solutions),
            self.tokens,
            max(self.answers.values(), default=0),
        )


class _Account:
    """Account of a problem's draws so far. Tallies are rebuilt only after a draw or a stop."""

    def __init__(self, subject: SimulatedProblem, prefix: int, steps: Sequence[str]) -> None:
        self.total = _Counts()
        # The only step of a recipe without steps is the total itself.
        self.steps = {name: _Counts() if name else self.total for name in steps}
        self.stopped: str | None = None
        self.given_up = False
        self._subject, self._prefix, self._first = subject, prefix, steps[0]
        self._prefix_judged = self._prefix_correct = 0
        self._step_tallies: dict[str, StepTally] = {}
        self._tally: PrefixTally | None = None

    def add(self, step: str, first_index: int, samples: Sequence[SimulatedSample]) -> None:
        """Count the samples of one draw."""
        self.total.add(samples)
        if step:
            self.steps[step].add(samples)
            self._step_tallies.pop(step, None)
        # Only the first step draws a prefix for every problem.
        if step == self._first:
            prefix = [sample.outcome for sample in samples[: max(0, self._prefix - first_index)]]
            self._prefix_judged += len(prefix) - prefix.count("undecided")
            self._prefix_correct += prefix.count("correct")
        self._tally = None

    def stop(self, reason: str) -> None:
        """Note that the budget stopped it."""
        self.stopped, self._tally = reason, None

    def tally(self) -> PrefixTally:
        """As rollmill.flows.rounds makes it of stored rows."""
        if self._tally is None:
            for name in self.steps:
                if name and name not in self._step_tallies:
                    self._step_tallies[name] = self.steps[name].step_tally(name)
            outcomes = self.total.outcomes
            self._tally = PrefixTally(
                self._subject.problem_id,
                self.total.drawn,
                outcomes["correct"],
                outcomes["incorrect"],
                outcomes["unparsed"],
                outcomes["undecided"],
                len(self.total.solutions),
                level=self._subject.level,
                template=self._subject.template,
                tokens=self.total.tokens,
                stopped=self.stopped,
                steps=tuple(self._step_tallies[name] for name in self.steps if name),
                prefix_judged=self._prefix_judged,
                prefix_correct=self._prefix_correct,
            )
        return self._tally
