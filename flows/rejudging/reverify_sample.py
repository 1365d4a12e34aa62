"""A sample of carried verdicts judged after all, to see whether the rules of a verifier tell the truth. Commits nothing.

The sample follows from the ids of the rows, so the same run is checked on the same rows wherever it is done.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flows.rejudging.reverify_renew import Seat, pair_of
from flows.rounds.verify import Item, verdicts_of
from storage.ids import digest128
from storage.records import Verdict

SHOWN = 5
_Entry = tuple[str, Verdict, Item]


@dataclass(slots=True)
class Sample:
    """At most `size` carried verdicts with what they are about."""

    size: int
    _kept: list[_Entry] = field(default_factory=list)

    def offer(self, carried: Sequence[Verdict], items: Sequence[Item]) -> None:
        """Take those of these that belong into the sample: the smallest digests of all."""
        if not self.size:
            return
        of = {pair_of(item): item for item in items}
        fresh = [
            (digest128([v.completion_id, v.problem_id, v.verifier]), v, of[v.completion_id, v.problem_id]) for v in carried
        ]
        self._kept = heapq.nsmallest(self.size, [*self._kept, *fresh], key=lambda entry: entry[0])

    def judged(self, seats: Sequence[Seat]) -> dict[str, Any]:
        """How many were judged, and those on which the verifier now says something else."""
        wrong = []
        for seat in seats:
            mine = [entry for entry in self._kept if (entry[1].verifier, entry[1].version) == seat.new]
            if mine and seat.verifier is not None:
                said = verdicts_of(seat.verifier, [item for _, _, item in mine])
                wrong += [
                    (entry[1], now) for entry, now in zip(mine, said, strict=True) if _content(entry[1]) != _content(now)
                ]
        return {
            "checked": len(self._kept),
            "untrue": len(wrong),
            "examples": [
                {"completion": old.completion_id, "verifier": old.verifier, "carried": _told(old), "judged": _told(now)}
                for old, now in wrong[:SHOWN]
            ],
        }


def _content(verdict: Verdict) -> Verdict:
    return replace(verdict, seconds=None)


def _told(verdict: Verdict) -> str:
    return f"{verdict.outcome} by {verdict.rule}"
