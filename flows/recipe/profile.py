"""The profile: workers, threads and places, nothing that can change a row. Knows no recipe."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from flows.recipe.parse import parse
from flows.recipe.schema import Part


class Profile(Part):
    """How one machine runs a recipe. Zero workers or threads means: as many as the machine has cores."""

    profile_schema: Literal[1] = 1
    workers: int = Field(default=0, ge=0)
    threads: int = Field(default=0, ge=0)
    ledger: str | None = None
    segments: str | None = None


def load_profile(path: Path | None) -> Profile:
    """The profile of a file, or the defaults without one; SetupError names the line of a mistake."""
    return Profile() if path is None else parse(path, Profile, {"profile_schema": 1}, folder="profiles")
