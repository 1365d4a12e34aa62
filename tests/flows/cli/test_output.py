"""What is printed on a terminal of 80 columns: folded prose, tables cut to fit, commands whole; a pipe gets lines whole."""

from pathlib import Path

import pytest

from rollmill.flows.cli import live, output
from rollmill.flows.cli.output import columns, fitted
from rollmill.flows.progress import Stage
from rollmill.flows.recipe.benchmarks import shipped_definitions
from tests.flows.conftest import Run

FUNNEL = "  dropped         11,745   incorrect 8,135 · duplicate_solution 3,600 · over_quota 9 · unparsed 1"


def test_a_long_line_is_folded_under_its_last_aligned_part() -> None:
    assert fitted(FUNNEL, 80).split("\n") == [
        "  dropped         11,745   incorrect 8,135 · duplicate_solution 3,600 ·",
        "                           over_quota 9 · unparsed 1",
    ]
    assert fitted(FUNNEL, None) == FUNNEL


def test_a_command_stays_whole() -> None:
    command = "  .venv/bin/rollmill dataset export arithmetic --format sft --out " + "x" * 40
    assert fitted(command, 80) == command


def test_words_and_paths_are_never_broken() -> None:
    path = "/a" * 60
    assert fitted(f"no file {path} here", 40) == f"no file\n{path}\nhere"


def test_a_table_gives_way_in_its_longest_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "width", lambda: 40)
    table = columns(["name", "rows"], [["a-name-that-goes-on-and-on-and-on-for-ever", 12_340], ["short", 7]])
    assert table.split("\n") == [
        "name                                rows",
        "a-name-that-goes-on-and-on-and-…  12,340",
        "short                                  7",
    ]


def test_the_bars_fit_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    bars = live.Bars()
    bars(Stage("draw", 7_334, 12_340, 421_038, 15.2, {"round": 2}, here=7_334))
    bars(Stage("verify", 7_334, 12_340, 0, 15.2, {"round": 2}, here=7_334, correct=3_183))
    bars.shown.refresh()
    with bars.shown.console.capture() as shown:
        bars.shown.console.print(bars.shown.get_renderable())
    rows = shown.get().splitlines()
    assert [len(row) <= 80 for row in rows] == [True, True]
    assert "7334/12340" in rows[0]
    assert "10 s left · 482/s · 27,700 tokens/s" in rows[0]


@pytest.mark.integration
def test_cards_of_benchmarks_are_read_whole_at_80_columns(
    toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [("benchmark", "show", name) for name in shipped_definitions()]
    whole = [rollmill(*command).out for command in wanted]
    monkeypatch.setattr(output, "width", lambda _=None: 80)
    for command, text in zip(wanted, whole, strict=True):
        shown = rollmill(*command).out
        assert max(map(len, shown.splitlines())) <= 80, command
        assert shown.split() == text.split()  # folded, and nothing cut
