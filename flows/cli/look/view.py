"""`rollmill view save|list|rename|remove`: filters of Explore under a name; the dashboard's buttons call these."""

from typing import TYPE_CHECKING, Annotated

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line

if TYPE_CHECKING:
    from rollmill.storage.views import Views

verbs = group("view", "Saved views of the dashboard's page Explore: filters under a name.")
Name = Annotated[str, typer.Argument(help="The view's name; see `rollmill view list`.")]


@verbs.command("save")
def save(
    name: Name,
    query: Annotated[str, typer.Argument(metavar="FILTERS", help="The part of Explore's address after the ?.")],
    *,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Keep filters under a name; a view of that name is replaced. Run, version and page are not kept.

    Example: rollmill view save "hard and wrong" "outcome=incorrect&level=8&rows=rollouts"
    """
    from rollmill.storage.queries.browse.views import view_query

    query = view_query(query)
    if not dry_run:
        name = _views().save(name, query)
    if json:
        return as_json({"view": name, "query": query, "dry_run": dry_run})
    return line(f"{'Would save' if dry_run else 'Saved'} {name}.")


@verbs.command("list")
def list_(*, json: AsJson = False) -> None:
    """Every view with its filters.

    Example: rollmill view list
    """
    views = _views().all()
    if json:
        return as_json([{"view": name, "query": query} for name, query in views.items()])
    if not views:
        return line('No view is saved yet. Next: rollmill view save "hard and wrong" "outcome=incorrect&level=8"')
    return line(columns(["view", "filters"], list(views.items())))


@verbs.command("rename")
def rename(
    name: Name,
    to: Annotated[str, typer.Argument(help="Its name from now on.")],
    *,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Give a view another name.

    Example: rollmill view rename "hard and wrong" "hard, wrong"
    """
    if not dry_run:
        _views().rename(name, to)
    return as_json({"view": to, "before": name, "dry_run": dry_run}) if json else line(f"{name} is now {to}.")


@verbs.command("remove")
def remove(name: Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Remove a view; nothing else is removed.

    Example: rollmill view remove "hard, wrong"
    """
    if not dry_run:
        _views().remove(name)
    if json:
        return as_json({"view": name, "removed": not dry_run})
    return line(f"{'Would remove' if dry_run else 'Removed'} {name}.")


def _views() -> "Views":
    from rollmill.storage.views import Views
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        return Views(workspace.state)
