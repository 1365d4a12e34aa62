"""`rollmill schedule add|list|pause|resume|run-now|remove`: recipes and evaluations on cron lines."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import group
from flows.cli.output import AsJson, DryRun, as_json, columns, line
from flows.cli.recipe import RecipePath, Sets
from storage.errors import RollmillError, SetupError

if TYPE_CHECKING:
    from flows.prefect.schedules import Scheduled, Schedules
    from flows.prefect.service import Service, Standing
    from storage.workspace import Workspace

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
Name = Annotated[str, typer.Argument(help="The schedule's name; see `rollmill schedule list`.")]
SHOWN = ("name", "verb", "cron", "timezone", "next")
verbs = group("schedule", "Curate recipes and run evaluations on cron lines while `rollmill up` runs.")


@verbs.command("add")
def add(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: RecipePath,
    sets: Sets = None,
    *,
    cron: Annotated[str, typer.Option(help='Five fields, "0 2 * * *" for every night at two.')],
    name: Annotated[str | None, typer.Option(help="Its name; the recipe's name by default.")] = None,
    timezone: Annotated[str, typer.Option(help="The time zone of the cron line.")] = "UTC",
    profile: Annotated[Path | None, typer.Option(help="The profile to run under.")] = None,
    fresh: Annotated[
        str | None,
        typer.Option(
            metavar="redraw|seed", help="Draw anew at each firing, under the next redraw number or the next seed."
        ),
    ] = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Curate a recipe, or evaluate, whenever a cron line says so: the same again, which makes what is missing, or afresh.

    --fresh redraw draws new completions of the same problems, --fresh seed makes new problems too. The number of each
    firing is in the ledger and among the overrides of its run.

    Example: rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *" --timezone Europe/Berlin
    """
    from flows.prefect.firing import check_fresh, meaning
    from flows.prefect.schedules import Scheduled, checked_cron
    from flows.recipe import load_profile, load_recipe
    from flows.recipe.evaluations import is_evaluation, load_evaluation

    verb = "evaluate" if is_evaluation(recipe) else "curate"
    loaded = (load_evaluation if verb == "evaluate" else load_recipe)(recipe, sets=sets or ())
    if name and not NAME.fullmatch(name):
        raise SetupError(f"{name!r} cannot name a schedule: use at most 64 letters, digits, '.', '_' or '-'.")
    load_profile(profile)
    if fresh is not None:
        check_fresh(fresh, loaded)
    checked_cron(cron, timezone)
    place = str(profile.resolve()) if profile else None
    chosen = name or loaded.recipe.name
    item = Scheduled(chosen, cron, str(recipe.resolve()), timezone, tuple(sets or ()), place, fresh=fresh, verb=verb)
    schedules = _schedules()
    before = next((f"; replaces {old.cron} {old.timezone}" for old in schedules.all() if old.name == item.name), "")
    if not dry_run:
        schedules.add(item)
    service = _service()
    if json:
        return as_json({**_row(item), "up": service.status == "up", "service": service.status, "dry_run": dry_run})
    line(
        f"{'Would schedule' if dry_run else 'Scheduled'} {item.name}: {cron} {timezone}, next {_row(item)['next']}{before}."
    )
    line(meaning(verb, fresh))
    return line(service.line())


@verbs.command("list")
def list_(*, json: AsJson = False) -> None:
    """The schedules: when each fires next, and what became of its last firing.

    Example: rollmill schedule list
    """
    from storage.workspace import Workspace

    items, service = _schedules().all(), _service()
    with Workspace.open() as workspace:
        rows = [{**_row(item), "last": _last(workspace, item.name)} for item in items]
    if json:
        return as_json({"up": service.status == "up", "service": service.status, "schedules": rows})
    if not rows:
        if not service.sound:
            line(service.line())
        return line('No schedules. Next: rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *"')
    line(
        columns(
            ["name", "does", "cron", "zone", "next", "fresh", "recipe"],
            [[*(row[key] for key in SHOWN), row["fresh"] or "no", row["recipe"]] for row in rows],
        )
    )
    for row in rows:
        last, fired = row["last"], "has not fired yet"
        if last is not None:
            number = f" under number {last['number']}" if "number" in last else ""
            ending = ": ".join(filter(None, (last["status"], last["said"])))
            fired = f"fired {last['fired'][:16].replace('T', ' ')} UTC{number}, {ending}"
        line(f"{row['name']}: {fired}")
    return line(service.line())


