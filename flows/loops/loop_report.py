"""Reports of a loop: a row for each round, alarms, and why it ended."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.ground.files import json_text, write_text

Row = Mapping[str, Any]


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
        "| round | dataset | kept of drawn | model | trained tokens | real rows "
        f"| pass@1 | since before | pass@{k} | since before |",
        "|---|---|---|---|---|---|---|---|---|---|",
        f"| 0 | | | {outcome['base']} | | | {before['pass@1']:.4f} | | {before['pass@k']:.4f} | |",
        *(_round(row) for row in outcome["rounds"]),
    ]
    head = f"# Loop {outcome['loop']}\n\n"
    control = "Every round draws from the model of round 0 (control).\n\n" if outcome["frozen"] else ""
    size = f"{outcome['samples']} samples of {before['problems']:,} problems"
    design = f"{size}; intervals are over problems, of these models.\n\n"
    ended = f"\nStopped: {outcome['stopped']}.\n" if outcome["stopped"] else ""
    return head + control + design + "\n".join(lines) + "\n" + "".join(f"\n{text}.\n" for text in outcome["alarms"]) + ended


def _round(row: Row) -> str:
    one, many = row["pass@1 since before"], row["pass@k since before"]
    return (
        f"| {row['round']} | {row['version']} | {row['kept']:,} of {row['drawn']:,} | {row['model']} "
        f"| {row['trained_tokens']:,} | {row['real_share']:.0%} | {row['pass@1']:.4f} | {_change(one)} "
        f"| {row['pass@k']:.4f} | {_change(many)} |"
    )


def _change(row: Row) -> str:
    return f"{row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"
