"""Numbers of a person's table, such as points of a scaling law or pilots of a mixture."""

from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.reading.cells import CellError, number
from rollmill.storage.imports.reading.lines import FileRow


def number_at(file: Path, row: FileRow, name: str, *, positive: bool = False) -> float:
    """The finite number of a column in a row; SetupError with the place for a missing column or another value."""
    if name not in row.values:
        raise SetupError(f"{file}, {row.where} has no column {name!r}.", choices=sorted(row.values))
    value = row.values[name]
    try:
        read = None if isinstance(value, bool) else number(value)
    except CellError:
        read = None
    if read is None or (positive and read <= 0.0):
        raise SetupError(f"{file}, {row.where}: {name} is {str(value)[:50]!r}, not a {'positive ' * positive}number.")
    return read
