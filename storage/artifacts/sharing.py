"""Transfer of versions' files to and from a DVC remote, for people who share them between clones of one git repository.

Index, manifests and DVC's pointers travel with git. Files travel with DVC, which trusts the content of a remote. Fetched
files are therefore compared here with DVC's pointer and with what git brought. Git commands are only printed.
"""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.failpoints import hit
from rollmill.storage import dvc
from rollmill.storage.artifacts.digests import (
    forget_wrong_files,
    forget_wrong_objects,
    require_cached,
    require_own_tree,
)
from rollmill.storage.artifacts.index import index_path
from rollmill.storage.artifacts.kind import ArtifactKind
from rollmill.storage.artifacts.references import ArtifactVersion, V

_TEMPORARY = re.compile(r"\.[A-Za-z0-9_-]{22}\.tmp")  # files that DVC creates beside a file it links or copies


@dataclass(frozen=True)
class Transfer:
    """Result of a push or pull: versions, DVC's own summary, and the git command for the tracked files."""

    versions: tuple[str, ...]
    summary: str
    git: str | None = None


def push(kind: ArtifactKind[Any, V], versions: Sequence[V], remote: str | None = None) -> Transfer:
    """Copy the files of these versions to a DVC remote, by default to the default one.

    SetupError without a repository or a remote, or for a version that has no files here or is not tracked.
    """
    _refuse_unsettled(kind, versions)
    root = _root(kind, versions, remote)
    absent = [version for version in versions if not kind.is_here(version)]
    if absent:
        missing = f"the {kind.files} of {', '.join(version.ref for version in absent)} are not in this clone."
        raise SetupError(missing, next_command=kind.pulling(absent[0]))
    summary = _dvc("push", versions, root, remote)
    files = [path for version in versions for path in (version.pointer, index_path(version.root, version.name))]
    files += [version.path.with_name(name) for version in versions for name in ("manifests", ".gitignore")]
    return Transfer(
        tuple(version.ref for version in versions), summary, dvc.git_add_line([path for path in files if path.exists()])
    )


def pull(kind: ArtifactKind[Any, V], versions: Sequence[V], remote: str | None = None) -> Transfer:
    """Fetch the files of these versions from a DVC remote.

    FoundWanting if they are not the published ones; they are then removed from the clone and from DVC's cache, so that the
    same command fetches them again.
    """
    _refuse_unsettled(kind, versions)
    root = _root(kind, versions, remote)
    for version in versions:
        require_own_tree(version.path, version.ref)
        # Before DVC looks: it takes an object that is in its cache for the published one.
        forget_wrong_objects(version.pointer)
    summary = _dvc("fetch", versions, root, remote)
    hit("pull.fetched")
    # All are checked before the error, as each check removes the files that are wrong.
    # In DVC's cache first, before it places a file in the workspace: no name of a remote is followed.
    faults = {version.ref: _fault(kind, version, remote, _require_cached) for version in versions}
    if sound := [version for version in versions if faults[version.ref] is None]:
        _place(sound, root)
        hit("pull.placed")
        faults |= {version.ref: _fault(kind, version, remote, kind.require_placed) for version in sound}
        for version in sound:
            if faults[version.ref] is None:
                kind.placed(version, again=True)
    wrong = [fault for fault in faults.values() if fault is not None]
    if wrong:
        more = f" So were files of {len(wrong) - 1} more versions." if len(wrong) > 1 else ""
        raise FoundWanting(f"{wrong[0].message}{more}", next_command=wrong[0].next_command)
    _saved(kind, versions)
    return Transfer(tuple(version.ref for version in versions), summary)


def _require_cached(version: ArtifactVersion, again: str) -> None:
    require_cached(version.pointer, version.ref, again)


def _fault(
    kind: ArtifactKind[Any, V], version: V, remote: str | None, check: Callable[[V, str], None]
) -> FoundWanting | None:
    """Fault that a check finds in the fetched files of a version, which are then removed; None for correct files."""
    mend = f"put the published file back into the remote{'' if remote is None else f' {remote}'}, then"
    again = f"{mend} {kind.pulling(version)}"
    try:
        check(version, again)
    except FoundWanting as error:
        forget_wrong_objects(version.pointer)
        shutil.rmtree(version.path, ignore_errors=True)
        return FoundWanting(error.message, next_command=again)
    return None


def _place(versions: Sequence[V], root: Path) -> None:
    """Let DVC place the files of versions from its cache, where they were compared with the published digests."""
    for version in versions:
        forget_wrong_files(version.path, version.pointer)
    try:
        _dvc("checkout", versions, root, None)
    except SetupError:
        if not _remove_temporaries(versions):
            raise
        _dvc("checkout", versions, root, None)


