"""Protocols of the pipeline's roles and the values that they exchange; the tallies and plans of budgets are in tallies.py,
the protocols of engines in engine_roles.py.

A method is one class in one file, named in the registry dict of its folder, built without arguments or with keyword options
from the recipe. None of them knows the workspace: state comes in as arguments and goes out as records.

Some roles are defined with the types that only they exchange: Policy (verify/acceptance.py), Aggregator
(aggregate/blind_pool.py), SearchPolicy (search/tree.py), Process (search/partial.py), Template (synthesize/template.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from rollmill.ground.records import Completion, Decision, Problem, Prompt, Rollout, Score, Verdict
from rollmill.roles.tallies import Draw, RoundPlan, Stop, Tally  # noqa: F401 - users' budgets import them from here


class Synthesizer(Protocol):
    """Makes problems.

    A synthesizer whose constructor takes `source` (`rollmill.pipelines.synthesize.sources.Source`) derives them from other
    problems, which the recipe names in the option `from`; a synthesizer that takes `samplers` asks a model.
    """

    name: str
    version: str

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` distinct problems, a pure function of (options, budget, seed)."""


@runtime_checkable
class CountsRefused(Protocol):
    """A synthesizer that refuses some of the written texts and counts them."""

    @property
    def refused(self) -> Mapping[str, int]:
        """Number of texts refused in the last call of `synthesize`, by reason."""


@runtime_checkable
class Verifier(Protocol):
    """Judges completions. Never raises on model text: a text that it cannot judge is `undecided` with a cause.

    Optional roles: RuledVerifier, ExplainsRules, SuitedVerifier, NeedsMachine, ReadsVotes, and Interruptible if it waits
    for other processes.
    """

    name: str
    version: str

    def verify(self, problem: Problem, completion: Completion) -> Verdict: ...

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        """Verdicts in input order."""

    def close(self) -> None: ...


@runtime_checkable
class RuledVerifier(Protocol):
    """A verifier that lists its rules in order, each with a version: an edit of one rule then affects few verdicts."""

    @property
    def rules(self) -> Sequence[tuple[str, str]] | None:
        """(rule, version) pairs."""


@runtime_checkable
class ExplainsRules(Protocol):
    """A verifier with a plain description of each of its rules, for people who read a verdict.

    A rule that finds an answer says where ("in the last box"), one that decides says how ("numbers compared exactly").
    """

    @property
    def words(self) -> Mapping[str, str]:
        """Words by the name of a rule; a rule without words is shown by its name."""


@runtime_checkable
class SuitedVerifier(Protocol):
    """A verifier that names the default suite with which `certify` tests it."""

    @property
    def suite(self) -> str | None:
        """A name of `rollmill.pipelines.certify.suites.SUITES`."""


@runtime_checkable
class NeedsMachine(Protocol):
    """A verifier with requirements on the machine, such as a sandbox."""

    def ready(self) -> None:
        """Raise SetupError if the machine does not meet them."""


@runtime_checkable
class BuiltOfMethods(Protocol):
    """A class with options that are methods themselves."""

    @property
    def nested(self) -> Mapping[str, str]:
        """The role of each such option."""


@runtime_checkable
class RankedPolicy(Protocol):
    """An acceptance policy (`pipelines/verify/acceptance.py`) that trusts some verifiers before others."""

    @property
    def order(self) -> Sequence[str]:
        """Verifier names from the most to the least trusted; the recipe must have each."""


class Scorer(Protocol):
    """Gives each completion of one problem a number, or none. It may be a GroupScorer instead."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]: ...


ANSWERS, VERDICTS, GROUP, MODEL, VOTES = NEEDS = ("answers", "verdicts", "group", "model", "votes")
"""Inputs that a GroupScorer may need besides problems and texts."""


@dataclass(frozen=True, slots=True)
class Vote:
    """Vote of a voting step's completion: its fields. A completion about a gathered group of `of` completions gives each
    of them a vote with its `place` in the group, from 1; else both are 0.
    """

    step: str
    fields: Mapping[str, str]
    place: int = 0
    of: int = 0


class VotesOn(Protocol):
    """Gives the votes of a run's steps on its completions."""

    def on(self, items: Sequence[tuple[Problem, Completion]]) -> Sequence[Sequence[Vote]]:
        """Votes on each of these completions, in plan order; empty if there are none."""


@runtime_checkable
class ReadsVotes(Protocol):
    """A verifier that judges by the votes of steps. It runs once everything is drawn, since the votes are complete then."""

    def bind(self, cast: VotesOn | None, plan: str) -> None:
        """Read votes from `cast`. `plan`: a digest of everything that decides which votes there are, "" for none.

        The version contains it as a part `plan=DIGEST` between `+`, which shows that the verdicts waited for votes.
        """


