"""Stored scores as columns: aligned with rows, NaN where there is none, marked ones for their own run only."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from rollmill.ground.pool import score_columns
from rollmill.ground.records import PlanRow, Score
from rollmill.storage.runs import Run
from rollmill.storage.scores import RunMarks, about
from rollmill.storage.segments.schema import to_table

JUDGED = {"verifiers": [["number", "1"]]}
ROWS = [PlanRow("run", 0, 0, n, "p1", "q1", f"c{n}", n, 7) for n in range(3)]


def a_run(resolved: Mapping[str, object]) -> Run:
    return Run("run", "toy", {"resolved": resolved}, "0", "done", datetime.now(UTC))


def test_a_versions_scores_stand_in_the_order_of_the_rows() -> None:
    scores = [
        Score("c1", "p1", "length", "1", 3.0),
        Score("c0", "p1", "length", "1", 2.0),
        Score("c1", "p2", "length", "1", 9.0),
        Score("c0", "p1", "words", "2 a=1", 0.5),
        Score("c0", "p1", "words", "2 a=2", 0.25),
        Score("c9", "p9", "other", "1", 1.0),
    ]
    rows = pa.table({"completion_id": ["c0", "c1", "c2"], "problem_id": ["p1", "p1", "p1"]})
    columns = score_columns(rows, to_table("scores", scores))
    assert list(columns) == ["length", "words@2 a=1", "words@2 a=2", "other"]
    np.testing.assert_array_equal(columns["length"], [2.0, 3.0, np.nan])
    np.testing.assert_array_equal(columns["words@2 a=1"], [0.5, np.nan, np.nan])
    assert score_columns(rows, to_table("scores", [])) == {}


def test_a_mark_names_the_rows_and_who_judged_them() -> None:
    marks = RunMarks(a_run(JUDGED), ROWS)
    agreed, voted = marks.of(("answers",)), marks.of(("verdicts", "model"))
    assert marks.of(()) == marks.of(("model",)) == ""
    assert agreed != voted
    shown = marks.of(("group", "model"))
    assert shown not in (agreed, voted)
    assert RunMarks(a_run({"verifiers": [["number", "2"]]}), ROWS).of(("group",)) == shown
    assert RunMarks(a_run(JUDGED), list(reversed(ROWS))).of(("answers",)) == agreed
    fewer = RunMarks(a_run(JUDGED), ROWS[:2])
    assert (fewer.of(("answers",)) == agreed, fewer.of(("verdicts",)) == voted) == (False, True)
    other = RunMarks(a_run({"verifiers": [["number", "2"]]}), ROWS)
    assert (other.of(("answers",)) == agreed, other.of(("verdicts",)) == voted) == (False, False)
    assert [marks.hold(version) for version in ("1", f"1{agreed}", f"1{voted}", f"1{fewer.of(('answers',))}")] == [
        True,
        True,
        True,
        False,
    ]
    scores = [Score("c0", "p1", "a", f"1{mark}", 0.5) for mark in ("", agreed, fewer.of(("answers",)))]
    assert about(to_table("scores", scores), marks)["version"].to_pylist() == ["1", f"1{agreed}"]
