"""What a run kept, for an audit of another run on the same rollouts: selections change more often than rollouts.

Knows outcomes and decisions; reads no text and estimates nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipelines.metrics import CountsByProblem
from storage.audits import Pair
from storage.queries.scope import Scope


@dataclass(frozen=True, slots=True)
class KeptSet:
    """Every rollout's outcome, and the difficulty band of every kept one."""

    outcomes: Mapping[Pair, str]
    kept: Mapping[Pair, str]

    def counted(self) -> dict[str, int]:
        """Rollouts by outcome."""
        return dict(sorted(Counter(self.outcomes.values()).items()))

    def size(self, band: str | None = None) -> int:
        """How many are kept, in all or in one band."""
        return len(self.kept) if band is None else sum(one == band for one in self.kept.values())


def kept_set(rows: Iterable[tuple[str, str, str, bool | None]]) -> KeptSet:
    """From (problem id, completion id, outcome, kept) of every rollout of a run."""
    outcomes: dict[Pair, str] = {}
    chosen: list[Pair] = []
    counter = CountsByProblem()
    for problem, completion, outcome, kept in rows:
        outcomes[completion, problem] = outcome
        counter.add(problem, None, outcome)
        if kept and outcome == "correct":
            chosen.append((completion, problem))
    bands = dict(zip(counter.problems, counter.counts().bands(), strict=True))
    return KeptSet(outcomes, {pair: str(bands[pair[1]]) for pair in chosen})


def kept_set_of(scope: Scope) -> KeptSet:
    """What a run or a dataset version kept."""
    with scope.connection("outcomes") as connection:
        rows = connection.execute("SELECT problem_id, completion_id, outcome, kept FROM outcomes").fetchall()
    return kept_set(rows)
