"""History of a dataset: each version with its change in kept rollouts from the version before, and the causes.

Read from index and manifests, so it is the same in a clone without the rows, and quick for a hundred versions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.storage.versions.diff import VersionChange, changes
from rollmill.storage.versions.read import is_here, load_manifest
from rollmill.storage.versions.resolve import VersionInfo, versions


@dataclass(frozen=True)
class VersionStep:
    """A version, the version before it, and the differences of their manifests.

    `rate`: its pass rate with interval from the manifest, `gate`: the numbers of its gate's checks with their limits,
    `drift`: its drift from `drift_from`. These three are empty in versions from before they were recorded. `mixture`: the
    reconciled counts of a mixture's sources; empty for any other version.
    """

    info: VersionInfo
    parent: VersionInfo | None
    changes: tuple[VersionChange, ...]
    rate: Mapping[str, Any]
    parent_rate: Mapping[str, Any]
    attempts: int | None
    gate: Sequence[Mapping[str, Any]]
    drift: Mapping[str, Mapping[str, Any]]
    drift_from: VersionInfo | None
    mixture: Mapping[str, Any]

    @property
    def kept_change(self) -> int | None:
        """Change in the number of kept rollouts from the version before."""
        return None if self.parent is None else self.info.kept - self.parent.kept

    @property
    def rate_change(self) -> float | None:
        """Change in the pass rate from the version before, twelve digits."""
        new, old = self.rate.get("pass_rate"), self.parent_rate.get("pass_rate")
        return None if new is None or old is None else float(f"{new - old:.12g}")

    @property
    def here(self) -> bool:
        """True if its rows are in this clone."""
        return is_here(self.info)

    @property
    def tracked(self) -> bool:
        """True with a DVC pointer to its rows."""
        return self.info.pointer.exists()

    def json(self) -> dict[str, Any]:
        """The step as plain JSON values, without the gate."""
        info = self.info
        return {
            "version": info.ref,
            "made": str(info.created_at),
            "parent": None if self.parent is None else self.parent.ref,
            "problems": info.problems,
            "rollouts": info.rows,
            "kept": info.kept,
            "kept_change": self.kept_change,
            "pass_rate": self.rate.get("pass_rate"),
            "pass_rate_change": self.rate_change,
            "drift": {kind: row["value"] for kind, row in self.drift.items()},
            "changes": [{"key": change.key, "old": change.old, "new": change.new} for change in self.changes],
            "tags": list(info.tags),
            "yanked": info.yanked,
        }


def history(datasets: Path, name: str) -> list[VersionStep]:
    """The versions of a dataset, the newest first; SetupError for an unknown dataset."""
    infos = versions(datasets, name)
    manifests = [load_manifest(info) for info in infos]
    places: dict[
        str, int
    ] = {}  # by content, the newest version so far: a recipe restored to an earlier state makes the same content again
    steps = []
    for place, (info, manifest) in enumerate(zip(infos, manifests, strict=True)):
        before = places.get(info.parent or "")
        parent: Mapping[str, Any] = {} if before is None else manifests[before]
        drift = manifest.get("drift") or {}
        moved_from = places.get(drift.get("before", ""))
        steps.append(
            VersionStep(
                info=info,
                parent=None if before is None else infos[before],
                changes=() if before is None else changes(_causes(parent), _causes(manifest)),
                rate=_rate(manifest),
                parent_rate=_rate(parent),
                attempts=(manifest.get("gate_attempts") or {}).get("attempts"),
                gate=manifest.get("gate_checks") or (),
                drift=drift.get("kinds") or {},
                drift_from=None if moved_from is None else infos[moved_from],
                mixture=manifest.get("mixture") or {},
            )
        )
        places[info.content_hash] = place
    return steps[::-1]


def _causes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe and the versions of the verifiers."""
    # By name: `flatten` takes a list for one value, which would differ as a whole.
    verifiers = {part["name"]: part["version"] for part in manifest["verifiers"] or ()}
    return {"recipe": manifest["recipe"], "verifier": verifiers}


def _rate(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    overall = manifest.get("metrics", {}).get("overall")
    return overall if isinstance(overall, Mapping) else {}
