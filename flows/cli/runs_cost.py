"""`rollmill runs cost`: what a run took, over all and by group. Formats what storage.queries.cost counts."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.output import AsJson, as_json, columns, line

if TYPE_CHECKING:
    from storage.queries.cost import Group, RunCost
    from storage.spending import Sums

RunId = Annotated[str | None, typer.Argument(metavar="RUN", help="The run's id; the latest by default.")]
GroupBy = Annotated[
    str | None,
    typer.Option("--by", metavar="GROUP", help="batch, problem, level, arm, round, engine, or command (one process)."),
]
HEAD = ["", "completions", "calls", "tokens in", "tokens out", "engine s", "money", "kept", "tokens per kept"]


def cost(run: RunId = None, by: GroupBy = None, *, json: AsJson = False) -> None:
    """What a run took: tokens, calls, engine seconds and money; what it represents, and what it spent itself.

    Completions that another run drew are represented and cost this run nothing. Every grouping has the same totals.

    Example: rollmill runs cost arithmetic-3f9a0c1d --by level
    """
    from storage.queries import Reader, runs
    from storage.queries.cost import run_cost

    with Reader.open() as reader:
        known = runs(reader)
        name = run or (known[0].id if known else "")
        found = run_cost(reader, name)
        currency = _currency(reader.runs.get(name).summary)
    groups = found.by(by) if by else []  # type: ignore[arg-type]
    if json:
        return as_json(cost_row(found, groups, currency))
    line(cost_text(found, currency))
    if groups:
        line("\n" + columns([by or "", *HEAD[1:]], [_cells(group.name, group, currency) for group in groups]))
    return line(f"\nNext: rollmill runs cost {name} --by {'problem' if by == 'level' else 'level'}")


def cost_row(found: "RunCost", groups: "list[Group]", currency: str | None) -> dict[str, Any]:
    """Everything as JSON values."""
    from storage.queries.cost import sums_row

    again, twice = (
        {"completions": sums.completions, "tokens": sums.tokens, "units": sums.units} for sums in (found.again, found.twice)
    )
    whole = {key: value for key, value in found.whole.row().items() if key != "group"}
    head = {"run": found.run, "currency": currency, "recorded": found.recorded}
    given_up = {"tokens": found.given_up.tokens, "units": found.given_up.units}
    sums = {"given_up": given_up, "again": again, "paid_twice": twice, "paid": sums_row(found.paid)}
    sums["votes"] = sums_row(found.votes)
    return {**head, **whole, **sums, "groups": [group.row() for group in groups]}


def cost_text(found: "RunCost", currency: str | None) -> str:
    """The accounts of a run for people."""
    from storage.money import shown

    whole = found.whole
    reused = whole.represented - whole.spent
    rows = [
        _row("represented", whole.represented, None, currency, whole),
        _row("  drawn by this run", whole.spent, whole.calls, currency),
        _row("  reused, paid before", reused, None, currency),
    ]
    if found.again.completions:
        rows.append(_row("drawn again", found.again, None, currency))
    if found.votes.completions:
        rows.append(_row("judges' votes", found.votes, None, currency))
    if found.again.completions or found.votes.completions:
        rows.append(_row("paid in all", found.paid, None, currency))
    lines = [f"{found.run}", columns(HEAD, rows)]
    if found.twice.completions:
        again = f"{found.twice.completions:,} completions ({found.twice.tokens:,} tokens)"
        lines.append(f"{again} were paid twice: another command had stored them first, and its texts are used.")
    if found.given_up.tokens:
        money = f" ({shown(found.given_up.units, currency)})" if found.given_up.units else ""
        lines.append(
            f"Up to {found.given_up.tokens:,} tokens{money} were under way when a command was killed or interrupted: they "
            "count against a limit, and are in no total."
        )
    if whole.failed:
        lines.append(f"{whole.failed:,} calls failed; what a server bills for them is not known and in no total.")
    if whole.represented.uncounted:
        lines.append(f"{whole.represented.uncounted:,} completions came without token counts and count as 0 here.")
    if not found.recorded and whole.represented.completions:
        lines.append("The ledger holds no payments of this run: it drew nothing, or is older than they are.")
    return "\n".join(lines)


def _row(name: str, sums: "Sums", calls: int | None, currency: str | None, group: "Group | None" = None) -> list[Any]:
    from storage.queries.cost import money_text

    kept = [None, None] if group is None else [group.kept, group.tokens_per_kept]
    counts = [sums.completions, calls, sums.tokens_in, sums.tokens_out, sums.seconds]
    return [name, *(_dash(value) for value in counts), money_text(sums, currency), *(_dash(value) for value in kept)]


def _cells(name: str, group: "Group", currency: str | None) -> list[Any]:
    return _row(name, group.represented, group.calls, currency, group)


def _dash(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _currency(summary: dict[str, Any]) -> str | None:
    """The currency of the command that ended last."""
    said = summary.get("currency")
    return str(said) if said else None
