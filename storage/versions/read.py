"""Opening a published version: its database, its manifest, its texts, its rows. Never writes into a version.

What git brought is trusted for what was published: the index, the copies of manifests and DVC's pointers. The files in a
version's folder come from a remote, which proves nothing: each is compared with these before anything of it is used. The
rows of a cloned version are absent until they are fetched; the error then names the command that fetches them.
"""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import FoundWanting, RollmillError, SetupError, Unavailable, is_machine_limit
from rollmill.ground.files import LARGEST_TEXT, read_object
from rollmill.storage.artifacts.digests import altered, digest, pointed_bytes, require, require_own_folder, require_pointed
from rollmill.storage.artifacts.layout import DATABASE, KEPT_FILES, LISTING
from rollmill.storage.versions.content.shard_listing import read_listing, require_readable, require_shard
from rollmill.storage.versions.resolve import VersionInfo

if TYPE_CHECKING:
    import duckdb

    from rollmill.storage.versions.content.snapshot import Snapshot

TEXTS = ("README.md", "report.html", "report.json")
GATE_TEXTS = ("suite.yaml", "validation.json")  # of versions that a suite let pass
ROW_FILES = (DATABASE, LISTING)
# DuckDB's errors for a damaged file; a version's schema is ours, so other errors count too.
_DAMAGED = (
    "Corrupt",
    "checksum",
    "not a valid DuckDB",
    "No magic bytes",
    "too small to be a Parquet",
    "deserialize",
    "Could not read",
)


def is_here(info: VersionInfo) -> bool:
    """True for a version with its rows in this clone."""
    return any((info.path / name).exists() for name in ROW_FILES)


def is_whole(info: VersionInfo) -> bool:
    """True for a version with all of its files, and with the published rows in the manifest's number."""
    import duckdb

    from rollmill.storage.versions.content.catalogue import OPTIONAL, TABLE_NAMES, has_table

    if not all((info.path / name).is_file() for name in ("manifest.json", *TEXTS)):
        return False
    try:
        counts = load_manifest(info)["counts"]
        with open_version(info) as connection:
            names = [name for kind, name in TABLE_NAMES.items() if kind not in OPTIONAL or has_table(connection, kind)]
            rows = {name: connection.table(name).shape[0] for name in names}
    except (RollmillError, duckdb.Error, OSError, LookupError) as error:
        # Too many open files or no memory says nothing about the version.
        if is_machine_limit(error):
            raise
        return False
    return all(counts[name] == count for name, count in rows.items())


def write_derived(info: VersionInfo, *, again: bool = False) -> None:
    """Write the derived files of a version with published rows: the database for its place, the kept rows where they are
    missing, or `again`. A version of an older program has none.
    """
    from rollmill.storage.versions.content.derived import explained_by_machine, ignore_derived, write_database, write_kept
    from rollmill.storage.versions.content.shards import share_equal

    if read_listing(info.path) is None:
        return
    require_published(info, rows=True)
    manifest = load_manifest(info)
    with explained_by_machine(info.path):
        ignore_derived(info.path.parent)
        share_equal(info.path)
        write_database(info.path, manifest)
        if again or not any(info.path.glob(KEPT_FILES)):
            write_kept(info.path, manifest)


def fetch_command(info: VersionInfo) -> str:
    """Command that brings the missing rows of a version: from DVC if it has them, else by making them again.

    Never DVC's own: it compares what a remote sends with nothing.
    """
    if info.pointer.exists():
        return f"rollmill dataset pull {info.ref}"
    return f"rollmill curate RECIPE makes them again (DVC never had them: there is no {info.pointer.name})"


def missing_rows_error(info: VersionInfo) -> SetupError:
    """The error for a version whose rows are not in this clone."""
    missing = f"the rows of {info.ref} are not in this clone ({info.path / LISTING} is missing)."
    return SetupError(missing, next_command=fetch_command(info))


@contextmanager
def reading(info: VersionInfo) -> Iterator[None]:
    """Turn DuckDB's errors for a damaged or locked version into one line; any other error is a bug and passes."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        message = str(error).splitlines()[0]
        if "Could not set lock" in message:
            raise Unavailable(f"another process has {info.ref} open for writing.", next_command="close it") from error
        if not any(words in message for words in _DAMAGED):
            raise
        raise FoundWanting(f"the rows of {info.ref} are damaged ({message}). Next: {_repair_command(info)}") from error


def _repair_command(info: VersionInfo) -> str:
    """Command that replaces damaged rows: with DVC's copy, else by the recipe, which draws only what is not stored."""
    if not info.pointer.exists():
        return f"rm -r {info.path} and run its recipe again"
    # The pointer as well: with it the recipe finds the version published and writes no rows.
    again = f"rm -r {info.path} {info.pointer} and run its recipe again"
    return f"rollmill dataset checkout {info.ref}; if DVC has no copy, {again}"


def require_published(info: VersionInfo, *, rows: bool = False) -> None:
    """FoundWanting if a local file of a version is not the published one; before `rows` are read, as well for a shard that
    unfolds to too much.
    """
    require_files(info)
    check = require_readable if rows else require_shard
    for shard in itertools.chain(*(read_listing(info.path) or {}).values()):
        check(info.path, shard)


def require_pulled(info: VersionInfo, again: str) -> None:
    """FoundWanting if files that DVC placed are not the published ones, or are not all there.

    Bytes first, rows last: a file that differs need not be one that DuckDB can read.
    """
    from rollmill.storage.versions.content.hashing import content_hash

    require_pointed(info.path, info.pointer, info.ref, again)
    require_published(info)
    if (actual := content_hash(load_snapshot(info))) != info.content_hash:
        raise altered("the content", actual, info.content_hash, info.ref, again)
    if not is_whole(info):
        raise FoundWanting(f"the files of {info.ref} are not all there.", next_command=again)


