"""Records as plain JSON values and back, for a method that runs in a box of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from rollmill.ground.records import Completion, Decision, Message, Problem, Prompt, Rollout, Score, Verdict
from rollmill.pipelines.returned import record_fault

Values = Mapping[str, Any]
_LONGEST = 64 << 10  # characters of a text that a method may return
_Record = TypeVar("_Record", Verdict, Decision)


def plain(record: Problem | Completion | Verdict | Decision | Rollout) -> dict[str, Any]:
    """The record as JSON values."""
    return asdict(record)


def problem_of(values: Values) -> Problem:
    """The problem; its ids are computed again."""
    given = {part.name: values[part.name] for part in fields(Problem) if part.init}
    return Problem(**{**given, "prompt": _prompt(values["prompt"]), "tests": tuple(values["tests"])})


def completion_of(values: Values) -> Completion:
    """The completion, its lists as tuples."""
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    messages = values["messages"]
    return Completion(**given | {"messages": None if messages is None else tuple(Message(**turn) for turn in messages)})


def rollout_of(values: Values) -> Rollout:
    """The rollout with its parts."""
    scores = tuple(Score(**{**score, "steps": _tuple(score["steps"])}) for score in values["scores"])
    parts = problem_of(values["problem"]), completion_of(values["completion"]), Verdict(**values["verdict"])
    return Rollout(*parts, scores, values["step"], values["place"])


def returned(kind: type[_Record], values: Any) -> _Record:
    """A record that a method returned; ValueError for values that are none of this kind."""
    names = {part.name for part in fields(kind)}
    if not isinstance(values, Mapping) or set(values) != names:
        raise ValueError(f"it returned no {kind.__name__}")
    if any(isinstance(value, str) and len(value) > _LONGEST for value in values.values()):
        raise ValueError(f"a text of its {kind.__name__} has more than {_LONGEST:,} characters")
    record = kind(**values)
    if (fault := record_fault(record, kind)) is not None:
        raise ValueError(f"it returned {fault}")
    return record


def _prompt(prompt: str | Sequence[Values]) -> Prompt:
    return prompt if isinstance(prompt, str) else tuple(Message(**turn) for turn in prompt)


def _tuple(values: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(values)
