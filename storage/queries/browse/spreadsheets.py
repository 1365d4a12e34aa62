"""Cells that a spreadsheet would take for formulas, written so that it shows them, and read back as they were.

Excel, LibreOffice and Google Sheets run a cell of a CSV file that begins with `=`, `+`, `-` or `@`, and a model may write
one. An apostrophe before it makes it a text. By default files keep the exact data.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# Full-width signs too, which some languages of spreadsheets take for the plain ones.
_BEGIN = "'*[\\s]*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(_BEGIN)
MARK = "neutralised"
"""Name of the column by which a file says that its cells were written so."""
SAID = "Cells that a spreadsheet would run as formulas begin with an apostrophe."


def as_text(cell: str) -> str:
    """A cell that no spreadsheet runs: with an apostrophe before what could begin a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def as_it_was(cell: str) -> str:
    """The cell that `as_text` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def table_as_text(table: "pa.Table") -> "pa.Table":
    """A table whose texts no spreadsheet runs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            cells = pc.replace_substring_regex(table[place], pattern=f"^({_BEGIN})", replacement=r"'\1", max_replacements=1)
            table = table.set_column(place, field.name, cells)
    return table
