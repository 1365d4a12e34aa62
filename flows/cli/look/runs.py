"""`rollmill runs list|show|cost|queue|attempts|elected|watch|resume|cancel|dismiss`: runs in the ledger, and the processes
that work on them.
"""

import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.flows.cli.recipe import MaxCost, MaxTokens
from rollmill.flows.cli.runs_attempts import attempts
from rollmill.flows.cli.runs_cost import RunId, cost, queue, require_runs, rule_lines
from rollmill.flows.cli.runs_elected import elected
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.ground.ids import canonical_json, sha256_text
from rollmill.ground.recipe_steps import recorded_steps, takes_imports
from rollmill.ground.replies.faults import lines_of_run
from rollmill.kinds import experiment_verbs, kind_of_verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rollmill.flows.progress import Stage
    from rollmill.storage.queries.run_table import RunLine
    from rollmill.storage.runs import Run
    from rollmill.storage.spending import Sums
    from rollmill.storage.workspace import Workspace

WATCH_SECONDS = 0.5  # between two readings of the ledger
MODELS = 3  # that are named in a line of the table
Cells = Annotated[bool, typer.Option("--cells", help="A line for each cell of an evaluation.")]
verbs = group("runs", "See, resume and cancel runs.")


@verbs.command("list")
def list_(*, cells: Cells = False, json: AsJson = False) -> None:
    """Every run, the latest first; the cells of an evaluation are one line.

    Example: rollmill runs list
    """
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        runs = [] if workspace.unused else _listed(workspace)
        paid = workspace.spending.by_run() if runs else {}
        if json:
            return as_json([_row(workspace, run, paid) for run in runs])
    if not runs:
        return line("No runs. Next: rollmill curate recipes/arithmetic.yaml")
    from rollmill.storage.queries.run_table import run_line, run_lines

    states = {run.id: run.state for run in runs}
    lines = [run_line(run, paid) for run in runs] if cells else run_lines(runs, paid)
    head = ["run", "status", "started (UTC)", "seconds", "pass rate [95%]", "model", "tokens", "cost", "kept"]
    folded = lines[0].cells
    following = "rollmill leaderboard" if folded else "rollmill runs show"
    table = columns(head, [_cells_of(part, states.get(part.id, part.status)) for part in lines])
    return line(f"{table}\nNext: {following} {lines[0].id}")


def _cells_of(run: "RunLine", state: str) -> list[Any]:
    """The texts of a run in the table; unknown values are blank."""
    name = f"{run.id} ({len(run.cells)} cells)" if run.cells else run.id
    rate = "" if run.rate is None else with_interval(*run.rate)
    seconds = "" if run.seconds is None else f"{run.seconds:,.1f}"
    models = ", ".join(run.models) if len(run.models) <= MODELS else f"{len(run.models)} models"
    known = ["" if value is None else value for value in (run.tokens, run.money, run.kept)]
    return [name, state, f"{run.started:%Y-%m-%d %H:%M}", seconds, rate, models, *known]


@verbs.command("show")
def show(run: RunId = None, *, json: AsJson = False) -> None:
    """Status, stages and results of a run.

    Example: rollmill runs show arithmetic-3f9a0c1d
    """
    require_runs(run)
    from rollmill.storage.commands import with_killed_status
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        [chosen] = with_killed_status(workspace.runs, workspace.ledger.leases, [workspace.runs.chosen(run)])
        row = _details(workspace, chosen)
    return as_json(row) if json else line(_page(chosen, row))


def _details(workspace: "Workspace", run: "Run") -> dict[str, Any]:
    """Contents of `runs show` for a run."""
    from rollmill.flows.forecasting.scores import shown_forecast
    from rollmill.flows.rounds.completion_origins import origins_so_far
    from rollmill.stats import rule_error_counts
    from rollmill.storage.queries import Reader, run_scope
    from rollmill.storage.queries.rates import step_counts
    from rollmill.storage.queries.run_history import run_times

    (rounds, origins), forecast = origins_so_far(workspace, run.id), workspace.forecasts.of_run(run.id)
    steps = step_counts(run_scope(Reader(workspace), run.id)) if recorded_steps(run.recipe) else []
    times = run_times(Reader(workspace), run.id)
    return {
        **_row(workspace, run, workspace.spending.by_run()),
        "stages": [
            {"stage": s.name, "done": s.done, "total": s.total, "tokens": s.tokens, "seconds": times.stages.get(s.name)}
            for s in _stages(workspace, run.id)
        ],
        "between": times.between,
        "summary": run.summary,
        "rounds": rounds,
        "completions": origins,
        "steps": [asdict(step) for step in steps],
        "unjudged": sum(step.completions for step in steps if step.correct is None),
        "given_up": rule_error_counts((stop.problem_id, stop.reason) for stop in workspace.runs.stops(run.id)).row(),
        "attempts": [asdict(attempt) for attempt in workspace.attempts.of(run.id)],
        "forecast": None if forecast is None else shown_forecast(forecast),
    }


