"""Artifacts removed or renamed, with all of their versions, as long as nothing rests on them."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from rollmill.ground.errors import SetupError
from rollmill.ground.files import locked
from rollmill.storage.artifacts.index import NAME
from rollmill.storage.artifacts.kind import ArtifactKind
from rollmill.storage.artifacts.references import E, V

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace

Users = Callable[[V], Iterable[str]]
"""Names of what else rests on a version, such as models that were trained on it."""


def remove(kind: ArtifactKind[E, V], ws: "Workspace", name: str, users: Users[V], *, dry_run: bool) -> int:
    """Remove an artifact; the number of its versions. SetupError while something needs it."""
    known = _unneeded(kind, ws, name, "removed", users)
    if not dry_run:
        with locked(kind.lock(ws, name)):
            shutil.rmtree(kind.root(ws) / name)
        kind.reindex(ws)
    return len(known)


def rename(kind: ArtifactKind[E, V], ws: "Workspace", names: tuple[str, str], users: Users[V], *, dry_run: bool) -> int:
    """Rename an artifact; the number of its versions. SetupError while something needs it under its name."""
    name, new = names
    root = kind.root(ws)
    known = _unneeded(kind, ws, name, "renamed", users)
    if not NAME.fullmatch(new):
        raise SetupError(f"{new!r} is no {kind.noun} name: use letters, digits, '-', '_' and '.', at most 64.")
    if (root / new).exists():
        again = f"rollmill {kind.noun} rename {name} {new}-2"
        raise SetupError(f"there is a {kind.noun} {new} already.", next_command=again)
    if not dry_run:
        with locked(kind.lock(ws, name)):
            index = replace(kind.format.load(root, name), name=new)
            (root / name).rename(root / new)
            kind.format.save(root, index)
            for version in filter(kind.is_here, kind.versions(root, new)):
                kind.placed(version, again=False)
        kind.saved(root, index)
        kind.reindex(ws)
    return len(known)


def _unneeded(kind: ArtifactKind[E, V], ws: "Workspace", name: str, verb: str, users: Users[V]) -> list[V]:
    """The versions of an artifact on which nothing rests."""
    if "@" in name:
        raise SetupError(
            f"{name} is one version; a {kind.noun} is {verb} whole.", next_command=f"rollmill {kind.noun} yank {name}"
        )
    root = kind.root(ws)
    kind.finish(ws)
    known = kind.versions(root, name)
    resting = sorted({*(user for version in known for user in users(version)), *kind.named_by(ws, known)})
    if resting:
        raise SetupError(
            f"{name} cannot be {verb}: {', '.join(resting[:8])} rest on it.",
            next_command=f"rollmill {kind.noun} yank {known[-1].ref} --reason TEXT, which withdraws it instead",
        )
    return known
