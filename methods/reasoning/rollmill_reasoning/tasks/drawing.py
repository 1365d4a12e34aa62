"""Distinct problems from a drawing function, and the hash that assigns an instance to a split."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from rollmill.methods import Problem, SetupError, digest128, unknown_name

SPLITS = ("train", "heldout")
LICENCE = "CC0-1.0"
_PATIENCE = 400  # instances in a row that are old or of the other split: the kind has no more
Kind = TypeVar("Kind")


def checked_split(name: str, split: str) -> str:
    """The split; SetupError for an unknown one."""
    if split not in SPLITS:
        raise unknown_name(f"split of synthesizer {name!r}", split, SPLITS)
    return split


def checked_some(name: str, option: str, given: Sequence[Kind], known: Sequence[Kind]) -> tuple[Kind, ...]:
    """The values of an option; SetupError for an empty list or an unknown value."""
    wrong = next((value for value in given if value not in known), None)
    if not given or wrong is not None:
        what = "empty" if not given else repr(wrong)
        raise SetupError(f"synthesizer {name!r}: {option} is {what}.", choices=[str(value) for value in known])
    return tuple(given)


def on_split(split: str, instance: Any) -> bool:
    """True if an instance (a JSON value) is in this split: one in ten is held out."""
    return (int(digest128(["task", instance])[:8], 16) % 10 == 0) == (split == "heldout")


def distinct_problems(
    name: str, kinds: Sequence[Kind], draw: Callable[[Kind, random.Random], Problem | None], budget: int, seed: int
) -> Iterator[Problem]:
    """`budget` problems with distinct prompts, the kinds in turn; a kind that has no more leaves the turn.

    `draw`: an instance of a kind, None for one of another split. SetupError if every kind has left. A smaller budget gives
    a prefix of a larger one.
    """
    prompts: set[str] = set()
    turn = [(kind, random.Random(digest128([name, seed, str(kind)]))) for kind in kinds]
    made = 0
    while made < budget:
        if not turn:
            raise SetupError(f"synthesizer {name!r} has no more than {made} problems.", next_command=f"count: {made}")
        kind, rng = turn.pop(0)
        fresh = next(
            (
                problem
                for _ in range(_PATIENCE)
                if (problem := draw(kind, rng)) is not None and problem.prompt_id not in prompts
            ),
            None,
        )
        if fresh is not None:
            turn.append((kind, rng))
            prompts.add(fresh.prompt_id)
            made += 1
            yield fresh
