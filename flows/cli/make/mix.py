"""`rollmill mix`: one dataset version of several sources with declared shares."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.flows.cli.recipe import ProfilePath, RecipePath, Sets, TrustCode

if TYPE_CHECKING:
    from rollmill.flows.job import Job
    from rollmill.flows.mixing.mix_job import MixtureRows
    from rollmill.flows.mixing.mix_recipe import LoadedMixture

Signals = Annotated[bool, typer.Option("--signals", help="List the signals with their values instead; publish nothing.")]


def mix(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: RecipePath,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    signals: Signals = False,
    trust_code: TrustCode = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Mix versions, runs and imports into one dataset version, each with its declared share. Draws nothing.

    Signals of all rows are computed once and stored, so another threshold, share or method recomputes none. The decision on
    every row is stored, and a mixture whose counts are not the declared ones is not published.

    Example: rollmill mix recipes/mixtures/hard.yaml --dry-run
    """
    from rollmill.flows.job import Job
    from rollmill.flows.mixing.mix_recipe import load_mixture
    from rollmill.pipelines.own_code import trusting

    job = Job.here(recipe, tuple(sets or ()), profile, verb="mix")
    loaded = load_mixture(Path(job.recipe), sets=job.sets)
    with trusting(trust_code or ()):
        _mix(job, loaded, signals=signals, dry_run=dry_run, json=json)


def _mix(job: "Job", loaded: "LoadedMixture", *, signals: bool, dry_run: bool, json: bool) -> None:
    from rollmill.flows.cli.jobs import run_job
    from rollmill.flows.mixing.mix_job import Mixture, outcome_row
    from rollmill.flows.mixing.reconciliation import require_declared

    if signals:
        rows = _signals(job, loaded)
        return as_json(rows) if json else line(_table(rows))
    if dry_run:
        chosen = _preview(job, loaded)
        row = outcome_row(loaded, chosen)
        as_json(row) if json else line(_page(row))
        require_declared(loaded, chosen.counts, chosen.mixed)
        return None if json else line("Nothing was published. Next: the same without --dry-run")
    return run_job(Mixture(job, loaded), _published, json=json)


def _preview(job: "Job", loaded: "LoadedMixture") -> "MixtureRows":
    from rollmill.flows.mixing.mix_job import chosen_rows
    from rollmill.storage.workspace import Workspace

    with Workspace.open(Path(job.workspace)) as workspace:
        return chosen_rows(workspace, loaded)


def _signals(job: "Job", loaded: "LoadedMixture") -> list[dict[str, Any]]:
    from rollmill.flows.mixing.mix_sources import open_sources
    from rollmill.flows.mixing.signal_values import signal_rows
    from rollmill.flows.mixing.signals import signals_of
    from rollmill.storage.workspace import Workspace

    with Workspace.open(Path(job.workspace)) as workspace:
        return signal_rows(signals_of(workspace, loaded, open_sources(workspace, loaded)))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ("source", "signal", "rows", "missing", "least", "1 of 10", "median", "9 of 10", "most", "commonest")
    keys = ("source", "signal", "rows", "missing", "least", "tenth", "median", "ninth", "most", "commonest")
    return columns(head, [["" if row[key] is None else row[key] for key in keys] for row in rows])


def _published(outcome: dict[str, Any]) -> str:
    ref = f"{outcome['dataset']}@v{outcome['version']}"
    return "\n".join([*outcome["messages"], _page(outcome), f"Next: rollmill dataset show {ref}"])


def _page(row: Mapping[str, Any]) -> str:
    """Declared and actual counts of each source, and the reasons of dropped rows."""
    head = ("source", "of", "declared", "rows", "kept", "share", "dropped")
    rows = [
        (
            part["source"],
            part["ref"],
            "" if part["declared"] is None else part["declared"],
            part["rows"],
            part["kept"],
            f"{part['share']:.3f}",
            ", ".join(f"{count:,} {reason}" for reason, count in part["dropped"].items()),
        )
        for part in row["sources"]
    ]
    rows.append(("all", "", row["declared"], sum(part["rows"] for part in row["sources"]), row["kept"], "", ""))
    stored = "computed and stored" if row["signals"]["made"] else "read"
    return f"{columns(head, rows)}\nsignals {row['signals']['digest'][:12]}: {stored}"
