"""`rollmill import list|show|remove`: what was imported, who uses it, and how to be rid of it. Knows printing only."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.output import AsJson, DryRun, as_json, columns, line

if TYPE_CHECKING:
    from storage.imports.removal import ImportContents, Removal

_Name = Annotated[str, typer.Argument(help="The name given at import.", show_default=False)]


def register(verb: typer.Typer) -> None:
    """Add the three commands."""
    verb.command("list")(list_)
    verb.command("show")(show)
    verb.command("remove")(remove)


def list_(*, json: AsJson = False) -> None:
    """Every import: its problems, its rollouts by model, and the problem set that they answer.

    Example: rollmill import list
    """
    from storage.imports.removal import imports_held
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        found = imports_held(workspace)
    if json:
        return as_json([one.row() for one in found])
    if not found:
        return line("Nothing was imported. Next: rollmill import problems FILE --name NAME")
    rows = [
        [one.name, one.problems, one.rollouts, one.lost is None, one.of or "-", ", ".join(one.models) or "-"]
        for one in found
    ]
    return line(columns(("name", "problems", "rollouts", "whole", "answers", "models"), rows))


def show(name: _Name, *, json: AsJson = False) -> None:
    """One import: the files it came from, how their columns were read, rollouts by model, and what uses it.

    Example: rollmill import show gsm8k
    """
    from storage.imports.removal import held, plan_removal
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        found, used = held(workspace, name), plan_removal(workspace, name).used_by
    if json:
        return as_json({**found.row(), "used_by": list(used)})
    return line("\n".join([*_described(found), f"  used by      {', '.join(used) or 'nothing yet'}"]))


def remove(name: _Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Remove an import that no run, dataset version or other import uses; rows that another import also holds stay there.

    Verdicts on its rollouts stay too: imported again, they are not judged again. The disk space is free after a quarter of
    an hour, with the next command that writes.

    Example: rollmill import remove gsm8k --dry-run
    """
    from storage.imports import removal
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        if not dry_run:
            workspace.recover()
        found = removal.plan_removal(workspace, name) if dry_run else removal.remove(workspace, name)
    if json:
        return as_json({**_row(found), "removed": not dry_run})
    return line("\n".join(_said(found, dry_run=dry_run)))


def _described(found: "ImportContents") -> list[str]:
    lines = [f"{found.name}: {found.problems:,} problems, {found.rollouts:,} rollouts"]
    if found.of is not None:
        lines.append(f"  answers      the problem set {found.of}")
    lines += [f"  model        {count:>9,}   {model}" for model, count in found.models.items()]
    lines += [f"  lost         {found.lost}"] if found.lost is not None else []
    for record in found.row()["records"]:
        lines += _file(record)
    return lines if found.records else [*lines, "  file         not recorded (imported by an older Rollmill)"]


def _file(record: Mapping[str, Any]) -> list[str]:
    new = f"{record['problems']:,} problems and {record['completions']:,} rollouts of them new"
    mapping = ", ".join(f"{field} <- {column}" for field, column in sorted(record["mapping"].items()))
    return [
        f"  file         {record['file']}, {record['rows']:,} rows, {new} ({record['imported_at']})",
        f"  columns      {mapping}",
        *(f"  note         {note}" for note in record["notes"]),
    ]


def _row(found: "Removal") -> dict[str, Any]:
    return {
        "name": found.name,
        "problems": found.problems,
        "rollouts": found.rollouts,
        "shared": found.shared,
        "used_by": list(found.used_by),
    }


def _said(found: "Removal", *, dry_run: bool) -> list[str]:
    verb = "Would remove" if dry_run else "Removed"
    lines = [f"{verb} {found.name}: {found.problems:,} problems, {found.rollouts:,} rollouts."]
    if found.shared:
        lines.append(f"  {found.shared:,} of these rows are also held elsewhere and stay there.")
    if found.used_by:
        lines = [f"{found.name} cannot be removed: it is used by {', '.join(found.used_by)}."]
    return [*lines, "Nothing was removed (--dry-run)."] if dry_run else lines
