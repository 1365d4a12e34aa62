"""Studies of papers among recipes, each with its result: this workspace's, or the one that comes with the program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows import CHECKOUT
from flows.recipe.listing import RecipeFile
from flows.recipe.parse import read_yaml
from flows.studies.study_recipe import FOLDER
from storage.ground.files import read_object

Row = dict[str, Any]
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


def studies_of(files: Sequence[RecipeFile], root: Path) -> list[Row]:
    """A row for each study: file, paper, claim, verdict."""
    mine, rows = study_results(root), []
    for file in files:
        data, _ = read_yaml(file.path, FOLDER)
        if "study_schema" in data:
            result = mine.get(file.name) or shipped_result(file.name)
            verdict = "not measured" if result is None else result["verdict"]
            rows.append(
                {"recipe": str(file.path), "paper": data["paper"]["title"], "claim": data["claim"], "verdict": verdict}
            )
    return rows
