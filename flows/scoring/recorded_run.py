"""A run as the ledger has it, for what asks about its completions: what each of them was asked, by the words of then."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flows.rounds.memory import Memory
from flows.rounds.threads import RunThreads
from flows.sampling.steps import Step
from pipelines.steps.graph import StepGraph
from storage.records import Outcome, PlanRow, Problem, Prompt
from storage.rollouts import Accept, Pair, RunReader
from storage.workspace import Workspace


@dataclass(frozen=True)
class RecordedRun:
    """Its steps and problems by name and id; `reader` and `accept` say how what was judged came out."""

    id: str
    graph: StepGraph
    steps: Mapping[str, Step]
    problems: Mapping[str, Problem]
    reader: RunReader
    accept: Accept
    memory: Memory = field(default_factory=Memory)

    @property
    def spec(self) -> "RecordedRun":
        """Itself: it is all that is known of it."""
        return self

    def step(self, name: str = "") -> Step:
        """The step of this name."""
        return self.steps[name]

    def problem(self, problem_id: str) -> Problem:
        """The problem with this id."""
        return self.problems[problem_id]

    def judged(self, step: str) -> bool:
        """Whether its completions are judged."""
        return step in self.graph.answers

    def outcomes(self, ws: Workspace, rows: Sequence[PlanRow]) -> Mapping[Pair, Outcome]:
        """Those of judged rows."""
        del ws
        return {pair: verdict.outcome for pair, verdict in self.reader.accepted(rows, self.accept).items()}

    def prompts(self, ws: Workspace, plans: Sequence[Sequence[PlanRow]]) -> Callable[[Sequence[PlanRow]], Iterable[Prompt]]:
        """What gives what each of some rows answers."""
        if not self.graph.follow_ups:
            return lambda rows: [self.step(row.step).asked(self.problem(row.problem_id)) for row in rows]
        threads = RunThreads(ws, self)
        threads.note(plans)
        return threads.questions
