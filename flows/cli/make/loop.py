"""`rollmill loop`: rounds of drawing, training and evaluating, each a dataset version and a model version."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.flows.cli.recipe import ProfilePath, RecipePath, Sets


def loop(
    recipe: RecipePath,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    frozen: Annotated[bool, typer.Option("--frozen", help="The control: every round draws from the first model.")] = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Draw from a model, publish what is kept, train the next model on it, evaluate it; again for each round.

    Every round makes a version of the dataset and of the model. A killed loop resumes when it is run again. A report is
    written to reports/NAME/loop.md.

    Example: rollmill loop recipes/loops/expert_iteration.yaml
    """
    from rollmill.flows.cli.jobs import run_job
    from rollmill.flows.job import Job
    from rollmill.flows.loops.loaded_loop import load_loop
    from rollmill.flows.loops.loop_job import Loop

    job = Job.here(recipe, tuple(sets or ()), profile, verb="loop")
    loaded = load_loop(Path(job.recipe), sets=job.sets, frozen=frozen)
    if dry_run:
        row = {
            "loop": loaded.name,
            "rounds": loaded.recipe.rounds,
            "base": loaded.base_model,
            "curate": str(loaded.curate_path),
            "first": list(loaded.curate_sets(loaded.first())),
            "policies": [part.name for part in loaded.policies],
            "beside": sorted(loaded.beside),
        }
        return (
            as_json(row) if json else line(f"{row['loop']}: {row['rounds']} rounds from {row['base']}. Nothing was made.")
        )
    return run_job(Loop(job, loaded), _page, json=json)


def _page(outcome: dict[str, Any]) -> str:
    head = (
        "round",
        "dataset",
        "kept",
        "model",
        "pass@1",
        "pass@k",
        "change of pass@1",
        "low",
        "high",
        "distinct",
        "entropy",
        "real",
    )
    before = outcome["before"]
    rows: list[tuple[Any, ...]] = [
        (
            0,
            "",
            "",
            outcome["base"],
            before["pass@1"],
            before["pass@k"],
            "",
            "",
            "",
            before["distinct"],
            before["entropy"],
            "",
        )
    ]
    for row in outcome["rounds"]:
        change = row["pass@1 since before"]
        rows.append(
            (row["round"], row["version"], row["kept"], row["model"], row["pass@1"], row["pass@k"], change["difference"],
             change["low"], change["high"], row["distinct"], row["entropy"], row["real_share"])
        )  # fmt: skip
    summary = [*outcome["alarms"], *([f"Stopped: {outcome['stopped']}."] if outcome["stopped"] else [])]
    return "\n".join([columns(head, rows), *summary, f"Report: {outcome['reports'][1]}"])
