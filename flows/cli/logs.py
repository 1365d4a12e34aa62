"""The log of the command line: records of the loggers `rollmill.*` as lines of text or of JSON on standard error."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import typer

from rollmill.flows.cli.output import note, notes_through
from rollmill.flows.cli.terminal import json_escaped

LOGGER = logging.getLogger("rollmill")
NOTES = logging.getLogger("rollmill.notes")
LEVELS = ("debug", "info", "warning", "error")


class TextLines(logging.Handler):
    """A handler that prints the message of each record, above the progress bars where these are shown."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line; a reader that left, for example `2>&1 | head`, must not end the run."""
        with suppress(OSError):
            note(record.getMessage())


class JsonLines(logging.Handler):
    """A handler that prints each record as one JSON object: time in UTC, level, logger, message, and its fields."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line; a reader that left must not end the run."""
        row = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        with suppress(OSError):
            typer.echo(json_escaped(json.dumps(row, ensure_ascii=False)), err=True)


@contextmanager
def logged(level: str | None, *, json_lines: bool) -> Iterator[None]:
    """Print the log within the block: records of this level and above.

    Without a level it is `info`, or `warning` on a terminal, which shows bars instead. With `json_lines`, notes for people
    become records of `rollmill.notes`, so that every line of standard error is JSON.
    """
    before = LOGGER.level, LOGGER.propagate, list(LOGGER.handlers)
    LOGGER.handlers[:] = [handler for handler in LOGGER.handlers if not isinstance(handler, TextLines | JsonLines)]
    handler = JsonLines() if json_lines else TextLines()
    handler.setLevel((level or ("warning" if sys.stderr.isatty() and not json_lines else "info")).upper())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(handler.level)
    LOGGER.propagate = False  # another library's root handler would print each record again
    try:
        if json_lines:
            with notes_through(NOTES.info):
                yield
        else:
            yield
    finally:
        LOGGER.level, LOGGER.propagate, LOGGER.handlers[:] = before


def as_json() -> bool:
    """True while the log is printed as JSON."""
    return any(isinstance(handler, JsonLines) for handler in LOGGER.handlers)


@contextmanager
def printed() -> Iterator[None]:
    """Print the log within the block, unless `logged` or the program that called us has set up handlers."""
    if LOGGER.hasHandlers():
        yield
        return
    with logged(None, json_lines=False):
        yield