def require_files(info: VersionInfo) -> None:
    """Same as `require_published`, without the shards of rows: a reader of some shards checks each of them."""
    _require_manifest(info)
    # The manifest has the digests of the texts, and of the rows of a version that DVC does not track.
    for name, published in _digests(info).items():
        require(info.path / name, published, info.ref, _repair_command(info), most_bytes(info, name))
    if info.pointer.exists():
        require_pointed(info.path, info.pointer, info.ref, _repair_command(info), shards=False)


def most_bytes(info: VersionInfo, name: str) -> int | None:
    """The most bytes of a file of a version; None for rows of which nothing says it."""
    return pointed_bytes(info.pointer) or (None if name in ROW_FILES else LARGEST_TEXT)


def _require_manifest(info: VersionInfo) -> None:
    require_own_folder(info.path, info.ref)
    inside, copy = info.path / "manifest.json", info.manifest_copy
    # The copy came with git; the folder may come from a remote, which proves nothing.
    if inside.exists() and copy.exists():
        most = copy.stat().st_size
        require(inside, digest(copy, most=LARGEST_TEXT), info.ref, restoring_manifest(info, inside), most)


def checked_text(info: VersionInfo, name: str) -> str:
    """A text of a version (TEXTS) with the published bytes; SetupError if it is not here, FoundWanting if it is another."""
    path = info.path / name
    require_own_folder(info.path, info.ref)
    if not path.is_file():
        raise SetupError(f"{info.ref} has no {name} in this clone.", next_command=fetch_command(info))
    if (size := path.stat().st_size) > LARGEST_TEXT:
        raise altered(name, f"{size:,} bytes", "", info.ref, _repair_command(info))
    content = path.read_bytes()
    published = _digests(info).get(name)
    if published is None and not info.pointer.exists():
        what = f"{name} of {info.ref} cannot be compared with the published one: its manifest is from before digests."
        raise FoundWanting(what, next_command="publish the version again")
    if published is None:
        require_pointed(info.path, info.pointer, info.ref, _repair_command(info))
        content = path.read_bytes()
    elif (actual := hashlib.sha256(content).hexdigest()) != published:
        raise altered(name, actual, published, info.ref, _repair_command(info))
    return content.decode("utf-8")


def _digests(info: VersionInfo) -> dict[str, str]:
    """SHA-256 of files of a version, by name, as its manifest has them; older manifests lack some."""
    known = load_manifest(info).get("files", {})
    return {name: str(known[name]) for name in (*TEXTS, *GATE_TEXTS, *ROW_FILES) if name in known}


def open_version(info: VersionInfo, *, as_published: bool = True) -> "duckdb.DuckDBPyConnection":
    """A read-only connection: any number of readers, without locks against each other.

    FoundWanting for an altered version; unless `as_published` only its manifest and its catalogue are compared, for callers
    that read no row. A version of an older program is one database file; of others such a file is not read.
    """
    _require_manifest(info)
    if not is_here(info):
        raise missing_rows_error(info)
    if as_published:
        require_published(info, rows=True)
    if read_listing(info.path) is not None:
        from rollmill.storage.versions.content.shard_views import connect_shards

        return connect_shards(info.path, load_manifest(info))
    from rollmill.storage.segments.instance import closed_database
    from rollmill.storage.versions.content.catalogue import require_catalogue

    path = info.path / DATABASE
    with reading(info):
        require_catalogue(path, info.ref, _repair_command(info))
        return closed_database(path)


def load_manifest(info: VersionInfo) -> dict[str, Any]:
    """The version's manifest: the git-tracked copy; without one, the file in its folder."""
    path = info.manifest_copy if info.manifest_copy.exists() else info.path / "manifest.json"
    if not path.exists():
        raise SetupError(f"{info.ref} has no manifest here ({path}).", next_command=fetch_command(info))
    manifest = read_object(path, next_command=restoring_manifest(info, path))
    if odd := [key for key in ("recipe", "counts", "hashes") if not isinstance(manifest.get(key), dict)]:
        raise SetupError(
            f"{path} is damaged: it is not a manifest (no {', '.join(odd)}).", next_command=restoring_manifest(info, path)
        )
    return manifest


def fixed_prefix(manifest: Mapping[str, Any]) -> int | None:
    """Completions of each problem fixed before any verdict: None if all count (imports), 0 if none or unknown."""
    # A missing key is not the null of an import: which rows were fixed beforehand is then unknown.
    prefix: int | None = manifest.get("metrics", {}).get("prefix", 0)
    return prefix


def restoring_manifest(info: VersionInfo, damaged: Path) -> str:
    """The command that restores a damaged manifest of a version: from its other copy, from DVC, or from git."""
    copy = info.manifest_copy
    if damaged == copy:
        return f"git checkout -- {copy}"
    return f"rollmill dataset checkout {info.ref}" if info.pointer.exists() else f"cp {copy} {damaged}"


def load_snapshot(info: VersionInfo) -> "Snapshot":
    """The version's rows as Arrow tables in key order, with its manifest; FoundWanting for an altered version."""
    from rollmill.storage.versions.content.catalogue import TABLES
    from rollmill.storage.versions.content.shards import read_table
    from rollmill.storage.versions.content.snapshot import Snapshot

    manifest = load_manifest(info)
    with reading(info), open_version(info) as connection:
        tables = {kind: read_table(connection, kind) for kind in TABLES}
    return Snapshot(info.name, **tables, manifest=manifest)