@verbs.command("pause")
def pause(name: Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Let a schedule rest until it is resumed.

    Example: rollmill schedule pause arithmetic
    """
    _set_paused(name, paused=True, dry_run=dry_run, json=json)


@verbs.command("resume")
def resume(name: Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Let a paused schedule fire again.

    Example: rollmill schedule resume arithmetic
    """
    _set_paused(name, paused=False, dry_run=dry_run, json=json)


@verbs.command("remove")
def remove(name: Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Forget a schedule; its datasets stay.

    Example: rollmill schedule remove arithmetic
    """
    schedules = _schedules()
    item = schedules.get(name)
    if not dry_run:
        schedules.remove(name)
    if json:
        return as_json({**_row(item), "removed": not dry_run})
    return line(f"{'Would remove' if dry_run else 'Removed'} {name}.")


@verbs.command("run-now")
def run_now(name: Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Start a schedule's run at once, in the background, by the standing server.

    Example: rollmill schedule run-now arithmetic
    """
    item, service = _schedules().get(name), _service()
    if service.standing is None or service.status != "up":
        advice = f"rollmill {item.verb} {item.recipe}"
        raise SetupError(f"schedule {name!r} needs a standing server. {service.line()}", next_command=advice)
    run = None if dry_run else _submit(item, service.standing)
    if json:
        return as_json({"schedule": name, "flow_run": run})
    return line(f"{'Would start' if dry_run else 'Started'} {name}. Next: rollmill runs watch")


def _submit(item: "Scheduled", standing: "Standing") -> str:
    import httpx

    from flows.prefect.server import ONE_SHOT, apply, environment

    apply(environment(standing.home, standing.port, **ONE_SHOT))
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    from flows.prefect.standing import deployment_name

    try:
        run = run_deployment(deployment_name(item), timeout=0, as_subflow=False)
    except ObjectNotFound:
        raise SetupError(
            f"the standing server does not know {item.name!r} yet.", next_command="wait three seconds"
        ) from None
    except httpx.HTTPError as error:
        raise RollmillError(f"the standing server did not take it: {error!r}. Next: rollmill schedule list") from None
    return str(getattr(run, "id", run))


def _set_paused(name: str, *, paused: bool, dry_run: bool, json: bool) -> None:
    schedules = _schedules()
    if dry_run:
        schedules.get(name)
    else:
        schedules.pause(name, paused=paused)
    item = schedules.get(name)
    if json:
        return as_json({**_row(item), "dry_run": dry_run})
    state = "paused" if paused else f"on, next {_row(item)['next']}"
    return line(f"{name} {'would be' if dry_run else 'is'} {state}.")


def _state() -> Path:
    """The folder of the workspace in which schedules and the standing server's word of itself lie."""
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        return workspace.state


def _schedules() -> "Schedules":
    from flows.prefect.schedules import Schedules

    return Schedules(_state())


def _service() -> "Service":
    from flows.prefect.service import look

    return look(_state())


def _last(workspace: "Workspace", name: str) -> dict[str, Any] | None:
    """The last firing of a schedule as the ledger has it; None where it never fired."""
    firing = None if workspace.unused else workspace.firings.last(name)
    if firing is None:
        return None
    fired = firing.fired_at.isoformat(timespec="seconds")
    row = {"fired": fired, "status": firing.status, "said": firing.said, "run": firing.run, "resolved": firing.recipe}
    return {**row, "number": firing.number} if firing.fresh else row


def _row(item: "Scheduled") -> dict[str, Any]:
    fires = item.next_time(datetime.now(UTC))
    when = "paused" if fires is None else fires.isoformat(timespec="minutes")
    return {
        "name": item.name,
        "verb": item.verb,
        "cron": item.cron,
        "timezone": item.timezone,
        "recipe": item.recipe,
        "next": when,
        "fresh": item.fresh,
    }
