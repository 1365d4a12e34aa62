"""A real engine and real verifiers small enough to reason about: sums, answered by arithmetic on the sampling seed.

The toy answers a + b rightly with the probability written in the prompt, in one of a few wordings, sometimes with no answer
or cut off; every completion it makes is one line of its call log, which survives a SIGKILL of the process.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rollmill.flows.job import Job
from rollmill.flows.problems import RecipeProblems
from rollmill.flows.rounds import DecisionReport, OpenRun, QueueLimits, RoundResult, RunSpec, decide, run_all
from rollmill.flows.sampling.steps import Step
from rollmill.flows.session import Session
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Problem, Request, Verdict
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.select.quota import Quota
from rollmill.steps.graph import root
from rollmill.storage.workspace import Workspace
from tests.toys import Toy

Rows = dict[str, list[tuple[Any, ...]]]
PROMPT = re.compile(r"(\d+) \+ (\d+) = \? \(p=(\d+)%\)")


def problems(count: int = 8, rates: Sequence[int] = (100, 80, 50, 20, 5, 0)) -> list[Problem]:
    """Sums with a pass rate in per cent each, the rates in turn."""
    return [
        Problem(
            prompt=f"{n} + {n * n} = ? (p={rates[n % len(rates)]}%)",
            reference=str(n + n * n),
            level=n % len(rates),
            skill="sum",
        )
        for n in range(1, count + 1)
    ]


@dataclass
class ToyEngine(Toy):
    """Sums, right with the chance that the prompt says.

    `lift`: another, better model: so many per cent more often right, and right in its own way.
    """

    lift: int = 0

    def answer(self, request: Request) -> Mapping[str, Any]:
        seed = int(digest128([self.model_digest, request.seed])[:15], 16) if self.lift else request.seed
        text, cut = toy_text(str(request.prompt), seed, self.lift)
        return {
            "text": text,
            "finish_reason": "length" if cut else "stop",
            "tokens_in": 8,
            "tokens_out": len(text.split()),
            "logprob_sum": -float(request.seed % 7),
        }


def toy_text(prompt: str, seed: int, lift: int = 0) -> tuple[str, bool]:
    """The text for this prompt and seed, and whether it was cut off."""
    match = PROMPT.search(prompt)
    assert match is not None
    first, second, rate = (int(part) for part in match.groups())
    if seed % 100 < (rate + lift if rate else 0):
        way = f"{first} + {second}" if seed // 100 % 2 else f"{second} + {first}"
        return f"{'So' if seed // 200 % 2 else 'Then'} {way} is answer: {first + second}", seed // 1000 % 50 == 0
    return ("I do not know." if seed // 100 % 5 == 0 else f"answer: {first + second + 1 + seed % 3}"), False


@dataclass
class ToyVerifier:
    """Judges by the number after `answer:`. `crash_on`: raises on such texts; `doubt`: leaves such texts undecided."""

    name: str = "toy"
    version: str = "1"
    crash_on: str | None = None
    doubt: str | None = None
    doubt_cause: str = "no rule"
    delay: float = 0.0
    seen: Callable[[str], None] | None = None
    closed: bool = False

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        if self.seen is not None:
            self.seen(completion.id)
        if self.delay:
            time.sleep(self.delay)
        if self.crash_on is not None and self.crash_on in completion.text:
            raise ZeroDivisionError("a bug of the verifier")
        doubtful = self.doubt is not None and self.doubt in completion.text
        match = re.search(r"answer: (-?\d+)", completion.text)
        outcome: Any = "unparsed" if match is None else "correct" if match[1] == problem.reference else "incorrect"
        return Verdict(
            completion_id=completion.id,
            problem_id=problem.id,
            verifier=self.name,
            version=self.version,
            outcome="undecided" if doubtful else outcome,
            rule="number",
            cause=self.doubt_cause if doubtful else None,
            extracted=match[1] if match else None,
        )

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        return (self.verify(*item) for item in items)

    def close(self) -> None:
        self.closed = True


def workspace(path: Path, run: str = "toy-run") -> Workspace:
    """A fresh or existing workspace with this run opened in it."""
    ws = Workspace.init(path)
    ws.runs.open(run, name="toy", recipe={"run": run}, recipe_hash=digest128(run))
    return ws


@dataclass(frozen=True)
class ToyRun:
    """A run that is not opened yet: its specification, its id, and what an open run takes beside them."""

    spec: RunSpec
    id: str = "toy-run"
    given: Mapping[str, Any] = field(default_factory=dict)

    @contextmanager
    def open(self, ws: Workspace) -> Iterator[OpenRun]:
        """The open run in this workspace; its engines are closed with it."""
        session = Session(Job(str(ws.root), ""), ws)
        try:
            with OpenRun(session, self.spec, self.id, **self.given) as run:
                yield run
        finally:
            session.engines.close()


def spec(run: str = "toy-run", *, engine: Callable[[], Any] | None = ToyEngine, **changes: Any) -> ToyRun:
    """A small run: 8 sums, DARS uniform in two rounds, quota of two, batches of 8."""
    options: dict[str, Any] = {
        "verifiers": (ToyVerifier,),
        "budget": DarsUniform(initial=4, target=2, cap=8),
        "selector": Quota(per_problem=2),
        "recipe_seed": 7,
        "limits": QueueLimits(poll_seconds=0.02),
    }
    given: dict[str, Any] = {name: changes.pop(name) for name in ("samplers", "on_event") if name in changes}
    drawn = {name: changes.pop(name) for name in ("sampling", "form") if name in changes}
    asked = RecipeProblems.of(changes.pop("problems", problems()))
    only = Step(root(), engine, batch_size=changes.pop("batch_size", 8), **drawn)
    return ToyRun(RunSpec(problem_set=asked, **({"steps": [only]} | options | changes)), run, given)


def with_spec(toy: ToyRun, **changes: Any) -> ToyRun:
    """A run with the same id and listener and another specification."""
    if "problems" in changes:
        changes["problem_set"] = RecipeProblems.of(changes.pop("problems"))
    return replace(toy, spec=replace(toy.spec, **changes))


def with_step(toy: ToyRun, **changes: Any) -> ToyRun:
    """A run with changes of its only step."""
    return with_spec(toy, steps=[replace(toy.spec.steps[0], **changes)])


def whole(path: Path, toy: ToyRun) -> tuple[list[RoundResult], DecisionReport]:
    """Recover, run every round, decide; the run is closed."""
    with workspace(path, toy.id) as ws, toy.open(ws) as run:
        ws.recover()
        results = run_all(run)
        return results, decide(run)


def killed(path: Path, log: Path, make: Callable[..., ToyRun]) -> None:
    """The body of a process that dies on the way: the whole of the run that `make` makes, with its calls in a log."""
    whole(path, make(log=log))


def content(ws: Workspace) -> Rows:
    """Every row that the store shows, without what may differ between equal runs (times, tokens per second)."""
    columns = {
        "completions": "id, prompt_id, stream, sample_index, seed, text, finish_reason FROM completions",
        "verdicts": "completion_id, problem_id, verifier, version, outcome, rule, cause, extracted FROM verdicts",
        "decisions": "run, problem_id, completion_id, selector, kept, reason, outcome FROM decisions",
        "plan": "run, round, problem_id, completion_id, sample_index, seed FROM plan",
        "links": "round, problem_id, completion_id, step, after FROM plan",
        "stops": "run, round, problem_id, reason FROM stops",
    }
    connection = ws.segments.connect()
    try:
        return {name: connection.execute(f"SELECT {what} ORDER BY ALL").fetchall() for name, what in columns.items()}
    finally:
        connection.close()


def rows_of(path: Path) -> Rows:
    """The content of the workspace in this folder."""
    with workspace(path) as ws:
        return content(ws)


def calls(log: Path) -> list[str]:
    """The completion ids that engines were asked for, in order, over all processes."""
    return log.read_text().split() if log.exists() else []
