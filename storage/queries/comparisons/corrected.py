"""Comparisons with an error ledger applied, and how rates and ranks move against those as judged."""

from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.ground.ids import digits

Row = dict[str, Any]
NUMBERS = ("value_before", "value_after", "difference", "low", "high", "p", "p_corrected", "problems", "decision")


def corrected_board(judged: Row, corrected: Row, errata: Mapping[str, Any]) -> Row:
    """The corrected leaderboard; `errata`: the applied entries, and each rate and rank before and after them."""
    return {
        **corrected,
        "errata": {**errata, "moves": _cell_moves(judged, corrected), "means": _mean_moves(judged, corrected)},
    }


def _cell_moves(judged: Row, corrected: Row) -> list[Row]:
    now = {(row["model"], row["benchmark"]): row for row in corrected["cells"]}
    ranks = [_cell_ranks(board) for board in (judged, corrected)]
    moves = []
    for row in judged["cells"]:
        place = (row["model"], row["benchmark"])
        # Without any problem a value of `by` is no benchmark, so it has no corrected cell.
        other = now.get(place, {"problems": 0, "value": None})
        moves.append(
            {
                "model": row["model"],
                "benchmark": row["benchmark"],
                "problems": [row["problems"], other["problems"]],
                **_move(row["value"], other["value"]),
                "rank": [part.get(place) for part in ranks],
            }
        )
    return moves


def _mean_moves(judged: Row, corrected: Row) -> list[Row]:
    """Moves of each model's mean over the benchmarks, in the corrected order; models without a mean are left out."""
    values = [
        {model: mean["value"] for model, mean in board["means"].items() if mean is not None}
        for board in (judged, corrected)
    ]
    ranks = [ranked(part) for part in values]
    return [
        {"model": model, **_move(values[0][model], values[1][model]), "rank": [part[model] for part in ranks]}
        for model in corrected["models"]
        if model in values[0] and model in values[1]
    ]


def _move(before: float | None, after: float | None) -> Row:
    change = None if before is None or after is None else digits(after - before)
    return {"value_before": before, "value_after": after, "change": change}


def _cell_ranks(board: Row) -> dict[tuple[str, str], int]:
    ranks: dict[tuple[str, str], int] = {}
    for benchmark in board["benchmarks"]:
        # A cell whose problems are all left out by the errata has no value, and no rank.
        rates = {
            row["model"]: row["value"]
            for row in board["cells"]
            if row["benchmark"] == benchmark and row["value"] is not None
        }
        ranks |= {(model, benchmark): rank for model, rank in ranked(rates).items()}
    return ranks


def ranked(values: Mapping[str, float]) -> dict[str, int]:
    """Rank of each name by its value, 1 for the largest; equal values share the better rank."""
    return {name: 1 + sum(other > value for other in values.values()) for name, value in values.items()}


def corrected_rows(judged: Sequence[Row], corrected: Sequence[Row], errata: Mapping[str, Any]) -> list[Row]:
    """The corrected comparison of each benchmark; `errata`: the applied entries and the numbers as they were judged."""
    before = {row["before"]["benchmark"]: row for row in judged}
    return [
        {**row, "errata": {**errata, "judged": {name: before[row["before"]["benchmark"]][name] for name in NUMBERS}}}
        for row in corrected
    ]
