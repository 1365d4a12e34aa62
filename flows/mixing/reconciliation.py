"""Reconciliation of a mixture: for every source the declared number against the rows that were read, dropped and kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rollmill.flows.mixing.choosing import ALL, MixedRows
from rollmill.flows.mixing.mix_recipe import LoadedMixture
from rollmill.flows.mixing.mix_sources import OpenedSource
from rollmill.flows.mixing.thresholds import KEPT, Sifted
from rollmill.ground.errors import FoundWanting


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """Counts of one source. `rows`: those that it kept itself; they are `kept` plus those `dropped`, by reason.

    `declared`: the number of rows that the mixture declares of it, None where only the whole size is declared. `share`: its
    share of the kept rows. `missed`: rows that miss each threshold, whichever they miss first.
    """

    source: str
    ref: str
    identity: str
    declared: int | None
    declared_share: float | None
    rows: int
    kept: int
    share: float
    dropped: Mapping[str, int]
    missed: Mapping[str, int]
    licences: Sequence[str]

    def row(self) -> dict[str, Any]:
        """The counts as JSON values."""
        return asdict(self)


class CountsDiffer(FoundWanting):
    """A mixture whose actual counts are not the declared ones."""


def reconciled(sources: Sequence[OpenedSource], rows: Sifted, mixed: MixedRows) -> list[SourceCounts]:
    """The counts of every source; RuntimeError if they do not add up, which would be our bug."""
    kept_there, reasons = rows.column("source_kept"), mixed.reasons
    licences: dict[str, set[str]] = {source.name: set() for source in sources}
    counted: dict[str, Counter[str]] = {source.name: Counter() for source in sources}
    for name, there, reason, licence in zip(
        rows.column("source"), kept_there, reasons, rows.column("licence"), strict=True
    ):
        if there:
            counted[name][reason] += 1
            if reason == KEPT:
                licences[name].add(licence or "unknown")
    total = sum(counts[KEPT] for counts in counted.values())
    declared_total = sum(mixed.declared.values())
    reconciled = []
    for source in sources:
        counts = counted[source.name]
        declared = mixed.declared.get(source.name)
        reconciled.append(
            SourceCounts(
                source=source.name,
                ref=source.ref,
                identity=source.identity,
                declared=declared,
                declared_share=None if declared is None or not declared_total else declared / declared_total,
                rows=sum(counts.values()),
                kept=counts[KEPT],
                share=counts[KEPT] / total if total else 0.0,
                dropped={reason: count for reason, count in sorted(counts.items()) if reason != KEPT},
                missed=dict(rows.missed[source.name]),
                licences=sorted(licences[source.name]),
            )
        )
    # Counted in two ways, by source and over the table, so that no row is lost between them.
    if sum(counts.rows for counts in reconciled) != sum(map(bool, kept_there)):
        raise RuntimeError("the sources' counts do not add up to the rows of the signal table")
    return reconciled


def require_declared(loaded: LoadedMixture, counts: Sequence[SourceCounts], mixed: MixedRows) -> None:
    """CountsDiffer naming each source whose rows are not those declared; by more than the tolerance, for whole units."""
    stated = {name: source.rows for name, source in loaded.recipe.sources.items() if source.rows is not None}
    wrong = [
        f"source {row.source!r} ({row.ref}) is said to have {stated[row.source]:,} rows and has {row.rows:,}"
        for row in counts
        if row.source in stated and stated[row.source] != row.rows
    ]
    # `ALL` holds a space, so it is the name of no source.
    actual = {row.source: row.kept for row in counts} | {ALL: sum(row.kept for row in counts)}
    for name, declared in mixed.declared.items():
        # With the default tolerance of 0 the numbers must be equal.
        if abs(actual[name] - declared) > loaded.recipe.tolerance * declared:
            wrong.append(_difference(name, declared, actual[name], mixed))
    if wrong:
        raise CountsDiffer(
            f"the mixture is not what it declares: {'; '.join(wrong)}. Nothing is published.",
            next_command=f"rollmill mix RECIPE --signals shows what thresholds leave; {_remedy(loaded)}",
        )


def _difference(name: str, declared: int, actual: int, mixed: MixedRows) -> str:
    free = sum(mixed.free.values()) if name == ALL else mixed.free[name]
    label = "the mixture" if name == ALL else f"source {name!r}"
    return f"{label} declares {declared:,} rows and gives {actual:,} ({free:,} meet its thresholds)"


def _remedy(loaded: LoadedMixture) -> str:
    if loaded.recipe.unit != "row":
        return "or a tolerance, for units of several rows do not fill every number"
    return "or smaller numbers"
