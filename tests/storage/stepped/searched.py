"""A run that searches, with as many pieces of a problem as are wanted: waves of WIDTH pieces, of which the first CONTINUED
are continued by as many pieces each. The last wave ends in an answer for each piece; every third one is right.
"""

from typing import Any, NamedTuple

from rollmill.ground.records import Completion, Decision, PlanRow, Problem, StopRow, Verdict
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace
from tests.storage.accepted import accept

RUN = "grown-aaaaaaaa"
PROBLEM, OTHER = (
    Problem(f"What is 2 + 3 * {n}?", str(2 + 3 * n), level=1, skill="chain", template="mixed", source="templates")
    for n in (4, 5)
)
WIDTH, CONTINUED = 20, 5
RECIPE: dict[str, Any] = {
    "name": "grown",
    "dataset": "grown",
    "generate": {"engine": "embedded"},
    "budget": {"method": "search"},
    "steps": [
        {"name": "piece", "role": "step", "template": "{prompt}"},
        {"name": "next", "role": "step", "template": "{piece}", "turn": "continue"},
        {"name": "answer", "template": "{next}"},
    ],
    "resolved": {"verifiers": [["number", "1"]]},
    "prefix": 0,
}


class GrownPiece(NamedTuple):
    """A completion of the search: its number and step, its own text, what it continues and its problem."""

    number: int
    step: str
    own: str
    before: "GrownPiece | None" = None
    problem: Problem = PROBLEM

    @property
    def id(self) -> str:
        """Its completion id."""
        return f"{self.number:032x}"

    @property
    def text(self) -> str:
        """The whole text so far."""
        return self.own if self.before is None else f"{self.before.text}\n{self.own}"


def grown(pieces: int, own: str = "2 + {n} = {m}", problem: Problem = PROBLEM, first: int = 0) -> list[GrownPiece]:
    """The pieces, wave by wave, and the answers behind the last wave; numbers begin with `first`."""
    made: list[GrownPiece] = []
    wave: list[GrownPiece] = []
    while len(made) < pieces:
        before, wave = wave, []
        for place in range(min(WIDTH, pieces - len(made))):
            n = first + len(made) + place
            parent = before[place // (WIDTH // CONTINUED)] if before else None
            wave.append(GrownPiece(n, "next" if parent else "piece", own.format(n=n, m=n + 2), parent, problem))
        made += wave
    return made + [GrownPiece(first + pieces + n, "answer", "", last, problem) for n, last in enumerate(wave)]


def stored(ws: Workspace, made: list[GrownPiece], *, decided: bool = True, stopped: bool = True) -> None:
    """The run of these pieces; where it has not decided, its answers are not judged either."""
    problems = list({one.problem.id: one.problem for one in made}.values())
    ws.segments.commit(SegmentKey("problems", "templates", "1", "all"), problems)
    ws.runs.open(RUN, name="grown", recipe=RECIPE, recipe_hash="a" * 64)
    stops = [StopRow(RUN, 0, problem.id, "searched") for problem in problems if stopped]
    ws.runs.commit_plan(RUN, 0, [_planned(at, one) for at, one in enumerate(made)], stops)
    ws.segments.commit(SegmentKey("completions", "embedded", "d", "b0"), [_completion(one) for one in made], run=RUN)
    if not decided:
        return
    answers = [one for one in made if one.step == "answer"]
    verdicts = [Verdict(one.id, one.problem.id, "number", "1", _outcome(one), "last number") for one in answers]
    ws.segments.commit(SegmentKey("verdicts", "number", "1", "b0"), verdicts, run=RUN)
    accept(ws, RUN, verdicts)
    ws.segments.commit(SegmentKey("decisions", RUN, "1", "x"), [_decision(one) for one in answers], run=RUN)
    ws.runs.finish(RUN, "done", {"version": 1})


def _planned(ordinal: int, one: GrownPiece) -> PlanRow:
    after = one.before.id if one.before else ""
    return PlanRow(
        RUN, 0, 0, ordinal, one.problem.id, one.problem.prompt_id, one.id, one.number, 7, step=one.step, after=after
    )


def _completion(one: GrownPiece) -> Completion:
    """An answer has no text of its own: it is the text of its piece."""
    given = one.before.text if one.before else ""
    text, tokens = (given, 0) if one.step == "answer" else (one.text, 4 + one.number % 9)
    meta = {"prefix": len(given)} if one.step == "next" else {}
    prompt = one.problem.prompt_id
    return Completion(one.id, prompt, "embedded", "m", "d", "curate", one.number, 7, text, "stop", 5, tokens, meta=meta)


def _outcome(one: GrownPiece) -> Any:
    return "incorrect" if one.number % 3 else "correct"


def _decision(one: GrownPiece) -> Decision:
    outcome = _outcome(one)
    kept = outcome == "correct"
    return Decision(RUN, one.problem.id, one.id, "all_correct", "1", kept, outcome, outcome, "number", "1", step="answer")
