"""A rollout to read: its evidence, its text with formulas, and on request the raw text, its tokens and its record."""

import streamlit as st

from rollmill.dashboards.inert import show_text, visible
from rollmill.dashboards.parts.rollout import show_completion, show_messages
from rollmill.dashboards.parts.tokens import show_tokens
from rollmill.dashboards.parts.verdicts import record, show_verdict
from rollmill.ground.records import Completion
from rollmill.storage.queries import ProblemDetail, RolloutDetail
from rollmill.storage.queries.browse.evidence import Subject

TRACE, PROMPT, RAW, TOKENS, RECORD = "Trace", "Prompt", "Raw", "Tokens", "Record"


def show_rollout(rollout: RolloutDetail, key: str, of: ProblemDetail) -> None:
    """Draw the rollout; `key` identifies it on the page."""
    completion = rollout.completion
    marked = show_verdict(rollout, Subject(of.problem, completion, of.words))
    if completion is None:
        st.caption("The completion is not here yet.")
        return
    view = st.segmented_control(
        "View",
        views_of(completion, sent=bool(rollout.sent)),
        default=TRACE,
        key=f"{key}-view",
        required=True,
        label_visibility="collapsed",
    )
    if view == PROMPT:
        st.caption("The messages that the model got")
        show_messages(rollout.sent, f"{key}-sent")
    elif view == RAW:
        show_text(raw_text(completion), f"{key}-raw")
    elif view == TOKENS:
        show_tokens(completion)
    elif view == RECORD:
        st.code(visible(record(rollout)), language=None, wrap_lines=True)
    else:
        show_completion(completion, key, None if marked is None else marked.place)


def views_of(completion: Completion, *, sent: bool) -> list[str]:
    """The views of a completion; the prompt where it is stored as sent, tokens where their log-probabilities are."""
    return [TRACE, *([PROMPT] if sent else []), RAW, *([TOKENS] if completion.logprobs else []), RECORD]


def raw_text(completion: Completion) -> str:
    """The stored text; turns one below the other under their roles and kinds."""
    if not completion.messages:
        return completion.text
    return "\n\n".join(f"[{turn.role} {turn.kind}]\n{turn.content}" for turn in completion.messages)
