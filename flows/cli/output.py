"""Output of verbs: JSON for programs, aligned text for people, and notes on work in progress."""

import json
import re
import shlex
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from rollmill.flows.cli import ending
from rollmill.flows.cli.tables import table
from rollmill.flows.cli.terminal import OWN_STYLE, escaped, json_escaped, rewrite, styled
from rollmill.ground.errors import SetupError, interrupted

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of text.")]
_COMMAND = re.compile(r"\s*(\S*rollmill|git|dvc|pip|make|python) ")
_STYLE = re.compile(rf"{OWN_STYLE.pattern}|\x1b\[[0-9;]*m")
_SILENT_SECONDS = 0.7  # after which a command that printed nothing says what it does
_printed = threading.Event()
_above_bars: list[Callable[[str], None]] = []
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and write nothing.")]


def as_json(value: Any, *, sort_keys: bool = True) -> None:
    """Print a JSON document on standard output."""
    _printed.set()
    document = json.dumps(value, indent=2, sort_keys=sort_keys, ensure_ascii=False, default=str)
    typer.echo(json_escaped(document))


def line(text: str = "") -> None:
    """A line for a person on standard output."""
    _printed.set()
    typer.echo(fitted(typeable(text), width()))


def note(text: str) -> None:
    """A note on standard error; above the progress bars where these are shown."""
    _printed.set()
    text = fitted(typeable(text), width(sys.stderr))
    if _above_bars:
        _above_bars[-1](text)
    else:
        typer.echo(text, err=True)


@contextmanager
def notes_through(show: Callable[[str], None]) -> Iterator[None]:
    """Let `show` print the notes of the block: what redraws its own lines knows where another one goes."""
    _above_bars.append(show)
    try:
        yield
    finally:
        _above_bars.remove(show)


def doing(text: str) -> None:
    """Note on a terminal that slow work starts."""
    if sys.stderr.isatty():
        note(styled(f"{text} ...", dim=True))


@contextmanager
def seconds_shown(text: str) -> Iterator[Callable[[], None]]:
    """A terminal line that counts the seconds of a block and is removed at its end; the block calls the yielded function
    repeatedly. A pipe or a file gets nothing.
    """
    begun, shown = time.monotonic(), sys.stderr.isatty()

    def tick(*, erase: bool = False) -> None:
        if shown:
            _printed.set()
            words = f"{text}, {time.monotonic() - begun:.1f} s"
            rewrite("" if erase else styled(words, dim=True), "\r" if erase else "")

    def erased(text: str) -> None:
        tick(erase=True)
        typer.echo(text, err=True)

    try:
        with notes_through(erased):
            yield tick
    finally:
        tick(erase=True)


@contextmanager
def resumable(advice: str) -> Iterator[None]:
    """Exit status 130 if the block is interrupted, with the command to resume; Prefect has an error of its own for that."""
    try:
        yield
    except (KeyboardInterrupt, RuntimeError) as error:
        if not interrupted(error):
            raise
        if not ending.a_thread_died():
            interruption(f"\nInterrupted; what was committed is kept. {advice}")
        raise typer.Exit(130) from None


def interruption(text: str) -> None:
    """Print how an interrupted command is resumed."""
    ending.told()
    with suppress(OSError):  # after SIGHUP, the terminal is gone
        note(text)


@contextmanager
def never_silent(text: str) -> Iterator[None]:
    """Show the current work on a terminal once the block has printed nothing for a while."""
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
    return text if program is None else re.sub(r"(?m)(^ *|Next: |To go on: |&& )rollmill (?=[a-z])", rf"\1{program} ", text)


def program_in(folder: Path) -> str:
    """Command that starts the program from a folder, which may differ from the current one."""
    program = _program()
    if program is None:
        return "rollmill"
    return program if folder.resolve() == Path.cwd() else shlex.quote(str(Path(sys.argv[0]).absolute()))


def _program() -> str | None:
    """Command that starts the program from here; None if it is on the PATH or was not started from a shell."""
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
    """Model text without the control characters that a terminal would obey, as it is printed whole or cut."""
    return escaped(text.replace("\t", "    "))


def columns(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows under their heads, numbers to the right, two spaces between; fitted to the terminal if there is one."""
    return table(head, rows, width())
