"""manifest.json: what a version is and how it was made, as one JSON object. Knows nothing of where it lies.

It carries no version number (that is the index's; `dataset rebase` may change it) and no time. Floating-point metrics are
rounded to 12 significant digits, because the last ones depend on row order and threads; their makers sum by math.fsum.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from storage.records import OUTCOMES
from storage.versions.hashing import content_hash, kept_hash, scores_hash
from storage.versions.snapshot import Snapshot

MANIFEST_SCHEMA = 1
REQUIRED = ("recipe", "recipe_hash", "verifiers", "fingerprint", "funnel", "metrics")


def full_manifest(snapshot: Snapshot, parent: str | None) -> dict[str, Any]:
    """The maker's manifest completed by name, parent, counts and hashes; REQUIRED keys exist, empty if not given."""
    given = {key: twelve_digits(value) for key, value in snapshot.manifest.items()}
    return {
        **{key: "" if key == "recipe_hash" else {} for key in REQUIRED},
        **given,
        "manifest_schema": MANIFEST_SCHEMA,
        "name": snapshot.name,
        "parent": parent,
        "counts": counts(snapshot),
        "hashes": {
            "content": content_hash(snapshot),
            "kept": kept_hash(snapshot),
            "scores": scores_hash(snapshot),
        },
    }


def counts(snapshot: Snapshot) -> dict[str, Any]:
    """Rows by kind, rollouts by outcome, by decision reason and by model, and outcomes by difficulty level."""
    decisions = snapshot.decisions
    kept: list[Any] = decisions["kept"].to_pylist()
    outcomes: list[Any] = decisions["outcome"].to_pylist()
    reasons: list[Any] = decisions["reason"].to_pylist()
    return {
        "problems": snapshot.problems.num_rows,
        "rollouts": snapshot.completions.num_rows,
        "verdicts": snapshot.verdicts.num_rows,
        "scores": snapshot.scores.num_rows,
        "decisions": decisions.num_rows,
        "kept": sum(kept),
        "dropped": len(kept) - sum(kept),
        "outcomes": _sorted_counts(outcomes),
        "kept_by_reason": _sorted_counts(reason for reason, keep in zip(reasons, kept, strict=True) if keep),
        "dropped_by_reason": _sorted_counts(reason for reason, keep in zip(reasons, kept, strict=True) if not keep),
        "levels": _levels(snapshot, outcomes, kept),
        "models": _sorted_counts(snapshot.completions["model"].to_pylist()),
        "licences": _sorted_counts(value or "unknown" for value in snapshot.problems["licence"].to_pylist()),
        "sources": _sorted_counts(value or "unknown" for value in snapshot.problems["source"].to_pylist()),
    }


def twelve_digits(value: Any) -> Any:
    """A JSON value with every float at 12 significant digits; NaN and infinities become null (undefined is undefined)."""
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): twelve_digits(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [twelve_digits(item) for item in value]
    return value


def _levels(snapshot: Snapshot, outcomes: list[str], kept: list[bool]) -> dict[str, dict[str, int]]:
    level_of = dict(zip(snapshot.problems["id"].to_pylist(), _level_names(snapshot.problems), strict=True))
    problems = Counter(level_of.values())
    tallies: Counter[tuple[str, str]] = Counter()
    for problem, outcome, keep in zip(snapshot.decisions["problem_id"].to_pylist(), outcomes, kept, strict=True):
        level = level_of[problem]
        tallies[level, outcome] += 1
        tallies[level, "kept"] += keep
    return {
        level: {"problems": problems[level], **{key: tallies[level, key] for key in (*OUTCOMES, "kept")}}
        for level in sorted(problems, key=_level_order)
    }


def _level_names(problems: pa.Table) -> list[str]:
    return ["none" if level is None else str(level) for level in problems["level"].to_pylist()]


def _level_order(level: str) -> tuple[int, str]:
    return (int(level), "") if level.lstrip("-").isdigit() else (1 << 30, level)


def _sorted_counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
