"""Recipes that come with the program: their names, the files that each names, and copies of them in a workspace."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rollmill.flows import CHECKOUT
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.files import write_text

FIRST = (
    "recipes/arithmetic.yaml",
    "recipes/code.yaml",
    "recipes/imported.yaml",
    "recipes/evaluations/arithmetic.yaml",
    "recipes/evaluations/heldout.yaml",
    "recipes/loops/expert_iteration.yaml",
    "recipes/mixtures/hard.yaml",
    "recipes/steps/self_refine.yaml",
    "recipes/sweeps/temperature.yaml",
    "recipes/training/student.yaml",
    "recipes/trials/arithmetic.yaml",
)
"""The recipes that a new workspace gets, with every recipe that one of them names; the main job is the first."""
_OWN = ("recipes/papers/systems/", "recipes/papers/results/")
"""Files that the program reads where it is installed, wherever it runs."""
_NAMED = re.compile(r"[\w./-]+\.(?:yaml|csv)\b")


@dataclass(frozen=True, slots=True)
class Fetched:
    """Result for a shipped file: `written`, `same` as the one that was here, or another is `kept`."""

    place: str
    outcome: str


def shipped_recipes() -> dict[str, str]:
    """The place of every recipe and table of pilots by its name: `steps/efa` is recipes/steps/efa.yaml."""
    files = sorted(path for ending in ("yaml", "csv") for path in (CHECKOUT / "recipes").rglob(f"*.{ending}"))
    places = [str(path.relative_to(CHECKOUT)) for path in files if path.name != "dvc.yaml"]
    return {_name(place): place for place in places if not place.startswith(_OWN)}


def fetch_command(path: Path) -> str | None:
    """The command that brings the shipped recipe of this path; None for any other path."""
    parts = path.resolve().parts
    place = "/".join(parts[len(parts) - 1 - parts[::-1].index("recipes") :]) if "recipes" in parts else ""
    known = place in shipped_recipes().values()
    return f"rollmill recipe get {_name(place)}" if known else None


def fetch(root: Path, names: list[str], *, dry_run: bool = False) -> list[Fetched]:
    """Copy recipes into a workspace with all files that they name; one that is here and differs is left as it is."""
    known = shipped_recipes()
    for name in names:
        if _name(name) not in known:
            raise unknown_name("recipe", name, known, next_command="rollmill recipe list --all")
    fetched = []
    for place in _with_named([known[_name(name)] for name in names], set(known.values())):
        target, text = root / place, (CHECKOUT / place).read_text(encoding="utf-8")
        if not target.resolve().is_relative_to(root.resolve()):
            raise SetupError(
                f"{target} leads out of the workspace {root}.", next_command=f"rm {target}, or the link above it"
            )
        if not target.exists():
            fetched.append(Fetched(place, "written"))
            if not dry_run:
                write_text(target, text)
        else:
            same = target.is_file() and target.read_bytes() == text.encode()
            fetched.append(Fetched(place, "same" if same else "kept"))
    return fetched


def _name(place: str) -> str:
    """`steps/efa` for recipes/steps/efa.yaml and for steps/efa.yaml."""
    return place.removeprefix("./").removeprefix("recipes/").removesuffix(".yaml")


def _with_named(places: list[str], recipes: set[str]) -> list[str]:
    """These files and all that they name, directly or through others, each once; what a comment names is among them."""
    brought = list(dict.fromkeys(places))
    for place in brought:  # which grows
        brought += [named for named in dict.fromkeys(_named_in(place, recipes)) if named not in brought]
    return brought


def _named_in(place: str, recipes: set[str]) -> Iterator[str]:
    """The shipped recipes and profiles that a shipped file names, from its own folder or from the workspace's."""
    for word in _NAMED.findall((CHECKOUT / place).read_text(encoding="utf-8")):
        for path in (CHECKOUT / word, (CHECKOUT / place).parent / word):
            named = path.resolve()
            if not named.is_file() or not named.is_relative_to(CHECKOUT):
                continue
            relative = str(named.relative_to(CHECKOUT))
            if relative in recipes or relative.startswith("profiles/"):
                yield relative