@dataclass(frozen=True, slots=True)
class Candidates:
    """Completions of one problem as a GroupScorer gets them, in order of sample index.

    `answers`: canonical keys, equal for equal answers, None for an unreadable answer; empty unless they are needed.
    `verdicts`: the verdicts of the run's verifiers on each completion, by name; empty unless they are needed.
    `prompts`: the prompt of each completion in its prompt template; empty for the problem's own prompt.
    `votes`: the votes of voting steps on each completion; empty unless they are needed.
    `follow_ups`: the prompts of completions that follow others, by id: these do not answer the problem's own prompt.
    """

    problem: Problem
    completions: Sequence[Completion]
    answers: Sequence[str | None] = ()
    verdicts: Sequence[Mapping[str, Verdict]] = ()
    prompts: Sequence[Prompt] = ()
    votes: Sequence[Sequence[Vote]] = ()
    follow_ups: Mapping[str, Prompt] = field(default_factory=dict)

    def question(self, completion: Completion) -> Prompt:
        """Prompt that a completion answers: the problem's own, whatever template stood around it; for a follow-up, its
        own.
        """
        return self.follow_ups.get(completion.id, self.problem.prompt)

    def prompted(self) -> Iterator[tuple[Prompt, Completion]]:
        """Pairs of each completion's prompt and the completion."""
        return zip(self.prompts or [self.problem.prompt] * len(self.completions), self.completions, strict=True)


@runtime_checkable
class GroupScorer(Protocol):
    """A scorer that gets many problems in one call, so that it can batch its requests to a model.

    `needs`: some of NEEDS. Scores that need `answers` or the `group` (the problem's other completions) hold for this set of
    completions only; scores that need `verdicts` hold for these verdicts only. The version under which they are stored
    names the set.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def needs(self) -> Sequence[str]: ...

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]: ...


class Budget(Protocol):
    """Decides how many completions each problem gets: a pure function of its options and the tallies.

    `prefix` (n0): the completions with sample indices 0 .. n0-1 that round 0 draws of every problem, whatever the verdicts;
    0 if there is none. `estimator`: the valid estimate of pass rates from its draws, `prefix` (the first n0 alone),
    `path_counting` (all draws; then it is a StoppingBudget) or `none`. Optional roles: MeasuringBudget, RoutingBudget,
    StatesVerdictUse, ChecksSteps (steps/graph.py).
    """

    name: str
    version: str

    @property
    def prefix(self) -> int: ...

    @property
    def estimator(self) -> str: ...

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan: ...


@runtime_checkable
class MeasuringBudget(Protocol):
    """A budget that plans by a number in the problems' meta."""

    @property
    def measure(self) -> str | None:
        """Key of this number in `meta`; tallies have the number in `measured`."""


@runtime_checkable
class StatesVerdictUse(Protocol):
    """A budget class that states whether it plans by verdicts. Runs assume that any other budget does."""

    reads_verdicts: bool


@runtime_checkable
class RoutingBudget(Protocol):
    """A budget that chooses between the recipe's steps. `rule`: rule of choice; `entry`: first draws on a later step."""

    routes: bool
    rule: str
    entry: int | None


class StoppingBudget(Budget, Protocol):
    """A budget with estimator `path_counting`: each problem stops by its own count of correct answers."""

    @property
    def cap(self) -> int:
        """Largest number of draws of one problem."""

    def rule(self, drawn: int, correct: int) -> int:
        """Number of completions to draw next of a problem with these counts; 0 stops."""


class Selector(Protocol):
    """Decides which rollouts of one problem to keep: exactly one decision each, in input order.

    Optional roles: CountingSelector, PlainSelector, ScoreSelector, CertifiedSelector.
    """

    name: str
    version: str

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]: ...


@runtime_checkable
class CountingSelector(Protocol):
    """A selector whose number of kept rollouts of a problem depends on two counts only, so that it can be forecast."""

    @property
    def counts_copies(self) -> bool:
        """True if equal right answers count more than once; if so, `distinct` changes nothing."""

    def kept_of(self, correct: int, distinct: int) -> int:
        """Number of rollouts kept of so many right answers, of which so many are distinct."""


@runtime_checkable
class CertifiedSelector(Protocol):
    """A selector that keeps rows which a certificate covers."""

    @property
    def certificate(self) -> Mapping[str, object]:
        """The certificate, for the manifest, as JSON values."""


@runtime_checkable
class PlainSelector(Protocol):
    """A selector that reads of a completion its identity, text, reasoning, finish reason and counts alone. It gets no
    messages, token ids, probabilities and meta, which take most of the time of reading a rollout.
    """

    reads_plain_rows: bool


@runtime_checkable
class ScoreSelector(Protocol):
    """A selector that selects by scores."""

    @property
    def scores(self) -> Sequence[str]:
        """Names of these scores, each of which the recipe must make."""
