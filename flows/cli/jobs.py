"""Jobs on the command line: shows progress, gives advice on interrupts, and notifies at the end."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.cli.output import as_json, doing, line, note, resumable

if TYPE_CHECKING:
    from flows.driver import Executor, JobKind
    from flows.job import Job

Outcome = dict[str, Any]


def announce(job: "Job", *, direct: bool) -> None:
    """Show a message before the first progress."""
    doing(f"{Path(job.recipe).name}: checking it, loading libraries{'' if direct else ', starting Prefect'}")


def executor_of(job: "Job", *, direct: bool) -> "Executor":
    """This process, or tasks of the managed Prefect server."""
    from flows.driver import DIRECT

    if direct:
        return DIRECT
    from flows.prefect.command import PrefectCommand

    return PrefectCommand(job, doing)


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
    from flows.cli.live import watching
    from flows.cli.summary import before_a_version
    from flows.curation.gating import GateFailed
    from flows.driver import DIRECT, drive
    from flows.progress import Progress
    from pipelines.processes import spawn

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
