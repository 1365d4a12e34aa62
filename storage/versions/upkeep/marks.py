"""Marks on published versions: tags, yanks and sign-offs. Changes index.json only, never a version.

A tag is a name that points to one version and may be moved on purpose; a yanked version stays readable by its number or
hash but is no longer meant by a bare dataset name.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from rollmill.ground.errors import SetupError
from rollmill.ground.failpoints import hit
from rollmill.ground.files import locked
from rollmill.storage.versions.index import LINK, Index, SignOff, load_index, point_latest, save_index
from rollmill.storage.versions.resolve import VersionInfo, resolve
from rollmill.storage.workspace import Workspace

_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
# In NAME@... such a tag would look like a version number or the beginning of a content hash.
_LIKE_A_VERSION = re.compile(r"v[0-9]+(-[0-9a-f]{8})?|[0-9a-f]{4,64}")


def check_tag(name: str) -> None:
    """SetupError for a name that no tag can have, of a dataset or of a model."""
    if not _TAG.fullmatch(name) or _LIKE_A_VERSION.fullmatch(name):
        raise SetupError(
            f"{name!r} is not a valid tag name: begin with a letter, and not like a version (v2) or a hash (3f9a)."
        )


def tag(ws: Workspace, reference: str, name: str, *, move: bool = False) -> VersionInfo:
    """Point a tag at a version. An existing tag is moved only with `move`."""
    check_tag(name)
    if name == LINK:
        raise SetupError(f"{name!r} always means the newest version; use another name.")

    def point(index: Index, info: VersionInfo) -> Index:
        again = None if move else f"rollmill dataset tag {reference} {name} --move"
        return replace(index, tags=tags_with(index.tags, name, info.folder, again))

    return _change(ws, reference, point)


def tags_with(tags: Mapping[str, str], name: str, folder: str, again: str | None) -> dict[str, str]:
    """The tags of a dataset or model, one of which points to this folder of a version now.

    `again`: the command that moves a tag; SetupError with it for a tag on another version. None: the tag is moved.
    """
    now = tags.get(name, folder)
    if now != folder and again is not None:
        raise SetupError(f"the tag {name!r} is on {now}.", next_command=again)
    return {**tags, name: folder}


def untag(ws: Workspace, reference: str, name: str) -> VersionInfo:
    """Remove a tag from a version."""

    def take(index: Index, info: VersionInfo) -> Index:
        target = index.tags.get(name)
        if target is None:
            raise SetupError(f"{info.ref} has no tag {name!r}.", choices=info.tags, next_command="rollmill dataset list")
        if target != info.folder:
            raise SetupError(
                f"the tag {name!r} is on {target}, not on {info.ref}.",
                next_command=f"rollmill dataset untag {info.name}@{target} {name}",
            )
        return replace(index, tags={key: folder for key, folder in index.tags.items() if key != name})

    return _change(ws, reference, take)


def yank(ws: Workspace, reference: str, reason: str) -> VersionInfo:
    """Withdraw a version, with a reason for readers."""
    if not reason.strip():
        raise SetupError("a yank needs a reason.", next_command=f"rollmill dataset yank {reference} --reason TEXT")
    return _change(ws, reference, lambda index, info: replace(index, yanked={**index.yanked, info.folder: reason.strip()}))


def unyank(ws: Workspace, reference: str) -> VersionInfo:
    """Undo a yank."""

    def restore(index: Index, info: VersionInfo) -> Index:
        if info.yanked is None:
            raise SetupError(f"{info.ref} is not yanked.")
        return replace(index, yanked={key: why for key, why in index.yanked.items() if key != info.folder})

    return _change(ws, reference, restore)


def sign_off(ws: Workspace, reference: str, by: str, note: str = "") -> VersionInfo:
    """Record a person's approval of a version; a second one by the same person is added, not replaced."""
    if not by.strip():
        raise SetupError("a sign-off needs a name.", next_command=f"rollmill dataset sign-off {reference} --by NAME")
    at = datetime.now(UTC).isoformat(timespec="seconds")

    def sign(index: Index, info: VersionInfo) -> Index:
        return replace(index, signoffs=(*index.signoffs, SignOff(info.folder, by.strip(), at, note)))

    return _change(ws, reference, sign)


def _change(ws: Workspace, reference: str, edit: Callable[[Index, VersionInfo], Index]) -> VersionInfo:
    """Resolve, edit and save under the dataset's lock, so that no publication is lost between reading and writing."""
    from rollmill.storage.versions.ledger import record_version
    from rollmill.storage.versions.publish import lock_path

    datasets = ws.datasets
    name = resolve(datasets, reference).name
    with locked(lock_path(ws, name)):
        info = resolve(datasets, reference)
        edited = edit(load_index(datasets, name), info)
        save_index(datasets, edited)
        hit("marks.index")
        point_latest(datasets, edited)
        hit("marks.latest")
        changed = resolve(datasets, f"{name}@{info.folder}")
        record_version(ws, changed)
    return changed
