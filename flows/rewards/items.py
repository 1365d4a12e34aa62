"""Items to reward, with their problems and completions, and the numbers of outcomes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ConfigDict, InstanceOf, StrictBool, StrictFloat, StrictInt

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json, digest128
from rollmill.ground.records import Completion, Message, Outcome, Problem, Verdict, prompt_json
from rollmill.pipelines.verify.user_rows import spelling
from rollmill.storage.imports.reading.cells import CellError
from rollmill.storage.imports.reading.turns import messages, rendered

Text = InstanceOf[str]
"""A text; checked as `str` by pydantic, one with half a character would be none."""
Words = Text | InstanceOf[Sequence[Mapping[str, Any]]] | InstanceOf[Sequence[Message]]
"""A text, or the turns of a conversation."""
DEADLINE = "deadline"
ENGINE = "rewarded"


@dataclass(frozen=True, slots=True)
class RewardItem:
    """A completion to judge. Its problem is stored under `problem_id`, or made of `reference`, `prompt` and `kind`.

    `truncated`: generation ended at its length limit. The types are checked for items of the server alone.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")
    completion: Words
    reference: Text | StrictInt | StrictFloat | None = None
    problem_id: Text | None = None
    kind: Text = ""
    prompt: Words | None = None
    truncated: StrictBool = False


@dataclass(frozen=True, slots=True)
class Reward:
    """Reward of one item. `value`: None if the answer is undecided. `seconds`: time that the verifiers took."""

    value: float | None
    outcome: Outcome
    cause: str
    rule: str
    verifier: str
    version: str
    extracted: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RewardValues:
    """The number of each outcome; None: no reward.

    `truncated`: "judge", or the value of every completion that was cut at its length limit. `partial`: a verifier's share
    of tests passed is the reward if it gives one.
    """

    undecided: float | None = None
    truncated: float | Literal["judge"] | None = "judge"
    unparsed: float | None = 0.0
    correct: float = 1.0
    incorrect: float = 0.0
    partial: bool = False

    def __post_init__(self) -> None:
        for name in ("undecided", "truncated", "unparsed", "correct", "incorrect"):
            value = getattr(self, name)
            if (value is None and name not in ("correct", "incorrect")) or (name == "truncated" and value == "judge"):
                continue
            # True is an int to Python, and `correct=True` is rather a mistake than a reward of 1.
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise SetupError(
                    f"{name}={value!r} is not a reward.",
                    choices=("a number", *(["None"] if name not in ("correct", "incorrect") else []))
                    + (('"judge"',) if name == "truncated" else ()),
                    next_command=f"rollmill.reward(..., {name}=0.0)",
                )

    def of(self, verdict: Verdict, *, truncated: bool) -> float | None:
        """The value of a verdict."""
        if truncated and self.truncated != "judge":
            return self.truncated
        # An undecided answer has no share either: the tests that did not run are not failed ones.
        if self.partial and verdict.value is not None and verdict.outcome in ("correct", "incorrect"):
            return verdict.value
        value: float | None = getattr(self, verdict.outcome)
        return value


def reward_of(verdict: Verdict, value: float | None) -> Reward:
    """A verdict as a reward of this value."""
    return Reward(
        value=None if value is None else float(value),
        outcome=verdict.outcome,
        cause=verdict.cause or "",
        rule=verdict.rule,
        verifier=verdict.verifier,
        version=verdict.version,
        extracted=verdict.extracted or "",
        seconds=verdict.seconds or 0.0,
    )


def problem_of(item: RewardItem, place: int) -> Problem:
    """The problem that an item describes itself; SetupError names its place in the batch."""
    # Trainers hand over references as numbers of several types, which verifiers read as texts.
    reference = spelling(item.reference)
    if reference is None:
        known = f"a problem_id ({item.problem_id!r}) that is not stored here" if item.problem_id else "no problem_id"
        raise SetupError(
            f"item {place} has the reference {str(item.reference)[:60]!r} and {known}: there is nothing to judge by.",
            choices=("reference: a text or a number", "problem_id: of a problem stored in this workspace"),
            next_command="rollmill dataset export DATASET --format prompts --out FILE, which has both columns",
        )
    prompt: str | tuple[Message, ...] = ""
    if item.prompt is not None:
        prompt = item.prompt if isinstance(item.prompt, str) else _turns(item.prompt, f"the prompt of item {place}")
    return Problem(prompt, reference, kind=item.kind or "math")


def exported_reference(problem: Problem) -> str:
    """The column `reference` of the export `prompts`: without a reference, the tests."""
    return problem.reference or (canonical_json(list(problem.tests)) if problem.tests else "")


def completion_of(item: RewardItem, problem: Problem, place: int) -> Completion:
    """The completion of an item; its id is equal for equal texts of one problem."""
    turns = None if isinstance(item.completion, str) else _turns(item.completion, f"the completion of item {place}")
    text = item.completion if isinstance(item.completion, str) else rendered(turns or ())
    finish: Literal["length", "stop"] = "length" if item.truncated else "stop"
    # Turns are hashed whole, since different conversations may render to one text.
    identity = digest128([ENGINE, problem.id, text if turns is None else prompt_json(turns), finish])
    return Completion(identity, problem.prompt_id, ENGINE, "", "", "evaluate", 0, None, text, finish, messages=turns)


def _turns(value: Any, where: str) -> tuple[Message, ...]:
    """Turns as messages; SetupError for an invalid one."""
    if isinstance(value, list | tuple) and all(isinstance(turn, Message) for turn in value):
        return tuple(value)
    try:
        turns = messages(list(value) if isinstance(value, list | tuple) else value)
    except CellError as error:
        raise SetupError(f"{where}: {error}.", choices=_FORMS) from None
    if turns is None:
        raise SetupError(f"{where} is {value!r}.", choices=_FORMS)
    return turns


_FORMS = ("a text", 'turns: [{"role": "assistant", "content": "..."}]')
