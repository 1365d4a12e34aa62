"""Datasets removed or renamed, with all of their versions, as long as nothing rests on them."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from rollmill.ground.errors import SetupError
from rollmill.ground.files import locked
from rollmill.storage.versions.index import NAME, dataset_names, load_index, point_latest, save_index
from rollmill.storage.versions.ledger import reindex
from rollmill.storage.versions.publish import finish_interrupted, lock_path
from rollmill.storage.versions.read import is_here, load_manifest, write_derived
from rollmill.storage.versions.resolve import VersionInfo, resolve, versions
from rollmill.storage.workspace import Workspace

Users = Callable[[VersionInfo], Iterable[str]]
"""Names of what else rests on a version, such as models that were trained on it."""


def remove(ws: Workspace, name: str, users: Users, *, dry_run: bool) -> int:
    """Remove a dataset; the number of its versions. SetupError while something needs it."""
    known = _unneeded(ws, name, "removed", users)
    if not dry_run:
        with locked(lock_path(ws, name)):
            shutil.rmtree(ws.datasets / name)
        reindex(ws)
    return len(known)


def rename(ws: Workspace, names: tuple[str, str], users: Users, *, dry_run: bool) -> int:
    """Rename a dataset; the number of its versions. SetupError while something needs it under its name."""
    name, new = names
    known = _unneeded(ws, name, "renamed", users)
    if not NAME.fullmatch(new):
        raise SetupError(f"{new!r} is no dataset name: use letters, digits, '-', '_' and '.', at most 64.")
    if (ws.datasets / new).exists():
        raise SetupError(f"there is a dataset {new} already.", next_command=f"rollmill dataset rename {name} {new}-2")
    if not dry_run:
        with locked(lock_path(ws, name)):
            index = replace(load_index(ws.datasets, name), name=new)
            (ws.datasets / name).rename(ws.datasets / new)
            save_index(ws.datasets, index)
            for info in filter(is_here, versions(ws.datasets, new)):
                write_derived(info)
        point_latest(ws.datasets, index)
        reindex(ws)
    return len(known)


def _unneeded(ws: Workspace, name: str, verb: str, users: Users) -> list[VersionInfo]:
    """The versions of a dataset on which nothing rests."""
    if "@" in name:
        raise SetupError(f"{name} is one version; a dataset is {verb} whole.", next_command="rollmill dataset yank")
    resolve(ws.datasets, f"{name}@latest")  # names the known ones
    finish_interrupted(ws)
    known = versions(ws.datasets, name)
    resting = sorted({*(user for info in known for user in users(info)), *_datasets(ws, name, known)})
    if resting:
        raise SetupError(
            f"{name} cannot be {verb}: {', '.join(resting[:8])} rest on it.",
            next_command=f"rollmill dataset used-by {name}",
        )
    return known


def _datasets(ws: Workspace, name: str, known: list[VersionInfo]) -> Iterator[str]:
    """Versions of other datasets whose manifests name this one: as problems, as examples, or as a source of a mixture."""
    hashes = {info.content_hash for info in known}
    for other in dataset_names(ws.datasets):
        for info in versions(ws.datasets, other) if other != name else ():
            if any(value == name or value.partition("@")[0] == name or value in hashes for value in _named(info)):
                yield info.ref


def _named(info: VersionInfo) -> Iterator[str]:
    """Texts under keys that name versions in a manifest."""
    manifest = load_manifest(info)
    stack = [manifest.get("recipe", {}), manifest.get("mixture") or {}]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                if isinstance(inner, str) and key in (
                    "version",
                    "versions",
                    "from",
                    "dataset_version",
                    "content_hash",
                    "ref",
                ):
                    yield inner
                elif key in ("versions", "sources") and isinstance(inner, dict):
                    yield from map(str, inner)
                stack.append(inner)
        elif isinstance(value, list):
            stack += value
            if all(isinstance(item, str) for item in value):
                yield from value
