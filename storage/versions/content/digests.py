"""Digests of a version's files, compared with the published ones before a file's first read in a process.

A known file is recognised by its path, size, modification time and inode. The published digests are in the manifest, whose
copy travels with git, and in DVC's pointer; a remote or a cache proves nothing by itself.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.dvc import last_line, outputs, repository, run
from storage.ground.errors import FoundWanting

_DIGESTS: dict[tuple[object, ...], str] = {}
_SHOWN = 16  # characters of a digest


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The digest of a file; an unchanged file is read once only."""
    state = path.stat()
    key = (str(path), state.st_size, state.st_mtime_ns, state.st_ino, algorithm)
    if key not in _DIGESTS:
        with path.open("rb") as file:
            _DIGESTS[key] = hashlib.file_digest(file, algorithm).hexdigest()
    return _DIGESTS[key]


def require(path: Path, published: str, ref: str, again: str) -> None:
    """FoundWanting for a local file that is not the published one; `again` is the next command."""
    algorithm = "md5" if len(published) == 32 else "sha256"
    if path.is_file() and (actual := digest(path, algorithm)) != published:
        raise altered(path.name, actual, published, ref, again)


def altered(name: str, actual: str, published: str, ref: str, again: str) -> FoundWanting:
    """The error for a file that differs from the published one."""
    what = f"{name} of {ref} was altered since it was published: its digest is {actual[:_SHOWN]}, {published[:_SHOWN]} was"
    return FoundWanting(f"{what} published.", next_command=again)


def require_pointed(folder: Path, pointer: Path, ref: str, again: str, only: Collection[str] = ()) -> None:
    """FoundWanting if the files of a folder are not those of DVC's pointer to it.

    `only`: check these alone, if DVC's cache has the listing of all; otherwise every local file is read.
    """
    wanted = pointed(pointer)
    if wanted is None or not folder.is_dir():
        return
    if only and (listed := cached_listing(pointer, wanted)) is not None:
        for name in listed.keys() & set(only):
            require(folder / name, listed[name], ref, again)
        return
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    actual = {path.relative_to(folder).as_posix(): digest(path, "md5") for path in files}
    whole = hashlib.md5(_listing(actual), usedforsecurity=False).hexdigest() + ".dir"
    if whole == wanted:
        return
    listed = cached_listing(pointer, wanted, anywhere=True)
    if listed is None:  # only the listing tells which file differs
        raise altered("a file", whole, wanted, ref, again)
    for name, published in listed.items():  # other files in the folder are not read as part of the version
        if actual.get(name) != published:
            raise altered(name, actual.get(name, "missing"), published, ref, again)


def pointed(pointer: Path) -> str | None:
    """The digest of a folder's listing in DVC's pointer to it; None without one."""
    outs = outs_of(pointer)
    if not outs or outs[0].get("hash") != "md5":  # DVC before 3.0 used another digest
        return None
    return str(outs[0]["md5"])


def outs_of(pointer: Path) -> Sequence[Mapping[str, Any]]:
    """The outputs in a pointer of DVC; FoundWanting for a file that is no pointer, for example with git's conflict
    marks."""
    outs = outputs(pointer)
    if outs is None:
        raise FoundWanting(
            f"{pointer} is not a pointer of DVC (does it hold a git conflict?).",
            next_command=f"git checkout HEAD -- {pointer}",
        )
    return outs


def cached_listing(pointer: Path, wanted: str, *, anywhere: bool = False) -> dict[str, str] | None:
    """The digest of each file, by the listing in DVC's cache; None if the listing is missing or damaged.

    `anywhere`: DVC is asked for the place of its cache, which takes a while; otherwise only the repository's own is read.
    """
    return _listed(_cache(pointer, anywhere=anywhere), wanted)


def _listed(cache: Path, wanted: str) -> dict[str, str] | None:
    path = cached_path(cache, wanted)
    if not path.is_file() or f"{digest(path, 'md5')}.dir" != wanted:
        return None
    return {file["relpath"]: file["md5"] for file in json.loads(path.read_bytes())}


def cached_objects(pointer: Path) -> Iterator[tuple[Path, str]]:
    """The files in DVC's cache of a pointer's folder and of its listing, each with its digest.

    Several clones may share that cache.
    """
    wanted = pointed(pointer)
    if wanted is None:
        return
    cache = _cache(pointer, anywhere=True)
    for name in [*(_listed(cache, wanted) or {}).values(), wanted]:
        path = cached_path(cache, name)
        if path.is_file():
            yield path, name.removesuffix(".dir")


def _cache(pointer: Path, *, anywhere: bool) -> Path:
    root = repository(pointer, ".dvc") or pointer.parent
    place = Path(last_line(run(["cache", "dir"], root).stdout)) if anywhere else root / ".dvc" / "cache"
    return place / "files" / "md5"


def cached_path(cache: Path, name: str) -> Path:
    """Path of the object with this digest in a cache of DVC (its folder `files/md5`)."""
    return cache / name[:2] / name[2:]


def _listing(digests: dict[str, str]) -> bytes:
    """The listing of a folder in DVC's format."""
    files = [{"md5": digests[name], "relpath": name} for name in sorted(digests)]
    return json.dumps(files, sort_keys=True).encode()
