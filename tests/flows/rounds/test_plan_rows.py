"""Planned rows: how many different ids there are, and which stand there more than once."""

import pyarrow as pa
import pytest

from rollmill.flows.rounds.plan_rows import distinct, repeated_ids


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
    assert (distinct(column), set(repeated_ids(column))) == (different, twice)
