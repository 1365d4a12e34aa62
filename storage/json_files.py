"""Reading the JSON files of a workspace, which a person, a merge or a bad disk may have changed since they were written."""

import json
from pathlib import Path
from typing import Any

from storage.errors import SetupError


def read_object(path: Path, *, next_command: str) -> dict[str, Any]:
    """The JSON object in a file; SetupError that names the file, what is wrong with it and `next_command`."""
    return parse_object(read_utf8(path, next_command=next_command), path, next_command=next_command)


def read_utf8(path: Path, *, next_command: str) -> str:
    """The text of a file; SetupError where its bytes are no UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        found = f"byte {error.object[error.start]:#04x} at position {error.start}"
        raise SetupError(f"{path} is damaged: it is not UTF-8 text ({found}).", next_command=next_command) from None


def parse_object(text: str, path: Path, *, next_command: str) -> dict[str, Any]:
    """The JSON object in a text that was read from `path`."""
    if not text.strip():
        raise SetupError(f"{path} is damaged: it is empty.", next_command=next_command)
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        raise SetupError(f"{path} is damaged: it is not valid JSON ({where}).", next_command=next_command) from None
    if not isinstance(value, dict):
        raise SetupError(f"{path} is damaged: it holds no JSON object.", next_command=next_command)
    return value
