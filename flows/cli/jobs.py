"""Jobs on the command line: shows progress, gives advice on interrupts, and notifies at the end."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.cli.output import AsJson, DryRun, as_json, doing, line, note, resumable
from rollmill.flows.cli.recipe import MaxCost, MaxTokens, ProfilePath, RecipePath, Sets, check
from rollmill.ground.by_name import object_at
from rollmill.kind import Kind

if TYPE_CHECKING:
    from rollmill.flows.driver import Executor, JobKind
    from rollmill.flows.job import Job

Outcome = dict[str, Any]
TO_HAVE_ONE = "Next: rollmill up, or the same command with --prefect"


def announce(job: "Job") -> None:
    """Show a message before the first progress."""
    doing(f"{Path(job.recipe).name}: checking it, loading libraries")


def executor_of(job: "Job", prefect: bool | None) -> "Executor":
    """Tasks of a Prefect server, or this process. None: tasks where a server stands, else a line says how to have one."""
    from rollmill.flows.driver import DIRECT

    if prefect is None:
        from rollmill.flows.prefect.managed import server_stands
        from rollmill.storage.workspace import STATE

        prefect = server_stands(Path(job.workspace) / STATE)
        if not prefect:
            note(f"rollmill: no Prefect server stands, so none shows this run. {TO_HAVE_ONE}")
    if not prefect:
        return DIRECT
    from rollmill.flows.prefect.command import PrefectCommand

    return PrefectCommand(job, doing)


def outcome_page(kind: Kind, made: "JobKind[Any]", root: Path) -> Callable[[Outcome], str]:
    """The function that writes an outcome of a kind for people: the kind's own, else its line behind the messages."""
    if kind.page:
        return partial(object_at(kind.page), root=root)
    return lambda outcome: "\n".join([*outcome.get("messages", ()), made.line(outcome)])


def run_job(
    kind: "JobKind[Any]",
    page: Callable[[Outcome], str],
    *,
    json: bool,
    row: Callable[[Outcome], Any] = dict,
    executor: "Executor | None" = None,
) -> None:
    """Run a job with its progress shown, print its outcome (`page` as text, `row` as JSON), and check it.

    Ctrl-C prints how to resume. A failed gate is reported with its findings. `executor`: runs the stages; none: this
    process.
    """
    from rollmill.flows.cli.live import watching
    from rollmill.flows.cli.summary import before_a_version
    from rollmill.flows.curation.gating import GateFailed
    from rollmill.flows.driver import DIRECT, drive
    from rollmill.flows.progress import Progress
    from rollmill.pipelines.processes import spawn

    spawn.tell = lambda text: note(f"rollmill: {text}")
    try:
        with resumable(f"To go on: {kind.command}"), watching() as watcher:
            outcome = drive(kind, executor or DIRECT, Progress(watcher, begin=doing))
    except GateFailed as failed:
        note(before_a_version(failed.counts))
        raise
    if json:
        as_json(row(outcome))
    else:
        line(page(outcome))
    kind.check(outcome)


def command_of(kind: Kind) -> Callable[..., None]:
    """The function of the verb of a package's kind, whose parameters become its options."""

    def run(  # noqa: PLR0913 (a verb's parameters are its options)
        recipe: RecipePath,
        sets: Sets = None,
        *,
        profile: ProfilePath = None,
        max_tokens: MaxTokens = None,
        max_cost: MaxCost = None,
        dry_run: DryRun = False,
        json: AsJson = False,
    ) -> None:
        if dry_run:
            return check(recipe, sets, json=json)
        from rollmill.flows.job import Job
        from rollmill.flows.jobs.kinds import kind_of

        job = Job.here(recipe, sets or (), profile, max_tokens=max_tokens, max_cost=max_cost, verb=kind.verb)
        made = kind_of(job)
        return run_job(made, outcome_page(kind, made, Path(job.workspace)), json=json)

    run.__doc__ = kind.about
    return run
