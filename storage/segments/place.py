"""Storage places of segment files: a local folder, or an fsspec URL such as s3://bucket/prefix.

A local file is written under a temporary name, fsynced and renamed, and its folder fsynced. Object stores have no rename,
but an object is whole or absent there, so the file is written locally and then put.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol

from rollmill.ground import failpoints
from rollmill.ground.errors import SetupError, Unavailable, explained, is_machine_limit
from rollmill.ground.files import sync
from rollmill.storage.ledger.owners import new_file_id

OWNER = "ledger.txt"
TEMPORARY = ".tmp-"
SUFFIX = ".parquet"
_NAME = re.compile(r"(?:\.tmp-)?([0-9a-f]{44})\.parquet")
_WORD = re.compile(r"[0-9A-Za-z_-]+")


class Place(Protocol):
    """The files of a segment store. `where` is its name for people."""

    where: str

    def path(self, kind: str, segment_id: str) -> str:
        """The path or URL that DuckDB reads."""

    def put(self, kind: str, segment_id: str, write: Callable[[Path], None]) -> None:
        """Make a file durable under its final name; `write` writes its content."""

    def sizes(self, files: Iterable[tuple[str, str]], *, fresh: bool = False) -> dict[str, int]:
        """Bytes of each (kind, segment id) that exists, by segment id; `fresh` bypasses an earlier listing."""

    def remove(self, kind: str, segment_id: str) -> None:
        """Remove the file if it is there."""

    def files(self) -> Iterator[tuple[str, str]]:
        """(path, segment id) of every segment file here, temporary ones included."""

    def modified(self, path: str) -> float:
        """Time of the last write to a file listed by `files`, in seconds since 1970."""

    def discard(self, path: str) -> None:
        """Remove a file listed by `files`."""

    def open(self, kind: str, segment_id: str) -> Any:
        """The file, open for reading bytes."""

    def digest(self, kind: str, segment_id: str) -> str:
        """The SHA-256 of the file as stored; empty for a file that cannot be read to its end."""

    def owner(self) -> str | None:
        """The name of the ledger that owns these segments; None before the first."""

    def own(self, ledger: str) -> None:
        """Record the name of the ledger that owns these segments."""

    def filesystem(self) -> Any:
        """The fsspec filesystem to register with DuckDB; None for a local folder."""


def file_id_of(name: str) -> str | None:
    """The segment id in a file's name, temporary or final; None for other files."""
    match = _NAME.fullmatch(name)
    return match[1] if match else None


def named(kind: str, segment_id: str) -> str:
    """The path of a segment's file below its place; SetupError for a name from a ledger that would lead out of it."""
    if not (_WORD.fullmatch(kind) and _WORD.fullmatch(segment_id)):
        raise SetupError(
            f"the ledger names a segment {segment_id[:80]!r} of kind {kind[:80]!r}, which no segment is called.",
            next_command="restore the ledger; where it is lost: rollmill doctor --rebuild",
        )
    return f"{kind}/{segment_id[:2]}/{segment_id}{SUFFIX}"


def place_for(url: str | None, state: Path, root: Path) -> Place:
    """The place of a URL or path (relative to the workspace); the default is a folder of its state."""
    if url is None or ("://" not in url and "::" not in url):
        return LocalPlace(state / "segments" if url is None else root / url)
    # fsspec knows more: a chain (`reference::...`) reads files that name other places, `dvc://` opens a repository.
    if "::" in url or url.partition("://")[0] not in STORES:
        raise SetupError(
            f"segments url {url!r} is not a place for segments.",
            choices=("a folder", *(f"{store}://..." for store in STORES)),
            next_command="correct [segments] url in rollmill.toml",
        )
    return RemotePlace(url, state / "scratch")


STORES = ("s3", "gs", "az", "abfs", "abfss", "oss", "hdfs", "sftp", "file", "memory")
TRIES_OF_DISK = 2


