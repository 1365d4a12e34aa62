"""Forms of the page New run by kind, and the address of one with changes, for links."""

import shlex

from rollmill.dashboards.session.scope import reader
from rollmill.kind import Kind
from rollmill.kinds import kinds, recipe_files_of


def started_kinds() -> dict[str, Kind]:
    """The kinds that the page starts, by the title of their form."""
    return {kind.verb.capitalize(): kind for kind in kinds() if kind.form is not None and kind.recipe is not None}


def form_address(command: str) -> dict[str, list[str]] | None:
    """The address parameters of the form for a typed command; None for a verb without a form, an option other than --set,
    or a recipe that is not in the workspace.
    """
    _, verb, *words = shlex.split(command)
    title, kind = verb.capitalize(), started_kinds().get(verb.capitalize())
    sets, recipes = [], []
    while words:
        word = words.pop(0)
        if word == "--set" and words:
            sets.append(words.pop(0))
        elif word.startswith("-"):
            return None
        else:
            recipes.append(word)
    if kind is None or len(recipes) != 1 or not (reader().root / recipes[0]).is_file():
        return None
    return {"what": [title], recipe_files_of(kind).parameter: recipes, **({"set": sets} if sets else {})}
