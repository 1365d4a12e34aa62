"""What the checks of published claims gave in this workspace: a JSON file per claim, as `rollmill claims run` writes it."""

from pathlib import Path
from typing import Any

from storage.files import read_object

FOLDER = Path("reports/claims")
STATUSES = ("reproduced", "not reproduced", "not testable here")


def claim_results(root: Path) -> dict[str, dict[str, Any]]:
    """The results by claim, of those that were checked in this workspace; SetupError for a damaged file."""
    return {
        path.stem: read_object(path, next_command=f"rollmill claims run {path.stem}")
        for path in sorted((root / FOLDER).glob("*.json"))
    }