def _page(run: "Run", row: dict[str, Any]) -> str:
    """The details for a person."""
    from rollmill.flows.cli.summary import before_a_version, forecast_lines

    cells = [[s["stage"], s["done"], s["total"], s["tokens"], f"{s['seconds'] or 0.0:,.1f}"] for s in row["stages"]]
    worked = "" if row["seconds"] is None else f", {row['seconds']:,.1f} s ({row['between']:,.1f} s between its stages)"
    counts = row["completions"]
    # A completion is drawn once, by whichever run asks first; the others reuse it.
    elsewhere = "imported" if takes_imports(run.recipe) else "drawn by other runs"
    lines = [
        f"{row['run']}: {row['status']}, {row['rounds']} {'round' if row['rounds'] == 1 else 'rounds'}, "
        f"started {row['started']}{worked}",
        columns(["stage", "done", "total", "tokens", "seconds"], cells),
        f"\n{counts['planned']:,} completions planned so far: {counts['drawn']:,} drawn by this run, "
        f"{counts['reused']:,} {elsewhere}, {counts['left']:,} to draw",
    ]
    if row["unjudged"]:
        lines.append(f"{row['unjudged']:,} of them are of unjudged steps: they pass no `verify`")
    if row["steps"]:
        lines.append("\n" + columns(list(row["steps"][0]), [list(step.values()) for step in row["steps"]]))
    lines += rule_lines(row["given_up"])
    if row["attempts"]:
        attempts = [[a["replica"], a["outcome"], a["count"], round(a["seconds"], 1)] for a in row["attempts"]]
        lines.append("\n" + columns(["server", "attempts", "count", "seconds"], attempts))
    if row["forecast"]:
        lines += ["", *forecast_lines(row["forecast"])]
    if "said" in run.summary and run.status == "stopped":
        lines.append(f"\n{run.summary['said']}")
    if "error" in run.summary and "funnel" in run.summary:
        lines.append(f"\n{before_a_version(run.summary)}")
    else:
        lines += [f"replies: {text}" for text in lines_of_run(run.summary)]
    if "error" in run.summary:
        lines.append(f"\n{run.summary['error']}")
    return "\n".join([*lines, f"\nNext: {run.next_command}"])


for account in (cost, queue, attempts, elected):
    verbs.command(account.__name__)(account)


@verbs.command("watch")
def watch(run: RunId = None) -> None:
    """Follow a run until it ends; works from any terminal while another command does the work.

    Example: rollmill runs watch
    """
    from rollmill.flows.cli.live import watching
    from rollmill.flows.progress import Progress
    from rollmill.storage.commands import with_killed_status
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        chosen = workspace.runs.chosen(run)
        with watching() as watcher:
            progress = Progress(watcher)
            while True:
                [chosen] = with_killed_status(workspace.runs, workspace.ledger.leases, [workspace.runs.get(chosen.id)])
                for stage in _stages(workspace, chosen.id):
                    progress.tell(stage)
                if chosen.status != "running":
                    break
                time.sleep(WATCH_SECONDS)
    line(f"{chosen.id}: {chosen.state}. Next: {chosen.next_command}")


