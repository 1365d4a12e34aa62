"""`rollmill contamination resplit`: a model's rate on problems like its training data, and on others."""

from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.job import workspace_root
from rollmill.ground.formats.rate_texts import with_interval


def resplit(
    name: Annotated[
        str, typer.Argument(metavar="NAME[:MODEL]", help="An evaluation, run or version, and one of its models.")
    ],
    *,
    train: Annotated[str, typer.Option("--train", metavar="NAME", help="The run or version that the model learnt from.")],
    alike: Annotated[float, typer.Option("--alike", help="Smallest share of common word runs for interpolation.")] = 0.5,
    json: AsJson = False,
) -> None:
    """Split evaluated problems by likeness to training problems, and show the rate on both parts and the gap.

    Interpolation: problems for which some training problem has at least the share --alike of their runs of three words,
    with all numbers replaced by one. Extrapolation: all other problems.

    Example: rollmill contamination resplit arithmetic-eval:tiny --train arithmetic
    """
    from rollmill.flows.contamination.resplits import ResplitRequest, resplit

    report = resplit(ResplitRequest(workspace_root(), name, train, alike))
    return as_json(report) if json else line(_page(report))


def _page(report: dict[str, Any]) -> str:
    rows = [
        [row["benchmark"], *(_part(row[part]) for part in ("interpolation", "extrapolation")), _gap(row["gap"])]
        for row in report["benchmarks"]
    ]
    head = ["benchmark", "interpolation [95%]", "extrapolation [95%]", "gap [95%]"]
    return "\n".join(
        [
            f"{report['model']} on {report['reference']}; {report['trained_problems']:,} training problems of "
            f"{report['train']}; alike from {report['alike']:g} on",
            columns(head, rows),
            "gap: interpolation less extrapolation. A model that learnt a rule has none.",
        ]
    )


def _part(part: dict[str, Any]) -> str:
    if part["value"] is None:
        return "no problem"
    return f"{with_interval(part['value'], part['low'], part['high'])} on {part['problems']:,}"


def _gap(gap: dict[str, Any] | None) -> str:
    return "-" if gap is None else with_interval(gap["value"], gap["low"], gap["high"], "+")
