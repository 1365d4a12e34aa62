"""What is known of committed rows, kept for the next tallies instead of read again. Knows neither store nor budget.

A round's plan is fixed, so a row is its ordinal: an outcome is a byte there, the key of a correct solution seventeen.
"""

from collections.abc import Mapping, Sequence

from flows.rounds.open_run import OpenRun
from storage.records import OUTCOMES, Completion, Outcome, PlanRow
from storage.solutions import key_of_completion

_KEY = 17  # what is known, and 16 bytes
_CUT_OFF, _KNOWN = 1, 2


def remember(
    run: OpenRun,
    texts: Mapping[str, Completion],
    rows: Sequence[PlanRow],
    outcomes: Mapping[tuple[str, str], Outcome],
) -> None:
    """Keep the outcomes of committed rows, and the solution keys of correct texts at hand."""
    if run.spec.arms:  # their tallies need more of each verdict than its outcome
        return
    for row in rows:
        outcome = outcomes.get((row.completion_id, row.problem_id))
        if outcome is not None:
            note_outcome(run, row, outcome)
            if outcome == "correct" and row.completion_id in texts and not _key_at(run, row)[0]:
                note_key(run, row, key_of_completion(texts[row.completion_id]))


def note_outcome(run: OpenRun, row: PlanRow, outcome: Outcome) -> None:
    """Keep the outcome of a row."""
    known = run.memory.outcomes.setdefault(row.round, bytearray())
    _reach(known, row.ordinal + 1)
    known[row.ordinal] = 1 + OUTCOMES.index(outcome)


def note_key(run: OpenRun, row: PlanRow, key: str | None) -> None:
    """Keep the solution key of a row, 32 hex digits; None: the text was cut off."""
    known = run.memory.solution_keys.setdefault(row.round, bytearray())
    _reach(known, (row.ordinal + 1) * _KEY)
    entry = bytes([_CUT_OFF]) + bytes(_KEY - 1) if key is None else bytes([_KNOWN]) + bytes.fromhex(key)
    known[row.ordinal * _KEY : (row.ordinal + 1) * _KEY] = entry


def outcome_of(run: OpenRun, row: PlanRow) -> Outcome | None:
    """The outcome of a row as the budget counts it; None: not known here."""
    code = run.memory.outcomes.get(row.round, b"")[row.ordinal : row.ordinal + 1]
    return OUTCOMES[code[0] - 1] if code and code[0] else None


def key_of(run: OpenRun, row: PlanRow) -> str | None:
    """The solution key of a row; None: cut off, or not known here."""
    entry = _key_at(run, row)
    return entry[1:].hex() if entry[0] == _KNOWN else None


def lacks_key(run: OpenRun, row: PlanRow) -> bool:
    """Whether the row is a correct one whose text must be read for its key."""
    return outcome_of(run, row) == "correct" and not _key_at(run, row)[0]


def _key_at(run: OpenRun, row: PlanRow) -> bytes:
    known = run.memory.solution_keys.get(row.round, b"")
    return bytes(known[row.ordinal * _KEY : (row.ordinal + 1) * _KEY]) or bytes(_KEY)


def _reach(known: bytearray, size: int) -> None:
    known.extend(bytes(max(0, size - len(known))))
