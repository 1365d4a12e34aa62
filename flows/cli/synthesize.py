"""`rollmill synthesize`: the problems of a recipe, stored, without drawing anything. Knows no engine."""

import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.output import AsJson, DryRun, as_json, columns, line
from flows.cli.recipe import RecipePath, Sets


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("synthesize")(synthesize)


def synthesize(
    recipe: RecipePath,
    sets: Sets = None,
    *,
    show: Annotated[int, typer.Option(min=0, help="Print so many of the problems.")] = 2,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Make the problems of a recipe and store them; curate does this by itself.

    Example: rollmill synthesize recipes/arithmetic.yaml --show 8
    """
    from flows.curation.outcome import write_problem_report
    from flows.problems import make_problems, preview_problems
    from flows.recipe import load_recipe
    from storage.workspace import Workspace

    started = time.monotonic()
    loaded = load_recipe(recipe, sets=sets or ())
    with Workspace.open() as workspace:
        notes = [] if dry_run else workspace.recover()
        found = preview_problems(workspace, loaded) if dry_run else make_problems(workspace, loaded)
        report = None if dry_run else write_problem_report(workspace.root, loaded, found)
    levels = Counter(problem.level for problem in found.problems)
    row = {
        "recipe": loaded.recipe.name,
        "digest": found.digest,
        "made": found.made,
        "dropped": dict(found.dropped),
        "problems": len(found.problems),
        "levels": {str(level): levels[level] for level in sorted(levels, key=lambda level: (level is None, level))},
        "seconds": round(time.monotonic() - started, 3),
        "messages": notes,
    }
    if json:
        return as_json(row)
    return line(_page(row, found.problems[:show], report, recipe))


def _page(row: dict[str, Any], shown: Any, report: Path | None, recipe: Path) -> str:
    from flows.cli.summary import dropped_problems
    from flows.problems import prompt_text

    lines = [
        *row["messages"],
        f"{row['problems']:,} problems of {row['made']:,} made ({dropped_problems(row['dropped'])}) "
        f"in {row['seconds']:.1f} s, {'not stored' if report is None else 'stored'}.",
        columns(["level", "problems"], [[level, count] for level, count in row["levels"].items()]),
    ]
    for problem in shown:
        lines += ["", f"[{problem.template or problem.source}] {prompt_text(problem.prompt)}", f"  = {problem.reference}"]
    return "\n".join([*lines, "", f"Next: rollmill curate {recipe}"])
