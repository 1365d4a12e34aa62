"""The threads of one problem: which of its completions follow which. Pure functions over ids; no text and no workspace.

A completion follows none, one or several others: all of them, and what they follow, is its lineage.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from storage.records import JUDGED

ANSWER = "answer"
"""The role of steps whose completions are judged."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A completion in the threads of its problem. `outcome` is None where nobody judged it."""

    completion_id: str
    step: str = ""
    role: str = ANSWER
    after: tuple[str, ...] = ()
    outcome: str | None = None


_COMPARED = 4  # followed turns of which the one that rests on most is looked for

Turns = Mapping[str, Turn]
"""The turns of one problem by the ids of their completions, in a fixed order."""


def turns_of(turns: Iterable[Turn]) -> Turns:
    """By their ids."""
    return {turn.completion_id: turn for turn in turns}


def lineage(turns: Turns, completion_id: str) -> list[Turn]:
    """Everything that a completion rests on, each once and behind what it follows itself; without the completion."""
    turns_before: dict[str, Turn] = {}
    entered: set[str] = set()
    waiting = [(completion_id, False)]
    while waiting:
        cid, done = waiting.pop()
        if done:
            turns_before[cid] = turns[cid]
        elif cid in turns and cid not in entered:
            entered.add(cid)
            waiting += [(cid, True), *((followed, False) for followed in reversed(turns[cid].after))]
    turns_before.pop(completion_id, None)
    return list(turns_before.values())


def followers(turns: Turns, completion_id: str) -> list[Turn]:
    """Everything that rests on a completion, the nearest first."""
    known: set[str] = {completion_id}
    turns_behind: list[Turn] = []
    while near := [turn for turn in turns.values() if turn.completion_id not in known and not known.isdisjoint(turn.after)]:
        known.update(turn.completion_id for turn in near)
        turns_behind += near
    return turns_behind


def answers_below(turns: Turns) -> dict[str, tuple[int, int]]:
    """Of every turn that judged answers rest on: how many of them are correct, and how many are judged."""
    counts: dict[str, tuple[int, int]] = {}
    for answer in turns.values():
        if answer.outcome in JUDGED:
            for turn in lineage(turns, answer.completion_id):
                correct, judged = counts.get(turn.completion_id, (0, 0))
                counts[turn.completion_id] = correct + (answer.outcome == "correct"), judged + 1
    return counts


def as_tree(turns: Turns) -> Iterator[tuple[int, Turn]]:
    """Every turn with its depth, each behind the one under which it stands: the followed one that rests on most.

    A turn whose followed ones are not here stands as one that follows nothing.
    """
    under: dict[str, list[Turn]] = {}
    for turn in turns.values():
        parents = [cid for cid in turn.after if cid in turns]
        # A group that is gathered may be large, and rests on equally much: its first one will do.
        over = max(parents[:_COMPARED], key=lambda cid: len(lineage(turns, cid)), default="")
        under.setdefault(over, []).append(turn)
    waiting = [(0, turn) for turn in reversed(under.get("", []))]
    while waiting:
        depth, turn = waiting.pop()
        yield depth, turn
        waiting += [(depth + 1, child) for child in reversed(under.get(turn.completion_id, []))]
