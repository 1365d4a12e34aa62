"""`rollmill runs queue`: the problems that a run gave up or never solved, to look at or to hand to another recipe."""

import json as json_
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.output import AsJson, as_json, columns, line

if TYPE_CHECKING:
    from pipelines.stats import RuleErrorCounts
    from storage.queries.queue import HopelessQueue

RunId = Annotated[str | None, typer.Argument(metavar="RUN", help="The run's id; the latest by default.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write them as a JSONL file of problems that `import problems` takes."),
]
Most = Annotated[int, typer.Option("--most", metavar="N", min=0, help="Rows to print.")]
HEAD = ["problem", "level", "drawn", "correct", "p below", "tokens", "reason", "went on"]
MOST = 40


def queue(run: RunId = None, out: Out = None, *, most: Most = MOST, json: AsJson = False) -> None:
    """Problems that a run gave up as hopeless or never solved, with the evidence.

    `p below` bounds the pass rate: 0 of 8 is not 0. `went on`: given up, and drawn on at random to measure the rule.

    Example: rollmill runs queue arithmetic-3f9a0c1d --out hopeless.jsonl
    """
    from storage.queries import Reader, run_scope, runs
    from storage.queries.queue import export_rows, hopeless_queue

    with Reader.open() as reader:
        known = runs(reader)
        found = hopeless_queue(run_scope(reader, run or (known[0].id if known else "")))
    if out is not None:
        out.write_text("".join(json_.dumps(row, ensure_ascii=False) + "\n" for row in export_rows(found)), encoding="utf-8")
    if json:
        rows = [one.row() for one in found.problems]
        return as_json({"run": found.run, "problems": rows, "tokens": found.tokens, "rule": found.rule.row()})
    line(queue_text(found, most))
    name = "NAME" if out is None else out.stem
    if out is not None:
        line(f"\n{len(found.problems):,} problems written to {out}")
        return line(
            f"Next: rollmill import problems {out} --name {name}   (then `problems: {{imported: {name}}}` in a recipe)"
        )
    return line(f"\nNext: rollmill runs queue {found.run} --out hopeless.jsonl")


def queue_text(found: "HopelessQueue", most: int = MOST) -> str:
    """The queue for people."""
    if not found.problems:
        return "\n".join([f"{found.run} has no hopeless problems.", *rule_lines(found.rule)])
    cells = [
        [
            one.problem.id[:12],
            one.problem.level,
            one.drawn,
            one.correct,
            one.upper,
            one.tokens,
            one.reason,
            one.continued,
        ]
        for one in found.problems[:most]
    ]
    more = [f"... and {len(found.problems) - most:,} more: --most N, or --json"] if len(found.problems) > most else []
    head = f"{found.run}: {len(found.problems):,} hopeless problems, {found.tokens:,} tokens spent on them"
    return "\n".join([head, columns(HEAD, cells), *more, *rule_lines(found.rule)])


def rule_lines(rule: "RuleErrorCounts | Mapping[str, Any]") -> list[str]:
    """What those that went on say of the rule; nothing where none did."""
    row: Mapping[str, Any] = rule if isinstance(rule, Mapping) else rule.row()
    if not row["continued"]:
        return []
    start = f"given up {row['stopped'] + row['continued']:,} problems; {row['continued']:,} of them, at random, went on"
    if row["error"] is None:
        return [f"{start}; none has ended yet"]
    met = f"{row['met']:,} of {row['ended']:,} that have ended met their target"
    return [
        f"{start}: {met}",
        f"so {row['error']:.1%} were given up wrongly, 95% interval [{row['low']:.1%}, {row['high']:.1%}]",
    ]
