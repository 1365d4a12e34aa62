"""Labels of pieces where a search wrote answers anew: only what continues a text counts for it."""

from typing import Any

from rollmill.ground.threads import Turn, turns_of
from rollmill.storage.exports.searches.search_trees import Piece, pieces_of
from rollmill.storage.exports.thread_rows import ProblemThreads
from rollmill.storage.workspace import Workspace
from tests.storage.exports.test_origin import version, written

ROWS: tuple[tuple[str, str, tuple[str, ...], str | None], ...] = (
    ("a", "piece", (), None),
    ("b", "next", ("a",), None),
    ("d", "direction", ("b",), None),
    ("r", "rewritten", ("d", "b"), None),
    ("1", "answer", ("b",), "incorrect"),
    ("2", "answer", ("r",), "correct"),
)


def threads() -> ProblemThreads:
    rows: dict[str, dict[str, Any]] = {
        cid: {"completion_id": cid, "step": step, "outcome": outcome, "text": cid, "meta": "{}"}
        for cid, step, _, outcome in ROWS
    }
    return ProblemThreads("p", turns_of(Turn(cid, step, after=after) for cid, step, after, _ in ROWS), rows)


def counts(pieces: list[Piece]) -> dict[str, tuple[int, int, int]]:
    return {piece.row["completion_id"]: (piece.depth, piece.answers, piece.correct) for piece in pieces}


def test_a_rewriting_is_below_its_answer_in_a_tree_and_no_continuation_of_it() -> None:
    assert counts(pieces_of(threads())) == {"a": (1, 2, 1), "b": (2, 2, 1), "d": (3, 1, 1), "r": (4, 1, 1)}
    assert counts(pieces_of(threads(), continued=True)) == {"a": (1, 1, 0), "b": (2, 1, 0), "r": (1, 1, 1)}


def test_pairs_of_pieces_hold_no_direction_and_no_answer_that_was_written_anew_below(ws: Workspace) -> None:
    told = [
        ("piece", "So 5.", "undecided", ""),
        ("direction", "Look again.", "undecided", "0"),
        ("rewritten", "So 14.", "undecided", "1 0"),
        ("answer", "So 5.", "incorrect", "0"),
        ("answer", "So 14.", "correct", "2"),
    ]
    plain = {"engine": "embedded", "template": "{prompt}"}
    rows = [({"name": step, **plain}, text, outcome, after) for step, text, outcome, after in told]
    _, (pair,) = written(ws, version(*rows), "piece_pairs", gap=0.1)
    assert (pair["chosen"], pair["rejected"]) == ("So 14.", "So 5.")
    assert (pair["chosen_value"], pair["rejected_value"], pair["rejected_answers"]) == (1.0, 0.0, 1)
