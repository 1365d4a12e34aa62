"""The version that a mixture makes: the rows of every source with the mixture's decisions, and its manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollmill.flows.mixing.choosing import MixedRows
from rollmill.flows.mixing.mix_recipe import LoadedMixture
from rollmill.flows.mixing.mix_sources import OpenedSource
from rollmill.flows.mixing.reconciliation import SourceCounts
from rollmill.flows.mixing.signals import StoredSignals
from rollmill.flows.mixing.thresholds import KEPT, REPEATED, Sifted
from rollmill.flows.recipe.user_files import files_of, packages_of
from rollmill.ground.pool import pool_of
from rollmill.metrics import PassAtLimit, decision_counts, funnel_of
from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.versions.content.catalogue import KEYS
from rollmill.storage.versions.content.snapshot import Snapshot, sorted_by_key

SELECTOR = "mix:"
"""Begins the selector of every decision of a mixture, before the name of the row's source."""


@dataclass(frozen=True, slots=True)
class MixturePart:
    """Rows of one source that the mixture holds, as the tables of a version."""

    source: OpenedSource
    snapshot: Snapshot


def mixture_parts(
    sources: Sequence[OpenedSource], rows: Sifted, mixed: MixedRows, method: tuple[str, str]
) -> list[MixturePart]:
    """The rows of each source with their decisions; a row that another source decides on is not in it."""
    names, reasons = np.array(rows.column("source"), dtype=object), np.array(mixed.reasons, dtype=object)
    parts = []
    for source in sources:
        # The table holds the sources one after another, each in the key order of its decisions.
        mine = reasons[names == source.name]
        parts.append(MixturePart(source, _part(source, mine.tolist(), method)))
    return parts


def _part(source: OpenedSource, reasons: Sequence[str], method: tuple[str, str]) -> Snapshot:
    """A source's snapshot with these reasons, which are in the order of its decisions."""
    # The order in which the signals were computed, so that reasons and decisions match by position.
    before = sorted_by_key("decisions", source.snapshot.decisions.to_reader().read_all())
    size = len(before)
    columns = {
        **{name: before[name] for name in before.column_names},
        "selector": pa.array([f"{SELECTOR}{source.name}"] * size, pa.string()),
        "version": pa.array([" ".join(method)] * size, pa.string()),
        "kept": pa.array([reason == KEPT for reason in reasons], pa.bool_()),
        "reason": pa.array(list(reasons), pa.string()),
        "step": pa.nulls(size, pa.string()),  # sources with steps are refused
    }
    decided = pa.table([columns[name] for name in SCHEMAS["decisions"].names], schema=SCHEMAS["decisions"])
    # Two decisions on one row would break the key of the table.
    decisions = decided.filter(pa.array([reason != REPEATED for reason in reasons], pa.bool_()))
    pairs = decisions.select(["completion_id", "problem_id"])
    tables: dict[Kind, pa.Table] = {"decisions": decisions}
    keys: tuple[tuple[Kind, str], ...] = (("problems", "problem_id"), ("completions", "completion_id"))
    for kind, key in keys:
        table = source.snapshot.table(kind).to_reader().read_all()
        tables[kind] = table.filter(pc.is_in(table["id"], value_set=pc.unique(pairs[key])))
    judged: tuple[Kind, ...] = ("verdicts", "scores")
    for kind in judged:
        table = source.snapshot.table(kind).to_reader().read_all()
        mask = _among(table, pairs)
        tables[kind] = table.filter(mask)
    sent = source.snapshot.sent
    tables["sent"] = sent.filter(pc.is_in(sent["completion_id"], value_set=pc.unique(pairs["completion_id"])))
    prompts = source.snapshot.prompts
    tables["prompts"] = prompts.filter(pc.is_in(prompts["id"], value_set=pc.unique(tables["sent"]["prompt"])))
    return Snapshot(source.snapshot.name, **tables)


def _among(table: pa.Table, pairs: pa.Table) -> pa.Array:
    """Mask of the rows about one of these pairs of completion and problem."""
    # Arrow has no membership test over two columns; ids are hexadecimal, so the colon keeps them apart.
    wanted = pc.binary_join_element_wise(pairs["completion_id"], pairs["problem_id"], ":")
    return pc.is_in(pc.binary_join_element_wise(table["completion_id"], table["problem_id"], ":"), value_set=wanted)


