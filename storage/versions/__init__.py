"""Dataset versions: immutable, content-addressed folders with a git-tracked index. See the modules for each part."""

from storage.versions.diff import VersionDiff, describe, diff
from storage.versions.hashing import content_hash, kept_hash, scores_hash
from storage.versions.index import Index, dataset_names, load_index
from storage.versions.ledger import reindex
from storage.versions.marks import sign_off, tag, untag, unyank, yank
from storage.versions.publish import Published, finish_interrupted, publish
from storage.versions.read import load_manifest, load_snapshot, materialise, open_version
from storage.versions.repair import Rebased, rebase
from storage.versions.resolve import VersionInfo, resolve, versions
from storage.versions.snapshot import Snapshot

__all__ = [
    "Index",
    "Published",
    "Rebased",
    "Snapshot",
    "VersionDiff",
    "VersionInfo",
    "content_hash",
    "dataset_names",
    "describe",
    "diff",
    "finish_interrupted",
    "kept_hash",
    "load_index",
    "load_manifest",
    "load_snapshot",
    "materialise",
    "open_version",
    "publish",
    "rebase",
    "reindex",
    "resolve",
    "scores_hash",
    "sign_off",
    "tag",
    "untag",
    "unyank",
    "versions",
    "yank",
]
