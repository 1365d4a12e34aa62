"""How a dataset came to be: each version with what it keeps more or less than the one before it, and what had changed.

Read from index and manifests, so it is the same in a clone without the rows, and quick for a hundred versions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.versions.diff import Change, changes
from storage.versions.read import is_here, load_manifest, pointer
from storage.versions.resolve import VersionInfo, versions


@dataclass(frozen=True)
class Step:
    """A version, the one before it, and what its manifest has other than that one's.

    `rate`: its pass rate with interval as the manifest has it, `gate`: the numbers of its gate's checks with their ends,
    `drift`: how far it moved, from `drift_from`. The last three are empty in versions of before they were recorded.
    """

    info: VersionInfo
    parent: VersionInfo | None
    changes: tuple[Change, ...]
    rate: Mapping[str, Any]
    parent_rate: Mapping[str, Any]
    attempts: int | None
    gate: Sequence[Mapping[str, Any]]
    drift: Mapping[str, Mapping[str, Any]]
    drift_from: VersionInfo | None

    @property
    def kept_change(self) -> int | None:
        """How many rollouts more are kept than in the version before."""
        return None if self.parent is None else self.info.kept - self.parent.kept

    @property
    def rate_change(self) -> float | None:
        """The pass rate less that of the version before, twelve digits."""
        new, old = self.rate.get("pass_rate"), self.parent_rate.get("pass_rate")
        return None if new is None or old is None else float(f"{new - old:.12g}")

    @property
    def here(self) -> bool:
        """Whether its rows are in this clone."""
        return is_here(self.info)

    @property
    def tracked(self) -> bool:
        """Whether DVC has a pointer to its rows."""
        return pointer(self.info).exists()

    def json(self) -> dict[str, Any]:
        """As plain JSON values, without the gate."""
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


def history(datasets: Path, name: str) -> list[Step]:
    """The versions of a dataset, the newest first; SetupError where there is no such dataset."""
    infos = versions(datasets, name)
    manifests = [load_manifest(info) for info in infos]
    places: dict[str, int] = {}  # by content, the newest version so far: a recipe that returns makes the same content again
    steps = []
    for place, (info, manifest) in enumerate(zip(infos, manifests, strict=True)):
        before = places.get(info.parent or "")
        parent: Mapping[str, Any] = {} if before is None else manifests[before]
        drift = manifest.get("drift") or {}
        moved_from = places.get(drift.get("before", ""))
        steps.append(
            Step(
                info=info,
                parent=None if before is None else infos[before],
                changes=() if before is None else changes(_causes(parent), _causes(manifest)),
                rate=_rate(manifest),
                parent_rate=_rate(parent),
                attempts=(manifest.get("gate_attempts") or {}).get("attempts"),
                gate=manifest.get("gate_checks") or (),
                drift=drift.get("kinds") or {},
                drift_from=None if moved_from is None else infos[moved_from],
            )
        )
        places[info.content_hash] = place
    return steps[::-1]


def _causes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe and the versions of the verifiers."""
    verifiers = {part["name"]: part["version"] for part in manifest["verifiers"] or ()}
    return {"recipe": manifest["recipe"], "verifier": verifiers}


def _rate(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    overall = manifest.get("metrics", {}).get("overall")
    return overall if isinstance(overall, Mapping) else {}
