"""Code that a person trusts on this machine: files that ran here because he named them, and digests that he listed.

Both lists lie in the person's own folders and belong to him alone. Nothing in a workspace can add to them: a workspace, its
ledger and its rollmill.toml may have come with a clone.

    ~/.local/state/rollmill/own-code      written by Rollmill: the digest and place of each file that a recipe of his named
    ~/.config/rollmill/trusted.toml       written by him: code = ["SHA-256", ...], code of others that runs in the sandbox

XDG_STATE_HOME and XDG_CONFIG_HOME move them. The command line adds what `--trust-code` names, for one command.
"""

import contextlib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.files import lies_in_workspace, own_bytes, own_folder
from rollmill.ground.ids import canonical_json, sha256_text

OPTION = "--trust-code"
_WHOLE = re.compile(r"[0-9a-f]{64}")
_of_this_command: set[str] = set()
_remembered: set[tuple[str, str]] = set()


def remember(digest: str, place: Path | None = None) -> None:
    """Note that code with this digest ran because the person named it; nothing where his folder cannot be written."""
    entry = (digest, "" if place is None else str(place.resolve()))
    if entry in _remembered:
        return
    _remembered.add(entry)
    path = own_list()
    if lies_in_workspace(path) or "\n" in entry[1]:
        return
    with contextlib.suppress(OSError, SetupError):
        if entry[1] in _own().get(digest, frozenset({None})):
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, f"{digest} {entry[1]}\n".encode())  # one write: commands at the same time mix no lines
        finally:
            os.close(file)


def is_own(digest: str) -> bool:
    """True if code with this digest ran here because the person named it."""
    return digest in _own()


def own_places(digest: str) -> frozenset[str]:
    """The files from which code with this digest ran."""
    return _own().get(digest, frozenset())


def is_trusted(digest: str) -> bool:
    """True if the person allowed this code of somebody else to run in the sandbox."""
    return digest in _of_this_command or digest in _listed()


@contextlib.contextmanager
def trusting(digests: Iterable[str]) -> Iterator[None]:
    """Trust code with these digests while one command runs; SetupError for anything but whole digests."""
    named = set(digests)
    for digest in sorted(named):
        if not _WHOLE.fullmatch(digest):
            raise SetupError(
                f"{OPTION} {digest!r:.80} is no digest of a file, which has 64 hexadecimal digits; a part is refused.",
                next_command="the same command without it: it names each file with its digest",
            )
    before = set(_of_this_command)
    _of_this_command.update(named)
    try:
        yield
    finally:
        _of_this_command.intersection_update(before)


def asked_for() -> frozenset[str]:
    """The digests that this command was given."""
    return frozenset(_of_this_command)


def part_digest(part: Mapping[str, Any]) -> str:
    """Digest of a method of ours with its options, for those that reach beyond the process."""
    return sha256_text(canonical_json(part))


def own_list() -> Path:
    """The list that Rollmill writes."""
    return own_folder("XDG_STATE_HOME", ".local/state") / "own-code"


def trusted_list() -> Path:
    """The list that the person writes."""
    return own_folder("XDG_CONFIG_HOME", ".config") / "trusted.toml"


def _own() -> dict[str, frozenset[str]]:
    """The places of the person's own code by digest."""
    places: dict[str, set[str]] = {}
    path = own_list()
    for line in "" if lies_in_workspace(path) else _text(path):
        digest, _, place = line.partition(" ")
        if _WHOLE.fullmatch(digest):
            places.setdefault(digest, set()).add(place)
    return {digest: frozenset(paths) for digest, paths in places.items()}


def _listed() -> frozenset[str]:
    path = trusted_list()
    text = "\n".join(_text(path))
    if not text:
        return frozenset()
    if lies_in_workspace(path):
        raise SetupError(f"{path} lies in a workspace, which others may write: it is not read.", next_command=f"rm {path}")
    try:
        code = tomllib.loads(text).get("code", [])
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"{path} cannot be read: {error}.") from None
    if not isinstance(code, list) or not all(isinstance(item, str) and _WHOLE.fullmatch(item) for item in code):
        raise SetupError(f"{path}: `code` lists whole digests of files.", next_command='code = ["64 hexadecimal digits"]')
    return frozenset(code)


def _text(path: Path) -> list[str]:
    return (own_bytes(path) or b"").decode("utf-8", "replace").splitlines()
