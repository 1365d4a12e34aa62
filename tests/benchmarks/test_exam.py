"""The exam of other graders' test suites: which cases it reads, how a difference is found, and that all are adjudicated."""

from collections import Counter
from pathlib import Path

from benchmarks.problems.exam import Case, adjudications, cases_of, examined

SUITE = """
import pytest
raise RuntimeError("the file of a suite is never run")

@pytest.mark.parametrize("gold,pred,expected,precision", [
    ("1/2", "so it is $\\\\frac12$", 1, 6),
    ("17", "x < 17", 0, 6),
    (f"{1 + 1}", "2", 1, 6),
])
def test_pairs(gold, pred, expected, precision): ...

@pytest.mark.parametrize("pred,config", [("7", None)])
def test_of_another_shape(pred, config): ...
"""


def test_cases_are_read_without_running_the_file(tmp_path: Path) -> None:
    file = tmp_path / "test_suite.py"
    file.write_text(SUITE)
    assert list(cases_of(file)) == [
        Case("test_suite.test_pairs", "1/2", "so it is $\\frac12$", True),
        Case("test_suite.test_pairs", "17", "x < 17", False),
    ]


def test_each_case_is_judged_by_the_chain(tmp_path: Path) -> None:
    file = tmp_path / "test_suite.py"
    file.write_text(SUITE)
    assert [outcome for _, outcome in examined(list(cases_of(file)), "strict", "by_problem")] == ["correct", "incorrect"]


def test_every_difference_was_adjudicated() -> None:
    counts = Counter(adjudged for adjudged, _ in adjudications().values())
    assert set(counts) == {"policy", "theirs", "open"}
    assert all(name for _, name in adjudications().values())
