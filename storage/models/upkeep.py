"""Marks on published models, their files to and from a DVC remote, and the lineage in their records."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.failpoints import hit
from rollmill.ground.files import locked
from rollmill.storage import dvc
from rollmill.storage.models.files import pulling, require_published_model
from rollmill.storage.models.index import (
    ModelIndex,
    ModelVersion,
    all_models,
    index_path,
    load_index,
    record_copy,
    resolve_model,
    save_index,
)
from rollmill.storage.models.publish import publication_lock
from rollmill.storage.versions.content.digests import (
    forget_wrong_files,
    forget_wrong_objects,
    require_cached,
    require_own_tree,
)
from rollmill.storage.versions.upkeep.marks import check_tag, tags_with
from rollmill.storage.workspace import Workspace


def tag_model(ws: Workspace, reference: str, name: str, *, move: bool = False) -> ModelVersion:
    """Point a tag at a version. A tag that exists is moved only with `move`."""
    check_tag(name)

    def point(index: ModelIndex, version: ModelVersion) -> ModelIndex:
        again = None if move else f"rollmill model tag {reference} {name} --move"
        return replace(index, tags=tags_with(index.tags, name, version.folder, again))

    return _change(ws, reference, point)


def untag_model(ws: Workspace, reference: str, name: str) -> ModelVersion:
    """Remove a tag from a version."""

    def take(index: ModelIndex, version: ModelVersion) -> ModelIndex:
        if index.tags.get(name) != version.folder:
            raise SetupError(f"{version.ref} has no tag {name!r}.", choices=version.tags)
        return replace(index, tags={key: folder for key, folder in index.tags.items() if key != name})

    return _change(ws, reference, take)


def yank_model(ws: Workspace, reference: str, reason: str) -> ModelVersion:
    """Withdraw a version, with a reason for readers: a bare name no longer means it."""
    if not reason.strip():
        raise SetupError("a yank needs a reason.", next_command=f"rollmill model yank {reference} --reason TEXT")
    return _change(ws, reference, lambda index, one: replace(index, yanked={**index.yanked, one.folder: reason.strip()}))


def unyank_model(ws: Workspace, reference: str) -> ModelVersion:
    """Undo a yank."""

    def restore(index: ModelIndex, version: ModelVersion) -> ModelIndex:
        if version.yanked is None:
            raise SetupError(f"{version.ref} is not yanked.")
        return replace(index, yanked={key: why for key, why in index.yanked.items() if key != version.folder})

    return _change(ws, reference, restore)


def _change(ws: Workspace, reference: str, change: Callable[[ModelIndex, ModelVersion], ModelIndex]) -> ModelVersion:
    name = resolve_model(ws.models, reference).name
    with locked(publication_lock(ws, name)):
        # Resolved again under the lock: another command may have moved the tag or published since.
        version = resolve_model(ws.models, reference)
        save_index(ws.models, change(load_index(ws.models, name), version))
    return resolve_model(ws.models, f"{name}@{version.folder}")


def push_models(versions: Sequence[ModelVersion], remote: str | None = None) -> str:
    """Copy the files of versions to a DVC remote; DVC's summary with the line for git."""
    for version in versions:
        if not version.fetched:
            raise SetupError(
                f"the weights of {version.ref} are not in this clone.", next_command=f"rollmill model pull {version.ref}"
            )
    summary = _dvc("push", versions, remote)
    models = versions[0].path.parent.parent
    files = [
        path
        for version in versions
        for path in (version.pointer, index_path(models, version.name), record_copy(models, version.name, version.folder))
    ]
    return "\n".join(text for text in (summary, dvc.git_add_line(files)) if text)


def pull_models(versions: Sequence[ModelVersion], remote: str | None = None) -> str:
    """Fetch the files of versions from a DVC remote; FoundWanting, and removed again, where they are not the published."""
    for version in versions:
        require_own_tree(version.path, version.ref)
        if version.pointer.exists():
            forget_wrong_objects(version.pointer)
    summary = _dvc("fetch", versions, remote)
    hit("pull.fetched")
    # Every byte before DVC places a file: a folder with other files would count as fetched, and its weights would be used.
    for version in versions:
        with _removed_if_wrong(version):
            require_cached(version.pointer, version.ref, pulling(version))
    for version in versions:
        forget_wrong_files(version.path, version.pointer)
    _dvc("checkout", versions, None)
    hit("pull.placed")
    for version in versions:
        with _removed_if_wrong(version):
            require_published_model(version)
    return summary


@contextmanager
def _removed_if_wrong(version: ModelVersion) -> Iterator[None]:
    try:
        yield
    except FoundWanting:
        shutil.rmtree(version.path, ignore_errors=True)
        raise


def _dvc(verb: str, versions: Sequence[ModelVersion], remote: str | None) -> str:
    root = dvc.repository(versions[0].path.parent, ".dvc")
    if root is None:
        raise SetupError("the models are not in a DVC repository.", next_command="git init && dvc init")
    untracked = [version.ref for version in versions if not version.pointer.exists()]
    if untracked:
        raise SetupError(f"DVC does not track {', '.join(untracked)}.", next_command="rollmill train RECIPE again")
    dvc.require_remote(root, remote)
    # Resolved, as `repository` gives a resolved folder: a path through a link would not be below it.
    targets = [str(version.pointer.resolve().relative_to(root)) for version in versions]
    done = dvc.run_when_unlocked([verb, *([] if remote is None else ["--remote", remote]), *targets], root)
    if done.returncode:
        raise SetupError(f"dvc {verb} failed: {dvc.first_line(done.stderr)}.", next_command=f"dvc {verb} -v {targets[0]}")
    return dvc.last_line(done.stdout)


def trained_on(models: Path, dataset_hash: str) -> Iterator[tuple[ModelVersion, Mapping[str, Any]]]:
    """The models that were trained on a dataset version, each with its part of the data, by content hash."""
    for version in all_models(models):
        for part in version.record().get("data", ()):
            if part["content_hash"] == dataset_hash:
                yield version, part


def ancestors(models: Path, version: ModelVersion) -> list[ModelVersion | str]:
    """The model from which a version was trained, the one before that, and so on; a text for one without versions."""
    by_hash = {other.content_hash: other for other in all_models(models)}
    chain: list[ModelVersion | str] = []
    seen = {version.content_hash}
    record = version.record()
    while init := record.get("init"):
        parent = by_hash.get(init["content_hash"])
        # A training without effect has its initial model's content, and following it would never end.
        if parent is None or parent.content_hash in seen:
            return [*chain, init["model"]]
        seen.add(parent.content_hash)
        chain.append(parent)
        record = parent.record()
    return chain
