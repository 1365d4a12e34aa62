"""The key with which schedules are signed, so that the person's own are told from those that came with a folder.

It is made with the first schedule and lies in ~/.local/state/rollmill/schedule-key (XDG_STATE_HOME moves it), which nobody
else may read. A signature holds for a row in one folder: a copy of the folder has schedules of nobody until a person
accepts them.
"""

import hmac
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.files import lies_in_workspace, own_bytes, own_folder
from rollmill.ground.ids import canonical_json

ELSEWHERE = "export XDG_STATE_HOME=FOLDER, one of yours that `rollmill up` sees as well"
_WHOLE = re.compile(rb"[0-9a-f]{64}\n")


def signature(row: Mapping[str, Any], folder: Path, *, make_key: bool = False) -> str | None:
    """Signature of a row in this folder by the person's key; None without a key, which `make_key` makes."""
    key = _key(make=make_key)
    if key is None:
        return None
    # A link at its last part may lead from a clone to a folder of the person's own.
    text = canonical_json({"folder": str(folder.parent.resolve() / folder.name), "row": row})
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def key_file() -> Path:
    """Place of the key."""
    return own_folder("XDG_STATE_HOME", ".local/state") / "schedule-key"


def _key(*, make: bool) -> bytes | None:
    path = key_file()
    if lies_in_workspace(path):
        if make:
            raise SetupError(f"{path} lies in a workspace, which others may write.", next_command=ELSEWHERE)
        return None
    key = own_bytes(path, secret=True)
    if key is None and make:
        reason = "it is no file"
        try:
            _make(path)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        key = own_bytes(path, secret=True)
        if key is None:
            raise SetupError(f"{path}, the key that signs schedules: {reason}.", next_command=ELSEWHERE)
    if key is not None and not _WHOLE.fullmatch(key):
        raise SetupError(f"{path} is damaged.", next_command=f"rm {path}, then rollmill schedule accept NAME for each")
    return key


def _make(path: Path) -> None:
    """Write a new key, unless another process is quicker: whole under a name of its own, then under the right name."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, f"{secrets.token_hex(32)}\n".encode())
        os.fsync(file)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        os.close(file)
        draft.unlink()
