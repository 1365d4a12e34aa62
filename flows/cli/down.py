"""`rollmill down`: ends what `rollmill up` started in this workspace, and nothing else."""

import typer

from flows.cli.output import AsJson, DryRun, as_json, line


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("down")(down)


def down(*, dry_run: DryRun = False, json: AsJson = False) -> None:
    """End this workspace's Prefect server and its schedules. A run in progress stops and can be resumed.

    Example: rollmill down
    """
    from flows.prefect.service import find_standing, standing_file
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        state = workspace.state
    found = find_standing(state)
    if not dry_run:
        if found is not None:
            found.process.end(patience=15)
        standing_file(state).unlink(missing_ok=True)  # also that of one that was killed or gave up
    if json:
        return as_json({"ended": found.process.pid if found and not dry_run else None})
    if found is None:
        return line("Nothing is up in this workspace.")
    return line(f"{'Would end' if dry_run else 'Ended'} the Prefect server (pid {found.process.pid}).")
