"""The page of papers: each claim that a recipe of recipes/papers tests, and what the run that came with it gave."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.generate.tables import table
from flows import CHECKOUT
from flows.studies.shelf import shipped_result
from flows.studies.study_recipe import FOLDER, LoadedStudy, load_study
from flows.studies.study_report import judged, study_page

HEAD = """\
# Papers

What papers claim about models, tested on small models. Each recipe states the effects that the claim predicts before
anything is measured. **Holds**: every effect is as predicted, and its 95% interval excludes the opposite. **Does not hold
here**: an interval leaves no room for the prediction. **Cannot be seen on this model**: neither.

```sh
rollmill recipe list --papers
rollmill study recipes/papers/limiting_confidence.yaml
```
"""


def page() -> str:
    """The whole page: a table of all, then each study."""
    studies = [(path, load_study(path)) for path in sorted((CHECKOUT / FOLDER).glob("*.yaml"))]
    rows, parts = [], []
    for path, study in studies:
        result = shipped_result(study.recipe.name)
        verdict = "not measured" if result is None else judged(study, result)["verdict"]
        link = f"[{study.recipe.paper.title}](#{study.recipe.name})"
        rows.append([link, study.recipe.claim, f"`{path.relative_to(CHECKOUT)}`", verdict])
        parts.append("\n\n".join(_section(path, study, result)))
    return "\n\n".join([HEAD, table(["paper", "claim", "recipe", "verdict"], rows), *parts]) + "\n"


def _section(path: Path, study: LoadedStudy, result: dict[str, Any] | None) -> Iterator[str]:
    recipe = study.recipe
    yield f"## {recipe.name}"
    yield f"*{recipe.paper.title}*"
    yield f"```sh\nrollmill study {path.relative_to(CHECKOUT)}\n```"
    yield _run_here(study)
    if result is None:
        yield f"{recipe.paper.source}. The paper reports: {recipe.paper.reports}\n\nClaim: {recipe.claim} Not measured yet."
        return
    if result["recipe_hash"] != study.recipe_hash:
        yield "The recipe was changed since this run."
    yield study_page(judged(study, result))


def _run_here(study: LoadedStudy) -> str:
    """Models and measure of a study in a sentence."""
    options = ", ".join(f"{name} {value}" for name, value in study.measure.options.items())
    measure = f"Measure `{study.measure.name}`" + (f" ({options})" if options else "")
    if study.trial is None:
        models = ", ".join(f"{arm}: `{model}`" for arm, model in study.recipe.models.items())
        return f"{measure}{' of ' + models if models else ''}, seed {study.recipe.seed}."
    trial = study.trial
    inits = ", ".join(sorted({f"`{training.recipe.init}`" for training in trial.trainings.values()}))
    return (
        f"{measure} of {trial.recipe.seeds} trainings of each arm ({', '.join(trial.arms)}) from {inits}, "
        f"{trial.samples} samples of a problem."
    )
