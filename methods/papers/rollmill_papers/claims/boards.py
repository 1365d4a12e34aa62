"""Boards of the claims checked in this workspace, and their page: a JSON file each, written by `rollmill claims run`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rollmill.methods import Page, read_object

FOLDER = Path("reports/claims")
STATUSES = ("reproduced", "contradicted", "inconclusive", "not measured")
BOARDS: Mapping[str, str] = {
    "numbers": "Published numbers",
    "mechanisms": "Mechanisms on our model",
    "checks": "Implementation checks",
}
"""The three boards by their names, with their titles."""
PAGE = Page(
    show="rollmill_papers.claims.dashboard_page:show",
    icon="science",
    about="Published numbers, mechanisms and checks of our code, as `rollmill claims run` measured them.",
    parameters=("board", "status", "claim"),
)
"""The page of the boards."""


def claim_results(root: Path) -> dict[str, dict[str, Any]]:
    """Results of the claims checked in this workspace, by claim; SetupError for a damaged file.

    A file of an older version without boards is left out: `rollmill claims run` writes it again.
    """
    stored = {
        path.stem: read_object(path, next_command=f"rollmill claims run {path.stem}")
        for path in sorted((root / FOLDER).glob("*.json"))
    }
    return {name: row for name, row in stored.items() if row.get("board") in BOARDS}


def counts(rows: Iterable[Mapping[str, Any]]) -> str:
    """Number of rows of each status, in words; statuses without rows are left out."""
    statuses = [row["status"] for row in rows]
    return ", ".join(f"{statuses.count(status)} {status}" for status in STATUSES if status in statuses) or "none"
