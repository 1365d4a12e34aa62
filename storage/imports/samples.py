"""A stored record as a few short values, for a person who checks a mapping. Never the whole text."""

from typing import Any

from storage.ids import canonical_json
from storage.records import Completion, Problem

_WIDTH = 160


def sample(record: Problem | Completion) -> dict[str, Any]:
    """The filled fields of a record, long texts cut."""
    if isinstance(record, Problem):
        names = [
            "external_id",
            "prompt",
            "reference",
            "kind",
            "tests",
            "source",
            "split",
            "level",
            "skill",
            "template",
            "meta",
        ]
    else:
        names = ["model", "sample_index", "text", "finish_reason", "messages", "meta"]
    values = {name: getattr(record, name) for name in names}
    return {name: _shown(value) for name, value in values.items() if value not in (None, "", (), {})}


def _shown(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    if isinstance(value, tuple):
        return f"{len(value)} {'tests' if value and isinstance(value[0], str) else 'turns'}"
    text = value if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
