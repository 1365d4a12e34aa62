"""Forms of the page New run: their kinds and first recipes, and the address of one with changes, for links."""

import shlex
from collections.abc import Mapping

from rollmill.dashboards.session.scope import reader

FORMS: Mapping[str, tuple[str, str, str]] = {  # by kind: the label of the box, its parameter in the address, the command
    "Curate": ("Recipe", "recipe", "curate"),
    "Evaluate": ("Evaluation", "evaluation", "evaluate"),
    "Mix": ("Mixture", "mixture", "mix"),
    "Sweep": ("Sweep", "sweep", "sweep"),
    "Train": ("Training", "training", "train"),
    "Trial": ("Trial", "trial", "trial"),
    "Loop": ("Loop", "loop", "loop"),
}
# The box of each kind begins with the recipe that the documentation begins with.
EXAMPLES = (
    "recipes/arithmetic.yaml",
    "recipes/evaluations/arithmetic.yaml",
    "recipes/sweeps/temperature.yaml",
    "recipes/training/student.yaml",
    "recipes/loops/expert_iteration.yaml",
)


def form_address(command: str) -> dict[str, list[str]] | None:
    """The address parameters of the form for a typed command; None for a verb without a form, an option other than --set,
    or a recipe that is not in the workspace.
    """
    _, verb, *words = shlex.split(command)
    form = next(((what, key) for what, (_, key, its) in FORMS.items() if its == verb), None)
    sets, recipes = [], []
    while words:
        word = words.pop(0)
        if word == "--set" and words:
            sets.append(words.pop(0))
        elif word.startswith("-"):
            return None
        else:
            recipes.append(word)
    if form is None or len(recipes) != 1 or not (reader().root / recipes[0]).is_file():
        return None
    return {"what": [form[0]], form[1]: recipes, **({"set": sets} if sets else {})}
