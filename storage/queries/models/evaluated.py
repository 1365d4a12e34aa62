"""Evaluations of models: the measured rows of their cells, in the ledger, by the model that drew them.

Nothing is estimated here: a number has one home, the row that the evaluation measured. A cell is of a version if its run
records the digest of the version's files; where an engine names models otherwise, if it records the version's name.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollmill.ground.ids import canonical_json
from rollmill.ground.recipe_steps import recorded_steps
from rollmill.metrics.registry import row_label
from rollmill.storage.queries.models.versions import ModelLine

if TYPE_CHECKING:
    from rollmill.storage.runs import Run

FIRST_METRIC = "pass@1"
_FREE = ("model", "batch_size")  # keys of `generate` in which cells of one comparison may differ
_TOLD = ("temperature", "top_p", "top_k", "max_tokens", "system_prompt", "prompt_template")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MeasuredCell:
    """A measured cell of an evaluation: a benchmark asked of one model.

    `model`: name of the model in the completions. `digest`: digest that the engine gives. `setting`: text that is equal for
    cells with the same problems, verifiers and sampling. `sampling`: the sampling as text. `rows`: results over the whole
    benchmark, by metric.
    """

    run: str
    evaluation: str
    benchmark: str
    row: str
    model: str
    engine: str
    digest: str | None
    setting: str
    sampling: str
    rows: Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class FamilyPoint:
    """A number of one version of a family with the ends of its 95% interval. `number`: 0 for the initial model, which has
    no version. `problems`: how many were averaged.
    """

    model: str
    number: int
    value: float
    low: float
    high: float
    problems: int
    run: str


@dataclass(frozen=True, slots=True)
class FamilySeries:
    """One metric of a family's versions on one benchmark under one sampling, by the version's number."""

    evaluation: str
    benchmark: str
    sampling: str
    points: tuple[FamilyPoint, ...]


def measured_cells(runs: "Sequence[Run]") -> list[MeasuredCell]:
    """The measured cells among these runs, in their order."""
    return [_cell(run) for run in runs if run.recipe.get("cell") and run.status == "done" and _rows(run)]


def _cell(run: "Run") -> MeasuredCell:
    recipe, cell = run.recipe, run.recipe["cell"]
    generate, resolved = recipe.get("generate", {}), recipe.get("resolved", {})
    compared = {key: value for key, value in generate.items() if key not in _FREE}
    names = run.summary.get("models") or [generate.get("model", "")]
    # The template `{prompt}` adds nothing to the prompt, so it is not worth a mention.
    told = (f"{key.replace('_', ' ')} {generate[key]}" for key in _TOLD if generate.get(key) not in (None, "{prompt}"))
    return MeasuredCell(
        run=run.id,
        evaluation=str(cell["evaluation"]),
        benchmark=str(cell["benchmark"]),
        row=str(cell["model"]),
        model=str(names[0]),
        engine=str(generate.get("engine", "")),
        digest=resolved.get("model_digest"),
        setting=canonical_json([compared, resolved.get("problems"), resolved.get("verifiers"), recipe.get("prefix")]),
        sampling=", ".join(told),
        rows=_rows(run),
    )


def _rows(run: "Run") -> dict[str, Row]:
    """The measured rows without a group and with a value, by metric."""
    metrics = run.summary.get("metrics")
    rows = metrics if isinstance(metrics, list) else []
    return {row_label(row): row for row in rows if not row.get("group") and _is_interval(row)}


def _is_interval(row: Row) -> bool:
    return all(row.get(key) is not None for key in ("value", "low", "high"))


def is_of(cell: MeasuredCell, line: ModelLine) -> bool:
    """True for a cell that this version drew."""
    return _same(line, cell.engine, cell.digest, (cell.model,))


def _same(line: ModelLine, engine: str, digest: object, names: Iterable[str]) -> bool:
    if engine == "embedded":
        return line.digest is not None and digest == line.digest
    return any(name.removeprefix("models/") == line.ref for name in names)


def cells_of_version(cells: Iterable[MeasuredCell], line: ModelLine) -> list[MeasuredCell]:
    """The cells that a version drew, the newest of each comparison."""
    newest: dict[tuple[str, str, str], MeasuredCell] = {}
    for cell in cells:
        if is_of(cell, line):
            # Cells come the newest first.
            newest.setdefault((cell.evaluation, cell.benchmark, cell.setting), cell)
    return list(newest.values())


def runs_of_version(runs: "Iterable[Run]", line: ModelLine) -> "list[Run]":
    """The runs that drew completions with a version for a dataset; pilots and evaluations are left out."""
    return [run for run in runs if not run.is_pilot and not run.recipe.get("cell") and _drew_with(run.recipe, line)]


def _drew_with(recipe: Row, line: ModelLine) -> bool:
    asked = recorded_steps(recipe) or [recipe.get("generate", {})]
    resolved = recipe.get("resolved", {})
    known = {str(name): digest for name, _, digest in resolved.get("steps", ())}
    for part in asked:
        digest = known.get(str(part.get("name")), resolved.get("model_digest"))
        if _same(line, str(part.get("engine", "")), digest, (str(part.get("model", "")),)):
            return True
    return False


def family_metrics(series: Iterable[MeasuredCell]) -> list[str]:
    """The metrics that some of these cells have, pass@1 first."""
    names = list(dict.fromkeys(name for cell in series for name in cell.rows))
    # The sort is stable: the other metrics keep their order.
    return sorted(names, key=lambda name: name != FIRST_METRIC)


def family_cells(lines: Sequence[ModelLine], cells: Iterable[MeasuredCell]) -> list[tuple[int, MeasuredCell]]:
    """The cells of a family's versions, each with the version's number; 0 and those of its initial models, by name."""
    # An initial model with an @ is a version, whose cells have a number of their own.
    first = {line.init.rpartition("/")[2] for line in lines if line.init is not None and "@" not in line.init}
    numbered = []
    for cell in cells:
        number = next((line.number for line in lines if is_of(cell, line)), 0 if cell.model in first else None)
        if number is not None:
            numbered.append((number, cell))
    return numbered


def family_series(cells: Sequence[tuple[int, MeasuredCell]], metric: str) -> list[FamilySeries]:
    """A metric over the versions of a family: a series for each benchmark, sampling and set of problems. Of a version that
    was measured several times the newest counts: the cells come the newest first.
    """
    groups: dict[tuple[str, str, str], tuple[str, dict[int, FamilyPoint]]] = {}
    for number, cell in cells:
        if metric in cell.rows:
            _, points = groups.setdefault((cell.evaluation, cell.benchmark, cell.setting), (cell.sampling, {}))
            points.setdefault(number, _point(number, cell, cell.rows[metric]))
    series = [
        FamilySeries(evaluation, benchmark, sampling, tuple(points[number] for number in sorted(points)))
        for (evaluation, benchmark, _), (sampling, points) in groups.items()
        if any(points)  # some version beside the initial model
    ]
    return sorted(series, key=lambda one: (one.evaluation, one.benchmark, one.sampling))


def _point(number: int, cell: MeasuredCell, row: Row) -> FamilyPoint:
    return FamilyPoint(
        model=cell.model,
        number=number,
        value=float(row["value"]),
        low=float(row["low"]),
        high=float(row["high"]),
        problems=int(row.get("n") or 0),
        run=cell.run,
    )


def headline_numbers(cells: Iterable[MeasuredCell]) -> Iterator[tuple[MeasuredCell, str, Row]]:
    """The first metric of each of these cells: pass@1 if it was measured."""
    for cell in cells:
        name = family_metrics([cell])[0]
        yield cell, name, cell.rows[name]
