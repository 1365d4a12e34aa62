"""Digests of a version's files, compared with those that were published: before a file is read, once for it and a process.

A file is known again by its path, size, time of change and number on disk. What was published stands in the manifest, whose
copy travels with git, and in DVC's pointer; what lies in a remote or in a cache proves nothing of itself.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.dvc import last_line, outputs, repository, run
from storage.errors import FoundWanting

_DIGESTS: dict[tuple[object, ...], str] = {}
_SHOWN = 16  # characters of a digest


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The digest of a file; read only where it was not read before as it is now."""
    state = path.stat()
    key = (str(path), state.st_size, state.st_mtime_ns, state.st_ino, algorithm)
    if key not in _DIGESTS:
        with path.open("rb") as file:
            _DIGESTS[key] = hashlib.file_digest(file, algorithm).hexdigest()
    return _DIGESTS[key]


def require(path: Path, published: str, ref: str, again: str) -> None:
    """FoundWanting where a file that is there is not the published one; `again` is the next command."""
    algorithm = "md5" if len(published) == 32 else "sha256"
    if path.is_file() and (actual := digest(path, algorithm)) != published:
        raise altered(path.name, actual, published, ref, again)


def altered(name: str, actual: str, published: str, ref: str, again: str) -> FoundWanting:
    """What is said of a file that is not as it was published."""
    what = f"{name} of {ref} was altered since it was published: its digest is {actual[:_SHOWN]}, {published[:_SHOWN]} was"
    return FoundWanting(f"{what} published.", next_command=again)


def require_pointed(folder: Path, pointer: Path, ref: str, again: str, only: Collection[str] = ()) -> None:
    """FoundWanting where the files of a folder are not those that DVC's pointer to it names.

    `only`: these are enough, where DVC's cache has the listing of all; otherwise all that is there is read.
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
    if listed is None:  # which file it is, only the listing tells
        raise altered("a file", whole, wanted, ref, again)
    for name, published in listed.items():  # what else lies in the folder is not read as a part of the version
        if actual.get(name) != published:
            raise altered(name, actual.get(name, "missing"), published, ref, again)


def pointed(pointer: Path) -> str | None:
    """The digest of a folder's listing in DVC's pointer to it; None where it tells none."""
    outs = outs_of(pointer)
    if not outs or outs[0].get("hash") != "md5":  # DVC before 3.0 had another digest
        return None
    return str(outs[0]["md5"])


def outs_of(pointer: Path) -> Sequence[Mapping[str, Any]]:
    """The outputs that a pointer of DVC lists; FoundWanting where it is no pointer, as with the marks of a git conflict."""
    outs = outputs(pointer)
    if outs is None:
        raise FoundWanting(
            f"{pointer} is no pointer of DVC (a git conflict in it?).", next_command=f"git checkout HEAD -- {pointer}"
        )
    return outs


def cached_listing(pointer: Path, wanted: str, *, anywhere: bool = False) -> dict[str, str] | None:
    """The digest of each file, by the listing in DVC's cache; None where that is not there or not whole.

    `anywhere`: DVC is asked where its cache is, which takes a while; otherwise only the repository's own is looked at.
    """
    return _listed(_cache(pointer, anywhere=anywhere), wanted)


def _listed(cache: Path, wanted: str) -> dict[str, str] | None:
    path = cached_path(cache, wanted)
    if not path.is_file() or f"{digest(path, 'md5')}.dir" != wanted:
        return None
    return {file["relpath"]: file["md5"] for file in json.loads(path.read_bytes())}


def cached_objects(pointer: Path) -> Iterator[tuple[Path, str]]:
    """The files in DVC's cache of the folder that a pointer names and of its listing, and the digest of each.

    That cache may be one that several clones share.
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
    """Where an object of this digest lies in a cache of DVC (its folder `files/md5`)."""
    return cache / name[:2] / name[2:]


def _listing(digests: dict[str, str]) -> bytes:
    """The listing of a folder as DVC writes it."""
    files = [{"md5": digests[name], "relpath": name} for name in sorted(digests)]
    return json.dumps(files, sort_keys=True).encode()
