"""`rollmill select`: what another selection would keep of rollouts that exist. Draws, plans and publishes nothing."""

from typing import Any

import typer

from flows.cli.output import AsJson, as_json, columns, line
from flows.cli.recipe import RecipePath, Sets


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("select")(select)


def select(recipe: RecipePath, sets: Sets = None, *, json: AsJson = False) -> None:
    """Try a selection on the rollouts of the recipe's newest finished run; write nothing.

    Example: rollmill select recipes/arithmetic.yaml --set select.options.per_problem=8
    """
    from flows.job import Job
    from flows.selection import selection_of
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        root = workspace.root
    job = Job(str(root), str(recipe.resolve()), tuple(sets or ()))
    row = selection_of(job)
    return as_json(row) if json else line(_page(row, job.command))


def _page(row: dict[str, Any], command: str) -> str:
    dropped = " · ".join(f"{reason} {count:,}" for reason, count in sorted(row["dropped"].items(), key=lambda p: -p[1]))
    lines = [
        f"{' '.join(row['selector'])} on the {row['rollouts']:,} rollouts of {row['run']}: "
        f"{row['kept']:,} kept of {row['problems']:,} problems.",
        f"dropped: {dropped}",
        columns(["level", "kept"], [[level, count] for level, count in row["levels"].items()]),
        "",
        f"Nothing was written. To publish it: {command}",
    ]
    return "\n".join(lines)
