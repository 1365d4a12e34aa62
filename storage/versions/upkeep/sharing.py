"""Transfer of versions' rows to and from a DVC remote, for people who share datasets between clones of one git repository.

Index, manifests and DVC's pointers travel with git. Rows travel with DVC, which trusts the content of a remote. Fetched
files are therefore compared here with DVC's pointer and with the manifest from git, and the rows with the content hash. Git
commands are only printed.
"""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.failpoints import hit
from rollmill.storage import dvc
from rollmill.storage.versions.content.digests import (
    altered,
    forget_wrong_files,
    forget_wrong_objects,
    require_cached,
    require_own_tree,
    require_pointed,
)
from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.index import index_path, load_index, point_latest
from rollmill.storage.versions.read import is_here, is_whole, load_snapshot, pointer, require_published, write_derived
from rollmill.storage.versions.resolve import VersionInfo, refuse_unsettled

NO_REPOSITORY = "git init && dvc init, then rollmill curate RECIPE: it tracks the versions"
_TEMPORARY = re.compile(r"\.[A-Za-z0-9_-]{22}\.tmp")  # files that DVC creates beside a file it links or copies


@dataclass(frozen=True)
class Transfer:
    """Result of a push or pull: versions, DVC's own summary, and the git command for the tracked files."""

    versions: tuple[str, ...]
    summary: str
    git: str | None = None


def push(infos: Sequence[VersionInfo], remote: str | None = None) -> Transfer:
    """Copy the rows of these versions to a DVC remote, by default to the default one.

    SetupError without a repository or a remote, or for a version that has no rows here or is not tracked.
    """
    _refuse_unsettled(infos)
    root = _root(infos, remote)
    absent = [info.ref for info in infos if not is_here(info)]
    if absent:
        raise SetupError(f"the rows of {', '.join(absent)} are not in this clone.", next_command="rollmill dataset pull")
    summary = _dvc("push", infos, root, remote)
    first = infos[0].path.parent
    files = [path for info in infos for path in (pointer(info), index_path(info.path.parent.parent, info.name))]
    files += [first / "manifests", first / ".gitignore"]
    return Transfer(tuple(info.ref for info in infos), summary, dvc.git_add_line([path for path in files if path.exists()]))


def pull(infos: Sequence[VersionInfo], remote: str | None = None) -> Transfer:
    """Fetch the rows of these versions from a DVC remote and point `latest` at the newest.

    FoundWanting if they are not the published ones; they are then removed from the clone and from DVC's cache, so that the
    same command fetches them again.
    """
    _refuse_unsettled(infos)
    root = _root(infos, remote)
    for info in infos:
        require_own_tree(info.path, info.ref)
        # Before DVC looks: it takes an object that is in its cache for the published one.
        forget_wrong_objects(pointer(info))
    summary = _dvc("fetch", infos, root, remote)
    hit("pull.fetched")
    # All are checked before the error, as each check removes the files that are wrong.
    faults = {info.folder: _fault(info, remote, _in_cache) for info in infos}
    if sound := [info for info in infos if faults[info.folder] is None]:
        _place(sound, root)
        hit("pull.placed")
        faults |= {info.folder: _fault(info, remote, _in_folder) for info in sound}
        for info in sound:
            if faults[info.folder] is None:
                write_derived(info, again=True)
    wrong = [fault for fault in faults.values() if fault is not None]
    if wrong:
        more = f" So were files of {len(wrong) - 1} more versions." if len(wrong) > 1 else ""
        raise FoundWanting(f"{wrong[0].message}{more}", next_command=wrong[0].next_command)
    _point_latest(infos)
    return Transfer(tuple(info.ref for info in infos), summary)


def _fault(info: VersionInfo, remote: str | None, check: Callable[[VersionInfo, str], None]) -> FoundWanting | None:
    """Fault that a check finds in the fetched files of a version, which are then removed; None for correct files."""
    mend = f"put the published file back into the remote{'' if remote is None else f' {remote}'}, then"
    again = f"{mend} rollmill dataset pull {info.ref}"
    try:
        check(info, again)
    except FoundWanting as error:
        forget_wrong_objects(pointer(info))
        shutil.rmtree(info.path, ignore_errors=True)
        return FoundWanting(error.message, next_command=again)
    return None


def _in_cache(info: VersionInfo, again: str) -> None:
    """Every byte against the pointer, before DVC places a file in the workspace: no name of a remote is followed."""
    require_cached(pointer(info), info.ref, again)


def _in_folder(info: VersionInfo, again: str) -> None:
    """The placed files. Bytes first, rows last: a file that differs need not be one that DuckDB can read."""
    require_pointed(info.path, pointer(info), info.ref, again)
    require_published(info)
    if (actual := content_hash(load_snapshot(info))) != info.content_hash:
        raise altered("the content", actual, info.content_hash, info.ref, again)
    if not is_whole(info):
        raise FoundWanting(f"the files of {info.ref} are not all there.", next_command=again)


