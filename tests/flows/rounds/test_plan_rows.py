"""Planned rows: how many different ids there are, which stand there more than once, and what answer a row is about."""

import pyarrow as pa
import pytest

from flows.rounds.plan_rows import by_pair, distinct, nearest_answer, repeated
from storage.records import PlanRow


@pytest.mark.parametrize(
    ("chunks", "different", "twice"),
    [
        ([], 0, set()),
        ([["a"]], 1, set()),
        ([["b", "a"], ["c"]], 3, set()),
        ([["b", "a"], [], ["b", "c", "b"], ["c"]], 3, {"b", "c"}),
    ],
)
def test_counts(chunks: list[list[str]], different: int, twice: set[str]) -> None:
    column = pa.chunked_array(chunks, pa.string())
    assert (distinct(column), repeated(column)) == (different, twice)


def planned(*rows: tuple[str, str, str]) -> dict[tuple[str, str], PlanRow]:
    """(completion id, step, what it follows), all of one problem."""
    made = [
        PlanRow("run", 0, 0, n, "problem", "prompt", cid, n, 0, step=step, after=after)
        for n, (cid, step, after) in enumerate(rows)
    ]
    return by_pair(made)


def test_a_row_is_about_the_nearest_answer_before_it() -> None:
    rows = planned(("a", "solve", ""), ("b", "check", "a"), ("c", "note", "b a"), ("d", "again", "c"), ("e", "pick", "d a"))
    about = {cid: nearest_answer(row, rows, {"solve", "again"}) for (cid, _), row in rows.items()}
    assert {cid: row and row.completion_id for cid, row in about.items()} == {
        "a": "a",
        "b": "a",
        "c": "a",
        "d": "d",
        "e": "d",
    }


def test_a_piece_of_a_search_is_about_none() -> None:
    rows = planned(("a", "piece", ""), ("b", "next", "a"), ("c", "answer", "b"))
    assert nearest_answer(rows["b", "problem"], rows, {"answer"}) is None
