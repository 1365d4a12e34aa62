"""Digests of a version's files, compared with the published ones before a file's first read in a process.

A known file is recognised by its path, size, modification time and inode. The published digests are in the manifest, whose
copy travels with git, and in DVC's pointer; a remote or a cache proves nothing by itself.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rollmill.ground.errors import FoundWanting
from rollmill.ground.files import plain
from rollmill.storage.artifacts.layout import derived
from rollmill.storage.dvc import last_line, outputs, repository, run

_DIGESTS: dict[tuple[object, ...], str] = {}
_CACHES: dict[tuple[object, ...], Path] = {}  # place of DVC's cache, by repository and state of its settings
_SHOWN = 16  # characters of a digest
_MD5 = re.compile(r"[0-9a-f]{32}")
_LISTING = re.compile(r"[0-9a-f]{32}\.dir")
_LARGEST_LISTING = 64 << 20  # bytes


def digest(path: Path, algorithm: str = "sha256", most: int | None = None) -> str:
    """The digest of a file; an unchanged file is read once only. One of more bytes than `most`, as no published file has,
    is not read: its size in words, which is no digest.
    """
    state = path.stat()
    if most is not None and state.st_size > most:
        return f"{state.st_size:,} bytes"
    key = (str(path), state.st_size, state.st_mtime_ns, state.st_ino, algorithm)
    if key not in _DIGESTS:
        with open(path, "rb", opener=plain) as file:
            _DIGESTS[key] = hashlib.file_digest(file, algorithm).hexdigest()
    return _DIGESTS[key]


def require(path: Path, published: str, ref: str, again: str, most: int | None = None) -> None:
    """FoundWanting for a local file that is not the published one; `again` is the next command, `most` as for `digest`."""
    algorithm = "md5" if len(published) == 32 else "sha256"
    if path.is_file() and (actual := digest(path, algorithm, most)) != published:
        raise altered(path.name, actual, published, ref, again)


def altered(name: str, actual: str, published: str, ref: str, again: str) -> FoundWanting:
    """The error for a file that differs from the published one."""
    what = f"{name} of {ref} was altered since it was published: "
    if " " in actual:
        return FoundWanting(f"{what}it has {actual}, more than was published.", next_command=again)
    return FoundWanting(f"{what}its digest is {actual[:_SHOWN]}, {published[:_SHOWN]} was published.", next_command=again)


def require_pointed(folder: Path, pointer: Path, ref: str, again: str, *, shards: bool = True) -> None:
    """FoundWanting if the files of a folder are not those of DVC's pointer to it, or are not all there.

    `shards`: with the shards of rows. Without the listing of all in DVC's cache every local file is read.
    """
    if not folder.is_dir():
        return
    wanted, most = pointed(pointer), pointed_bytes(pointer)
    listed = None if shards else cached_listing(pointer, wanted)
    if listed is None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        paths = {path.relative_to(folder).as_posix(): path for path in files}
        own = paths.keys() - derived(paths)
        if most is not None and (size := sum(paths[name].stat().st_size for name in own)) > most:
            raise altered("a file", f"{size:,} bytes together with the others", wanted, ref, again)
        actual = {name: digest(paths[name], "md5") for name in own}
        whole = hashlib.md5(_listing(actual), usedforsecurity=False).hexdigest() + ".dir"
        if whole == wanted:
            return
        listed = cached_listing(pointer, wanted, anywhere=True)
        if listed is None:  # only the listing tells which file differs
            raise altered("a file", whole, wanted, ref, again)
    for name, published in listed.items():  # other files in the folder are not read as part of the version
        if name.startswith("shards/") and not shards:
            continue
        if not (folder / name).is_file():
            raise FoundWanting(f"{name} of {ref} is missing.", next_command=again)
        require(folder / name, published, ref, again, most)


def require_own_folder(folder: Path, ref: str) -> None:
    """FoundWanting for a folder of a version that is a link: it would lead out of the workspace, and git carries links."""
    for path in (folder, folder / "shards", *(folder / "shards").glob("*/")):
        if path.is_symlink():
            raise FoundWanting(f"{path} of {ref} is a link; it is not followed.", next_command=f"rm {path}")


def require_own_tree(folder: Path, ref: str) -> None:
    """The same for every folder inside, before files are written there: a listing may have names below any of them."""
    require_own_folder(folder, ref)
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.is_file():  # to a file: DVC's own, where its cache is linked, and it replaces it
            raise FoundWanting(f"{path} of {ref} is a link; it is not followed.", next_command=f"rm {path}")


def pointed(pointer: Path) -> str:
    """The digest of a folder's listing in DVC's pointer to it; FoundWanting for a pointer without one."""
    outs = outs_of(pointer)
    wanted = str(outs[0].get("md5")) if outs else ""
    # DVC before 3.0 used another digest, and the name of an object becomes a path.
    if not outs or outs[0].get("hash") != "md5" or not _LISTING.fullmatch(wanted):
        what = f"{pointer} has no digest of a folder's listing by DVC 3 ({wanted[:_SHOWN]!r})"
        raise FoundWanting(f"{what}: its files cannot be compared with the published ones.", next_command=_mending(pointer))
    return wanted


def pointed_bytes(pointer: Path) -> int | None:
    """The bytes of all files of a folder, by DVC's pointer to it; None without a pointer, and for one that lacks them."""
    if not pointer.exists() or not (outs := outs_of(pointer)):
        return None
    size = outs[0].get("size")
    return size if type(size) is int else None


