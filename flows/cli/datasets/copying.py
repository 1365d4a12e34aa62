"""`rollmill contamination copying`: whether generated problems crowd around training problems."""

from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, inert, line
from rollmill.flows.job import workspace_root
from rollmill.ground.formats.rate_texts import with_interval

_LONGEST = 100  # characters of a prompt


def copying(  # noqa: PLR0913 (a verb's parameters are its options)
    generated: Annotated[str, typer.Argument(help="Generated problems: a dataset, a run, an import or a file.")],
    *,
    train: Annotated[str, typer.Option("--train", metavar="NAME", help="Problems that may be copied; the same forms.")],
    held_out: Annotated[
        str, typer.Option("--held-out", metavar="NAME", help="Problems like these that the generator never saw.")
    ],
    ratio: Annotated[
        float, typer.Option("--ratio", help="Least ratio of generated to held-out share around a copied problem.")
    ] = 20.0,
    most: Annotated[
        float, typer.Option("--most", help="Largest share of held-out problems around a copied problem.")
    ] = 0.05,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the halves that choose and report.")] = 0,
    json: AsJson = False,
) -> None:
    """Show the share of generated problems near training problems where held-out problems are rare, with an interval.

    Distances are between TF-IDF vectors of prompts. The share of held-out problems there is the rate without copying.

    Example: rollmill contamination copying made.jsonl --train train.jsonl --held-out fresh.jsonl
    """
    from rollmill.flows.contamination.copying import CopyingRequest, copying
    from rollmill.pipelines.contamination.local_copies import CopyBounds

    report = copying(CopyingRequest(workspace_root(), generated, train, held_out, CopyBounds(ratio, most), seed))
    return as_json(report) if json else line(_page(report))


def _page(report: dict[str, Any]) -> str:
    rates = [
        [name, with_interval(part["value"], part["low"], part["high"]), f"{part['n']:,}"]
        for name, part in ((report["generated"], report["rate"]), (report["held_out"], report["rate_of_held_out"]))
    ]
    lines = [
        f"{report['copied_problems']:,} of {report['trained_problems']:,} problems of {report['train']} are copied: "
        f"{report['ratio']:g} times as dense",
        columns(["problems", "in such places [95%]", "n"], rates),
        *(f"  {inert(row['prompt'][:_LONGEST])}" for row in report["tightest"]),
    ]
    return "\n".join(lines)
