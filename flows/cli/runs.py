"""`rollmill runs list|show|cost|watch|resume|cancel`: what the ledger says of runs, and which processes work on them."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.curate import MaxCost, MaxTokens
from flows.cli.forecast_lines import forecast_lines
from flows.cli.output import AsJson, DryRun, as_json, columns, line
from flows.cli.program import group
from flows.cli.runs_cost import cost
from flows.cli.runs_queue import queue, rule_lines
from storage.errors import SetupError

if TYPE_CHECKING:
    from storage.runs import Run
    from storage.workspace import Workspace

RunName = Annotated[str | None, typer.Argument(metavar="RUN", help="The run's id; the latest by default.")]
WATCH_SECONDS = 0.5


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    commands = group("runs", "See, resume and cancel runs.")
    verbs: dict[str, Callable[..., None]] = {
        "list": list_,
        "show": show,
        "cost": cost,
        "queue": queue,
        "watch": watch,
        "resume": resume,
        "cancel": cancel,
    }
    for name, verb in verbs.items():
        commands.command(name)(verb)
    app.add_typer(commands)


def list_(*, json: AsJson = False) -> None:
    """Every run, the latest first.

    Example: rollmill runs list
    """
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        rows = [_row(workspace, run) for run in workspace.runs.list()]
    if json:
        return as_json(rows)
    if not rows:
        return line("No runs. Next: rollmill curate recipes/arithmetic.yaml")
    cells = [[row["run"], row["status"], row["started"], row["judged"], row["planned"]] for row in rows]
    return line(columns(["run", "status", "started", "judged", "planned"], cells))


def show(run: RunName = None, *, json: AsJson = False) -> None:
    """One run: status, stages, and what it left.

    Example: rollmill runs show arithmetic-3f9a0c1d
    """
    from flows.cli.summary import before_a_version
    from flows.rounds.origins import origins_so_far
    from pipelines.stats import rule_error_counts
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        found = workspace.runs.chosen(run)
        row = {**_row(workspace, found), "stages": _stages(workspace, found.id), "summary": found.summary}
        plans = workspace.runs.plans(found.id)
        row["rounds"] = sum(map(bool, plans))
        row["completions"] = origins_so_far(workspace, found.id, plans)
        row["arms"] = _arms(workspace, found)
        row["given_up"] = rule_error_counts((stop.problem_id, stop.reason) for stop in workspace.runs.stops(found.id)).row()
        row["attempts"] = [asdict(tried) for tried in workspace.attempts.of(found.id)]
        row["forecast"] = _forecast(workspace, found.id)
    if json:
        return as_json(row)
    line(f"{row['run']}: {row['status']}, {row['rounds']} rounds, started {row['started']}")
    cells = [[s["stage"], s["done"], s["total"], s["tokens"], s["seconds"]] for s in row["stages"]]
    line(columns(["stage", "done", "total", "tokens", "seconds"], cells))
    line(f"\n{_origins(found, row['completions'])}")
    if row["arms"]:
        line("\n" + columns(list(row["arms"][0]), [list(one.values()) for one in row["arms"]]))
    for text in rule_lines(row["given_up"]):
        line(text)
    if row["attempts"]:
        tried = [[one["replica"], one["outcome"], one["count"], round(one["seconds"], 1)] for one in row["attempts"]]
        line("\n" + columns(["server", "attempts", "count", "seconds"], tried))
    if row["forecast"]:
        line("\n" + "\n".join(forecast_lines(row["forecast"])))
    if "said" in found.summary and found.status == "stopped":
        line(f"\n{found.summary['said']}")
    if "error" in found.summary and "funnel" in found.summary:
        line(f"\n{before_a_version(found.summary)}")
    if "error" in found.summary:
        line(f"\n{found.summary['error']}")
    return line(f"\nNext: {_next(row)}")


def watch(run: RunName = None) -> None:
    """Follow a run until it ends; works from any terminal while another command does the work.

    Example: rollmill runs watch
    """
    from flows.cli.live import watching
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        found = workspace.runs.chosen(run)
        with watching() as watcher:
            while True:
                row = _row(workspace, workspace.runs.get(found.id))
                for stage in _shown_stages(workspace, found.id):
                    watcher(stage)
                if row["status"] != "running":
                    break
                time.sleep(WATCH_SECONDS)
    line(f"{row['run']}: {row['status']}. Next: {_next(row)}")


def resume(
    run: RunName = None,
    *,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Go on with a run that was interrupted, failed or reached a limit.

    Example: rollmill runs resume arithmetic-3f9a0c1d --max-tokens 9000000
    """
    from flows.cli.curate import run_job
    from flows.cli.summary import summary
    from flows.job import Job
    from flows.recipe import load_recipe
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        found, root = workspace.runs.chosen(run), workspace.root
    job = Job.of_run(found.recipe["job"], root)
    if "pilot" in found.recipe:
        raise SetupError(f"{found.id} is a pilot.", next_command=job.command.replace("curate", "plan", 1))
    tokens, money = max_tokens if max_tokens is not None else job.max_tokens, max_cost or job.max_cost
    job = replace(job, max_tokens=tokens, max_cost=money)
    if load_recipe(Path(job.recipe), sets=job.sets).recipe_hash != found.recipe_hash:
        raise SetupError(
            f"{job.recipe} has changed since run {found.id} began.", next_command=f"{job.command} (another run)"
        )
    if dry_run:
        return as_json({"run": found.id, "command": job.command}) if json else line(f"Would run: {job.command}")
    outcome = run_job(job, direct=False)
    return as_json(outcome) if json else line(summary(outcome, root))