def _place(infos: Sequence[VersionInfo], root: Path) -> None:
    """Let DVC place the files of versions from its cache, where they were compared with the published digests."""
    for info in infos:
        forget_wrong_files(info.path, pointer(info))
    try:
        _dvc("checkout", infos, root, None)
    except SetupError:
        if not _remove_temporaries(infos):
            raise
        _dvc("checkout", infos, root, None)


def _remove_temporaries(infos: Sequence[VersionInfo]) -> bool:
    """Remove the temporary files of a killed DVC in versions' folders, which block the next one; True if there were any."""
    files = [path for info in infos for path in info.path.rglob(".*.tmp") if _TEMPORARY.fullmatch(path.name)]
    for path in files:
        path.unlink(missing_ok=True)
    return bool(files)


def restore(infos: Sequence[VersionInfo]) -> tuple[str, ...]:
    """Restore the published rows of these versions from DVC's cache in this clone; asks no remote.

    SetupError if DVC does not track a version or its cache lacks it.
    """
    root = _tracked(infos)
    for info in infos:
        require_own_tree(info.path, info.ref)
        # DVC's own `pull` and `fetch` put whatever a remote sends into this cache.
        forget_wrong_objects(pointer(info))
    done = dvc.run_when_unlocked(["checkout", "--force", *_targets(infos, root)], root)
    # Not DVC's exit status: it may fail for one version and restore the others.
    absent = [info for info in infos if not is_whole(info)]
    if absent:
        raise SetupError(
            f"DVC's cache in this clone does not have the rows of {', '.join(info.ref for info in absent)}"
            + (f" ({dvc.first_line(done.stderr)})." if done.returncode else "."),
            next_command=f"rollmill dataset pull {absent[0].ref}",
        )
    for info in infos:
        write_derived(info, again=True)
    _point_latest(infos)
    return tuple(info.ref for info in infos)


def _refuse_unsettled(infos: Sequence[VersionInfo]) -> None:
    for datasets, name in sorted({(info.path.parent.parent, info.name) for info in infos}):
        refuse_unsettled(datasets, name)


def _point_latest(infos: Sequence[VersionInfo]) -> None:
    for datasets, name in {(info.path.parent.parent, info.name) for info in infos}:
        point_latest(datasets, load_index(datasets, name))


def _root(infos: Sequence[VersionInfo], remote: str | None) -> Path:
    """The DVC repository of these versions, with the remote."""
    root = _tracked(infos)
    dvc.require_remote(root, remote)
    return root


def _tracked(infos: Sequence[VersionInfo]) -> Path:
    """The DVC repository that tracks all of these versions."""
    root = dvc.repository(infos[0].path.parent, ".dvc")
    if root is None:
        raise SetupError("the datasets are not in a DVC repository.", next_command=NO_REPOSITORY)
    untracked = [info.ref for info in infos if not pointer(info).exists()]
    if untracked:
        raise SetupError(
            f"DVC does not track {', '.join(untracked)}.",
            next_command="rollmill curate RECIPE again: it tracks the version",
        )
    return root


def _dvc(verb: str, infos: Sequence[VersionInfo], root: Path, remote: str | None) -> str:
    targets = _targets(infos, root)
    done = dvc.run_when_unlocked([verb, *([] if remote is None else ["--remote", remote]), *targets], root)
    if done.returncode:
        raise SetupError(f"dvc {verb} failed: {dvc.first_line(done.stderr)}.", next_command=f"dvc {verb} -v {targets[0]}")
    return dvc.last_line(done.stdout)


def missing_in_remote(infos: Sequence[VersionInfo], remote: str | None = None) -> dict[str, str]:
    """DVC's report on each tracked version with incomplete rows in a remote, by reference; empty if all are complete.

    Asks the remote, which takes seconds. SetupError as for `push`.
    """
    tracked = [info for info in infos if pointer(info).exists()]
    if not tracked:
        return {}
    root = _root(tracked, remote)
    targets = {str(pointer(info).resolve().relative_to(root)): info.ref for info in tracked}
    options = ["status", "--cloud", "--json", *([] if remote is None else ["--remote", remote])]
    done = dvc.run_when_unlocked([*options, *targets], root)
    if done.returncode:
        raise SetupError(f"dvc status failed: {dvc.first_line(done.stderr)}.", next_command="dvc status --cloud -v")
    # DVC is given pointers and reports the folders that they are of.
    states = {Path(path).parts: state for path, state in json.loads(done.stdout or "{}").items()}
    return {targets[target]: states[parts] for target in targets if (parts := Path(target).with_suffix("").parts) in states}


def _targets(infos: Sequence[VersionInfo], root: Path) -> list[str]:
    return [str(pointer(info).resolve().relative_to(root)) for info in infos]
