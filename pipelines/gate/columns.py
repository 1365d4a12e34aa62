"""The columns the gate relies on, their types, and which may never be null. Knows the records by name only."""

from collections.abc import Mapping

import pyarrow as pa

REQUIRED: Mapping[str, Mapping[str, str]] = {
    "problems": {"id": "string", "prompt_id": "string", "prompt": "string", "reference": "string", "kind": "string"},
    "completions": {
        "id": "string",
        "prompt_id": "string",
        "engine": "string",
        "model_digest": "string",
        "sample_index": "int64",
        "text": "string",
        "finish_reason": "string",
    },
    "verdicts": {
        "completion_id": "string",
        "problem_id": "string",
        "verifier": "string",
        "version": "string",
        "outcome": "string",
        "rule": "string",
    },
    "decisions": {
        "problem_id": "string",
        "completion_id": "string",
        "selector": "string",
        "version": "string",
        "kept": "bool",
        "reason": "string",
        "outcome": "string",
        "verifier": "string",
        "verifier_version": "string",
    },
}
NULLABLE: Mapping[str, Mapping[str, str]] = {
    "problems": {"level": "int64", "skill": "string", "template": "string", "external_id": "string", "meta": "string"},
    "completions": {"tokens_out": "int64"},
}
ROW_ID: Mapping[str, str] = {
    "problems": "id",
    "completions": "id",
    "verdicts": "completion_id",
    "decisions": "completion_id",
}
# Texts never leave Arrow; of these columns the checks only ask whether they are there.
TEXTS = frozenset({"prompt", "reference", "text", "meta"})


def type_name(kind: pa.DataType) -> str:
    """The type as the lists above spell it; the string layouts are one type."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "string"
    return str(kind)
