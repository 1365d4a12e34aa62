"""`rollmill schedule add|list|accept|pause|resume|run-now|remove`: recipes at times, in intervals, on triggers."""

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line, note
from rollmill.flows.cli.recipe import RecipePath, Sets
from rollmill.ground.errors import SetupError

if TYPE_CHECKING:
    from rollmill.storage.run_records import Firing
    from rollmill.storage.schedules import Schedule, Schedules
    from rollmill.storage.standing import Service
    from rollmill.storage.workspace import Workspace

MOST_RETRIES, LONGEST_DELAY = 100, 86_400
Name = Annotated[str, typer.Argument(help="The schedule's name; see `rollmill schedule list`.")]


class Overlap(Enum):
    """Treatment of a firing that falls due while the previous one runs."""

    skip = "skip"
    queue = "queue"
    allow = "allow"


class ReportedEnds(Enum):
    """Ends of firings that are reported."""

    failure = "failure"
    always = "always"


verbs = group("schedule", "Curate, evaluate, mix or sweep at set times or on triggers while `rollmill up` runs.")
CronLine = Annotated[str | None, typer.Option(help='Five fields, "0 2 * * *" for every night at two.')]
Every = Annotated[str | None, typer.Option(metavar="30m|6h", help="Interval between firings, less than a day.")]
On = Annotated[
    str | None, typer.Option(metavar="version:DATASET|model:NAME", help="Fire for each new version of a dataset or model.")
]
Fresh = Annotated[
    str | None,
    typer.Option(
        metavar="redraw|seed", help="Draw new completions at each firing, under the next redraw number or the next seed."
    ),
]
OfTwo = Annotated[Overlap, typer.Option(help="What happens to a firing that is due while one of its schedule runs.")]
PublishAgain = Annotated[
    bool,
    typer.Option("--publish-again", help="Publish content that equals an older version as the newest version."),
]
NotifyCommand = Annotated[
    str | None, typer.Option(help="Program with arguments that gets the result of a firing as JSON on standard input.")
]
NotifyWebhook = Annotated[
    str | None, typer.Option(metavar="VARIABLE", help="The environment variable with an address to post that JSON to.")
]


