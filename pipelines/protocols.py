"""The roles of a pipeline as small Protocols, and what they exchange; what a budget sees and says is in tallies.py.

A method is one class in one file, named in the registry dict of its folder, built without arguments or with keyword options
from the recipe. None of these knows the workspace: state comes in as arguments and goes out as records.

Some roles lie beside what they alone exchange: Policy (verify/acceptance.py), Aggregator (aggregate/blind_pool.py),
SearchPolicy (search/tree.py), Process (search/partial.py), Template (synthesize/template.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pipelines.tallies import Draw, RoundPlan, Stop, Tally  # noqa: F401 - users' budgets import them from here
from storage.records import Attempt, Completion, Decision, Problem, Prompt, Request, Rollout, Score, Verdict

AttemptListener = Callable[[Sequence[Attempt]], None]


class Synthesizer(Protocol):
    """Makes problems.

    One whose constructor takes `source` (`pipelines.synthesize.sources.Source`) makes them of other problems, which the
    recipe names as its option `from`; one that takes `samplers` asks a model.
    """

    name: str
    version: str

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` distinct problems, a pure function of (options, budget, seed)."""


@runtime_checkable
class CountsRefused(Protocol):
    """A synthesizer that refuses some of what is written, and says how much of it."""

    @property
    def refused(self) -> Mapping[str, int]:
        """How many texts it refused the last time, by reason."""


class Generator(Protocol):
    """An engine with one model. `spooled` engines get each reply made durable as it comes.

    What it may be beside: ConcurrentGenerator, GroupedGenerator, BoundedLoss, CountsPromptTokens, Interruptible,
    WindsDown.
    """

    engine: str
    model: str
    model_digest: str
    spooled: bool

    def fingerprint(self) -> Mapping[str, str]:
        """What equality of texts depends on beyond the request: library versions, CPU features, digest."""

    def render(self, prompt: Prompt) -> str:
        """The text the model sees for this prompt."""

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """One completion per request, in any order, yielded as they finish."""

    def close(self) -> None:
        """Release processes, sockets and memory; safe to call twice."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What was sampled: completions by id, and why there are not more where the engine failed."""

    completions: Mapping[str, Completion]
    failure: str | None = None


