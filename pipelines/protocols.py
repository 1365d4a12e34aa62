"""The roles of a pipeline as small Protocols, and the values only steps exchange.

A method is one class in one file, named in the registry dict of its folder, built without arguments or with keyword options
from the recipe. None of these knows the workspace: state comes in as arguments and goes out as records.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.records import Completion, Decision, Problem, Prompt, Request, Rollout, Score, Verdict


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of one problem after the committed rounds; the only thing a budget sees."""

    problem_id: str
    drawn: int = 0
    correct: int = 0
    incorrect: int = 0
    unparsed: int = 0
    undecided: int = 0
    distinct_correct: int = 0

    @property
    def judged(self) -> int:
        """correct + incorrect + unparsed: what a pass rate is over."""
        return self.correct + self.incorrect + self.unparsed


@dataclass(frozen=True, slots=True)
class Draw:
    """Draw `count` more completions of a problem, from sample index `first_index` on."""

    problem_id: str
    first_index: int
    count: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Draw no more for a problem, and why."""

    problem_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """What a budget decided for one round. No draws means the run is done drawing."""

    draws: tuple[Draw, ...]
    stops: tuple[Stop, ...] = ()


class Synthesizer(Protocol):
    """Makes problems."""

    name: str
    version: str

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` distinct problems, a pure function of (options, budget, seed)."""
        ...


class Generator(Protocol):
    """An engine with one model. `spooled` engines get each reply made durable as it comes."""

    engine: str
    model: str
    model_digest: str
    spooled: bool

    def fingerprint(self) -> Mapping[str, str]:
        """What equality of texts depends on beyond the request: library versions, CPU features, digest."""
        ...

    def render(self, prompt: Prompt) -> str:
        """The text the model sees for this prompt."""
        ...

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """One completion per request, in any order, yielded as they finish."""
        ...

    def close(self) -> None:
        """Release processes, sockets and memory; safe to call twice."""
        ...


class Verifier(Protocol):
    """Judges completions. Never raises on model text: what it cannot judge is `undecided` with a cause."""

    name: str
    version: str

    def verify(self, problem: Problem, completion: Completion) -> Verdict: ...

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        """Verdicts in input order."""
        ...

    def close(self) -> None: ...


class Scorer(Protocol):
    """Gives completions a number."""

    name: str
    version: str

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]: ...


class Budget(Protocol):
    """Decides how many completions each problem gets: a pure function of its options and the tallies."""

    name: str
    version: str

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan: ...


class Selector(Protocol):
    """Decides which rollouts of one problem to keep: exactly one decision each, in input order."""

    name: str
    version: str

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]: ...