@verbs.command("add")
def add(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: RecipePath,
    sets: Sets = None,
    *,
    cron: CronLine = None,
    every: Every = None,
    on: On = None,
    name: Annotated[str | None, typer.Option(help="Name of the schedule; the recipe's name by default.")] = None,
    timezone: Annotated[str, typer.Option(help="The time zone of the cron line.")] = "UTC",
    profile: Annotated[Path | None, typer.Option(help="The profile to run under.")] = None,
    fresh: Fresh = None,
    overlap: OfTwo = Overlap.skip,
    retries: Annotated[int, typer.Option(min=0, max=MOST_RETRIES, help="Further attempts after one that failed.")] = 0,
    retry_delay: Annotated[int, typer.Option(min=0, max=LONGEST_DELAY, help="Seconds before each of them.")] = 60,
    notify_command: NotifyCommand = None,
    notify_webhook: NotifyWebhook = None,
    notify_when: Annotated[ReportedEnds, typer.Option(help="Ends to report.")] = ReportedEnds.failure,
    publish_again: PublishAgain = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Curate, evaluate, mix or sweep at the times of a cron line, in an interval, or whenever there is something new.

    --fresh redraw draws new completions of the same problems, --fresh seed makes new problems too; the ledger keeps the
    number of each firing. --on version:DATASET waits for a new version, --on model:NAME for another model of that name.

    Example: rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *" --timezone Europe/Berlin
    """
    from rollmill.storage.schedules import Notify, Schedule, seconds_of

    verb, own_name = _job_of(recipe, sets or (), fresh, profile)
    item = Schedule(
        own_name if name is None else name,
        cron or "",
        str(recipe.resolve()),
        timezone,
        tuple(sets or ()),
        str(profile.resolve()) if profile else None,
        fresh=fresh,
        verb=verb,
        every=seconds_of(every) if every else 0,
        on=on,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        overlap=overlap.value,
        retries=retries,
        retry_delay=retry_delay,
        notify=Notify(notify_command, notify_webhook, notify_when.value),
        publish_again=publish_again,
    )
    _add(item, dry_run=dry_run, json=json)


def _job_of(recipe: Path, sets: Sequence[str], fresh: str | None, profile: Path | None) -> tuple[str, str]:
    """Verb for a recipe file, and the recipe's name; SetupError if the file or this kind of `fresh` does not fit."""
    from rollmill.flows.jobs.kinds import loaded_recipe, scheduled_verb
    from rollmill.flows.prefect.firing import check_fresh
    from rollmill.flows.recipe.profile import load_profile

    load_profile(profile)
    verb = scheduled_verb(recipe)
    loaded = loaded_recipe(verb, recipe, sets)
    if fresh is not None:
        check_fresh(fresh, verb, loaded)
    return verb, str(loaded.recipe.name)


def _add(item: "Schedule", *, dry_run: bool, json: bool) -> None:
    """Add the schedule, or only describe it."""
    from rollmill.flows.prefect.firing import meaning
    from rollmill.flows.prefect.triggers import checked_on, missing_dataset_note

    _check(item)
    schedules = _schedules()
    if item.on:
        root = _state().parent
        item = replace(item, seen=checked_on(item, root))
        if absent := missing_dataset_note(item, root):
            note(absent)
    before = next((f"; replaces {old.words}" for old in schedules.all() if old.name == item.name), "")
    if not dry_run:
        schedules.add(item)
    service = _service()
    if json:
        return as_json({**_row(item), "up": service.status == "up", "service": service.status, "dry_run": dry_run})
    line(f"{'Would schedule' if dry_run else 'Scheduled'} {item.name}: {_when(item)}{before}.")
    for when in _row(item)["next_five"] if dry_run else ():
        line(f"  {when}")
    line(meaning(item.verb, item.fresh))
    return line(service.line(opens=True))


def _check(item: "Schedule") -> None:
    """SetupError unless it has a name, exactly one trigger, and a valid notification target."""
    from rollmill.storage.schedules import NAME, NIGHTLY, checked_cron

    if not NAME.fullmatch(item.name):
        raise SetupError(f"{item.name!r} cannot name a schedule: use at most 64 letters, digits, '.', '_' or '-'.")
    if sum(map(bool, (item.cron, item.every, item.on))) != 1:
        raise SetupError("give one of --cron, --every, --on.", next_command=NIGHTLY)
    checked_cron(item.cron or "0 2 * * *", item.timezone)
    variable = item.notify.webhook
    if variable is not None and not variable.isidentifier():
        raise SetupError(
            "--notify-webhook takes the name of an environment variable: an address is a secret, and this is written down.",
            next_command="export ALERTS=https://..., then rollmill up, and --notify-webhook ALERTS",
        )
    if variable is not None and variable not in os.environ:
        note(f"{variable} is not set here; it must be where `rollmill up` is started.")
    if item.notify.command is not None:
        _check_program(item.notify.command)


def _check_program(command: str) -> None:
    """SetupError for a command line that is none, or whose program is not found or may not be run."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SetupError(f"--notify-command {command!r}: {error}.", next_command="--notify-command 'mail me'") from None
    if not words:
        raise SetupError("--notify-command names no program.", next_command="--notify-command 'mail me'")
    if shutil.which(words[0]) is None:
        raise SetupError(
            f"--notify-command {command!r}: there is no program {words[0]!r} that may be run.",
            next_command=f"install it, give its whole path, or chmod +x {shlex.quote(words[0])}",
        )
    if os.sep in words[0] and not Path(words[0]).is_absolute():
        raise SetupError(
            f"--notify-command {command!r}: `rollmill up` may be started in another folder.",
            next_command=f"--notify-command {shlex.quote(shlex.join([str(Path(words[0]).resolve()), *words[1:]]))}",
        )


@verbs.command("list")
def list_(*, json: AsJson = False) -> None:
    """The schedules: when each fires next, and what became of its last firings.

    Example: rollmill schedule list
    """
    from rollmill.storage.schedules import DUE
    from rollmill.storage.workspace import Workspace

    items, service = _schedules().all(), _service()
    with Workspace.open() as workspace:
        rows = [{**_row(item), **_ends(workspace, item.name)} for item in items]
    if json:
        return as_json({"up": service.status == "up", "service": service.status, "schedules": rows})
    if not rows:
        if not service.sound:
            line(service.line())
        return line('No schedules. Next: rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *"')
    shown = [[row["name"], row["verb"], row["words"], row["next"], row["fresh"] or "no", row["recipe"]] for row in rows]
    shown = [[text.replace("\n", " ") for text in cells] for cells in shown]  # they may be somebody else's
    line(columns(["name", "does", "when", "next", "fresh", "recipe"], shown))
    for item, row in zip(items, rows, strict=True):
        last, fired = row["last"], "has not fired yet"
        if last is not None:
            number = f" under number {last['number']}" if "number" in last else ""
            ending = ": ".join(filter(None, (last["status"], last["said"])))
            at = f"{last['fired'][:16].replace('T', ' ')} UTC"
            fired = f"{at} due, not begun" if last["status"] == DUE else f"fired {at}{number}, {ending}"
        line(f"{item.name}: {fired if item.own else f'{item.rests}. Next: {item.acceptance}'}")
    return line(service.line(opens=True))


@verbs.command("accept")
def accept(name: Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Make a schedule yours that was not written here: it came with the folder, or the folder was moved or copied.

    Shows what a firing runs. Until then nothing of the schedule runs.

    Example: rollmill schedule accept arithmetic --dry-run
    """
    schedules = _schedules()
    item = replace(schedules.get(name), own=True)
    _check_foreign(item)
    if not dry_run:
        schedules.add(item)  # as it is shown, whatever the file says by now
    if json:
        return as_json({**_row(item), "dry_run": dry_run})
    for word, text in filter(all, _runs(item)):
        line(f"{word}: {text}".replace("\n", " "))
    line("Each firing also runs the Python files and programs that the recipe and the profile name.")
    if dry_run:
        return line(f"Would accept {name}. Next: rollmill schedule accept {name}")
    return line(f"Accepted {name}: {_when(item)}.\n{_service().line(opens=True)}")


def _check_foreign(item: "Schedule") -> None:
    """SetupError unless a row that anybody may have written is a schedule that `add` could have made here."""
    from rollmill.flows.jobs.kinds import scheduled_verb
    from rollmill.kinds import firing_of

    _check(item)
    for path in filter(None, (item.recipe, item.profile)):
        if not Path(path).is_absolute() or not Path(path).is_file():
            again = f"rollmill schedule add RECIPE --name {item.name}"
            raise SetupError(f"schedule {item.name!r} names {path}, and there is no such file.", next_command=again)
    try:
        datetime.fromisoformat(item.since)
        fits = item.verb == scheduled_verb(Path(item.recipe)) and item.fresh in (None, *firing_of(item.verb).fresh)
    except ValueError:
        fits = False
    bounds = ((item.every, 86_399), (item.retries, MOST_RETRIES), (item.retry_delay, LONGEST_DELAY))
    if not fits or 0 < item.every < 60 or not all(0 <= value <= most for value, most in bounds):
        raise SetupError(
            f"schedule {item.name!r} does not fit its recipe {item.recipe}.",
            next_command=f"rollmill schedule remove {item.name}",
        )


def _runs(item: "Schedule") -> list[tuple[str, str | None]]:
    """Actions of a schedule, as pairs of a word and a text of one line."""
    return [
        ("does", f"{item.verb} {item.recipe!r}"),
        ("when", item.words),
        ("set", " ".join(map(repr, item.sets))),
        ("fresh", item.fresh),
        ("profile", item.profile and repr(item.profile)),
        ("notify command", item.notify.command and repr(item.notify.command)),
        ("notify webhook", item.notify.webhook and f"the address in {item.notify.webhook}"),
    ]


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
    """Start a schedule's run immediately, in the background, by the services that `rollmill up` started.

    Example: rollmill schedule run-now arithmetic
    """
    item, service = _schedules().get_own(name), _service()
    if service.standing is None or service.status != "up":
        advice = f"rollmill {item.verb} {item.recipe}"
        raise SetupError(f"schedule {name!r} needs a standing server. {service.line()}", next_command=advice)
    from rollmill.flows.prefect.submission import submit_firing

    run = None if dry_run else submit_firing(item, service.standing)
    if json:
        return as_json({"schedule": name, "flow_run": run})
    return line(f"{'Would start' if dry_run else 'Started'} {name}. Next: rollmill runs watch")


def _set_paused(name: str, *, paused: bool, dry_run: bool, json: bool) -> None:
    schedules = _schedules()
    if not dry_run:
        schedules.pause(name, paused=paused)
    item = schedules.get_own(name)
    if json:
        return as_json({**_row(item), "dry_run": dry_run})
    state = "paused" if paused else f"on: {_when(item)}"
    return line(f"{name} {'would be' if dry_run else 'is'} {state}.")


def _state() -> Path:
    """The folder of the workspace for schedules and the standing server's status file."""
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        return workspace.state


def _schedules() -> "Schedules":
    from rollmill.storage.schedules import Schedules

    return Schedules(_state())


def _service() -> "Service":
    from rollmill.storage.standing import look

    return look(_state())


def _ends(workspace: "Workspace", name: str) -> dict[str, Any]:
    """Results of the last firing of a schedule and of its last five, from the ledger."""
    five = [] if workspace.unused else [_end(firing) for firing in workspace.firings.recent(name, 5)]
    return {"last": five[0] if five else None, "last_five": five}


def _end(firing: "Firing") -> dict[str, Any]:
    fired = firing.fired_at.isoformat(timespec="seconds")
    row = {"fired": fired, "status": firing.status, "said": firing.said, "run": firing.run, "resolved": firing.recipe}
    return {**row, "number": firing.number} if firing.fresh else row


def _when(item: "Schedule") -> str:
    """Firing times of a schedule in words, with the next time."""
    fires = _row(item)["next"]
    return item.words if item.on else f"{item.words}, next {fires}"


def _row(item: "Schedule") -> dict[str, Any]:
    now = datetime.now(UTC)
    fires = item.next_time(now)
    when = item.rests if fires is None else fires.isoformat(timespec="minutes")
    row = {key: value for key, value in asdict(item).items() if key not in ("seen", "since")}
    return {**row, "words": item.words, "next": when, "next_five": item.next_five(now)}
