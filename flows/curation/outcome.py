"""Outcome of a finished curation as plain data, and the small deterministic reports for DVC.

The reports hold no time, path or run id, so `dvc metrics diff` shows the effect of a changed recipe.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.problems import RecipeProblems

if TYPE_CHECKING:
    from rollmill.flows.curation.snapshot import DecidedRun
    from rollmill.flows.recipe.load import LoadedRecipe
    from rollmill.storage.versions.publish import Publication
    from rollmill.storage.versions.resolve import VersionInfo


def outcome_of(decided: "DecidedRun", published: "Publication") -> dict[str, Any]:
    """Contents of the summary, as JSON values."""
    version, run = published.version, decided.run
    return {
        **counts_of(decided),
        "dataset": version.name,
        "version": version.number,
        "parent": version.parent,
        "created": published.created,
        "content_hash": version.content_hash,
        "path": str(version.path),
        "messages": [*run.session.messages, *(_with_reports(text, run.loaded) for text in published.messages)],
    }


def counts_of(decided: "DecidedRun") -> dict[str, Any]:
    """Funnel, rates, steps and spending of a run whose decisions are made; all that is known before a version exists."""
    manifest, run, session = decided.snapshot.manifest, decided.run, decided.run.session
    return {
        "run": run.id,
        "recipe": run.loaded.recipe.name,
        "funnel": manifest["funnel"],
        "metrics": manifest["metrics"],
        "steps": manifest.get("steps", []),
        "spent": run.spent.row(),
        "reused": decided.report.reused,
        "currency": session.profile.prices.currency if session.profile.prices is not None else None,
        "imports": None if run.imported is None else run.imported.rows(),
        "messages": list(session.messages),
    }


def _with_reports(text: str, loaded: "LoadedRecipe") -> str:
    """The `git add` line of a publication, the recipe's reports included."""
    return f"{text} reports/{loaded.recipe.name}" if text.startswith("git add ") else text


def write_reports(decided: "DecidedRun", version: "VersionInfo") -> list[Path]:
    """reports/<recipe>/{problems,content,metrics,levels}.json."""
    manifest, run = decided.snapshot.manifest, decided.run
    content = {
        "dataset": version.name,
        "content_hash": version.content_hash,
        "kept_hash": version.kept_hash,
        "recipe_hash": run.loaded.recipe_hash,
    }
    folder = reports_folder(run.workspace.root, run.loaded)
    return [
        write_problem_report(run.workspace.root, run.loaded, run.spec.problem_set),
        write_json(folder / "content.json", content),
        write_json(folder / "metrics.json", _flat(manifest["funnel"], manifest["metrics"])),
        write_json(folder / "levels.json", _levels(manifest["metrics"])),
    ]


def write_problem_report(root: Path, loaded: "LoadedRecipe", problems: RecipeProblems) -> Path:
    """reports/<recipe>/problems.json: what the stage `synthesize` made."""
    levels: dict[str, int] = {}
    for problem in problems.problems:
        key = "none" if problem.level is None else str(problem.level)
        levels[key] = levels.get(key, 0) + 1
    row = {
        "digest": problems.digest,
        "made": problems.made,
        "dropped": dict(problems.dropped),
        "problems": len(problems.problems),
        # Sorted, so that the order of problems changes no report.
        "levels": dict(sorted(levels.items())),
    }
    return write_json(reports_folder(root, loaded) / "problems.json", row)


def reports_folder(root: Path, loaded: "LoadedRecipe") -> Path:
    """Folder of a recipe's reports."""
    return root / "reports" / loaded.recipe.name


def write_json(path: Path, value: Any) -> Path:
    """The value as indented JSON, keys in the order given; the file changes only when the value does."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path


def _flat(funnel: dict[str, Any], metrics: dict[str, Any]) -> dict[str, Any]:
    """Numbers only, so that every one of them is a metric to DVC."""
    overall = metrics["overall"]
    counts = ("problems", "problems_solved", "drawn", "correct", "incorrect", "unparsed", "undecided", "kept")
    return {
        **{key: funnel[key] for key in counts},
        "dropped": dict(funnel["dropped"]),
        "tokens_out": funnel["tokens_out"],
        "pass_rate": overall["pass_rate"],
        "pass_at": {f"k{k}": value for k, value in overall["pass_at"].items()},
        "level": {f"L{level}": row["pass_rate"] for level, row in metrics["levels"].items()},
    }


def _levels(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    # A plot needs a point for problems without levels too.
    rows = metrics["levels"] or {"all": metrics["overall"]}
    return [{"level": level, **{key: row[key] for key in ("pass_rate", "low", "high")}} for level, row in rows.items()]
