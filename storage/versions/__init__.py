"""Dataset versions: immutable, content-addressed folders with a git-tracked index. See the modules for each part."""

from storage.versions.hashing import content_hash, kept_hash, scores_hash
from storage.versions.index import dataset_names
from storage.versions.publish import Publication, finish_interrupted, publish
from storage.versions.read import load_manifest, load_snapshot, open_version
from storage.versions.resolve import VersionInfo, resolve, versions
from storage.versions.snapshot import Snapshot

__all__ = [
    "Publication",
    "Snapshot",
    "VersionInfo",
    "content_hash",
    "dataset_names",
    "finish_interrupted",
    "kept_hash",
    "load_manifest",
    "load_snapshot",
    "open_version",
    "publish",
    "resolve",
    "scores_hash",
    "versions",
]
