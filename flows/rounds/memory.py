"""Cache of a run's committed rows: facts that the next rounds need and would otherwise read again.

The plan of a round is fixed, so a row is its ordinal. An outcome takes one byte, the key of a correct solution seventeen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollmill.flows.rounds.first_replies import FirstReplies
from rollmill.ground.records import OUTCOMES, Completion, Outcome, PlanRow
from rollmill.ground.solutions import key_of_completion
from rollmill.steps.reading import ReadCounts
from rollmill.steps.step_template import Facts

_KEY = 17  # one byte that says what is known, and the 16 of the key
_CUT_OFF, _KNOWN = 1, 2


@dataclass(slots=True)
class ThreadRows:
    """The rows of the first `rounds` rounds by problem and completion, and the fields read from them (by completion and
    problem), if some follow others.
    """

    rounds: int = 0
    rows: dict[str, dict[str, PlanRow]] = field(default_factory=dict)
    facts: dict[tuple[str, str], Facts] = field(default_factory=dict)


@dataclass(slots=True)
class Memory:
    """Cache of a run's committed rows, in one process.

    `plans`: planned rows by round; an empty plan at the end means that drawing is over. `tokens`: tokens by round, problem
    and step. `follow_up_tokens`: the same for steps that follow others. `answer_keys`: key of the answer by completion and
    problem, for runs with steps.

    `whole`: by stage, the forecast number of rows of the whole run (median, low, high), made when its last round was
    planned. `planned_at`: time of that, by the monotonic clock. `unforecast`: reason for a missing forecast.

    `imported`: Arrow table of the imported rows that the run takes, until they are planned.

    `looked_behind_the_end`: True once this command has checked an ended run for due follow-ups. `scored`: True once this
    command has had every row scored. `threads`: threads of runs with follow-up steps. `trees`: search tree by problem, up
    to round `searched_rounds`. `read`: by step, the number of texts drawn by this command in which the fields can be read.
    `unmet`: (step, field) of each condition that the user was already warned about. `first`: by step, what its first
    replies have in common.
    """

    plans: list[Sequence[PlanRow]] = field(default_factory=list)
    tokens: dict[int, dict[tuple[str, str], int]] = field(default_factory=dict)
    follow_up_tokens: dict[int, dict[tuple[str, str], int]] = field(default_factory=dict)
    answer_keys: dict[tuple[str, str], str | None] = field(default_factory=dict)
    whole: dict[str, dict[str, Any]] | None = None
    unforecast: str = ""
    planned_at: float | None = None
    imported: Any = None
    looked_behind_the_end: bool = False
    scored: bool = False
    threads: ThreadRows = field(default_factory=ThreadRows)
    trees: dict[str, Any] = field(default_factory=dict)
    searched_rounds: int = 0
    read: dict[str, ReadCounts] = field(default_factory=dict)
    unmet: set[tuple[str, str]] = field(default_factory=set)
    first: dict[str, FirstReplies] = field(default_factory=dict)
    _outcomes: dict[int, bytearray] = field(default_factory=dict)
    _solution_keys: dict[int, bytearray] = field(default_factory=dict)

    def note_scored(self) -> None:
        """Every row is scored: the next command's stage has nothing to do."""
        self.scored = True

    def note(
        self, texts: Mapping[str, Completion], rows: Sequence[PlanRow], outcomes: Mapping[tuple[str, str], Outcome]
    ) -> None:
        """Keep the outcomes of committed rows, and the solution keys of correct texts at hand."""
        for row in rows:
            outcome = outcomes.get((row.completion_id, row.problem_id))
            if outcome is not None:
                self.note_outcome(row, outcome)
                if outcome == "correct" and row.completion_id in texts and not self._key(row)[0]:
                    self.note_solution(row, key_of_completion(texts[row.completion_id]))

    def note_outcome(self, row: PlanRow, outcome: Outcome) -> None:
        """Keep the outcome of a row."""
        codes = self._outcomes.setdefault(row.round, bytearray())
        _extend(codes, row.ordinal + 1)
        # 0 is left for rows whose outcome is not known: `_extend` fills up with it.
        codes[row.ordinal] = 1 + OUTCOMES.index(outcome)

    def note_solution(self, row: PlanRow, key: str | None) -> None:
        """Keep the solution key of a row, 32 hex digits; None: the text was cut off."""
        keys = self._solution_keys.setdefault(row.round, bytearray())
        _extend(keys, (row.ordinal + 1) * _KEY)
        entry = bytes([_CUT_OFF]) + bytes(_KEY - 1) if key is None else bytes([_KNOWN]) + bytes.fromhex(key)
        keys[row.ordinal * _KEY : (row.ordinal + 1) * _KEY] = entry

    def outcome(self, row: PlanRow) -> Outcome | None:
        """Outcome of a planned row under the policy of the budget; None if no outcome of it is known to this process."""
        code = self._outcomes.get(row.round, b"")[row.ordinal : row.ordinal + 1]
        return OUTCOMES[code[0] - 1] if code and code[0] else None

    def solution(self, row: PlanRow) -> str | None:
        """The solution key of a row; None: cut off, or not known here."""
        entry = self._key(row)
        return entry[1:].hex() if entry[0] == _KNOWN else None

    def lacks_solution(self, row: PlanRow) -> bool:
        """True for a correct row whose text must still be read for its solution key."""
        return self.outcome(row) == "correct" and not self._key(row)[0]

    def _key(self, row: PlanRow) -> bytes:
        keys = self._solution_keys.get(row.round, b"")
        return bytes(keys[row.ordinal * _KEY : (row.ordinal + 1) * _KEY]) or bytes(_KEY)


def _extend(entries: bytearray, size: int) -> None:
    entries.extend(bytes(max(0, size - len(entries))))