@verbs.command("resume")
def resume(
    run: RunId = None,
    *,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Resume a run that was interrupted, failed or reached a limit.

    Runs of some kinds are resumed by the command that began them, which is then named.

    Example: rollmill runs resume arithmetic-3f9a0c1d --max-tokens 9000000
    """
    from rollmill.flows.cli.jobs import executor_of, outcome_page, run_job
    from rollmill.flows.job import Job
    from rollmill.flows.jobs.kinds import kind_of
    from rollmill.flows.session import stored_job
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        chosen, root = workspace.runs.chosen(run), workspace.root
    job = Job.of_run(chosen.recipe["job"], root)
    if "pilot" in chosen.recipe:
        raise SetupError(f"{chosen.id} is a pilot.", next_command=replace(job, verb="plan").command)
    kind = kind_of_verb(job.verb)
    if kind is None or not kind.resumes:
        what = f"a {job.verb}" if job.cell is None else "a cell of an evaluation"
        raise SetupError(f"{chosen.id} is {what}.", next_command=job.command)
    job = stored_job(chosen, root, unchanged=True, max_tokens=max_tokens, max_cost=max_cost)
    made = kind_of(job)
    # A changed recipe is another run, which would leave this one unfinished without a word.
    if sha256_text(canonical_json(made.recipe())) != chosen.recipe_hash:
        raise SetupError(
            f"{job.recipe} has changed since run {chosen.id} began.", next_command=f"{job.command} (another run)"
        )
    if dry_run:
        return as_json({"run": chosen.id, "command": job.command}) if json else line(f"Would run: {job.command}")
    executor = executor_of(job, None) if kind.firing is not None else None
    return run_job(made, outcome_page(kind, made, root), json=json, executor=executor)


@verbs.command("cancel")
def cancel(run: RunId = None, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Stop the processes that work on a run, as Ctrl-C would; committed rows are kept.

    RUN may also be training/ID, trial/NAME or loop/NAME.

    Example: rollmill runs cancel arithmetic-3f9a0c1d
    """
    from rollmill.storage.commands import stop, workers_of
    from rollmill.storage.workspace import Workspace

    if run is not None and run.partition("/")[0] in ("training", *experiment_verbs()):
        return _cancel_held(run, dry_run=dry_run, json=json)
    with Workspace.open() as workspace:
        chosen = workspace.runs.chosen(run)
        leases = workspace.ledger.leases
        workers = workers_of(leases).get(chosen.id, [])
        elsewhere = sorted({worker.host.partition("/")[0] for worker in workers if worker.alive() is None})
        working = stop(leases, workers, dry_run=dry_run)
        if not dry_run and not workers and chosen.status == "running":
            workspace.runs.end_unattended(chosen.id, "interrupted")
    if json:
        return as_json({"run": chosen.id, "processes": working, "elsewhere": elsewhere, "dry_run": dry_run})
    if not working and elsewhere:
        return line(
            f"Only other hosts work on {chosen.id}. Next, on {', '.join(elsewhere)}: rollmill runs cancel {chosen.id}"
        )
    if not working:
        if chosen.status == "running":
            return line(f"{chosen.id} was killed: no process works on it. Next: rollmill runs resume {chosen.id}")
        return line(
            f"{chosen.id} has ended ({chosen.status}): there is nothing to stop. Next: rollmill runs show {chosen.id}"
        )
    verb = "Would ask" if dry_run else "Asked"
    others = f" Others work on it on {', '.join(elsewhere)}." if elsewhere else ""
    return line(f"{verb} {working} processes of {chosen.id} to stop.{others} Next: rollmill runs resume {chosen.id}")


def _cancel_held(name: str, *, dry_run: bool, json: bool) -> None:
    """Stop the process that holds a training, a trial or a loop."""
    from rollmill.storage.commands import stop
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        leases = workspace.ledger.leases
        held = leases.holders(f"{name.partition('/')[0]}/")
        holders = [(key, owner) for key, owner in held if key == name or (name[:9] == "training/" and key.startswith(name))]
        if len({key for key, _ in holders}) != 1:
            raise unknown_name("work under way", name, sorted(key for key, _ in held))
        working = stop(leases, [owner for _, owner in holders], dry_run=dry_run)
    if json:
        return as_json({"of": holders[0][0], "processes": working, "dry_run": dry_run})
    if not working:
        return line(f"Only other hosts work on {name}. Next, on {holders[0][1].host}: rollmill runs cancel {name}")
    verb = "Would ask" if dry_run else "Asked"
    return line(f"{verb} the process of {holders[0][0]} to stop. Next: the command that began it goes on")


@verbs.command("dismiss")
def dismiss(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    *,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Mark a refused, stopped or killed run as settled; its rows stay, and `resume` continues it.

    Example: rollmill runs dismiss arithmetic-3f9a0c1d
    """
    from rollmill.storage.commands import with_killed_status
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        [chosen] = with_killed_status(workspace.runs, workspace.ledger.leases, [workspace.runs.get(run)])
        if chosen.status == "running":
            raise SetupError(f"a process works on {run}.", next_command=f"rollmill runs cancel {run}")
        if chosen.status == "done":
            raise SetupError(f"{run} is done: there is nothing to dismiss.", next_command=chosen.next_command)
        if not dry_run:
            workspace.runs.end_unattended(run, "dismissed")
    if json:
        return as_json({"run": run, "was": chosen.state, "dry_run": dry_run})
    return line(f"{run} ({chosen.state}) {'would be' if dry_run else 'is'} dismissed. To go on: rollmill runs resume {run}")


def _listed(workspace: "Workspace") -> "list[Run]":
    """Every run, the latest first."""
    from rollmill.storage.commands import with_killed_status

    return with_killed_status(workspace.runs, workspace.ledger.leases, workspace.runs.list())


def _row(workspace: "Workspace", run: "Run", paid: "Mapping[str, Sums]") -> dict[str, Any]:
    """Row of a run in the table of runs; `paid`: payments by run."""
    from rollmill.storage.queries.run_table import run_line

    verify = next((s for s in workspace.runs.progress_of(run.id) if s.stage == "verify"), None)
    return {
        "run": run.id,
        "status": run.state,
        "started": run.started_at.isoformat(sep=" ", timespec="seconds"),
        "finished": run.finished_at.isoformat(sep=" ", timespec="seconds") if run.finished_at else None,
        "dataset": run.dataset,
        "judged": verify.done if verify else 0,
        "planned": verify.total if verify else 0,
        "next": run.summary.get("next"),
        **run_line(run, paid).row(),
    }


def _stages(workspace: "Workspace", run: str) -> list["Stage"]:
    """The progress of the stages that have begun, in their order."""
    from rollmill.flows.progress import STAGES, Stage

    progress = {stage.stage: stage for stage in workspace.runs.progress_of(run)}
    begun = [progress[name] for name in STAGES if name in progress]
    return [Stage(s.stage, s.done, s.total, s.tokens, s.seconds, s.detail) for s in begun]
