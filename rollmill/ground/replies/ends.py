"""Reasons that servers and files give for the end of a reply, in small letters, and what each is here."""

from collections.abc import Mapping

from rollmill.ground.records import FinishReason
from rollmill.ground.replies.faults import FILTERED

FINISHED: Mapping[str, FinishReason] = {
    **dict.fromkeys(
        ("stop", "eos", "eos_token", "eos_found", "stop_sequence", "stop_token", "stop_str", "end_turn", "complete",
         "completed", "finished", "finish_reason_stop", "tool_calls", "tool_call", "function_call", "tool_use"),
        "stop",
    ),
    **dict.fromkeys(
        ("length", "max_tokens", "max_output_tokens", "max_completion_tokens", "max_new_tokens", "max_length",
         "model_length", "token_limit", "context_length", "context_length_exceeded", "model_context_window_exceeded",
         "finish_reason_length", "finish_reason_max_tokens"),
        "length",
    ),
    **dict.fromkeys(FILTERED, "length"),  # cut short, though not by us: never a whole answer
}  # fmt: skip
UNFINISHED = frozenset({
    "abort", "aborted", "error", "cancelled", "canceled", "insufficient_system_resource", "network_error", "timeout",
    "interrupted", "preempted",
})  # fmt: skip
"""Reasons of a server that gave up in the middle: no answer of the model."""
