"""The rollouts of two versions side by side: the moves between decisions, and the rows of each move.

Rollouts are matched by (problem, completion). Narrow columns are copied into one table in memory, so that a version may be
compared with itself and no file stays open; a pair of a million rollouts takes some 150 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rollmill.storage.segments.instance import closed
from rollmill.storage.versions.read import open_version, reading
from rollmill.storage.versions.resolve import VersionInfo

EXAMPLES = 5
KEPT = "kept"
_DECISIONS = """
SELECT problem_id, completion_id, kept, reason, outcome,
       CASE WHEN NOT kept THEN reason WHEN reason = 'kept' THEN 'kept' ELSE 'kept: ' || reason END AS state
FROM decisions
"""
_JOINED = """
CREATE TABLE joined AS
SELECT problem_id, completion_id, o.kept AS old_kept, n.kept AS new_kept, o.reason AS old_reason, n.reason AS new_reason,
       o.outcome AS old_outcome, n.outcome AS new_outcome, o.state AS old_state, n.state AS new_state
FROM a_decisions o FULL JOIN b_decisions n USING (problem_id, completion_id)
"""
_EXAMPLES = f"list_slice(list(completion_id ORDER BY problem_id, completion_id), 1, {EXAMPLES})"
_ROWS = """
SELECT problem_id, completion_id, old_state, new_state, old_outcome, new_outcome FROM joined
WHERE old_state IS NOT DISTINCT FROM $old AND new_state IS NOT DISTINCT FROM $new
ORDER BY problem_id, completion_id LIMIT $most OFFSET $first
"""


@dataclass(frozen=True)
class StateChange:
    """Rollouts that went from one state to another (a reason, or an outcome), with example completion ids; None: absent."""

    old: str | None
    new: str | None
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class PairedRow:
    """A rollout in both versions: its states (`kept`, `kept: REASON` or the reason for dropping it) and outcomes."""

    problem_id: str
    completion_id: str
    old_state: str | None
    new_state: str | None
    old_outcome: str | None
    new_outcome: str | None


class Pairing:
    """Two joined versions; close it after use. Queries may come from several threads."""

    def __init__(self, before: VersionInfo, after: VersionInfo) -> None:
        self.before, self.after = before, after
        self._connection = closed()
        self._attach(before, "a")
        self._attach(after, "b")
        self._connection.execute(_JOINED)
        for side in ("a", "b"):
            self._connection.unregister(f"{side}_decisions")

    def all(self, query: str, **values: Any) -> Sequence[tuple[Any, ...]]:
        """The rows of a query over `joined`, `a_problems` and `b_problems` (id, prompt_id, reference)."""
        with self._connection.cursor() as cursor:
            rows: Sequence[tuple[Any, ...]] = cursor.execute(query, values or None).fetchall()
        return rows

    def moves(self, column: str, condition: str) -> tuple[StateChange, ...]:
        """Rollouts by their old and new value of a column, the commonest first."""
        query = (
            f"SELECT old_{column}, new_{column}, count(*) AS moved, {_EXAMPLES} FROM joined WHERE {condition} "  # noqa: S608
            "GROUP BY 1, 2 ORDER BY moved DESC, 1, 2"
        )
        return tuple(StateChange(old, new, count, tuple(examples)) for old, new, count, examples in self.all(query))

    def flow(self) -> tuple[StateChange, ...]:
        """Rollouts by their old and new decision, unchanged ones and rollouts missing on one side included."""
        return self.moves("state", "true")

    def rows(self, old: str | None, new: str | None, first: int, most: int) -> list[PairedRow]:
        """The rollouts that went from one state to another, from index `first` on."""
        return [PairedRow(*row) for row in self.all(_ROWS, old=old, new=new, first=first, most=most)]

    def close(self) -> None:
        """Release the table; safe to call twice."""
        self._connection.close()

    def _attach(self, info: VersionInfo, alias: str) -> None:
        with reading(info), open_version(info) as version:
            problems = version.sql("SELECT id, prompt_id, reference FROM problems").to_arrow_table()
            decisions = version.sql(_DECISIONS).to_arrow_table()
        self._connection.register("read", problems)
        self._connection.execute(f"CREATE TABLE {alias}_problems AS SELECT * FROM read")  # noqa: S608 (our own names)
        self._connection.unregister("read")
        self._connection.register(f"{alias}_decisions", decisions)
