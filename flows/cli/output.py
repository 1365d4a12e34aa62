"""What verbs print: JSON for programs, aligned text for people. Knows nothing of what is printed."""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of text.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and write nothing.")]


def as_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str))


def line(text: str = "") -> None:
    """A line for a person on standard output."""
    typer.echo(typeable(text))


def note(text: str) -> None:
    """A line beside the result, on standard error."""
    typer.echo(typeable(text), err=True)


def typeable(text: str) -> str:
    """The text with its commands as this shell finds the program: by its path where it is not on the PATH."""
    program = _program()
    return text if program is None else re.sub(r"(?m)(^ *|Next: |&& )rollmill (?=[a-z])", rf"\1{program} ", text)


def _program() -> str | None:
    called = Path(sys.argv[0])
    if called.name != "rollmill" or shutil.which("rollmill"):
        return None
    inside = called.is_relative_to(Path.cwd())
    return shlex.quote(str(called.relative_to(Path.cwd()) if inside else called))


def columns(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows under their heads, numbers to the right, two spaces between."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(head, *cells, strict=True)]
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