class LocalPlace:
    """Segments under a local folder: <kind>/<first two hex digits>/<segment id>.parquet."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.where = str(root)

    def path(self, kind: str, segment_id: str) -> str:
        return f"{self.root}/{named(kind, segment_id)}"

    def put(self, kind: str, segment_id: str, write: Callable[[Path], None]) -> None:
        final = Path(self.path(kind, segment_id))
        # In the same folder, as a rename works only within one file system.
        temporary = final.with_name(TEMPORARY + final.name)
        with explained(self.root):
            _make_folder(final.parent)
            try:
                write(temporary)
                failpoints.hit("segment.temp_written")
                sync(temporary)
                failpoints.hit("segment.fsynced")
                temporary.rename(final)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            sync(final.parent)
        failpoints.hit("segment.renamed")

    def sizes(self, files: Iterable[tuple[str, str]], *, fresh: bool = False) -> dict[str, int]:  # noqa: ARG002
        sizes = {}
        for kind, segment_id in files:
            try:
                sizes[segment_id] = os.stat(self.path(kind, segment_id)).st_size  # noqa: PTH116 (thousands of them)
            except FileNotFoundError:
                continue
        return sizes

    def remove(self, kind: str, segment_id: str) -> None:
        Path(self.path(kind, segment_id)).unlink(missing_ok=True)

    def files(self) -> Iterator[tuple[str, str]]:
        for path in self.root.glob("*/??/*"):
            file_id = file_id_of(path.name)
            if file_id:
                yield str(path), file_id

    def modified(self, path: str) -> float:
        return Path(path).stat().st_mtime

    def open(self, kind: str, segment_id: str) -> Any:
        return Path(self.path(kind, segment_id)).open("rb")

    def digest(self, kind: str, segment_id: str) -> str:
        for _ in range(TRIES_OF_DISK):  # a network file system may report at once what it refused
            try:
                with self.open(kind, segment_id) as file:
                    return hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                if is_machine_limit(error):
                    raise
        return ""  # a disk that cannot read a block back

    def discard(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)

    def owner(self) -> str | None:
        try:
            return (self.root / OWNER).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def own(self, ledger: str) -> None:
        with explained(self.root):
            _make_folder(self.root)
            # A unique name: two commands may bind the place at the same moment.
            temporary = self.root / f"{OWNER}.{new_file_id()}"
            temporary.write_text(ledger + "\n", encoding="ascii")
            sync(temporary)
            temporary.rename(self.root / OWNER)
            sync(self.root)

    def filesystem(self) -> Any:
        return None


def _make_folder(folder: Path) -> None:
    """mkdir -p with every new entry made durable."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


# Listing thousands of objects takes seconds, and objects do not vanish by the minute.
LISTING_SECONDS = 60.0
_SAID = 200  # characters of a driver's message
# Segments have checksums of their own; those of S3's protocol differ between AWS and compatible servers on partial reads.
_CHECKSUMS = dict.fromkeys(("request_checksum_calculation", "response_checksum_validation"), "when_required")
# s3fs retries, up to 15 seconds apart; botocore beneath it would too, with a minute each time for a host that is gone.
_S3 = {**_CHECKSUMS, "connect_timeout": 10, "read_timeout": 20, "retries": {"total_max_attempts": 1, "mode": "standard"}}
MOST_CLOCK_OFF = 300.0  # seconds of difference above which the clock is the cause of a refusal; AWS signs for 900
FIRST_TRIES, TRIES = 5, 12  # two seconds of pauses for a place that never answered; over a minute for one that did
_PASSING = ("HTTPClientError", "ConnectionError", "IncompleteRead", "ClientConnectionError", "ClientPayloadError")


