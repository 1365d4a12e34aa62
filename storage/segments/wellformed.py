"""Makes records storable whose text no file can hold: half of a UTF-16 pair, as a server's JSON may carry. Knows no file.

The half is replaced by U+FFFD. A completion's id does not follow from such text, so it stays; a problem's id does, so a
problem is refused instead.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from storage.errors import SetupError
from storage.records import Message, Problem
from storage.segments.schema import Record

_HALF = re.compile("[\ud800-\udfff]")


def wellformed(record: Record) -> Record:
    """The record with every text valid Unicode; SetupError for a problem that is not."""
    changed = {
        field.name: mended
        for field in fields(record)
        if field.init and (mended := _mended(getattr(record, field.name))) != getattr(record, field.name)
    }
    if changed and isinstance(record, Problem):
        raise SetupError(
            f"problem {record.external_id or record.id} has half a character (a lone surrogate) in its {min(changed)}.",
            next_command="mend the file and import it again",
        )
    return replace(record, **changed) if changed else record


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, Message):
        return replace(value, content=_mended(value.content), name=_mended(value.name), role=_mended(value.role))
    if isinstance(value, Mapping):
        return {_mended(key): _mended(part) for key, part in value.items()}
    return type(value)(map(_mended, value)) if isinstance(value, (tuple, list)) else value
