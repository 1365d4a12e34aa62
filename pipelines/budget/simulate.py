"""Runs a budget against any source of outcomes until it stops: what forecasts, replays and tests of budgets share.

It keeps what rounds keep between rounds (a tally per problem, stops that stand once given) and checks what they
checks. Knows no workspace, no text and no randomness: where outcomes come from is the source's business.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipelines.budget.tallies import PrefixTally
from pipelines.protocols import ArmTally, Budget, Draw, RoundPlan
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
    ways, ordered = tuple(arms) or ("",), sorted(problems, key=lambda one: one.problem_id)
    accounts = {one.problem_id: _Account(one, budget.prefix, {arm: _OnArm() for arm in ways}) for one in ordered}
    for index in range(MOST_ROUNDS):
        plan = _only_new_stops(budget.plan(index, [account.tally() for account in accounts.values()]), accounts)
        samples = tuple(_drawn(accounts[draw.problem_id], draw, outcomes) for draw in plan.draws)
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
        accounts[stop.problem_id].made = None
    for stop in continued:
        accounts[stop.problem_id].given_up = True
    return RoundPlan(plan.draws, stops, continued)


def _drawn(account: "_Account", draw: Draw, outcomes: Source) -> Sequence[Sample]:
    if draw.arm not in account.ways:
        raise RuntimeError(f"the budget planned {draw}; arms: {list(account.ways)}")
    before = account.ways[draw.arm].drawn
    if draw.count < 1 or draw.first_index != before:
        raise RuntimeError(f"the budget planned {draw}, but {before} are drawn so far")
    samples = outcomes(draw)
    if len(samples) != draw.count:
        raise RuntimeError(f"{len(samples)} samples for {draw}")
    account.add(draw.arm, draw.first_index, samples)
    return samples


@dataclass(slots=True)
class _OnArm:
    """What was drawn of one problem on one arm."""

    drawn: int = 0
    tokens: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    solutions: set[str | int] = field(default_factory=set)
    answers: Counter[str | int] = field(default_factory=Counter)

    def add(self, samples: Sequence[Sample]) -> None:
        """Count these."""
        self.drawn += len(samples)
        self.tokens += sum(sample.tokens for sample in samples)
        self.outcomes.update(sample.outcome for sample in samples)
        self.solutions |= {s.solution for s in samples if s.outcome == "correct" and s.solution is not None}
        self.answers.update(sample.answer for sample in samples if sample.answer is not None)

    def tally(self, name: str) -> ArmTally:
        """As flows.rounds.arm_tallies makes it of stored rows."""
        return ArmTally(
            name=name,
            drawn=self.drawn,
            correct=self.outcomes["correct"],
            incorrect=self.outcomes["incorrect"],
            unparsed=self.outcomes["unparsed"],
            undecided=self.outcomes["undecided"],
            distinct=len(self.solutions),
            tokens=self.tokens,
            agreeing=max(self.answers.values(), default=0),
        )


@dataclass(slots=True)
class _Account:
    """What was drawn of one problem so far. The tally is made anew only after a draw."""

    subject: Subject
    prefix: int
    ways: dict[str, _OnArm]
    prefix_judged: int = 0
    prefix_correct: int = 0
    stopped: str | None = None
    given_up: bool = False
    made: PrefixTally | None = None

    def add(self, arm: str, first_index: int, samples: Sequence[Sample]) -> None:
        """Count the samples of one draw."""
        self.ways[arm].add(samples)
        if arm == next(iter(self.ways)):
            prefix = [sample.outcome for sample in samples[: max(0, self.prefix - first_index)]]
            self.prefix_judged += len(prefix) - prefix.count("undecided")
            self.prefix_correct += prefix.count("correct")
        self.made = None

    def tally(self) -> PrefixTally:
        """As flows.rounds.gather makes it of stored rows."""
        if self.made is None:
            ways = self.ways.values()
            counts = Counter[Outcome]()
            for way in ways:
                counts.update(way.outcomes)
            self.made = PrefixTally(
                problem_id=self.subject.problem_id,
                level=self.subject.level,
                template=self.subject.template,
                tokens=sum(way.tokens for way in ways),
                arms=() if "" in self.ways else tuple(way.tally(name) for name, way in self.ways.items()),
                stopped=self.stopped,
                drawn=sum(way.drawn for way in ways),
                correct=counts["correct"],
                incorrect=counts["incorrect"],
                unparsed=counts["unparsed"],
                undecided=counts["undecided"],
                distinct_correct=len(set[str | int]().union(*(way.solutions for way in ways))),
                prefix_judged=self.prefix_judged,
                prefix_correct=self.prefix_correct,
            )
        return self.made
