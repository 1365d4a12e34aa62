"""Marks on published versions: tags, yanks and sign-offs. Changes index.json only, never a version.

A tag is a name that points to one version and may be moved on purpose; a yanked version stays readable by its number or
hash but is no longer meant by a bare name.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rollmill.ground.errors import SetupError
from rollmill.ground.failpoints import hit
from rollmill.ground.files import locked
from rollmill.storage.artifacts.index import LINK, Index, SignOff
from rollmill.storage.artifacts.kind import ArtifactKind
from rollmill.storage.artifacts.references import E, V

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace

_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
# In NAME@... such a tag would look like a version number or the beginning of a content hash.
_LIKE_A_VERSION = re.compile(r"v[0-9]+(-[0-9a-f]{8})?|[0-9a-f]{4,64}")


def tag(kind: ArtifactKind[E, V], ws: "Workspace", reference: str, name: str, *, move: bool = False) -> V:
    """Point a tag at a version. An existing tag is moved only with `move`."""
    if not _TAG.fullmatch(name) or _LIKE_A_VERSION.fullmatch(name):
        raise SetupError(
            f"{name!r} is not a valid tag name: begin with a letter, and not like a version (v2) or a hash (3f9a)."
        )
    if name == LINK:
        raise SetupError(f"{name!r} always means the newest version; use another name.")

    def point(index: Index[E], version: V) -> Index[E]:
        now = index.tags.get(name, version.folder)
        if now != version.folder and not move:
            again = f"rollmill {kind.noun} tag {reference} {name} --move"
            raise SetupError(f"the tag {name!r} is on {now}.", next_command=again)
        return replace(index, tags={**index.tags, name: version.folder})

    return _change(kind, ws, reference, point)


def untag(kind: ArtifactKind[E, V], ws: "Workspace", reference: str, name: str) -> V:
    """Remove a tag from a version."""

    def take(index: Index[E], version: V) -> Index[E]:
        target = index.tags.get(name)
        if target is None:
            listing = f"rollmill {kind.noun} list"
            raise SetupError(f"{version.ref} has no tag {name!r}.", choices=version.tags, next_command=listing)
        if target != version.folder:
            raise SetupError(
                f"the tag {name!r} is on {target}, not on {version.ref}.",
                next_command=f"rollmill {kind.noun} untag {version.name}@{target} {name}",
            )
        return replace(index, tags={key: folder for key, folder in index.tags.items() if key != name})

    return _change(kind, ws, reference, take)


def yank(kind: ArtifactKind[E, V], ws: "Workspace", reference: str, reason: str) -> V:
    """Withdraw a version, with a reason for readers."""
    if not reason.strip():
        raise SetupError("a yank needs a reason.", next_command=f"rollmill {kind.noun} yank {reference} --reason TEXT")

    def withdraw(index: Index[E], version: V) -> Index[E]:
        return replace(index, yanked={**index.yanked, version.folder: reason.strip()})

    return _change(kind, ws, reference, withdraw)


def unyank(kind: ArtifactKind[E, V], ws: "Workspace", reference: str) -> V:
    """Undo a yank."""

    def restore(index: Index[E], version: V) -> Index[E]:
        if version.yanked is None:
            raise SetupError(f"{version.ref} is not yanked.")
        return replace(index, yanked={key: why for key, why in index.yanked.items() if key != version.folder})

    return _change(kind, ws, reference, restore)


def sign_off(kind: ArtifactKind[E, V], ws: "Workspace", reference: str, by: str, note: str = "") -> V:
    """Record a person's approval of a version; a second one by the same person is added, not replaced."""
    if not by.strip():
        raise SetupError("a sign-off needs a name.", next_command=f"rollmill {kind.noun} sign-off {reference} --by NAME")
    at = datetime.now(UTC).isoformat(timespec="seconds")

    def sign(index: Index[E], version: V) -> Index[E]:
        return replace(index, signoffs=(*index.signoffs, SignOff(version.folder, by.strip(), at, note)))

    return _change(kind, ws, reference, sign)


def _change(kind: ArtifactKind[E, V], ws: "Workspace", reference: str, edit: Callable[[Index[E], V], Index[E]]) -> V:
    """Resolve, edit and save under the artifact's lock, so that no publication is lost between reading and writing."""
    root = kind.root(ws)
    name = kind.resolve(root, reference).name
    with locked(kind.lock(ws, name)):
        version = kind.resolve(root, reference)
        edited = edit(kind.format.load(root, name), version)
        kind.format.save(root, edited)
        hit("marks.index")
        kind.saved(root, edited)
        hit("marks.latest")
        changed = kind.resolve(root, f"{name}@{version.folder}")
        kind.record(ws, changed)
    return changed
