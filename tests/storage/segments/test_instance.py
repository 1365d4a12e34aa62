"""One DuckDB in memory answers the short questions of all stores of a process, and no question sees another's rows."""

import multiprocessing
import time

import duckdb
import pyarrow as pa
import pytest

from rollmill.storage.segments.instance import shared_cursor


def test_what_one_question_brings_no_other_sees() -> None:
    with shared_cursor() as one, shared_cursor() as other:
        one.register("wanted", pa.table({"id": ["a"]}))
        with pytest.raises(duckdb.CatalogException):
            other.execute("SELECT * FROM wanted")
        other.register("wanted", pa.table({"id": ["b"]}))
        assert [each.execute("SELECT id FROM wanted").fetchall() for each in (one, other)] == [[("a",)], [("b",)]]


def test_it_is_kept_when_a_question_ends_and_a_further_one_costs_little() -> None:
    shared_cursor().close()
    began = time.thread_time()
    for _ in range(20):
        shared_cursor().close()
    shared = time.thread_time() - began
    began = time.thread_time()
    for _ in range(20):
        duckdb.connect().close()
    assert shared < (time.thread_time() - began) / 2


def _ask(out: "multiprocessing.SimpleQueue[int]") -> None:
    with shared_cursor() as cursor:
        out.put(cursor.execute("SELECT 7").fetchall()[0][0])


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_has_an_instance_of_its_own() -> None:
    shared_cursor().close()
    context = multiprocessing.get_context("fork")
    out = context.SimpleQueue()
    child = context.Process(target=_ask, args=(out,))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert out.get() == 7
