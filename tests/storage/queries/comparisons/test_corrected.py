"""Moves between a leaderboard as judged and as corrected."""

from typing import Any

from rollmill.storage.queries.comparisons.corrected import corrected_board, corrected_rows, ranked


def board(rates: dict[str, float | None], problems: int) -> dict[str, Any]:
    cells = [{"model": m, "benchmark": "b", "problems": problems, "value": value} for m, value in rates.items()]
    means = {m: None if value is None else {"value": value} for m, value in rates.items()}
    return {"models": list(rates), "benchmarks": ["b"], "cells": cells, "means": means}


def test_ranks_move_and_equal_rates_share_one() -> None:
    assert ranked({"a": 0.5, "b": 0.7, "c": 0.5, "d": 0.1}) == {"a": 2, "b": 1, "c": 2, "d": 4}
    before, after = board({"a": 0.5, "b": 0.4, "c": None}, 10), board({"b": 0.6, "a": 0.5, "c": None}, 9)
    shown = corrected_board(before, after, {"left_out": 1, "judged_again": 0, "entries": [{}]})
    assert shown["cells"] == after["cells"]
    moves = {row["model"]: row for row in shown["errata"]["moves"]}
    assert moves["b"] == {
        "model": "b", "benchmark": "b", "problems": [10, 9], "value_before": 0.4, "value_after": 0.6, "change": 0.2,
        "rank": [2, 1],
    }  # fmt: skip
    assert moves["a"]["rank"] == [1, 2]
    assert (moves["c"]["change"], moves["c"]["rank"]) == (None, [None, None])
    assert [(row["model"], row["rank"]) for row in shown["errata"]["means"]] == [("b", [2, 1]), ("a", [1, 2])]


def test_a_comparison_keeps_its_numbers_as_judged() -> None:
    numbers = {
        "value_before": 0.1, "value_after": 0.2, "difference": 0.1, "low": 0.0, "high": 0.2, "p": 0.04, "p_corrected": 0.04,
        "problems": 10, "decision": "d",
    }  # fmt: skip
    judged = {"before": {"benchmark": "b"}, **numbers}
    [row] = corrected_rows([judged], [{**judged, "difference": 0.0}], {"left_out": 1, "judged_again": 0, "entries": []})
    assert row["difference"] == 0.0
    assert row["errata"]["judged"] == numbers


def test_a_cell_that_the_errata_leave_empty_has_no_corrected_rate() -> None:
    before = board({"a": 0.5, "b": 0.4}, 10)
    after = {**board({}, 0), "benchmarks": []}
    moves = corrected_board(before, after, {"left_out": 10, "judged_again": 0, "entries": [{}]})["errata"]["moves"]
    assert [(row["problems"], row["value_after"], row["change"]) for row in moves] == [([10, 0], None, None)] * 2
    assert [row["rank"] for row in moves] == [[1, None], [2, None]]
