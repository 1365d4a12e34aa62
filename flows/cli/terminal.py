"""Standard output and standard error of the command line: texts of servers, models and files reach no terminal raw.

Every character that a terminal obeys, or that hides others, is printed as an escape, whoever prints it: a verb, the
argument parser, a warning, a traceback, a library. Our own colours carry a mark of this process that no text can know.
Secrets of the environment are hidden on the way.
"""

import os
import re
import sys
from collections.abc import Callable
from secrets import token_hex
from typing import Any, TextIO

import typer

from rollmill.ground.secret_texts.key_search import KeySearch
from rollmill.ground.secret_texts.known_keys import shown_search

# Control characters but line feed and tab, bidirectional marks, characters without width, tags, halves of pairs.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff]"
)
_OWN = f"\x1b{token_hex(8)}"
OWN_STYLE = re.compile(rf"{_OWN}\[([0-9;]*)m")
"""One of our own styles in a text that is still to be printed."""


def escaped(text: str) -> str:
    """A text in which every character that a terminal would obey, and every invisible one, is written as its escape."""
    return _OBEYED.sub(_escape, text.replace("\r\n", "\n"))


def json_escaped(document: str) -> str:
    """A JSON document with the same characters as escapes of JSON: the data stays what it is."""
    return _OBEYED.sub(lambda match: _json_escape(ord(match[0])), document)


def styled(text: str, *, bold: bool = False, dim: bool = False) -> str:
    """The text in a style of ours, on a terminal only; as it is where NO_COLOR is set (https://no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return text
    if not isinstance(sys.stdout, SafeStream):  # in a notebook or a test
        return typer.style(text, bold=bold or None, dim=dim or None)
    return f"{_OWN}[{'1' if bold else '2' if dim else '0'}m{text}{_OWN}[0m"


def with_styles(text: str) -> str:
    """A text as a terminal may get it: escaped, with our own styles as the terminal's."""
    parts = OWN_STYLE.split(text)  # texts and codes in turn
    return "".join(f"\x1b[{part}m" if number % 2 else escaped(part) for number, part in enumerate(parts))


class SafeStream:
    """A text stream that escapes what it is given, and hides secrets."""

    def __init__(self, stream: TextIO, search: Callable[[], KeySearch] = shown_search) -> None:
        self.raw, self._search = stream, search
        self.buffer = _SafeBytes(stream, self.safe)

    def write(self, text: str) -> int:
        """Print a text."""
        self.raw.write(self.safe(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Print texts one after the other."""
        for text in lines:
            self.write(text)

    def safe(self, text: str) -> str:
        """The text as it is printed."""
        text = self._search().hide(text)
        return with_styles(text) if self.raw.isatty() else escaped(OWN_STYLE.sub("", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


class _SafeBytes:
    """The bytes under such a stream: some libraries write there where the locale names no encoding."""

    def __init__(self, stream: TextIO, safe: Callable[[str], str]) -> None:
        self._stream, self._safe = stream, safe

    def write(self, data: bytes) -> int:
        self._stream.buffer.write(self._safe(bytes(data).decode("utf-8", "replace")).encode())
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream.buffer, name)


def guard() -> None:
    """Let everything that this process prints pass through a `SafeStream`."""
    os.environ.setdefault("PYTHON_COLORS", "0")  # of tracebacks, from Python 3.13 on
    sys.stdout = sys.stdout if isinstance(sys.stdout, SafeStream) else SafeStream(sys.stdout)
    sys.stderr = sys.stderr if isinstance(sys.stderr, SafeStream) else SafeStream(sys.stderr)


def raw(stream: TextIO) -> TextIO:
    """The stream itself, for what moves the cursor; whoever writes there escapes its texts."""
    return stream.raw if isinstance(stream, SafeStream) else stream


def rewrite(text: str, end: str = "") -> None:
    """Put a text in the place of the terminal's current line on standard error."""
    stream = raw(sys.stderr)
    stream.write(f"\r\x1b[K{with_styles(text)}{end}")
    stream.flush()


def _escape(match: "re.Match[str]") -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_escape(number: int) -> str:
    if number < 0x10000:
        return f"\\u{number:04x}"
    high, low = divmod(number - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
