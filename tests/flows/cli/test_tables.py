"""Tables on a terminal: heads fold, texts are cut and numbers never, and columns that do not fit stand below."""

from rollmill.flows.cli.tables import table

HEAD = ["", "completions", "tokens in", "kept", "tokens per kept row"]
ROWS = [["represented", 1_256, 12_372, 595, 2_381.0], ["drawn by others", 0, 0, None, None]]


def test_a_pipe_gets_lines_whole() -> None:
    assert table(["name", "rows"], [["a" * 100, 7]], None).split("\n") == [f"{'name':<100}  rows", f"{'a' * 100}     7"]


def test_heads_fold_before_anything_is_cut() -> None:
    shown = table(["run", "share of the graded", "n"], [["arithmetic", "0.5", 12]], 24)
    assert shown.split("\n") == [
        "            share",
        "            of the",
        "run         graded   n",
        "arithmetic  0.5     12",
    ]


def test_intervals_are_never_cut_and_texts_give_way_the_first_one_last() -> None:
    rows = [["best_of_majority", "+0.010 [-0.036, +0.055]", "best_of_majority score=logprob_per_token temperature=1.0"]]
    shown = table(["at 8", "to majority", "chosen settings"], rows, 60)
    assert shown.split("\n") == [
        "at 8              to majority              chosen settings",
        "best_of_majority  +0.010 [-0.036, +0.055]  best_of_majority…",
    ]


def test_what_does_not_fit_stands_below_with_the_first_column_again() -> None:
    shown = table(HEAD, ROWS, 40).split("\n")
    assert shown == [
        "                            tokens",
        "               completions      in  kept",
        "represented          1,256  12,372  595",
        "drawn by oth…            0       0  -",
        "",
        "                 tokens per kept row",
        "represented      2381.000",
        "drawn by others  -",
    ]
