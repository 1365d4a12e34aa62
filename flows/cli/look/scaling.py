"""`rollmill scaling`: the fit card of a scaling law over measured points, and predictions that the fit supports."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.ground.errors import FoundWanting
from rollmill.ground.formats.rate_texts import with_interval

if TYPE_CHECKING:
    from rollmill.stats import ScalingFit


def scaling(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Measured points: a CSV file or JSON lines.")],
    *,
    x: Annotated[str, typer.Option("--x", metavar="COLUMN", help="The size: parameters, tokens, rows.")],
    y: Annotated[str, typer.Option("--y", metavar="COLUMN", help="The loss, or an error rate, that falls with size.")],
    at: Annotated[list[float] | None, typer.Option("--at", metavar="SIZE", help="Predict the loss there.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the resamples.")] = 0,
    json: AsJson = False,
) -> None:
    """Fit loss = floor + a x^-b and show the fit card: points, choices, intervals, held-out error, other choices.

    A fit with a large held-out error or too few sizes predicts nothing, and no fit predicts beyond ten times the largest
    size: exit status 1.

    Example: rollmill scaling losses.csv --x parameters --y loss --at 1e8
    """
    from rollmill.stats import fit_scaling

    points = read_points(file, x, y)
    fit = fit_scaling(points, seed=seed)
    report = {"file": str(file), "x": x, "y": y, **_card(fit), "predictions": [_prediction(fit, size) for size in at or ()]}
    if json:
        as_json(report)
    else:
        line(_page(report))
    absent = sum(row["value"] is None for row in report["predictions"])
    if fit.refused or absent:
        what = "no prediction" if fit.refused else f"no prediction at {absent} of {len(report['predictions'])} sizes"
        raise FoundWanting(f"the points of {file} support {what}.")


def read_points(file: Path, x: str, y: str) -> list[tuple[float, float]]:
    """The points of a file; SetupError for a row without one of the two numbers."""
    from rollmill.storage.imports.reading.number_cells import number_at
    from rollmill.storage.imports.reading.readers import read_rows

    return [(number_at(file, row, x, positive=True), number_at(file, row, y, positive=True)) for row in read_rows(file)]


def _card(fit: "ScalingFit") -> dict[str, Any]:
    from rollmill.ground.ids import digits

    def number(value: float) -> float | None:
        return None if math.isnan(value) else digits(value)

    return {
        **{name: getattr(fit, name) for name in ("form", "weights", "loss", "optimiser", "starts", "interval")},
        **{name: number(getattr(fit, name)) for name in ("floor", "a", "b", "misfit", "held_out")},
        "floor_interval": [number(end) for end in fit.floor_interval],
        "b_interval": [number(end) for end in fit.b_interval],
        "exponents": {name: number(value) for name, value in fit.exponents.items()},
        "points": [list(point) for point in fit.points],
        "refused": list(fit.refused),
    }


def _prediction(fit: "ScalingFit", size: float) -> dict[str, Any]:
    from rollmill.ground.ids import digits

    try:
        estimate = fit.predict(size)
    except ValueError as error:
        return {"at": size, "value": None, "low": None, "high": None, "why": str(error)}
    return {"at": size, **{name: digits(getattr(estimate, name)) for name in ("value", "low", "high")}, "why": ""}


def _page(report: Mapping[str, Any]) -> str:
    sizes = [size for size, _ in report["points"]]
    points = f"{len(sizes)} points, {report['x']} {min(sizes):g} to {max(sizes):g}"
    rows = [["form", report["form"]], ["points", points]]
    rows += [[name, report[name]] for name in ("weights", "loss", "optimiser", "starts", "interval")]
    if report["b"] is not None:
        rows += [
            ["b", with_interval(report["b"], *report["b_interval"])],
            ["floor", with_interval(report["floor"], *report["floor_interval"])],
            ["misfit", f"{report['misfit']:.2%} of the loss"],
            ["held-out error", f"{report['held_out']:.2%} at the largest size, fitted without the largest quarter"],
            *([f"b: {name}", f"{value:.3f}"] for name, value in report["exponents"].items()),
        ]
    lines = [columns(["fit card", f"{report['y']} over {report['x']}"], rows)]
    lines += [f"Refused: {reason}. Nothing is predicted." for reason in report["refused"]]
    for row in report["predictions"]:
        value = (
            f"not predicted: {row['why']}" if row["value"] is None else with_interval(row["value"], row["low"], row["high"])
        )
        lines.append(f"{report['y']} at {row['at']:g}: {value}")
    return "\n".join(lines)
