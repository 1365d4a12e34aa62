"""`rollmill curate`: a recipe to a dataset version, resumable at any moment.

From here to a sampled completion: `run_job` (rollmill.flows.cli.jobs), `drive` (rollmill.flows.driver), `Curate.stages`,
`draw_and_score` and `DrawnRound.draw` (rollmill.flows.jobs.curate), `round_parts` (rollmill.flows.rounds.run),
`RoundDrawer.run` in a thread and its `_work` (rollmill.flows.rounds.drawing.draw), `claim` (rollmill.flows.sampling.claim),
`BatchDrawer.draw` (rollmill.flows.sampling.draw), `generate` of the engine. Under Prefect it is the same.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli.jobs import announce, executor_of, run_job
from rollmill.flows.cli.output import AsJson, DryRun, as_json, line
from rollmill.flows.cli.recipe import MaxCost, MaxTokens, ProfilePath, RecipePath, Sets

Prefect = Annotated[
    bool | None,
    typer.Option(
        "--prefect/--direct",
        help="Record the stages in Prefect, in a server of this command if none stands, or never; if neither is given, in "
        "one that stands.",
        show_default=False,
    ),
]
KeepGoing = Annotated[
    bool, typer.Option("--keep-going", help="Restart an unfinished run under the current verifiers and models.")
]
Redraw = Annotated[
    int | None,
    typer.Option(
        "--redraw", metavar="N", min=0, help="Draw new completions under this number; those of other numbers stay stored."
    ),
]


def curate(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: RecipePath,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    prefect: Prefect = None,
    keep_going: KeepGoing = False,
    redraw: Redraw = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Make a dataset version of a recipe: problems, completions, verdicts, selection, gate, publication.

    Stored rows are not made again: a second run draws nothing, and a killed one resumes when it is run again.
    Completions that another recipe drew are reused; --redraw 1 draws a separate set.
    A limit (--max-tokens, --max-cost, `limits` in a profile) is not exceeded: drawing ends there with exit status 1, and
    the same command with a higher limit continues to the same dataset.

    Example: rollmill curate recipes/arithmetic.yaml --set budget.options.cap=32
    """
    from rollmill.flows.job import Job

    chosen = (*(sets or ()), *(() if redraw is None else (f"generate.redraw={redraw}",)))
    job = Job.here(recipe, chosen, profile, keep_going=keep_going, max_tokens=max_tokens, max_cost=max_cost)
    if dry_run:
        from rollmill.flows.curation.dry_run import dry_run as planned_work

        row = planned_work(job)
        return as_json(row) if json else line(_planned(row))
    announce(job)
    from rollmill.flows.cli.summary import summary
    from rollmill.flows.jobs.unchanged import unchanged
    from rollmill.flows.session import recipe_of

    loaded = recipe_of(job)
    if (known := unchanged(job, loaded)) is not None:
        return as_json(known) if json else line(summary(known, Path(job.workspace)))
    from rollmill.flows.jobs.curate import Curate

    page, executor = lambda outcome: summary(outcome, Path(job.workspace)), executor_of(job, prefect)
    return run_job(Curate(job, loaded), page, json=json, executor=executor)


def _planned(row: dict[str, Any]) -> str:
    committed = f"{row['rounds_committed']} rounds committed" if row["rounds_committed"] else "the first round"
    lines = [
        f"{row['run']}: {row['problems']:,} problems; {committed}, {row['planned']:,} completions planned, "
        f"{row['to_draw']:,} to draw; later rounds depend on the verdicts.",
        *(f"  {text}" for text in row.get("taken", ())),
        "Nothing was written. Next: the same command without --dry-run",
    ]
    return "\n".join(lines)
