"""Reports of a loop: two tables over rounds, alarms, what the policies saw, and why it ended."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rollmill.ground.files import json_text, write_text
from rollmill.ground.formats.rate_texts import with_interval

Row = Mapping[str, Any]
MEASURES = (
    ("distinct", "distinct right solutions of a solved problem", ".2f"),
    ("duplicates", "copies among right solutions", ".1%"),
    ("entropy", "entropy, nats per token", ".4f"),
    ("length", "tokens of a completion", ".1f"),
    ("picked@k", "picked@k", ".3f"),
    ("majority@k", "majority@k", ".3f"),
    ("reward", "mean reward", ".4f"),
    ("yield", "kept of drawn tokens", ".1%"),
    ("drawn_tokens", "drawn tokens", ",.0f"),
    ("trained_tokens", "trained tokens", ",.0f"),
    ("real_share", "real rows", ".0%"),
)
"""Key of a round, its words, and its format."""


def write_loop(folder: Path, outcome: Row) -> list[Path]:
    """Write loop.json and loop.md into a folder; their paths."""
    paths = [folder / "loop.json", folder / "loop.md"]
    write_text(paths[0], json_text(dict(outcome)))
    write_text(paths[1], loop_page(outcome))
    return paths


def loop_page(outcome: Row) -> str:
    """The report as Markdown."""
    before, k = outcome["before"], outcome["before"]["k"]
    lines = [
        f"| round | dataset | kept of drawn | model | pass@1 | since before | pass@{k} | since before |",
        "|---|---|---|---|---|---|---|---|",
        f"| 0 | | | {outcome['base']} | {_level(before, 'pass@1')} | | {_level(before, 'pass@k')} | |",
        *(_round(row) for row in outcome["rounds"]),
    ]
    control = "Every round draws from the model of round 0 (control).\n\n" if outcome["frozen"] else ""
    design = (
        # A round trains one model, so nothing says how much other trainings would differ.
        f"{outcome['samples']} samples of {before['problems']:,} problems; intervals are over problems, of these models."
    )
    parts = [f"# Loop {outcome['loop']}\n\n{control}{design}\n", _table(lines), _table(measure_lines(outcome))]
    parts += [f"{text}.\n" for text in [*_notes(outcome["rounds"]), *outcome["alarms"]]]
    return "\n".join([*parts, *([f"Stopped: {outcome['stopped']}.\n"] if outcome["stopped"] else [])])


def measure_lines(outcome: Row) -> list[str]:
    """The monitor's numbers that some round has, a line for each."""
    # The first model is a column too, as round 0.
    rounds: Sequence[Row] = [outcome["before"], *outcome["rounds"]]
    # Not every loop has a reward, a picker or log-probabilities, and an empty line says nothing.
    known = [part for part in MEASURES if any(row.get(part[0]) is not None for row in rounds)]
    head = ["| round | " + " | ".join(str(row.get("round", 0)) for row in rounds) + " |", "|---" * (len(rounds) + 1) + "|"]
    return [
        *head,
        *(f"| {words} | " + " | ".join(_shown(row.get(key), how) for row in rounds) + " |" for key, words, how in known),
    ]


def _notes(rounds: Sequence[Row]) -> list[str]:
    """Figures of policies and audits, round by round."""
    notes = []
    for row in rounds:
        for policy, figures in row.get("policies", {}).items():
            if figures:
                shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
                notes.append(f"Round {row['round']}, policy {policy}: {shown}")
        precision = row.get("precision")
        if precision is not None:
            value, low = precision["value"], precision["low"]
            notes.append(
                f"Round {row['round']}, audit: {value:.3f} of {precision['rows']:,} kept rows right, at least {low:.3f}"
            )
    return notes


def _table(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def _shown(value: Any, how: str) -> str:
    return "" if value is None else format(value, how)


def _level(row: Row, key: str) -> str:
    return with_interval(row[key], row[f"{key} low"], row[f"{key} high"])


def _round(row: Row) -> str:
    one, many = row["pass@1 since before"], row["pass@k since before"]
    return (
        f"| {row['round']} | {row['version']} | {row['kept']:,} of {row['drawn']:,} | {row['model']} "
        f"| {_level(row, 'pass@1')} | {_change(one)} | {_level(row, 'pass@k')} | {_change(many)} |"
    )


def _change(row: Row) -> str:
    return with_interval(row["difference"], row["low"], row["high"], "+")
