"""`rollmill evaluate`: every benchmark asked of every model, with reports."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.jobs import announce, executor_of, run_job
from rollmill.flows.cli.make.curate import Prefect, Redraw
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line, note
from rollmill.flows.cli.recipe import MaxCost, MaxTokens, ProfilePath, Sets

if TYPE_CHECKING:
    from rollmill.flows.recipe.evaluations import LoadedEvaluationRecipe

EvaluationPath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The evaluation's YAML file.")]
Out = Annotated[Path | None, typer.Option("--out", help="Where the reports go; reports/NAME by default.")]


def evaluate(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: EvaluationPath,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    prefect: Prefect = None,
    redraw: Redraw = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    out: Out = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Ask every benchmark of every model, judge the answers and report metrics with intervals.

    Completions are drawn once, in a stream of their own, and reused: a second call draws nothing, and a killed one resumes;
    --redraw 1 draws a new set and keeps the old one. Reports (Markdown, HTML, and results.json as lm-evaluation-harness has
    it) go to reports/NAME. A limit applies to each pair of benchmark and model.

    Example: rollmill evaluate recipes/evaluations/arithmetic.yaml
    """
    from rollmill.flows.job import Job
    from rollmill.flows.recipe.evaluations import load_evaluation

    chosen = (*(sets or ()), *(() if redraw is None else (f"redraw={redraw}",)))
    job = Job.here(recipe, chosen, profile, max_tokens=max_tokens, max_cost=max_cost, verb="evaluate")
    evaluation = load_evaluation(Path(job.recipe), sets=job.sets)
    if dry_run:
        _check(Path(job.recipe), evaluation)
        cells = _cells(evaluation, Path(job.workspace))
        if json:
            return as_json({"evaluation": evaluation.recipe.name, "cells": cells})
        return line("\n".join([*map(_cell_words, cells), "Nothing was written."]))
    announce(job)
    from rollmill.flows.jobs.evaluate import Evaluate

    kind = Evaluate(job, evaluation, out)
    return run_job(kind, lambda report: _page(report, kind.out), json=json, executor=executor_of(job, prefect))


def _check(recipe: Path, evaluation: "LoadedEvaluationRecipe") -> None:
    """SetupError for the first thing that would stop a cell; a line for what could not be looked at."""
    from rollmill.flows.recipe.evaluations import FOLDER
    from rollmill.flows.recipe.parse import naming
    from rollmill.flows.recipe_check import check_evaluation

    with naming(recipe, FOLDER):
        for text in check_evaluation(evaluation):
            note(f"{recipe}: {text}")


def _cells(evaluation: "LoadedEvaluationRecipe", root: Path) -> list[dict[str, Any]]:
    """Each cell with its problems, its completions, and its run if that is done: it would draw nothing."""
    from rollmill.flows.problems import preview_problems
    from rollmill.storage.workspace import Workspace

    with Workspace.open(root) as workspace:
        done = {run.recipe_hash: run.id for run in workspace.runs.list() if run.status == "done"}
        rows = []
        for cell in evaluation.cells:
            assert cell.cell is not None
            problems, samples = len(preview_problems(workspace, cell).problems), cell.budget.options["initial"]
            row: dict[str, Any] = {"run": cell.recipe.name, "benchmark": cell.cell.benchmark, "model": cell.cell.model}
            row |= {"recipe_hash": cell.recipe_hash, "max_tokens": cell.recipe.generate.max_tokens}
            rows.append(row | {"problems": problems, "samples": samples, "done": done.get(cell.recipe_hash)})
    return rows


def _cell_words(cell: dict[str, Any]) -> str:
    done = "" if cell["done"] is None else f"; done: {cell['done']}"
    return f"{cell['run']}: {cell['samples']} completions of each of {cell['problems']:,} problems{done}"


def _page(report: dict[str, Any], folder: Path) -> str:
    from rollmill.flows.evaluation import alert
    from rollmill.flows.evaluation.evaluation_report import about, words
    from rollmill.metrics.registry import row_label

    lines: list[str] = []
    for cell in report["cells"]:
        name = f"{cell['benchmark']} x {cell['model']}"
        rows = [
            [cell["model"], row_label(row), words(row), row["n"]] for row in cell["metrics"] if row.get("n") is not None
        ]
        lines += [f"{name}: {about(cell)}", columns(["model", "metric", "value [95%]", "n"], rows)]
        lines += [f"{name}: {row_label(row)}: {words(row)}" for row in cell["metrics"] if row.get("n") is None]
        lines.append("")
    lines += [*map(alert.words, report.get("alerts", ())), *([""] if report.get("alerts") else [])]
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    lines += [*report["messages"], f"Reports: {shown}", f"Next: rollmill leaderboard {report['evaluation']}"]
    return "\n".join(lines)
