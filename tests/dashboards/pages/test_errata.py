"""The tab Errata of the page Compare: entries, corrected rates and suspects are those of the command line."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.pages.compare.errata import entry_table, move_table
from rollmill.dashboards.session.commands import WRITES
from rollmill.storage.queries.judge.errata import Errata, Erratum
from tests.dashboards.conftest import opened
from tests.dashboards.evaluated import evaluate
from tests.dashboards.pages.start.test_start import said, shows, until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models with four problems; both give 9 to the last one, whose reference is 8."""
    folder = tmp_path_factory.mktemp("errata") / "ws"
    answers = {"strong": [2, 3, 4, 9], "weak": [2, 3, 0, 9]}
    problems = [
        {"id": f"p{n}", "prompt": f"What is {n} + 1?", "reference": str(reference)}
        for n, reference in enumerate([2, 3, 4, 8], 1)
    ]
    rows = [
        {"problem_id": f"p{n}", "model": model, "text": f"#### {given[n - 1]}"}
        for model, given in answers.items()
        for n in range(1, 5)
        for _ in range(2)
    ]
    evaluate(folder, problems, rows)
    return folder


def last_problem(page: AppTest) -> str:
    """The id of the suspect, which the tab links to."""
    table = next(frame.value for frame in page.dataframe if "sign" in frame.value.columns)
    assert len(table) == 1
    return str(table["open"].iloc[0]).partition("problem=")[2].partition("&")[0]


def test_a_suspect_is_recorded_and_the_board_is_shown_corrected(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(asked))
    page = opened("compare", more="Errata")
    assert not page.exception
    assert "No fault of these problems is recorded" in said(page)
    problem = last_problem(page)
    errata = Errata(asked)
    entry = errata.add(problem, "wrong_reference", reason="4 + 1 is 9 there", by="ann", reference="9")
    page = until(opened("compare", more="Errata"), shows("The leaderboard with them applied"))
    tables = [frame.value for frame in page.dataframe]
    moves = next(table for table in tables if "as judged" in table.columns).set_index("model")
    assert list(moves.loc["strong", ["as judged", "change", "rank"]]) == [0.75, 0.25, "1"]
    assert list(moves.loc["weak", ["as judged", "change"]]) == [0.5, 0.25]
    assert [text.split()[0] for text in moves["corrected [95%]"]] == ["1.000", "0.750"]
    assert "0 problems left out, 1 judged again by a corrected reference." in said(page)
    assert next(table for table in tables if "sign" in table.columns)["recorded"].iloc[0] == entry.id
    page.session_state[WRITES] = False
    monkeypatch.setattr("rollmill.dashboards.pages.compare.errata.may_write", lambda: False)
    assert "rollmill leaderboard asked --errata" in said(page.run())
    errata.withdraw(entry.id, reason="it was right", by="cy")
    page = opened("compare", more="Errata")
    assert "All of them are withdrawn" in said(page)
    states = next(frame.value for frame in page.dataframe if "state" in frame.value.columns)["state"]
    assert [text.startswith("withdrawn by cy") for text in states] == [True]


def test_tables_say_what_becomes_of_a_problem() -> None:
    entries = [Erratum("1", "p" * 32, "ambiguous", "two roots", "ann", "2026-11-02T10:00:00+00:00")]
    table = entry_table(entries, {"p" * 32: "/explore"})
    assert list(table.iloc[0][["right reference", "state", "fault"]]) == ["left out", "counts", "several answers are right"]
    move = {"model": "m", "benchmark": "b", "problems": [4, 3], "value_before": 0.5, "value_after": 0.6, "change": 0.1}
    cell = {"model": "m", "benchmark": "b", "value": 0.6, "low": 0.4, "high": 0.7}
    errata = {"moves": [{**move, "rank": [2, 1]}], "means": [{**move, "rank": [2, 1]}]}
    rows = move_table({"cells": [cell], "means": {"m": cell}, "errata": errata})
    assert list(rows.iloc[0][["problems", "corrected [95%]", "rank"]]) == ["4 to 3", "0.600 [0.400, 0.700]", "2 to 1"]
    assert len(rows) == 1  # the mean over one benchmark is that benchmark