class RemotePlace:
    """Segments under an fsspec URL; files are written under `scratch` first."""

    def __init__(self, url: str, scratch: Path) -> None:
        self.url = url.rstrip("/")
        self.where = self.url
        self.scratch = scratch
        self._fs, self._root = _filesystem(self.url)
        self._sizes: dict[str, int] = {}
        self._sized_at = 0.0

    def path(self, kind: str, segment_id: str) -> str:
        return f"{self.url}/{named(kind, segment_id)}"

    def put(self, kind: str, segment_id: str, write: Callable[[Path], None]) -> None:
        temporary = self.scratch / f"{TEMPORARY}{segment_id}{SUFFIX}"
        try:
            with explained(self.scratch):
                self.scratch.mkdir(parents=True, exist_ok=True)
                write(temporary)
                failpoints.hit("segment.temp_written")
                sync(temporary)
                failpoints.hit("segment.fsynced")
            target = self._target(kind, segment_id)
            with self._one_line_errors():
                self._fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
                self._fs.put_file(str(temporary), target)
        finally:
            temporary.unlink(missing_ok=True)
        failpoints.hit("segment.renamed")

    def sizes(self, files: Iterable[tuple[str, str]], *, fresh: bool = False) -> dict[str, int]:
        wanted = {segment_id for _, segment_id in files}
        # A file missing from the kept listing may have been put since, by this process or another.
        stale = fresh or time.monotonic() - self._sized_at > LISTING_SECONDS or not wanted <= self._sizes.keys()
        if wanted and stale:
            listed = self._listed().items()
            named = {file_id_of(path.rsplit("/", 1)[-1]): int(info["size"]) for path, info in listed}
            self._sizes = {segment_id: size for segment_id, size in named.items() if segment_id}
            self._sized_at = time.monotonic()
        return {segment_id: self._sizes[segment_id] for segment_id in wanted & self._sizes.keys()}

    def remove(self, kind: str, segment_id: str) -> None:
        target = self._target(kind, segment_id)
        with self._one_line_errors():
            if self._fs.exists(target):
                self._fs.rm_file(target)

    def files(self) -> Iterator[tuple[str, str]]:
        for path in [*self._listed(), *map(str, self.scratch.glob(f"{TEMPORARY}*"))]:
            file_id = file_id_of(path.rsplit("/", 1)[-1])
            if file_id:
                yield path, file_id

    def modified(self, path: str) -> float:
        if Path(path).parent == self.scratch:
            return Path(path).stat().st_mtime
        with self._one_line_errors():
            return float(self._fs.modified(path).timestamp())

    def open(self, kind: str, segment_id: str) -> Any:
        with self._one_line_errors():
            return self._fs.open(self._target(kind, segment_id), "rb")

    def digest(self, kind: str, segment_id: str) -> str:
        """The SHA-256 of the file. A broken connection is raised: it says nothing about the file."""
        try:
            with self._one_line_errors(), self._fs.open(self._target(kind, segment_id), "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return ""

    def discard(self, path: str) -> None:
        if Path(path).parent == self.scratch:
            Path(path).unlink(missing_ok=True)
        else:
            with self._one_line_errors():
                self._fs.rm_file(path)

    def owner(self) -> str | None:
        target = f"{self._root}/{OWNER}"
        with self._one_line_errors():
            return str(self._fs.cat_file(target).decode("ascii")).strip() if self._fs.exists(target) else None

    def own(self, ledger: str) -> None:
        with self._one_line_errors():
            self._fs.makedirs(self._root, exist_ok=True)
            self._fs.pipe_file(f"{self._root}/{OWNER}", f"{ledger}\n".encode("ascii"))

    def filesystem(self) -> Any:
        return self._fs

    def _listed(self) -> dict[str, Any]:
        """Every object with its size: one listing costs less than a request per object."""
        with self._one_line_errors():
            # fsspec keeps listings of its own, without later objects of other processes.
            self._fs.invalidate_cache()
            # No check of existence: s3fs reports a bucket that does not answer as missing, and every
            # segment would count as lost.
            try:
                return dict(self._fs.find(self._root, detail=True))
            except FileNotFoundError:
                return {}

    @contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        """Turn a driver's errors (no credentials, no bucket, no server) into one line; each driver has its own types."""
        try:
            yield
            if hasattr(self._fs, "retries"):
                self._fs.retries = TRIES
        except FileNotFoundError:
            raise  # a missing object is an answer
        except Exception as error:
            name = type(error).__name__
            message = " ".join(str(error).split()) or name
            sentence = f"the place of segments {self.url} does not answer: {message[:_SAID]} ({name})."
            off = _clock_off(error)
            if abs(off) > MOST_CLOCK_OFF:
                side = "ahead of" if off > 0 else "behind"
                raise SetupError(
                    f"{sentence} The clock of this machine is {abs(off) / 60:.0f} minutes {side} the store's, and S3 "
                    "refuses whoever is more than 15 minutes off.",
                    next_command="set the clock (timedatectl set-ntp true) and run the same command again",
                ) from error
            mistake = (
                isinstance(error, PermissionError) or "Credential" in name
            )  # a driver's own types are known by name only
            raise (SetupError if mistake else Unavailable)(
                sentence, next_command="check [segments] url in rollmill.toml, its credentials and the network"
            ) from error

    def _target(self, kind: str, segment_id: str) -> str:
        return f"{self._root}/{named(kind, segment_id)}"


def _filesystem(url: str) -> tuple[Any, str]:
    import fsspec

    s3 = url.startswith("s3://")
    try:
        fs, root = fsspec.core.url_to_fs(url, **({"config_kwargs": _S3} if s3 else {}))
        if s3:
            from s3fs.core import set_custom_error_handler  # type: ignore[import-untyped]

            fs.retries = FIRST_TRIES
            set_custom_error_handler(passes)
    except (ValueError, ImportError) as error:
        raise SetupError(
            f"segments url {url!r} cannot be opened ({error}).",
            next_command="install its fsspec driver or correct rollmill.toml",
        ) from error
    return fs, str(root).rstrip("/")


def passes(error: Exception) -> bool:
    """True for a temporary S3 failure: an overloaded server, a lost connection."""
    status = _reply(error).get("HTTPStatusCode", 0)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return status in (408, 429) or status >= 500 or not kinds.isdisjoint(_PASSING)


def _clock_off(error: Exception) -> float:
    """Seconds by which this machine's clock is ahead of a server that refused; 0 for a server that gave no time."""
    date = (_reply(error) or _reply(error.__cause__)).get("HTTPHeaders", {}).get("date")
    return 0.0 if date is None else time.time() - parsedate_to_datetime(date).timestamp()


def _reply(error: BaseException | None) -> dict[str, Any]:
    """The reply that botocore keeps behind an error."""
    response = getattr(error, "response", None) or {}
    return dict(response.get("ResponseMetadata", {}))
