"""`rollmill gc`: merges small segments and removes what nobody needs. Knows printing only."""

import typer

from flows.cli.output import AsJson, DryRun, as_json, line


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("gc")(gc)


def gc(*, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Merge small segments into large ones and remove leftovers of killed commands. No row is lost.

    Example: rollmill gc --dry-run
    """
    from flows.workspace.housekeeping import collect
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        done = collect(workspace, dry_run=dry_run)
    if json:
        return as_json(done)
    if dry_run:
        counts = ", ".join(f"{kind} {count}" for kind, count in done["files"].items() if count)
        return line(f"Segments: {counts or 'none'}. Would merge: {', '.join(done['would_merge']) or 'nothing'}.")
    for kind, row in done["merged"].items():
        line(f"{kind}: {row['files_before']} files to {row['files_after']}, {row['rows']:,} rows")
    for text in done["messages"]:
        line(text)
    return line(f"Removed: {', '.join(done['removed']) or 'no leftovers'}.")