def outs_of(pointer: Path) -> Sequence[Mapping[str, Any]]:
    """The outputs in a pointer of DVC; FoundWanting for a file that is no pointer, for example with git's conflict
    marks."""
    outs = outputs(pointer)
    if outs is None:
        raise FoundWanting(
            f"{pointer} is not a pointer of DVC (does it hold a git conflict?).",
            next_command=_mending(pointer),
        )
    return outs


def _mending(pointer: Path) -> str:
    return f"git checkout HEAD -- {pointer}"


def cached_listing(pointer: Path, wanted: str, *, anywhere: bool = False) -> dict[str, str] | None:
    """The digest of each file, by the listing in DVC's cache; None if the listing is missing or damaged.

    `anywhere`: DVC is asked for the place of its cache, which takes a while; otherwise only the repository's own is read.
    """
    return _listed(_cache(pointer, anywhere=anywhere), wanted)


def _listed(cache: Path, wanted: str) -> dict[str, str] | None:
    path = cached_path(cache, wanted)
    if not path.is_file() or path.stat().st_size > _LARGEST_LISTING:
        return None
    content = path.read_bytes()
    if f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}.dir" != wanted:
        return None
    listed = {str(file["relpath"]): str(file["md5"]) for file in json.loads(content)}
    # Whoever publishes a version writes its listing: no name may lead out of the folder, no digest out of the cache.
    odd = [name for name, md5 in listed.items() if not _MD5.fullmatch(md5) or not _is_below(name)]
    if odd:
        raise FoundWanting(f"the listing of a version names the file {odd[0][:200]!r}, which is not in its folder.")
    if local := sorted(derived(listed)):
        raise FoundWanting(f"the listing of a version names the file {local[0][:200]!r}, which every clone makes itself.")
    return listed


def _is_below(name: str) -> bool:
    """True for a relative path that stays in its folder."""
    return "\0" not in name and not any(part in ("", ".", "..") for part in name.split("/"))


def forget_wrong_objects(pointer: Path) -> None:
    """Remove the objects of a pointer's folder from DVC's cache whose content has another digest than their name says.

    Several clones may share that cache. With such an object in it, DVC would not fetch the published one.
    """
    wanted, most = pointed(pointer), pointed_bytes(pointer)
    cache = _cache(pointer, anywhere=True)
    for name in [*(_listed(cache, wanted) or {}).values(), wanted]:
        path = cached_path(cache, name)
        if path.is_symlink():  # never DVC's own; a change of its mode would be one of the file that it leads to
            path.unlink()
        elif path.is_file() and digest(path, "md5", _most_of(name, most)) != name.removesuffix(".dir"):
            path.chmod(0o644)
            path.unlink()


def forget_wrong_files(folder: Path, pointer: Path) -> None:
    """Remove the files of a folder that have another digest than the listing in DVC's cache says: DVC would ask first."""
    listed, most = cached_listing(pointer, pointed(pointer), anywhere=True), pointed_bytes(pointer)
    for name, published in (listed or {}).items():
        path = folder / name
        if path.is_symlink() or (path.is_file() and digest(path, "md5", most) != published):
            path.unlink()


def require_cached(pointer: Path, ref: str, again: str) -> None:
    """FoundWanting if DVC's cache has not all files of a pointer's folder as published; wrong ones are removed from it.

    Called before DVC places any of them in the workspace.
    """
    wanted, most = pointed(pointer), pointed_bytes(pointer)
    cache = _cache(pointer, anywhere=True)
    whole = cached_path(cache, wanted)
    if whole.is_file() and (actual := digest(whole, "md5", _LARGEST_LISTING)) != wanted.removesuffix(".dir"):
        forget_wrong_objects(pointer)
        raise altered("the listing of files", actual, wanted, ref, again)
    for name, published in (_listed(cache, wanted) or {"the listing of files": wanted}).items():
        path = cached_path(cache, published)
        if not path.is_file():
            raise FoundWanting(f"{name} of {ref} is not in DVC's cache.", next_command=again)
        if (actual := digest(path, "md5", _most_of(published, most))) != published:
            forget_wrong_objects(pointer)
            raise altered(name, actual, published, ref, again)


def _most_of(name: str, most: int | None) -> int | None:
    """The most bytes of an object in DVC's cache: a listing is none of the files that the pointer counts."""
    return _LARGEST_LISTING if name.endswith(".dir") else most


def _cache(pointer: Path, *, anywhere: bool) -> Path:
    root = repository(pointer, ".dvc") or pointer.parent
    place = root / ".dvc" / "cache"
    if anywhere:
        settings = (root / ".dvc" / name for name in ("config", "config.local"))
        key = (root, *(path.stat().st_mtime_ns if path.is_file() else 0 for path in settings))
        if key not in _CACHES:
            _CACHES[key] = Path(last_line(run(["cache", "dir"], root).stdout))
        place = _CACHES[key]
    return place / "files" / "md5"


def cached_path(cache: Path, name: str) -> Path:
    """Path of the object with this digest in a cache of DVC (its folder `files/md5`); FoundWanting for no digest: a listing
    comes from a remote, and `../home/me/x` there would lead to a file of its reader.
    """
    if not _MD5.fullmatch(name.removesuffix(".dir")):
        raise FoundWanting(f"a listing of DVC names {name[:80]!r} as a digest.", next_command="rollmill dataset pull")
    return cache / name[:2] / name[2:]


def _listing(digests: dict[str, str]) -> bytes:
    """The listing of a folder in DVC's format."""
    files = [{"md5": digests[name], "relpath": name} for name in sorted(digests)]
    return json.dumps(files, sort_keys=True).encode()
