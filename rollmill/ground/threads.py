"""The threads of one problem: its completions and the earlier completions that they follow. Pure functions over ids.

A completion follows none, one or several others. Its lineage is all of them and all that they follow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollmill.ground.records import JUDGED

ANSWER = "answer"
"""The role of steps whose completions are judged."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A completion in the threads of its problem. `outcome` is None for an unjudged one."""

    completion_id: str
    step: str = ""
    role: str = ANSWER
    after: tuple[str, ...] = ()
    outcome: str | None = None


Turns = Mapping[str, Turn]
"""The turns of one problem by the ids of their completions, in a fixed order."""


def turns_of(turns: Iterable[Turn]) -> Turns:
    """Turns by id."""
    return {turn.completion_id: turn for turn in turns}


def lineage(turns: Turns, completion_id: str) -> list[Turn]:
    """Lineage of a completion: each turn once, after the turns that it follows itself; without the completion."""
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
    """Turns with this completion in their lineage, the nearest first."""
    known: set[str] = {completion_id}
    turns_behind: list[Turn] = []
    while near := [turn for turn in turns.values() if turn.completion_id not in known and not known.isdisjoint(turn.after)]:
        known.update(turn.completion_id for turn in near)
        turns_behind += near
    return turns_behind


def answers_below(turns: Turns) -> dict[str, tuple[int, int]]:
    """For every turn with judged answers below it: the number of correct ones and of judged ones."""
    counts: dict[str, tuple[int, int]] = {}
    for answer in turns.values():
        if answer.outcome in JUDGED:
            for turn in lineage(turns, answer.completion_id):
                correct, judged = counts.get(turn.completion_id, (0, 0))
                counts[turn.completion_id] = correct + (answer.outcome == "correct"), judged + 1
    return counts
