"""`rollmill curate`: a recipe to a dataset version, resumable at any moment.

From here to a sampled completion: `run_job`, `drive` and `draw_and_grade` (flows.curation.stages), `run_round`
(flows.rounds.run), `RoundDrawer.run` in a thread and its `_work` (flows.rounds.draw), `BatchDrawer.draw`
(flows.sampling.draw), `generate` of the engine.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.output import AsJson, DryRun, as_json, doing, line, note, resumable
from flows.cli.recipe import MaxCost, MaxTokens, ProfilePath, RecipePath, Sets

if TYPE_CHECKING:
    from flows.job import Job

Direct = Annotated[bool, typer.Option("--direct", help="Run the stages in this process, without Prefect.")]
KeepGoing = Annotated[
    bool, typer.Option("--keep-going", help="Begin an unfinished run anew under the verifiers and models of today.")
]
Redraw = Annotated[
    int | None,
    typer.Option("--redraw", metavar="N", min=0, help="Draw anew in the stream curate-N; the stored completions stay."),
]


def curate(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: RecipePath,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    direct: Direct = False,
    keep_going: KeepGoing = False,
    redraw: Redraw = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Make a dataset version of a recipe: problems, completions, verdicts, selection, gate, publication.

    What is there already is not made again: run it twice and nothing is drawn; kill it and run it again, and it goes on.
    Completions that another recipe drew are used as they are; --redraw 1 draws another set of its own beside them.
    A limit (--max-tokens, --max-cost, `limits` in a profile) is not exceeded: drawing ends there with exit status 1, and
    the same command with a higher one goes on to the same dataset.

    Example: rollmill curate recipes/arithmetic.yaml --set budget.options.cap=32
    """
    from flows.job import Job

    chosen = (*(sets or ()), *(() if redraw is None else (f"generate.redraw={redraw}",)))
    job = Job.here(recipe, chosen, profile, keep_going=keep_going, max_tokens=max_tokens, max_cost=max_cost)
    if dry_run:
        from flows.curation.dry_run import dry_run as planned_work

        row = planned_work(job)
        return as_json(row) if json else line(_planned(row))
    outcome = run_job(job, direct=direct)
    if json:
        return as_json(outcome)
    from flows.cli.summary import summary

    return line(summary(outcome, Path(job.workspace)))


def run_job(job: "Job", *, direct: bool) -> dict[str, Any]:
    """Run a job with its progress shown, directly or under Prefect, and give its outcome; Ctrl-C says how to go on."""
    doing(f"{Path(job.recipe).name}: checking it, loading libraries{'' if direct else ', starting Prefect'}")
    from flows.cli.live import watching
    from flows.cli.summary import before_a_version
    from flows.curation.gating import GateFailed
    from flows.curation.stages import Stages, drive
    from flows.progress import Progress
    from flows.session import open_session

    try:
        with resumable(f"To go on: {job.command}"):
            if not direct:
                return _under_prefect(job)
            with watching() as watcher, open_session(job, Progress(watcher)) as session:
                return drive(session, Stages())
    except GateFailed as failed:
        note(before_a_version(failed.counts))
        raise


def _under_prefect(job: "Job") -> dict[str, Any]:
    """The same stages as Prefect tasks; its server boots while this process checks the recipe and loads the model."""
    from flows.cli.live import watching
    from flows.prefect.managed import ManagedServer
    from flows.progress import Progress
    from flows.recipe import load_recipe
    from flows.session import open_session
    from storage.workspace import STATE

    load_recipe(Path(job.recipe), sets=job.sets)
    server = ManagedServer(Path(job.workspace) / STATE)
    with server.start(), watching() as watcher, open_session(job, Progress(watcher)) as session:
        from flows.curation.stages import drive, prepare
        from flows.identity import open_run
        from flows.prefect.job_flows import run
        from storage.commands import working_on

        with working_on(session.workspace.ledger.leases, open_run(session).id):  # from when the ledger says running
            prepare(session)
            if not server.answers:
                doing("waiting for Prefect's server")
            return run(session, server, partial(drive, session))


def _planned(row: dict[str, Any]) -> str:
    committed = f"{row['rounds_committed']} rounds committed" if row["rounds_committed"] else "the first round"
    lines = [
        f"{row['run']}: {row['problems']:,} problems; {committed}, {row['planned']:,} completions planned, "
        f"{row['to_draw']:,} to draw; later rounds depend on the verdicts.",
        *(f"  {text}" for text in row.get("taken", ())),
        "Nothing was written. Next: the same command without --dry-run",
    ]
    return "\n".join(lines)
