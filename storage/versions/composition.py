"""Contents of a version, as input to measures of drift.

Narrow columns only: a text is read for its hash and not kept, so a million rollouts are some 100 MB.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rollmill.ground.pool import KEPT, STRATA, Composition, Flags, Ints, Pool, pool_of
from rollmill.ground.recipe_steps import first_step, step_column
from rollmill.storage.segments.instance import closed
from rollmill.storage.versions.read import fixed_prefix, load_manifest, open_version, reading
from rollmill.storage.versions.resolve import VersionInfo

if TYPE_CHECKING:
    import duckdb

    from rollmill.storage.versions.content.snapshot import Snapshot

_PROBLEMS = f"SELECT id, {', '.join(STRATA)} FROM problems"  # noqa: S608 (our own names)
_COMPLETIONS = "SELECT id, model, sample_index, tokens_out, hash(prompt_id, text) AS row FROM {name}"
_DECISIONS = "SELECT problem_id, completion_id, kept, reason, outcome, {step} FROM decisions"


def version_composition(info: VersionInfo) -> Composition:
    """Contents of a published version; SetupError if its rows are not in this clone."""
    manifest = load_manifest(info)
    with reading(info), open_version(info) as connection:
        return _composition(connection, "rollouts", manifest)


def snapshot_composition(snapshot: "Snapshot") -> Composition:
    """Contents of a version before its publication."""
    with closed() as connection:
        for kind in ("problems", "completions", "decisions"):
            connection.register(kind, snapshot.table(kind).to_reader())
        return _composition(connection, "completions", snapshot.manifest)


def _composition(connection: "duckdb.DuckDBPyConnection", completions: str, manifest: Mapping[str, Any]) -> Composition:
    columns = {row[0] for row in connection.execute("DESCRIBE decisions").fetchall()}
    step = f"{step_column(columns)} AS step"
    rollouts = connection.sql(_COMPLETIONS.format(name=completions)).to_arrow_table()
    pool = pool_of(
        connection.sql(_PROBLEMS).to_arrow_table(), rollouts, connection.sql(_DECISIONS.format(step=step)).to_arrow_table()
    )
    measured = pool.measured(fixed_prefix(manifest), first_step(manifest.get("recipe", {})))
    return Composition(measured, _repeated(measured, np.asarray(rollouts["row"], dtype=np.uint64).view(np.int64)))


def _repeated(pool: Pool, row: Ints) -> Flags:
    """Mask of the kept rollouts with the prompt and the text of an earlier kept one."""
    kept = np.flatnonzero((pool.kept == KEPT) & (pool.completion >= 0))
    repeated = np.ones(len(kept), dtype=bool)
    repeated[np.unique(row[pool.completion[kept]], return_index=True)[1]] = False
    flags = np.zeros(len(pool), dtype=bool)
    flags[kept] = repeated
    return flags