class Sampler(Protocol):
    """One model, for methods that ask it: judges, scorers. In a run what it gives is stored, charged and limited."""

    @property
    def engine(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def model_digest(self) -> str: ...

    def render(self, prompt: Prompt) -> str:
        """The text the model sees for this prompt."""

    @property
    def scores_texts(self) -> bool:
        """Whether it answers requests with a text that is given."""

    def sample(self, requests: Sequence[Request]) -> Samples:
        """Completions of these requests, those that are stored already among them; all draw, or all have a given text."""

    def interrupt(self) -> None:
        """From another thread: make calls under way raise soon."""


class Samplers(Protocol):
    """Gives the sampler of an engine, by its recipe name, with a model and the engine's options."""

    def of(self, engine: str, model: str, options: Mapping[str, Any], purpose: str = "judge") -> Sampler:
        """`purpose`: what is paid for, a purpose of storage.spending."""


@runtime_checkable
class Verifier(Protocol):
    """Judges completions. Never raises on model text: what it cannot judge is `undecided` with a cause.

    What it may be beside: RuledVerifier, SuitedVerifier, NeedsMachine, ReadsVotes, and Interruptible where it waits for
    somebody else.
    """

    name: str
    version: str

    def verify(self, problem: Problem, completion: Completion) -> Verdict: ...

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        """Verdicts in input order."""

    def close(self) -> None: ...


@runtime_checkable
class Interruptible(Protocol):
    """An engine or verifier that can give up what is under way."""

    def interrupt(self) -> None:
        """Make calls under way raise soon; from any thread."""


@runtime_checkable
class WindsDown(Protocol):
    """An engine that can send nothing more and give what still arrives."""

    def wind_down(self) -> None:
        """Make calls under way raise once what they asked for has arrived; from any thread."""


@runtime_checkable
class ConcurrentGenerator(Protocol):
    """An engine in this process that takes several calls of `generate` at once, to go on when one runs dry."""

    @property
    def calls(self) -> int:
        """How many."""


@runtime_checkable
class GroupedGenerator(Protocol):
    """A spooled engine that gives what has come meanwhile together, so that it is made durable in one write."""

    def groups(self, requests: Sequence[Request], on_attempts: AttemptListener) -> Iterator[Sequence[Completion]]:
        """`generate` in groups; asking for the next one says that the last is durable. `on_attempts` hears of attempts."""


@runtime_checkable
class BoundedLoss(Protocol):
    """An engine that knows what a kill can cost."""

    @property
    def under_way(self) -> int | None:
        """The most requests that are asked of others and not durable; None: any number."""


@runtime_checkable
class CountsPromptTokens(Protocol):
    """An engine that counts the tokens of a prompt without drawing."""

    def prompt_tokens(self, rendered: str) -> int:
        """The tokens of a rendered prompt."""


@runtime_checkable
class ScoresTexts(Protocol):
    """An engine that gives the log-probability of texts that it did not draw."""

    def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """One completion per request, in any order: the text `given` behind `rendered`, with `logprobs` and their sum.

        Without a `logprob_sum` where the context has no room for both.
        """


@runtime_checkable
class RuledVerifier(Protocol):
    """A verifier that lists the rules it tries, in order, each with a version: an edit of one then reaches few verdicts."""

    @property
    def rules(self) -> Sequence[tuple[str, str]] | None:
        """(rule, version) pairs."""


@runtime_checkable
class SuitedVerifier(Protocol):
    """A verifier that says by which suite `certify` puts it to the test, where nobody names one."""

    @property
    def suite(self) -> str | None:
        """A name of `pipelines.certify.suites.SUITES`."""


@runtime_checkable
class NeedsMachine(Protocol):
    """A verifier that needs something of the machine, a sandbox for one."""

    def ready(self) -> None:
        """SetupError where the machine lacks it."""


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
        """Their names, each of which the recipe must have."""


class Scorer(Protocol):
    """Gives completions of one problem a number each, or none where it has none. It may be a GroupScorer instead."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]: ...


ANSWERS, VERDICTS, GROUP, MODEL, VOTES = NEEDS = ("answers", "verdicts", "group", "model", "votes")
"""What a GroupScorer may need beside problems and texts."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one completion of a voting step says: its fields. One about a gathered group of `of` completions is given for
    each of them with its `place` there, from 1; else both are 0.
    """

    step: str
    fields: Mapping[str, str]
    place: int = 0
    of: int = 0


class VotesOn(Protocol):
    """Gives the votes of a run's steps on its completions."""

    def on(self, items: Sequence[tuple[Problem, Completion]]) -> Sequence[Sequence[Vote]]:
        """Those on each of these, in plan order; none where nobody voted."""


@runtime_checkable
class ReadsVotes(Protocol):
    """A verifier that goes by the votes of steps. They are there once everything is drawn: only then is it asked."""

    def bind(self, cast: VotesOn | None, plan: str) -> None:
        """Read votes from here. `plan`: a digest of all that decides which votes there are, "" for none.

        The version has it as a part `plan=DIGEST` between `+`: by this whoever reads a version knows that it waited.
        """


@dataclass(frozen=True, slots=True)
class Candidates:
    """The completions of one problem as a GroupScorer is given them, in order of sample index.

    `answers`: canonical keys, equal for equal answers, None where an answer cannot be told; empty unless they are needed.
    `verdicts`: on each completion those of the run's verifiers, by name; empty unless they are needed.
    `prompts`: what the model was asked for each completion, in its prompt template; empty for the problem's own prompt.
    `votes`: on each completion those of voting steps; empty unless they are needed.
    `follow_ups`: what was asked for those that follow others, by id: the problem's prompt is not what they answer.
    """

    problem: Problem
    completions: Sequence[Completion]
    answers: Sequence[str | None] = ()
    verdicts: Sequence[Mapping[str, Verdict]] = ()
    prompts: Sequence[Prompt] = ()
    votes: Sequence[Sequence[Vote]] = ()
    follow_ups: Mapping[str, Prompt] = field(default_factory=dict)

    def question(self, completion: Completion) -> Prompt:
        """What a completion answers: the problem, whatever template stood around it; a follow-up what it was asked."""
        return self.follow_ups.get(completion.id, self.problem.prompt)

    def prompted(self) -> Iterator[tuple[Prompt, Completion]]:
        """Each completion behind what the model was asked for it."""
        return zip(self.prompts or [self.problem.prompt] * len(self.completions), self.completions, strict=True)


@runtime_checkable
class GroupScorer(Protocol):
    """A scorer that is given many problems at once, so that it can ask a model for all of them together.

    `needs`: some of NEEDS. Whoever needs `answers` or the `group` (the problem's other completions) gives numbers that hold
    for this set of completions only, and who needs `verdicts`, for those verdicts only; the version that they are stored
    under names the set.
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
    0 where there is none. `estimator`: the valid estimate of pass rates from its draws, `prefix` (the first n0 alone),
    `path_counting` (all draws; then it is a StoppingBudget) or `none`. What it may be beside: MeasuringBudget,
    RoutingBudget.
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
    """A budget that goes by a number in the problems' meta."""

    @property
    def measure(self) -> str | None:
        """Its key; tallies then have it in `measured`."""


@runtime_checkable
class RoutingBudget(Protocol):
    """A budget that chooses between the recipe's steps. `rule`: by what; `entry`: first draws on a later step."""

    routes: bool
    rule: str
    entry: int | None


class StoppingBudget(Budget, Protocol):
    """A budget with estimator `path_counting`: each problem stops by its own count of correct answers."""

    @property
    def cap(self) -> int:
        """The most that is drawn of one problem."""

    def rule(self, drawn: int, correct: int) -> int:
        """How many completions to draw next of a problem with these counts; 0 stops."""


class Selector(Protocol):
    """Decides which rollouts of one problem to keep: exactly one decision each, in input order."""

    name: str
    version: str

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]: ...
