"""Runs a budget against any source of outcomes until it stops: what forecasts, replays and tests of budgets share.

It keeps what a run keeps between rounds (a tally per problem, stops that stand once given) and checks what a run checks.
Where outcomes come from, and whether at random, is the source's business.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipelines.protocols import ArmTally, Budget, Draw, PrefixTally, RoundPlan
from storage.records import Outcome

MOST_ROUNDS = 10_000


class Sample(NamedTuple):
    """One completion as a budget counts it. `solution` names a correct one's solution: equal names are not distinct;
    None: it counts as no solution. `tokens` are those drawn (tokens out). `answer` is the key of its answer, None: it gave
    none that could be read.
    """

    outcome: Outcome
    solution: str | int | None = None
    tokens: int = 0
    answer: str | int | None = None


class Subject(NamedTuple):
    """What is known of a problem before anything is drawn."""

    problem_id: str
    level: int | None = None
    template: str | None = None


Source = Callable[[Draw], Sequence[Sample]]
"""The samples of a draw, exactly `draw.count` of them, in order of sample index."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round: the plan (its stops only those that are new), the samples of each of its draws, the tallies after it."""

    index: int
    plan: RoundPlan
    samples: tuple[Sequence[Sample], ...]
    tallies: Sequence[PrefixTally]


def run_budget(budget: Budget, problems: Sequence[Subject], outcomes: Source, arms: Sequence[str] = ()) -> Iterator[Round]:
    """The rounds of a budget over these problems, the last one without draws; RuntimeError where it breaks a rule.

    A later round may not be asked for while an earlier one is unread: it is an iterator, so stop reading to stop drawing.
    `arms`: the names of the recipe's arms, in order, where it has some.
    """
    names, ordered = tuple(arms) or ("",), sorted(problems, key=lambda one: one.problem_id)
    accounts = {
        one.problem_id: _Account(one, budget.prefix, {name: _ArmAccount(name) for name in names}) for one in ordered
    }
    for index in range(MOST_ROUNDS):
        plan = _only_new_stops(budget.plan(index, [account.tally() for account in accounts.values()]), accounts)
        samples = tuple(_samples(accounts[draw.problem_id], draw, outcomes) for draw in plan.draws)
        yield Round(index, plan, samples, [account.tally() for account in accounts.values()])
        if not plan.draws:
            return
    raise RuntimeError(f"budget {budget.name} has not ended after {MOST_ROUNDS} rounds")


def _only_new_stops(plan: RoundPlan, accounts: "dict[str, _Account]") -> RoundPlan:
    """The plan with what it says of problems for the first time, which is noted."""
    stops = tuple(stop for stop in plan.stops if accounts[stop.problem_id].stopped is None)
    continued = tuple(stop for stop in plan.continued if not accounts[stop.problem_id].given_up)
    for stop in stops:
        accounts[stop.problem_id].stopped = stop.reason
        accounts[stop.problem_id].cached = None
    for stop in continued:
        accounts[stop.problem_id].given_up = True
    return RoundPlan(plan.draws, stops, continued)


def _samples(account: "_Account", draw: Draw, outcomes: Source) -> Sequence[Sample]:
    if draw.arm not in account.arms:
        raise RuntimeError(f"the budget planned {draw}; arms: {list(account.arms)}")
    before = account.arms[draw.arm].drawn
    if draw.count < 1 or draw.first_index != before:
        raise RuntimeError(f"the budget planned {draw}, but {before} are drawn so far")
    samples = outcomes(draw)
    if len(samples) != draw.count:
        raise RuntimeError(f"{len(samples)} samples for {draw}")
    account.add(draw.arm, draw.first_index, samples)
    return samples


@dataclass(slots=True)
class _ArmAccount:
    """What was drawn of one problem on one arm. The tally is made anew only after a draw."""

    name: str
    drawn: int = 0
    tokens: int = 0
    outcomes: dict[Outcome, int] = field(
        default_factory=lambda: {"correct": 0, "incorrect": 0, "unparsed": 0, "undecided": 0}
    )
    solutions: set[str | int] = field(default_factory=set)
    answers: dict[str | int, int] = field(default_factory=dict)
    cached: ArmTally | None = None

    def add(self, samples: Sequence[Sample]) -> None:
        """Count these."""
        self.drawn += len(samples)
        self.cached = None
        for outcome, solution, tokens, answer in samples:
            self.outcomes[outcome] += 1
            self.tokens += tokens
            if outcome == "correct" and solution is not None:
                self.solutions.add(solution)
            if answer is not None:
                self.answers[answer] = self.answers.get(answer, 0) + 1

    def tally(self) -> ArmTally:
        """As flows.rounds makes it of stored rows."""
        if self.cached is None:
            agreeing = max(self.answers.values(), default=0)
            self.cached = ArmTally(
                self.name,
                self.drawn,
                **self.outcomes,
                distinct=len(self.solutions),
                tokens=self.tokens,
                agreeing=agreeing,
            )
        return self.cached


@dataclass(slots=True)
class _Account:
    """What was drawn of one problem so far. The tally is made anew only after a draw or a stop."""

    subject: Subject
    prefix: int
    arms: dict[str, _ArmAccount]
    prefix_judged: int = 0
    prefix_correct: int = 0
    stopped: str | None = None
    given_up: bool = False
    cached: PrefixTally | None = None

    def add(self, arm: str, first_index: int, samples: Sequence[Sample]) -> None:
        """Count the samples of one draw."""
        self.arms[arm].add(samples)
        if arm == next(iter(self.arms)):
            prefix = [sample.outcome for sample in samples[: max(0, self.prefix - first_index)]]
            self.prefix_judged += len(prefix) - prefix.count("undecided")
            self.prefix_correct += prefix.count("correct")
        self.cached = None

    def tally(self) -> PrefixTally:
        """As flows.rounds makes it of stored rows."""
        if self.cached is None:
            tallies = tuple(arm.tally() for arm in self.arms.values())
            self.cached = PrefixTally(
                problem_id=self.subject.problem_id,
                level=self.subject.level,
                template=self.subject.template,
                tokens=sum(arm.tokens for arm in tallies),
                arms=() if "" in self.arms else tallies,
                stopped=self.stopped,
                drawn=sum(arm.drawn for arm in tallies),
                correct=sum(arm.correct for arm in tallies),
                incorrect=sum(arm.incorrect for arm in tallies),
                unparsed=sum(arm.unparsed for arm in tallies),
                undecided=sum(arm.undecided for arm in tallies),
                distinct_correct=len(set[str | int]().union(*(arm.solutions for arm in self.arms.values()))),
                prefix_judged=self.prefix_judged,
                prefix_correct=self.prefix_correct,
            )
        return self.cached
