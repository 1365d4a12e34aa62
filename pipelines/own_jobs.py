"""Jobs that the person ran here: a recipe by its place and overrides, a profile by its place and text.

A ledger may have come with a copied folder, and names recipes and profiles that a later command would load.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rollmill.ground.files import read_utf8
from rollmill.ground.ids import sha256_text
from rollmill.ground.job_command import path_in
from rollmill.pipelines.own_code import is_own, part_digest, remember


def remember_job(recipe: str, sets: Sequence[str], profile: str | None) -> None:
    """Note that the person runs this recipe with this profile."""
    remember(_recipe_mark(recipe, sets))
    for mark in _profile_marks(profile):
        remember(mark)


def is_own_recipe(recipe: str, sets: Sequence[str]) -> bool:
    """True if the person ran the recipe at this place with these overrides, whatever it says today."""
    return is_own(_recipe_mark(recipe, sets))


def is_own_profile(profile: str | None, *, unchanged: bool = False) -> bool:
    """True if the person used a profile with this text or, unless it has to be `unchanged`, the one at this place."""
    marks = _profile_marks(profile)
    return not marks or any(map(is_own, marks[1:] if unchanged else marks))


def is_own_job(job: Mapping[str, Any], root: Path) -> bool:
    """True if the job of a ledger in the workspace `root` has a recipe and a profile of the person's own."""
    profile = job.get("profile")
    return is_own_recipe(path_in(root, job, job["recipe"]), job["sets"]) and is_own_profile(
        profile and path_in(root, job, profile)
    )


def _recipe_mark(recipe: str, sets: Sequence[str]) -> str:
    """Digest of a recipe's place and overrides."""
    return part_digest({"recipe": str(Path(recipe).resolve()), "sets": list(sets)})


def _profile_marks(profile: str | None) -> tuple[str, ...]:
    if profile is None:
        return ()
    text = read_utf8(Path(profile), next_command="rollmill init, for the profiles that Rollmill has")
    return part_digest({"profile": str(Path(profile).resolve())}), sha256_text(text)
