"""manifest.json: content and origin of a version as one JSON object, and checks of the version's files against it.

It has no version number (that is in the index; `dataset rebase` may change it) and no time. Floating-point metrics are
rounded to 12 significant digits, because the last ones depend on row order and threads; their makers sum by math.fsum.
Decisions are counted by rollmill.metrics and passed in by the maker; rows of the tables are counted here.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rollmill.ground.errors import FoundWanting
from rollmill.ground.id_keys import id_keys, places
from rollmill.ground.pool import unjudged_completions
from rollmill.storage.artifacts.digests import digest
from rollmill.storage.artifacts.index import manifest_copy
from rollmill.storage.versions.content.catalogue import OPTIONAL
from rollmill.storage.versions.content.hashing import content_hash, kept_hash, scores_hash
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.read import TEXTS, load_manifest, most_bytes, require_published
from rollmill.storage.versions.resolve import VersionInfo

MANIFEST_SCHEMA = 1
REQUIRED = ("recipe", "recipe_hash", "verifiers", "fingerprint", "funnel", "metrics")
NEWER_COUNTS = frozenset({"models", "splits"})  # missing in versions published before these keys existed


def full_manifest(snapshot: Snapshot, parent: str | None) -> dict[str, Any]:
    """The maker's manifest completed with name, parent, row counts and hashes; REQUIRED keys exist, empty if not given.

    Its `counts` must be there already, from rollmill.metrics.decision_counts; RuntimeError for counts of other
    decisions.
    """
    given = {key: twelve_digits(value) for key, value in snapshot.manifest.items()}
    counts = {**given["counts"], **row_counts(snapshot)}
    # The sum of no rows is null.
    kept = pc.sum(snapshot.decisions["kept"]).as_py() or 0
    if counts["kept"] != kept or kept + counts["dropped"] != counts["decisions"]:
        raise RuntimeError(f"{counts['kept']} kept and {counts['dropped']} dropped rollouts are not those of the decisions")
    return {
        **{key: "" if key == "recipe_hash" else {} for key in REQUIRED},
        **given,
        "manifest_schema": MANIFEST_SCHEMA,
        "name": snapshot.name,
        "parent": parent,
        "counts": counts,
        "hashes": {
            "content": content_hash(snapshot),
            "kept": kept_hash(snapshot),
            "scores": scores_hash(snapshot),
        },
    }


def row_counts(snapshot: Snapshot) -> dict[str, Any]:
    """Rows by kind; completions by model, problems by licence and by source, kept rollouts by split. `unjudged`: those of
    unjudged steps, which are no rollouts.
    """
    unjudged = pc.count_distinct(unjudged_completions(snapshot.threads)).as_py()
    columns = {
        "models": snapshot.completions["model"],
        "licences": snapshot.problems["licence"],
        "sources": snapshot.problems["source"],
    }
    return {
        "problems": snapshot.problems.num_rows,
        "rollouts": snapshot.completions.num_rows - unjudged,
        # No key for 0: `disagreements` would miss it in manifests from before steps.
        **({"unjudged": unjudged} if unjudged else {}),
        "verdicts": snapshot.verdicts.num_rows,
        "scores": snapshot.scores.num_rows,
        "decisions": snapshot.decisions.num_rows,
        **{kind: rows for kind in sorted(OPTIONAL) if (rows := snapshot.table(kind).num_rows)},
        **{name: _counted(column) for name, column in columns.items()},
        "splits": kept_by_split(snapshot),
    }


def kept_by_split(snapshot: Snapshot) -> dict[str, int]:
    """Number of kept rollouts by their problem's split; an empty name for problems without one."""
    owners = snapshot.decisions["problem_id"].filter(pc.fill_null(snapshot.decisions["kept"], fill_value=False))
    known = places(id_keys(owners), id_keys(snapshot.problems["id"]))
    counts = Counter(pc.fill_null(snapshot.problems["split"], "").take(pa.array(known)).to_pylist())
    return dict(sorted(counts.items()))


def _counted(column: pa.ChunkedArray) -> dict[str, int]:
    """Number of rows by text of a column; null and an empty text count as unknown."""
    counts: Counter[str] = Counter()
    # Added up, as null and an empty text are two values of the column.
    for row in column.value_counts().to_pylist():
        counts[row["values"] or "unknown"] += row["counts"]
    return dict(sorted(counts.items()))


def twelve_digits(value: Any) -> Any:
    """A JSON value with every float at 12 significant digits; NaN and infinities become null (undefined)."""
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): twelve_digits(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [twelve_digits(item) for item in value]
    return value


def disagreements(info: VersionInfo, snapshot: Snapshot, decisions: Mapping[str, Any]) -> Iterator[str]:
    """Differences of the index and the counts from the manifest and the rows.

    `decisions`: the current result of rollmill.metrics.decision_counts for the version.
    """
    manifest = snapshot.manifest
    hashes, recorded = manifest["hashes"], manifest["counts"]
    for name, indexed, known in (
        ("content_hash", info.content_hash, hashes["content"]),
        ("kept_hash", info.kept_hash, hashes["kept"]),
        ("scores_hash", info.scores_hash, hashes["scores"]),
        ("recipe_hash", info.recipe_hash, str(manifest["recipe_hash"])),
        ("parent", info.parent, manifest["parent"]),
        ("problems", info.problems, recorded["problems"]),
        ("rows", info.rows, recorded["rollouts"]),
        ("kept", info.kept, recorded["kept"]),
    ):
        if indexed != known:
            yield f"the index says {name} {_short(indexed)}, the manifest {_short(known)}"
    for name, known in (row_counts(snapshot) | dict(decisions)).items():
        if recorded.get(name) != known and not (name in NEWER_COUNTS and name not in recorded):
            yield f"the manifest counts {name} {_short(recorded.get(name))}, the rows {_short(known)}"
    if not (copy := manifest_copy(info.path.parent.parent, info.name, info.folder)).exists():
        yield f"{copy} is missing"


def changed_files(info: VersionInfo) -> Iterator[str]:
    """The files that differ from the published ones; older versions lack the digest of some. Reads no row."""
    known = load_manifest(info).get("files", {})
    copy = manifest_copy(info.path.parent.parent, info.name, info.folder)
    published = {"manifest.json": digest(copy) if copy.exists() else "", **dict.fromkeys(TEXTS, ""), **known}
    changed = False
    for name, wanted in published.items():
        path = info.path / name
        if not path.is_file():
            changed = True
            yield f"{name} is missing"
        elif wanted and digest(path, most=most_bytes(info, name)) != wanted:
            changed = True
            yield f"{name} is not the one that was published"
    if not changed:
        try:
            require_published(info)  # by DVC's pointer, and the shards of rows
        except FoundWanting as error:
            yield error.message


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:16]}..."
