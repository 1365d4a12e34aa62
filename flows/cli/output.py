"""What verbs print: JSON for programs, aligned text for people, and what is being done while there is nothing to show."""

import json
import re
import shlex
import shutil
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from storage.errors import SetupError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of text.")]
_COMMAND = re.compile(r"\s*(\S*rollmill|git|dvc|pip|make|python) ")
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_LEAST_WIDTH = 12  # a text column is not cut below this
_SILENT_SECONDS = 0.7  # after which a command that printed nothing says what it does
_printed = threading.Event()
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and write nothing.")]


def as_json(value: Any) -> None:
    """One JSON document on standard output."""
    _printed.set()
    typer.echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str))


def line(text: str = "") -> None:
    """A line for a person on standard output."""
    _printed.set()
    typer.echo(fitted(typeable(text), width()))


def note(text: str) -> None:
    """A line beside the result, on standard error."""
    _printed.set()
    typer.echo(fitted(typeable(text), width(sys.stderr)), err=True)


def doing(text: str) -> None:
    """What is begun now and takes a while, for who watches a terminal."""
    if sys.stderr.isatty():
        note(typer.style(f"{text} ...", dim=True))


@contextmanager
def never_silent(text: str) -> Iterator[None]:
    """Say on a terminal what is being done, as soon as the block has printed nothing for a while."""
    _printed.clear()
    timer = threading.Timer(_SILENT_SECONDS, lambda: None if _printed.is_set() else doing(text))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def width(stream: TextIO | None = None) -> int | None:
    """The columns of the terminal behind a stream, standard output by default; None for a pipe, which gets lines whole."""
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else None


def fitted(text: str, columns: int | None) -> str:
    """The text with lines that are too long folded under the column at which their last aligned part begins.

    Lines that hold a command stay whole, so that they can be copied.
    """
    if columns is None:
        return text
    return "\n".join(_folded(line, columns) for line in text.split("\n"))


def _folded(text: str, columns: int) -> str:
    if len(_STYLE.sub("", text)) <= columns or _COMMAND.match(text):  # colours take no room
        return text
    gaps = [gap.end() for gap in re.finditer(r"^ +| {2,}", text) if gap.end() <= columns // 2]
    indent = " " * (gaps[-1] if gaps else 0)
    start = len(indent)
    folded = textwrap.wrap(
        text[start:],
        columns,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join([text[:start] + folded[0][start:], *folded[1:]])


def typeable(text: str) -> str:
    """The text with its commands as this shell finds the program: by its path where it is not on the PATH."""
    program = _program()
    return text if program is None else re.sub(r"(?m)(^ *|Next: |&& )rollmill (?=[a-z])", rf"\1{program} ", text)


def program_in(folder: Path) -> str:
    """How this shell finds the program from a folder that may be another one than this."""
    program = _program()
    if program is None:
        return "rollmill"
    return program if folder.resolve() == Path.cwd() else shlex.quote(str(Path(sys.argv[0]).absolute()))


def _program() -> str | None:
    """How this shell finds the program from here; None where it is on the PATH, or this is no shell's."""
    called = Path(sys.argv[0])
    if called.name != "rollmill" or shutil.which("rollmill"):
        return None
    inside = called.is_relative_to(Path.cwd())
    return shlex.quote(str(called.relative_to(Path.cwd()) if inside else called))


def check_jsonl(out: Path) -> None:
    """SetupError for a file of JSON lines whose name no import would read as one."""
    if out.suffix not in (".jsonl", ".ndjson") and not out.is_dir():
        raise SetupError(f"--out {out}: JSON lines are written.", next_command=f"--out {out.with_suffix('.jsonl')}")


def inert(text: str) -> str:
    """Model text without the control characters that a terminal would obey."""
    readable = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in readable)


def columns(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows under their heads, numbers to the right, two spaces between; on a terminal the longest texts are cut to fit."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(head, *cells, strict=True)]
    room = width()
    while room is not None and sum(widths) + 2 * len(widths) - 2 > room and max(widths) > _LEAST_WIDTH:
        widths[widths.index(max(widths))] -= 1  # the widest gives way first, so that numbers stay whole
    cells = [
        [text if len(text) <= most else f"{text[: most - 1]}…" for text, most in zip(row, widths, strict=True)]
        for row in cells
    ]
    right = [bool(rows) and all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(head))]
    lines = [_aligned(head, widths, right), *(_aligned(row, widths, right) for row in cells)]
    return "\n".join(text.rstrip() for text in lines)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if isinstance(value, float) else str(value)


def _aligned(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    pairs = zip(cells, widths, right, strict=True)
    return "  ".join(text.rjust(width) if to_right else text.ljust(width) for text, width, to_right in pairs)
