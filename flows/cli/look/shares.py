"""`rollmill shares`: shares of the sources of a mixture, proposed from pilots at other shares and sizes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.job import workspace_root
from rollmill.ground.errors import SetupError

PilotsOf = Annotated[
    str, typer.Argument(metavar="FILE|TRIAL", help="A file of shares and losses, or a trial whose arms are mixtures.")
]
SourcesOf = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="NAME=VERSION", help="Rows of a source, for the law `transport`; one for each."),
]


def shares(  # noqa: PLR0913 (a verb's parameters are its options)
    pilots: PilotsOf,
    *,
    loss: Annotated[str, typer.Option("--loss", metavar="COLUMN", help="Column of a file with the loss.")] = "loss",
    size: Annotated[str, typer.Option("--size", metavar="COLUMN", help="Column of a file with rows or tokens.")] = "size",
    at: Annotated[
        float | None, typer.Option("--at", metavar="SIZE", help="Size to propose shares for; the pilots' largest.")
    ] = None,
    source: SourcesOf = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="VERSION", help="Rows like those that the loss is measured on.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the samples of rows.")] = 0,
    json: AsJson = False,
) -> None:
    """Propose shares of a mixture's sources from pilots: trainings at some shares, with the loss of each.

    All columns of a file except loss and size are shares. Laws: a quadratic form, power laws of single sources, and, with
    --source and --target, transport distances to the target (projektor). Each is tested on pilots that it did not see.
    Shares for another size need pilots of two sizes. Proposed shares lie between those of the pilots.

    Example: rollmill shares recipes/mixtures/pilots.csv --at 400
    """
    from rollmill.flows.mixing.pilot_files import pilots_of_file, pilots_of_trial
    from rollmill.flows.mixing.proposal import laws_of, proposed
    from rollmill.flows.recipe.shipped import fetch_command

    root, file = workspace_root(), Path(pilots)
    if not file.is_file() and (following := fetch_command(file)) is not None:
        raise SetupError(f"no file {file}.", next_command=following)
    measured = pilots_of_file(file, loss, size) if file.is_file() else pilots_of_trial(root, pilots)
    row = proposed(measured, laws_of(root, measured, _pairs(source or ()), target, seed), at)
    return as_json(row) if json else line(_page(row))


def _pairs(texts: Any) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, sign, version = text.partition("=")
        if not sign or not name or not version:
            raise SetupError(f"--source {text!r} is not NAME=VERSION.", next_command="--source hard=arithmetic@v1")
        pairs[name] = version
    return pairs


def _page(row: Mapping[str, Any]) -> str:
    known = [law for law in row["laws"] if not law["why"]]
    head = ["law", "held-out error [95%]", "n", *row["sources"], "loss there", "at equal shares"]
    table = [
        [
            law["law"],
            _error(law),
            law["n"],
            *(f"{law['shares'][name]:.3f}" for name in row["sources"]),
            f"{law['loss']:.4g}",
            f"{law['equal_shares']:.4g}",
        ]
        for law in known
    ]
    lines = [
        f"{row['pilots']} pilots of size {', '.join(f'{size:g}' for size in row['sizes'])}; the spread of their losses is "
        f"{row['spread']:.4g}. Proposed for size {row['at']:g}:",
        *([columns(head, table)] if table else []),
        *(f"{law['law']}: {law['why']}" for law in row["laws"] if law["why"]),
    ]
    best = row["best_pilot"]
    measured = ", ".join(f"{name} {share:.3f}" for name, share in best["shares"].items())
    lines.append(f"The best pilot: {measured}, loss {best['loss']:.4g}.")
    tested = [law for law in known if law["held_out"] is not None]
    if tested and tested[0]["held_out"] < row["spread"]:
        chosen = ", ".join(f"{name}: {{share: {share}}}" for name, share in tested[0]["shares"].items())
        lines.append(f"Next: rollmill mix RECIPE with sources of these shares, and a training on it: {chosen}")
    elif known:
        lines.append("No law errs less than the pilots' losses differ: take the best pilot, or more pilots.")
    return "\n".join(lines)


def _error(law: Mapping[str, Any]) -> str:
    if law["held_out"] is None:
        return "not known"
    ends = "" if law["interval"] is None else " [{:.4g}, {:.4g}]".format(*law["interval"])
    return f"{law['held_out']:.4g}{ends}"
