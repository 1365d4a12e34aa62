"""`rollmill origins`: how far the references of made problems are to be trusted, by where they came from."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.job import workspace_root
from rollmill.ground.formats.rate_texts import interval_text, rate_text

HEAD = ["reference", "by", "problems", "agreement", "computed again", "wrong", "95%", "solved again", "wrong", "95%"]


def origins(
    source: Annotated[str, typer.Argument(metavar="DATASET|RUN", help="NAME, NAME@v2 or a run's id.")],
    *,
    least: Annotated[
        float, typer.Option("--least", help="The share of the completions that must agree to contradict a reference.")
    ] = 0.75,
    json: AsJson = False,
) -> None:
    """Origins of the problems' references, and how often recomputing or solving them again contradicts them.

    Contradictions by completions are as reliable as their model. A model rarely contradicts references that it elected
    itself.

    Example: rollmill origins composed
    """
    from rollmill.flows.evaluation.reference_origins import reference_origins

    report = reference_origins(workspace_root(), source, least=least)
    return as_json(report) if json else line(_page(report))


def _page(report: Mapping[str, Any]) -> str:
    rows = [_cells_of(row) for row in report["origins"]]
    return "\n".join(
        [
            f"{report['of']}: {report['problems']:,} problems.",
            columns(HEAD, rows),
            f"Solved again: problems on whose answer at least {report['least']:g} of the completions agree. Intervals over "
            "templates.",
        ]
    )


def _cells_of(row: Mapping[str, Any]) -> list[Any]:
    named = [row["origin"], row["by"], row["problems"], _number(row["agreement"])]
    return [*named, *_cells(row["computed_again"]), *_cells(row["solved_again"])]


def _cells(estimate: Mapping[str, Any] | None) -> list[str]:
    if estimate is None:
        return ["0", "-", "-"]
    return [f"{estimate['n']:,}", _number(estimate["value"]), interval_text(estimate["low"], estimate["high"])]


def _number(value: float | None) -> str:
    return "-" if value is None else rate_text(value)
