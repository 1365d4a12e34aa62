"""The spool of one batch: replies made durable as they come, before the batch is a segment. Knows no engine and no ledger.

One line per reply: eight hex digits of CRC-32, a space, canonical JSON. Lines are appended in groups, each group one write
and one fsync. A line that a crash cut short fails its checksum and is skipped, at any position.
"""

import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from rollmill.ground import failpoints
from rollmill.ground.errors import explained
from rollmill.ground.files import sync
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Message, message_json

_FIELDS = [(field.name, field.default) for field in fields(Completion)]
_values = attrgetter(*(name for name, _ in _FIELDS))
_encode = json.JSONEncoder(separators=(",", ":")).encode
_TUPLES = ("prompt_token_ids", "token_ids", "logprobs")
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


class Spool:
    """Append-only file of one batch's completions."""

    def __init__(self, folder: Path, batch_id: str) -> None:
        # Any other id is hashed: it could name a place outside the folder, or be too long for a file name.
        safe = batch_id and len(batch_id) <= 128 and set(batch_id) <= _SAFE and not batch_id.startswith(".")
        self.path = folder / f"{batch_id if safe else digest128(['spool', batch_id])}.jsonl"
        self._file: int | None = None

    def append(self, records: Sequence[Completion]) -> None:
        """Append these durably: one write, one fsync. SetupError on a full disk; earlier replies stay."""
        data = b"".join(map(_line, records))
        try:
            with explained(self.path):
                self._write(data)
        except BaseException:
            self.close()  # the next append opens the file again and repairs the torn line
            raise
        failpoints.hit("spool.appended")

    def read(self) -> list[Completion]:
        """Durable replies in order, the first of each completion id; torn lines are skipped."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        completions: dict[str, Completion] = {}
        for line in lines:
            completion = _completion(line)
            if completion is not None:
                completions.setdefault(completion.id, completion)
        return list(completions.values())

    def discard(self) -> None:
        """Remove the file, once its batch is committed."""
        self.close()
        self.path.unlink(missing_ok=True)
        failpoints.hit("spool.discarded")

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._open()
            data = self._mend() + data  # a torn line must not join the first new line
        view = memoryview(data)
        # One call may write a part only, as on a disk that fills up.
        while view:
            view = view[os.write(self._file, view) :]
        failpoints.hit("spool.written")
        os.fsync(self._file)

    def _open(self) -> int:
        new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        if new:
            # A new file is durable only with its entry in the folder.
            sync(self.path.parent)
        return file

    def _mend(self) -> bytes:
        """A newline after a torn tail, so that the next line starts a new line."""
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return b""
            file.seek(-1, os.SEEK_END)
            return b"" if file.read(1) == b"\n" else b"\n"


def _line(completion: Completion) -> bytes:
    """A line of the spool. Fields at their default are left out; ASCII escapes keep lone surrogates, which UTF-8 cannot."""
    values = zip(_FIELDS, _values(completion), strict=True)
    # By identity: a required field has no default, and every other one but `meta` has None.
    row: dict[str, Any] = {name: value for (name, default), value in values if value is not default}
    if completion.messages is not None:
        row["messages"] = [message_json(message) for message in completion.messages]
    row["meta"] = dict(completion.meta)
    data = _encode(row).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(data), data)


def _completion(line: bytes) -> Completion | None:
    checksum, _, data = line.partition(b" ")
    # The empty text behind the last line end fails this too.
    if len(checksum) != 8 or checksum != b"%08x" % zlib.crc32(data):
        return None
    row = json.loads(data)
    if "messages" in row:
        row["messages"] = tuple(Message(**item) for item in row["messages"])
    for name in _TUPLES:
        if name in row:
            row[name] = tuple(row[name])
    return Completion(**row)
