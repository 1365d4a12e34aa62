"""The completed leaderboard: which cells are imputed, its numbers beside the plain table's, and tables that it refuses."""

from typing import Any

import numpy as np
import pytest

from rollmill.flows.cli.look.imputed_words import imputed_words
from rollmill.ground.errors import SetupError
from rollmill.storage.queries.comparisons.comparison import leaderboard
from rollmill.storage.queries.comparisons.imputed_board import ItemTable, check_connected, imputed_board
from rollmill.storage.queries.comparisons.sides import Side
from tests.storage.queries.comparisons.test_comparison import YES, side

pytestmark = pytest.mark.integration

ABILITY = {"strong": 1.5, "good": 0.7, "fair": 0.0, "poor": -1.0}


def asked(model: str, benchmark: str, problems: range, seed: int = 0) -> Side:
    """A side with one answer to each problem; problem n is easier than n + 1."""
    generator = np.random.default_rng([seed, *model.encode()])
    chances = {f"{benchmark}{n}": 1 / (1 + np.exp((n % 40) / 10 - 2 - ABILITY[model])) for n in problems}
    right = {key: [bool(generator.random() < chance)] for key, chance in chances.items()}
    return side(model, right, benchmark)


SIDES = [
    *(asked(model, "old", range(40)) for model in ABILITY),
    asked("strong", "new", range(40), 1),
    asked("poor", "new", range(30), 1),
]


@pytest.fixture(scope="module")
def board() -> dict[str, Any]:
    """The completed board of all sides: two seconds, so computed once."""
    return imputed_board(SIDES)


def test_imputed_cells_are_marked_and_known_ones_are_those_of_the_plain_table(board: dict[str, Any]) -> None:
    plain = leaderboard(SIDES)
    cells = {(row["model"], row["benchmark"]): row for row in board["cells"]}
    imputed = {place: row["imputed"] for place, row in cells.items() if row["imputed"]}
    assert imputed == {("poor", "new"): 10, ("good", "new"): 40, ("fair", "new"): 40}
    assert (board["imputed"], board["known"]) == (90, 4 * 40 + 70)
    for row in plain["cells"]:
        known = cells[row["model"], row["benchmark"]]
        if not known["imputed"]:
            assert [known[key] for key in ("value", "low", "high")] == [row[key] for key in ("value", "low", "high")]
    for place in imputed:
        row = cells[place]
        assert row["low"] < row["these_problems"]["low"] < row["value"] < row["these_problems"]["high"] < row["high"]
    assert cells["good", "new"]["value"] > cells["poor", "new"]["value"]
    assert board["models"][0] == "strong"
    assert board["models"][-1] == "poor"
    assert board["check"]["hidden"] == 2


def test_ranks_and_agreement_are_with_intervals_and_the_words_mark_what_is_imputed(board: dict[str, Any]) -> None:
    for mean in board["means"].values():
        assert 1 <= mean["ranks"][0] <= mean["ranks"][1] <= 4
    pairs = {(row["first"], row["second"]): row for row in board["agreement"]}
    assert set(pairs) == {("old", "new"), ("asked problems alone", "completed table")}
    assert all(-1 <= row["low"] <= row["value"] <= row["high"] <= 1 and row["models"] == 4 for row in pairs.values())
    words = imputed_words(board)
    assert "~40" in words
    assert "90 of 320 cells of models x problems are imputed" in words
    assert "Kendall's tau [95%]" in words
    assert "Intervals may be too narrow where fewer than 8 models answered: new from 2." in words
    assert board == imputed_board(SIDES)


def test_the_order_in_which_evaluations_are_named_decides_nothing(board: dict[str, Any]) -> None:
    turned = imputed_board(SIDES[::-1])
    assert turned["means"] == board["means"]
    assert turned["check"] == board["check"]
    assert (board["benchmarks"], turned["benchmarks"]) == (["old", "new"], ["new", "old"])
    cells = [{(row["model"], row["benchmark"]): row for row in each["cells"]} for each in (board, turned)]
    assert cells[0] == cells[1]


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ([asked("good", "old", range(9))], "at least two models, and this one has good"),
        ([], "at least two models, and this one has none"),
        (SIDES[:2], "all 2 models were asked all 40 problems.*Next: rollmill leaderboard NAME"),
        ([asked("good", "old", range(5)), asked("poor", "old", range(5, 9))], "no common problem links good; and poor"),
        ([asked("good", "old", range(5)), side("poor", {"old1": [YES]}, "old").first(0)], "poor has no judged completion"),
        ([SIDES[0], asked("strong", "old", range(4))], "two results on old"),
    ],
)
def test_tables_that_cannot_be_completed_are_refused(sides: list[Side], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        imputed_board(sides)


def test_models_with_256_common_problems_are_linked() -> None:
    rates = np.ones((2, 257))
    rates[1, 256] = np.nan
    check_connected(ItemTable(("good", "poor"), ("old",), rates, np.zeros(257, dtype=np.int64), (None,) * 257))
