"""The export formats by name, and the one call that writes a version in one of them."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.errors import unknown_name
from storage.exports.pairs import Pairs
from storage.exports.sft import Sft
from storage.exports.write import Export, Exported, export_rows
from storage.versions.read import open_version
from storage.versions.resolve import VersionInfo

EXPORTS: Mapping[str, type[Export]] = {"sft": Sft, "pairs": Pairs}


def export(info: VersionInfo, fmt: str, out: Path, **options: Any) -> Exported:
    """Write a version as `fmt` to `out` (.jsonl or .parquet); options are the format's own."""
    if fmt not in EXPORTS:
        raise unknown_name("export format", fmt, EXPORTS, next_command="rollmill dataset export --help")
    known = inspect.signature(EXPORTS[fmt]).parameters
    for option in options:
        if option not in known:
            raise unknown_name(f"option of {fmt}", option, known)
    chosen = EXPORTS[fmt](**options)
    with open_version(info) as connection:
        return export_rows(chosen.rows(connection), chosen.schema, out)
