"""The page of papers: a row for each published system, then each study with the result that came with it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from docs.generate.tables import table
from rollmill.flows import CHECKOUT
from rollmill.flows.studies.shelf import FOLDER, shipped_result
from rollmill.flows.studies.study_recipe import LoadedStudy, load_study
from rollmill.flows.studies.study_report import judged, study_page
from rollmill.storage.queries.published.papers import MEASURED, NEEDS, STATUSES, PaperRow, published_papers

HEAD = """\
# Papers

{count} published systems: the command that runs the mechanism here, what is missing, and what was measured. Each has a
status:

{statuses}

Measured numbers come with a 95% interval, n and the model unless the row says otherwise. They are those of other pages of
this site, of the [claims](claims.md), or of the studies below. A recipe that a command names and that is not in your
workspace, `recipe get` brings.

```sh
rollmill recipe list --papers --status holds
rollmill recipe get papers/limiting_confidence
rollmill study recipes/papers/limiting_confidence.yaml
```
"""
AWAY = "not here"
STUDIES = """\
## Studies

What papers claim about models, tested on small models. Each recipe states the effects that the claim predicts before
anything is measured.
"""


def page() -> str:
    """The whole page: counts, a table for each kind, then the studies."""
    rows = published_papers()
    counts = Counter(row.status for row in rows)
    statuses = "\n".join(f"- **{status}** ({counts[status]}): {meaning}" for status, meaning in STATUSES.items())
    kinds = dict.fromkeys(row.kind for row in rows)
    parts = [_kind(kind, [row for row in rows if row.kind == kind]) for kind in kinds]
    return "\n\n".join([HEAD.format(count=len(rows), statuses=statuses), *parts, *_studies()]) + "\n"


def _kind(kind: str, rows: Sequence[PaperRow]) -> str:
    """The systems of a kind; those with a command are told in full."""
    counted = Counter(row.status for row in rows)
    words = ", ".join(f"{counted[status]} {status}" for status in STATUSES if counted[status])
    here = [
        [f"**{row.title}** {row.does}", _command(row), row.reports, _measured(row)] for row in rows if row.status != AWAY
    ]
    away = [[f"**{row.title}** {row.does}", row.reports, row.missing] for row in rows if row.status == AWAY]
    parts = [f"## {kind}", f"{len(rows)}: {words}."]
    if here:
        parts.append(table(["system", "command", "the paper reports", "here"], here))
    if away:
        parts.append(table(["not here", "the paper reports", "missing"], away))
    return "\n\n".join(parts)


def _command(row: PaperRow) -> str:
    needs = ", ".join(NEEDS[need] for need in row.needs)
    return " ".join(f"`{command}`" for command in row.run) + (f" Needs {needs}." if needs else "")


def _measured(row: PaperRow) -> str:
    """Status, numbers with their source, tests, and what is missing."""
    parts = [f"**{row.status.capitalize()}.** {row.numbers}".strip()]
    if row.source:
        parts.append(f"([figures](../{row.source.removeprefix('docs/')}))")
    elif row.study:
        parts.append(f"([study](#{row.study}))")
    if row.tests and row.status not in MEASURED:
        parts.append(f"Test: {', '.join(f'`{test}`' for test in row.tests)}.")
    if row.missing:
        parts.append(f"Missing: {row.missing}")
    return " ".join(parts)


def _studies() -> Iterator[str]:
    """A table of the studies, then each of them."""
    studies = [(path, load_study(path)) for path in sorted((CHECKOUT / FOLDER).glob("*.yaml"))]
    rows, parts = [], []
    for path, study in studies:
        result = shipped_result(study.recipe.name)
        verdict = "not measured" if result is None else judged(study, result)["verdict"]
        link = f"[{study.recipe.paper.title}](#{study.recipe.name})"
        rows.append([link, study.recipe.claim, f"`{path.relative_to(CHECKOUT)}`", verdict])
        parts.append("\n\n".join(_section(path, study, result)))
    yield STUDIES
    yield table(["paper", "claim", "recipe", "verdict"], rows)
    yield from parts


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
