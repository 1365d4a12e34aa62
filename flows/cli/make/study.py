"""`rollmill study`: what a paper claims about models, measured on ours, with intervals and a verdict."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.flows.cli.recipe import ProfilePath, RecipePath, Sets


def study(
    recipe: RecipePath,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    write: Annotated[Path | None, typer.Option(help="Write the result to this file too, for the documentation.")] = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Measure the claim of a paper and say whether it holds, does not hold here, or cannot be seen on this model.

    A finished study is not repeated; a killed one resumes when it is run again. A report is written to
    reports/studies/NAME.md.

    Example: rollmill study recipes/papers/limiting_confidence.yaml
    """
    from rollmill.flows.cli.jobs import run_job
    from rollmill.flows.job import Job
    from rollmill.flows.studies.study_job import Study
    from rollmill.flows.studies.study_recipe import load_study

    job = Job.here(recipe, tuple(sets or ()), profile, verb="study")
    loaded = load_study(Path(job.recipe), sets=job.sets)
    if dry_run:
        row = {
            "study": loaded.recipe.name,
            "claim": loaded.recipe.claim,
            "measure": loaded.measure.name,
            "arms": list(loaded.recipe.models) if loaded.trial is None else loaded.trial.arms,
            "seeds": None if loaded.trial is None else loaded.trial.recipe.seeds,
            "expects": [f"{expected.effect}: {expected.words}" for expected in loaded.expected],
        }
        return as_json(row) if json else line(_planned(row))
    return run_job(Study(job, loaded, write=write), _page, json=json)


def _planned(row: dict[str, Any]) -> str:
    arms = f", arms {', '.join(row['arms'])}" if row["arms"] else ""
    seeds = f", {row['seeds']} trainings of each" if row["seeds"] else ""
    head = f"{row['study']}: measure {row['measure']}{arms}{seeds}. Nothing was trained."
    return "\n".join([head, *(f"  expects {text}" for text in row["expects"])])


def _page(outcome: dict[str, Any]) -> str:
    head = ("effect", "predicted", "measured", "low", "high", "n", "verdict")
    rows = []
    for expected in outcome["expected"]:
        value = outcome["effects"][expected["effect"]]
        ends = (value["low"], value["high"])
        rows.append((expected["effect"], expected["words"], value["value"], *ends, value["n"], expected["verdict"]))
    table = [(name, row["value"], row["low"], row["high"], row["n"]) for name, row in outcome["table"].items()]
    parts = [*outcome["messages"], *([columns(("number", "value", "low", "high", "n"), table), ""] if table else [])]
    return "\n".join(
        [*parts, columns(head, rows), f"{outcome['claim']} {outcome['verdict'].capitalize()}.",
         f"It cannot say: {outcome['reach']}", f"Report: {outcome['reports'][1]}"]
    )  # fmt: skip
