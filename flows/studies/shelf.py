"""Studies of papers among recipes, each with its result: this workspace's, or the one that comes with the program."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rollmill.flows import CHECKOUT
from rollmill.flows.jobs.listing import RecipeFile
from rollmill.flows.recipe.parse import read_yaml
from rollmill.ground.files import read_object
from rollmill.storage.queries.published.papers import papers_where

Row = dict[str, Any]
FOLDER = "recipes/papers"
"""Folder of studies."""
REPORTS = Path("reports/studies")
"""Folder of a workspace's results: a JSON file and a page for each study."""


def study_results(root: Path) -> dict[str, Row]:
    """Results of a workspace by the name of the study; SetupError for a damaged file."""
    return {
        path.stem: read_object(path, next_command=f"rm {path}, and rollmill study RECIPE")
        for path in sorted((root / REPORTS).glob("*.json"))
    }


def shipped_result(name: str) -> Row | None:
    """The result of a study as it came with the program; None if there is none."""
    path = CHECKOUT / FOLDER / "results" / f"{name}.json"
    return read_object(path, next_command=f"rollmill study RECIPE --write {path}") if path.is_file() else None


def listed_papers(files: Sequence[RecipeFile], root: Path, status: str | None = None, kind: str | None = None) -> list[Row]:
    """The table of papers, then the studies among the recipes that no paper of it names; verdicts are this workspace's
    where it has measured a study.
    """
    papers_where(status)  # a misspelt status is told
    mine, rows = study_results(root), []
    for row in papers_where(None, kind):
        measured = mine.get(row.study)
        shown = {**asdict(row), "numbers": row.numbers, "status": measured["verdict"] if measured else row.status}
        rows.append({**shown, "paper": shown.pop("title")})
    known = {row.study for row in papers_where()}
    rows += [] if kind else [_study_row(file, mine) for file in files if file.name not in known and _is_study(file)]
    return [row for row in rows if status in (None, row["status"])]


def _is_study(file: RecipeFile) -> bool:
    return "study_schema" in read_yaml(file.path, FOLDER)[0]


def _study_row(file: RecipeFile, mine: dict[str, Row]) -> Row:
    data, _ = read_yaml(file.path, FOLDER)
    result = mine.get(file.name) or shipped_result(file.name)
    return {
        "name": file.name,
        "paper": data["paper"]["title"],
        "kind": "study",
        "does": data["claim"],
        "status": "not measured" if result is None else result["verdict"],
        "run": (file.command,),
    }
