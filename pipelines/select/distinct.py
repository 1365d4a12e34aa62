"""When two solutions are the same solution. Knows text only: no verdict, no model, and it never touches a number.

Two completions are copies of each other when their normal forms are equal: case folded, runs of white space made one space,
and none around the operators + * / = < > where a space cannot be part of a number. Spaces beside . , - and : stay, because
`1 .5` and `1.5`, or `3 -2` and `3-2`, need not be the same numbers. Nothing else is normalised: no digit, no Unicode form.
"""

import re
from collections.abc import Iterable

from storage.ids import digest128
from storage.records import Completion, Rollout

_SPACES = re.compile(r"\s+")
_OPERATOR = re.compile(r" ?([+*/=<>×÷]) ?")


def normal_form(text: str) -> str:
    """The text as far as sameness goes."""
    return _OPERATOR.sub(r"\1", _SPACES.sub(" ", text).strip().casefold())


def solution_key(text: str) -> str:
    """Equal for copies of one solution, 32 hex digits."""
    return digest128(["solution", normal_form(text)])


def solution_text(completion: Completion) -> str:
    """What a completion argues: its reasoning, where a model gives that apart, then its text."""
    return f"{completion.reasoning}\n{completion.text}" if completion.reasoning else completion.text


def key_of_completion(completion: Completion) -> str | None:
    """The solution key, or None for a text cut off at the token limit: one without its end teaches nothing that ends."""
    return None if completion.finish_reason == "length" else solution_key(solution_text(completion))


def distinct_solutions(rollouts: Iterable[Rollout]) -> int:
    """How many distinct correct solutions there are; what quotas keep and what budgets draw for."""
    keys = {key_of_completion(rollout.completion) for rollout in rollouts if rollout.verdict.outcome == "correct"}
    return len(keys - {None})
