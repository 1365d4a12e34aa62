"""`rollmill runs cost|queue`: what a run took, by group, and the problems that took draws and were never solved.

Formats what rollmill.storage.queries.cost and rollmill.storage.queries.judge.queue count.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, check_jsonl, columns, line

if TYPE_CHECKING:
    from rollmill.stats import RuleErrorCounts
    from rollmill.storage.queries.cost import CostGroup, RunCost
    from rollmill.storage.queries.judge.queue import HopelessQueue
    from rollmill.storage.spending import Sums

RunId = Annotated[
    str | None,
    typer.Argument(metavar="RUN", help="A run's id, or a recipe's name for its latest run; the latest run by default."),
]
GroupBy = Annotated[
    str | None,
    typer.Option("--by", metavar="GROUP", help="batch, problem, level, step, round, engine, or command (one process)."),
]
COST_HEAD = ["", "completions", "calls", "tokens in", "tokens out", "engine s", "money", "kept", "tokens per kept"]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write them as a JSONL file of problems that `import problems` takes."),
]
Most = Annotated[int, typer.Option("--most", metavar="N", min=0, help="Rows to print.")]
QUEUE_HEAD = ["problem", "level", "drawn", "correct", "p below", "tokens", "reason", "went on"]
MOST = 40  # rows of the queue that are printed


def require_runs(named: str | None) -> None:
    """SetupError for a workspace without runs, before the libraries of rows are loaded; what is named may be a dataset."""
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        if named is None or not any(workspace.datasets.glob("*/index.json")):
            workspace.require_runs()


def cost(run: RunId = None, by: GroupBy = None, *, json: AsJson = False) -> None:
    """Cost of a run: tokens, calls, engine seconds and money, represented and spent.

    Completions that another run drew are represented and cost this run nothing. Every grouping has the same totals.

    Example: rollmill runs cost arithmetic-3f9a0c1d --by level
    """
    require_runs(run)
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.cost import run_cost

    with Reader.open() as reader:
        chosen = reader.runs.chosen(run)
        spent = run_cost(reader, chosen.id)
    currency = chosen.summary.get("currency")  # of the command that ended last
    groups = spent.by(by) if by else []  # type: ignore[arg-type]
    if json:
        return as_json(cost_row(spent, groups, currency))
    line(cost_text(spent, currency))
    if groups:
        rows = [_row(group.name, group.represented, group.calls, currency, group) for group in groups]
        line("\n" + columns([by or "", *COST_HEAD[1:]], rows))
    return line(f"\nNext: rollmill runs cost {chosen.id} --by {'problem' if by == 'level' else 'level'}")


def cost_row(cost: "RunCost", groups: "list[CostGroup]", currency: str | None) -> dict[str, Any]:
    """Costs and groups as JSON values."""
    from rollmill.storage.queries.cost import sums_row

    def counts(sums: "Sums") -> dict[str, int]:
        return {"completions": sums.completions, "tokens": sums.tokens, "units": sums.units}

    return {
        "run": cost.run,
        "currency": currency,
        "recorded": cost.recorded,
        **{key: value for key, value in cost.whole.row().items() if key != "group"},
        "given_up": {"tokens": cost.given_up.tokens, "units": cost.given_up.units},
        "again": counts(cost.again),
        "paid_twice": counts(cost.twice),
        "paid": sums_row(cost.paid),
        "votes": sums_row(cost.votes),
        "scoring": sums_row(cost.scoring),
        "writing": sums_row(cost.writing),
        "groups": [group.row() for group in groups],
    }


def cost_text(cost: "RunCost", currency: str | None) -> str:
    """The accounts of a run for people."""
    from rollmill.ground.money import shown

    whole = cost.whole
    reused = whole.represented - whole.spent
    rows = [
        _row("represented", whole.represented, None, currency, whole),
        _row("  drawn by this run", whole.spent, whole.calls, currency),
        _row("  reused, paid before", reused, None, currency),
    ]
    named = {"drawn again": cost.again, "judges' votes": cost.votes, "scorers": cost.scoring, "writers": cost.writing}
    others = {name: sums for name, sums in named.items() if sums.completions}
    rows += [_row(name, sums, None, currency) for name, sums in others.items()]
    if others:
        rows.append(_row("paid in all", cost.paid, None, currency))
    lines = [f"{cost.run}", columns(COST_HEAD, rows)]
    if cost.twice.completions:
        again = f"{cost.twice.completions:,} completions ({cost.twice.tokens:,} tokens)"
        lines.append(f"{again} were paid twice: another command had stored them first, and its texts are used.")
    if cost.given_up.tokens:
        money = f" ({shown(cost.given_up.units, currency)})" if cost.given_up.units else ""
        lines.append(
            f"Up to {cost.given_up.tokens:,} tokens{money} were under way when a command was killed or interrupted: they "
            "count against a limit, and are in no total."
        )
    if whole.failed:
        lines.append(f"{whole.failed:,} calls failed; what a server bills for them is not known and in no total.")
    if whole.represented.uncounted:
        lines.append(f"{whole.represented.uncounted:,} completions came without token counts and count as 0 here.")
    if not cost.recorded and whole.represented.completions:
        lines.append("The ledger holds no payments of this run: it drew nothing, or is older than they are.")
    return "\n".join(lines)


def _row(name: str, sums: "Sums", calls: int | None, currency: str | None, group: "CostGroup | None" = None) -> list[Any]:
    from rollmill.storage.queries.cost import money_text

    kept = [None, None] if group is None else [group.kept, group.tokens_per_kept]
    counts = [sums.completions, calls, sums.tokens_in, sums.tokens_out, sums.seconds]
    return [name, *(_dash(value) for value in counts), money_text(sums, currency), *(_dash(value) for value in kept)]


def _dash(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def queue(run: RunId = None, out: Out = None, *, most: Most = MOST, json: AsJson = False) -> None:
    """Problems that a run gave up as hopeless or never solved, with the evidence.

    `p below` is an upper bound of the pass rate, since 0 of 8 does not prove 0. `went on` marks problems that were given up
    but are drawn further by random choice, to measure the stopping rule.

    Example: rollmill runs queue arithmetic-3f9a0c1d --out hopeless.jsonl
    """
    require_runs(run)
    from rollmill.ground.files import json_line
    from rollmill.storage.queries import Reader, run_scope
    from rollmill.storage.queries.judge.queue import export_rows, hopeless_queue

    with Reader.open() as reader:
        hopeless = hopeless_queue(run_scope(reader, reader.runs.chosen(run).id))
    if out is not None:
        check_jsonl(out)
        out.write_text("".join(map(json_line, export_rows(hopeless))), encoding="utf-8")
    if json:
        rows = [problem.row() for problem in hopeless.problems]
        return as_json({"run": hopeless.run, "problems": rows, "tokens": hopeless.tokens, "rule": hopeless.rule.row()})
    line(queue_text(hopeless, most))
    if out is None:
        return line(f"\nNext: rollmill runs queue {hopeless.run} --out hopeless.jsonl")
    line(f"\n{len(hopeless.problems):,} problems written to {out}")
    then = f"(then `problems: {{imported: {out.stem}}}` in a recipe)"
    return line(f"Next: rollmill import problems {out} --name {out.stem}   {then}")


def queue_text(hopeless: "HopelessQueue", most: int = MOST) -> str:
    """The queue for people."""
    if not hopeless.problems:
        return "\n".join([f"{hopeless.run} has no hopeless problems.", *rule_lines(hopeless.rule)])
    cells = [
        [row.problem.id[:12], row.problem.level, row.drawn, row.correct, row.upper, row.tokens, row.reason, row.continued]
        for row in hopeless.problems[:most]
    ]
    more = [f"... and {len(hopeless.problems) - most:,} more: --most N, or --json"] if len(hopeless.problems) > most else []
    head = f"{hopeless.run}: {len(hopeless.problems):,} hopeless problems, {hopeless.tokens:,} tokens spent on them"
    return "\n".join([head, columns(QUEUE_HEAD, cells), *more, *rule_lines(hopeless.rule)])


def rule_lines(rule: "RuleErrorCounts | Mapping[str, Any]") -> list[str]:
    """Lines on the error of a give-up rule, from given-up problems that were drawn further at random; empty without any."""
    row: Mapping[str, Any] = rule if isinstance(rule, Mapping) else rule.row()
    if not row["continued"]:
        return []
    start = f"given up {row['stopped'] + row['continued']:,} problems; {row['continued']:,} of them, at random, went on"
    if row["error"] is None:
        return [f"{start}; none has ended yet"]
    met = f"{row['met']:,} of {row['ended']:,} that have ended met their target"
    # Versions that were published earlier have no such count.
    if row.get("cut"):
        met += f", {row['cut']:,} ended because the total was spent"
    return [
        f"{start}: {met}",
        f"so {row['error']:.1%} were given up wrongly, 95% interval [{row['low']:.1%}, {row['high']:.1%}]",
    ]