def _remove_temporaries(versions: Sequence[V]) -> bool:
    """Remove the temporary files of a killed DVC in versions' folders, which block the next one; True if there were any."""
    files = [path for version in versions for path in version.path.rglob(".*.tmp") if _TEMPORARY.fullmatch(path.name)]
    for path in files:
        path.unlink(missing_ok=True)
    return bool(files)


def restore(kind: ArtifactKind[Any, V], versions: Sequence[V]) -> tuple[str, ...]:
    """Restore the published files of these versions from DVC's cache in this clone; asks no remote.

    SetupError if DVC does not track a version or its cache lacks it.
    """
    root = _tracked(kind, versions)
    for version in versions:
        require_own_tree(version.path, version.ref)
        # DVC's own `pull` and `fetch` put whatever a remote sends into this cache.
        forget_wrong_objects(version.pointer)
    done = dvc.run_when_unlocked(["checkout", "--force", *_targets(versions, root)], root)
    # Not DVC's exit status: it may fail for one version and restore the others.
    absent = [version for version in versions if not kind.is_whole(version)]
    if absent:
        raise SetupError(
            f"DVC's cache in this clone does not have the {kind.files} of {', '.join(version.ref for version in absent)}"
            + (f" ({dvc.first_line(done.stderr)})." if done.returncode else "."),
            next_command=kind.pulling(absent[0]),
        )
    for version in versions:
        kind.placed(version, again=True)
    _saved(kind, versions)
    return tuple(version.ref for version in versions)


def _refuse_unsettled(kind: ArtifactKind[Any, V], versions: Sequence[V]) -> None:
    for root, name in sorted({(version.root, version.name) for version in versions}):
        kind.refuse_unsettled(root, name)


def _saved(kind: ArtifactKind[Any, V], versions: Sequence[V]) -> None:
    for root, name in {(version.root, version.name) for version in versions}:
        kind.saved(root, kind.format.load(root, name))


def _root(kind: ArtifactKind[Any, V], versions: Sequence[V], remote: str | None) -> Path:
    """The DVC repository of these versions, with the remote."""
    root = _tracked(kind, versions)
    dvc.require_remote(root, remote)
    return root


def _tracked(kind: ArtifactKind[Any, V], versions: Sequence[V]) -> Path:
    """The DVC repository that tracks all of these versions."""
    root = dvc.repository(versions[0].path.parent, ".dvc")
    if root is None:
        raise SetupError(
            f"the {kind.noun}s are not in a DVC repository.",
            next_command=f"git init && dvc init, then {kind.maker}: it tracks the versions",
        )
    untracked = [version.ref for version in versions if not version.pointer.exists()]
    if untracked:
        raise SetupError(
            f"DVC does not track {', '.join(untracked)}.",
            next_command=f"{kind.maker} again: it tracks the version",
        )
    return root


def _dvc(verb: str, versions: Sequence[V], root: Path, remote: str | None) -> str:
    targets = _targets(versions, root)
    done = dvc.run_when_unlocked([verb, *([] if remote is None else ["--remote", remote]), *targets], root)
    if done.returncode:
        raise SetupError(f"dvc {verb} failed: {dvc.first_line(done.stderr)}.", next_command=f"dvc {verb} -v {targets[0]}")
    return dvc.last_line(done.stdout)


def missing_in_remote(kind: ArtifactKind[Any, V], versions: Sequence[V], remote: str | None = None) -> dict[str, str]:
    """DVC's report on each tracked version with incomplete files in a remote, by reference; empty if all are complete.

    Asks the remote, which takes seconds. SetupError as for `push`.
    """
    tracked = [version for version in versions if version.pointer.exists()]
    if not tracked:
        return {}
    root = _root(kind, tracked, remote)
    targets = {str(version.pointer.resolve().relative_to(root)): version.ref for version in tracked}
    options = ["status", "--cloud", "--json", *([] if remote is None else ["--remote", remote])]
    done = dvc.run_when_unlocked([*options, *targets], root)
    if done.returncode:
        raise SetupError(f"dvc status failed: {dvc.first_line(done.stderr)}.", next_command="dvc status --cloud -v")
    # DVC is given pointers and reports the folders that they are of.
    states = {Path(path).parts: state for path, state in json.loads(done.stdout or "{}").items()}
    return {targets[target]: states[parts] for target in targets if (parts := Path(target).with_suffix("").parts) in states}


def _targets(versions: Sequence[V], root: Path) -> list[str]:
    return [str(version.pointer.resolve().relative_to(root)) for version in versions]
