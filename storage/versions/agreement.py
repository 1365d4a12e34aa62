"""Whether the files of a version say the same: index, manifest, its git-tracked copy, counts of the rows, card and report.

Each difference is one sentence for a person; no difference, no sentence. Hashes of the rows are recomputed elsewhere.
"""

from collections.abc import Iterator

from storage.ids import sha256_text
from storage.json_files import read_object
from storage.versions.index import manifest_copy
from storage.versions.manifest import counts
from storage.versions.read import TEXTS
from storage.versions.resolve import VersionInfo
from storage.versions.snapshot import Snapshot

NEWER_COUNTS = frozenset({"models"})  # versions published before there were these lack them


def disagreements(info: VersionInfo, snapshot: Snapshot) -> Iterator[str]:
    """What index, manifest copy and counts say otherwise than the manifest and the rows do."""
    manifest = snapshot.manifest
    hashes, recorded = manifest["hashes"], manifest["counts"]
    for name, said, known in (
        ("content_hash", info.content_hash, hashes["content"]),
        ("kept_hash", info.kept_hash, hashes["kept"]),
        ("scores_hash", info.scores_hash, hashes["scores"]),
        ("recipe_hash", info.recipe_hash, str(manifest["recipe_hash"])),
        ("parent", info.parent, manifest["parent"]),
        ("problems", info.problems, recorded["problems"]),
        ("rows", info.rows, recorded["rollouts"]),
        ("kept", info.kept, recorded["kept"]),
    ):
        if said != known:
            yield f"the index says {name} {_short(said)}, the manifest {_short(known)}"
    for name, known in counts(snapshot).items():
        if recorded.get(name) != known and not (name in NEWER_COUNTS and name not in recorded):
            yield f"the manifest counts {name} {_short(recorded.get(name))}, the rows {_short(known)}"
    copy = manifest_copy(info.path.parent.parent, info.name, info.folder)
    if not copy.exists():
        yield f"{copy} is missing"
    elif read_object(copy, next_command=f"git checkout -- {copy}") != manifest:
        yield f"{copy} differs from the manifest in the version's folder"


def changed_files(info: VersionInfo, snapshot: Snapshot) -> Iterator[str]:
    """The card and the report, where they are not what was published; older versions have no digest of them."""
    known = snapshot.manifest.get("files", {})
    for name in TEXTS:
        path = info.path / name
        if not path.is_file():
            yield f"{name} is missing"
        elif name in known and sha256_text(path.read_text(encoding="utf-8", errors="replace")) != known[name]:
            yield f"{name} is not the one that was published"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:16]}..."