def mixture_snapshot(loaded: LoadedMixture, parts: Sequence[MixturePart]) -> Snapshot:
    """The rows of all sources as one version, without a manifest; of equal rows the first source's is taken."""
    kinds: tuple[Kind, ...] = ("problems", "completions", "verdicts", "scores", "decisions", "prompts", "sent")
    tables = {kind: _joined(kind, [part.snapshot.table(kind) for part in parts]) for kind in kinds}
    return Snapshot(loaded.recipe.name, **tables)


def _joined(kind: Kind, tables: Sequence[pa.Table]) -> pa.Table:
    """All rows in key order, the first of those with one key."""
    table = pa.concat_tables([part.select(SCHEMAS[kind].names).cast(SCHEMAS[kind]) for part in tables])
    keys = list(KEYS[kind])
    # Two problems of a pool may share a completion, and two sources a problem: one row of each key stays.
    placed = table.select(keys).append_column("place", pa.array(range(len(table)), pa.int64()))
    first = placed.group_by(keys).aggregate([("place", "min")])["place_min"]
    return sorted_by_key(kind, table.take(first.sort() if len(first) else first))


def mixed_prefix(prefixes: Sequence[int | None]) -> int | None:
    """The completions of each problem that rates of a mixture are over, by the numbers of its sources.

    0, which gives no rate, if one has 0; else None, which takes all, if one was imported.
    """
    if 0 in prefixes:
        return 0
    # The smallest, because beyond it a source's completions were not fixed before verdicts.
    return None if None in prefixes else min(prefix for prefix in prefixes if prefix is not None)


def with_manifest(
    loaded: LoadedMixture,
    snapshot: Snapshot,
    sources: Sequence[OpenedSource],
    counts: Sequence[SourceCounts],
    mixed: MixedRows,
    signals: StoredSignals,
) -> Snapshot:
    """The snapshot with its manifest: reconciled counts, methods, and what each source was made by."""
    from rollmill.flows.curation.metrics import cost_row, rates

    pool = pool_of(snapshot.problems, snapshot.completions, snapshot.decisions)
    decided, recipe = decision_counts(pool), loaded.canonical()
    prefix = mixed_prefix([source.prefix for source in sources])
    verifiers = dict.fromkeys(pair for source in sources for pair in source.chain)
    files, packages = files_of(recipe, loaded.base), packages_of(recipe)
    manifest: dict[str, Any] = {
        "recipe": recipe,
        **({"user_files": files} if files else {}),
        **({"user_packages": packages} if packages else {}),
        "recipe_hash": loaded.recipe_hash,
        "seed": loaded.recipe.seed,
        "fingerprint": {source.name: source.snapshot.manifest.get("fingerprint", {}) for source in sources},
        "verifiers": [{"name": name, "version": version} for name, version in verifiers],
        "selector": {"name": loaded.method.name, "version": str(loaded.method.build().version)},
        "funnel": _funnel(pool, snapshot),
        "metrics": rates(pool, prefix=prefix, limit=PassAtLimit(None)),
        "cost": cost_row(snapshot, decided["kept"]),
        "counts": decided,
        "mixture": {
            "unit": loaded.recipe.unit,
            "tolerance": loaded.recipe.tolerance,
            "signals": {"digest": signals.digest, "names": signals.names()},
            "declared": sum(mixed.declared.values()),
            "kept": decided["kept"],
            "sources": [row.row() for row in counts],
            "chosen": dict(mixed.chosen),
            "made_by": {source.name: _made_by(source) for source in sources},
        },
    }
    return replace(snapshot, manifest=manifest)


def _funnel(pool: Any, snapshot: Snapshot) -> Mapping[str, Any]:
    funnel = funnel_of(pool, snapshot.threads)
    return {
        "problems": funnel.problems,
        "problems_solved": funnel.solved,
        "drawn": funnel.planned,
        **funnel.outcomes(),
        "kept": funnel.kept,
        "dropped": dict(sorted(funnel.dropped_by_reason.items())),
    }


def _made_by(source: OpenedSource) -> dict[str, Any]:
    """The recipe, policy and verifiers of a source, from which its verdicts can be made again."""
    manifest = source.snapshot.manifest
    keys = ("recipe", "recipe_hash", "user_files", "user_packages", "run", "verifiers", "policy")
    return {key: manifest[key] for key in keys if key in manifest}