def cancel(run: RunName = None, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Stop the processes that work on a run, as Ctrl-C would; what was committed is kept.

    Example: rollmill runs cancel arithmetic-3f9a0c1d
    """
    from flows.commands import cancel as cancel_workers
    from flows.commands import workers_of
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        found = workspace.runs.chosen(run)
        working = len(workers_of(workspace.state).get(found.id, []))
        if not dry_run and working:
            cancel_workers(workspace.state, found.id)
        elif not dry_run and found.status == "running":
            workspace.runs.finish(found.id, "interrupted", found.summary)
    if json:
        return as_json({"run": found.id, "processes": working, "dry_run": dry_run})
    if not working:
        if found.status == "running":
            return line(f"{found.id} was killed: no process works on it. Next: rollmill runs resume {found.id}")
        return line(f"{found.id} has ended ({found.status}): there is nothing to stop. Next: rollmill runs show {found.id}")
    asked = "Would ask" if dry_run else "Asked"
    return line(f"{asked} {working} processes of {found.id} to stop. Next: rollmill runs resume {found.id}")


def _row(workspace: "Workspace", run: "Run") -> dict[str, Any]:
    """One run for people; `killed` is one that says it runs while no process of this machine works on it."""
    from flows.commands import workers_of

    verify = next((s for s in workspace.runs.progress_of(run.id) if s.stage == "verify"), None)
    idle = run.status == "running" and not workers_of(workspace.state).get(run.id)
    run = workspace.runs.get(run.id) if idle else run  # it may have ended since it was read
    killed = idle and run.status == "running"
    return {
        "run": run.id,
        "status": "killed" if killed else run.state,
        "started": run.started_at.isoformat(sep=" ", timespec="seconds"),
        "finished": run.finished_at.isoformat(sep=" ", timespec="seconds") if run.finished_at else None,
        "dataset": run.dataset,
        "judged": verify.done if verify else 0,
        "planned": verify.total if verify else 0,
        "next": run.summary.get("next"),
    }


def _arms(workspace: "Workspace", run: "Run") -> list[dict[str, Any]]:
    """What each arm of the recipe was asked for; none where it names no arms."""
    from storage.queries import Reader, run_scope
    from storage.queries.rates import arm_counts

    return [asdict(one) for one in arm_counts(run_scope(Reader(workspace), run.id))] if run.recipe.get("arms") else []


def _origins(run: "Run", counts: dict[str, int]) -> str:
    """Where a run's completions come from: a completion is drawn once, by whichever run asks first."""
    elsewhere = "imported" if run.recipe.get("generate", {}).get("engine") == "imported" else "drawn by other runs"
    return (
        f"{counts['planned']:,} completions planned so far: {counts['drawn']:,} drawn by this run, "
        f"{counts['reused']:,} {elsewhere}, {counts['left']:,} to draw"
    )


def _forecast(workspace: "Workspace", run: str) -> dict[str, Any] | None:
    """The scored forecast of a run."""
    from flows.forecasting.forecasts import shown

    made = workspace.forecasts.of_run(run)
    return None if made is None else shown(made)


def _stages(workspace: "Workspace", run: str) -> list[dict[str, Any]]:
    return [
        {"stage": s.name, "done": s.done, "total": s.total, "tokens": s.tokens, "seconds": s.seconds}
        for s in _shown_stages(workspace, run)
    ]


def _shown_stages(workspace: "Workspace", run: str) -> list[Any]:
    from flows.progress import STAGES, Stage

    found = {s.stage: s for s in workspace.runs.progress_of(run)}
    order = [name for name in STAGES if name in found]
    return [Stage(s.stage, s.done, s.total, s.tokens, s.seconds, s.detail) for s in (found[name] for name in order)]


def _next(row: dict[str, Any]) -> str:
    said = row.get("next")
    if said is not None and row["status"] not in ("running", "killed"):
        return str(said)
    if row["status"] == "done":
        return f"rollmill dataset show {row['dataset']}"
    return f"rollmill runs {'watch' if row['status'] == 'running' else 'resume'} {row['run']}"
