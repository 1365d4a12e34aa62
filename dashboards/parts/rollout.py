"""A rollout: its verdicts and decision, its turns and steps as a trace, formulas and tokens on request; inert."""

import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Literal

import streamlit as st

from dashboards.inert import inert, show_text, visible
from dashboards.parts.formulas import with_formulas
from storage.ground.records import Completion, Message
from storage.queries import RolloutDetail
from storage.queries.browse.why import brief, evidence_lines

Colour = Literal["green", "red", "orange", "violet", "gray"]
COLOURS: dict[str, Colour] = {"correct": "green", "incorrect": "red", "unparsed": "orange", "undecided": "violet"}
ICONS = {"correct": ":material/check:", "incorrect": ":material/close:", "unparsed": ":material/question_mark:"}
LANGUAGES = {"code": "python", "tool_call": "json"}
FENCE = re.compile(r"^```([\w+-]*)[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
LONGEST_TRACE, MOST_STEPS = 20_000, 60  # characters and steps that are split; a longer text is shown whole
MOST_TOKENS, UNLIKELY = 1_500, 5.0  # tokens that are coloured; minus log-probability (nats) of the strongest colour


def show_rollout(rollout: RolloutDetail, key: str) -> None:
    """The rollout; `key` identifies it on the page."""
    show_verdict(rollout)
    completion = rollout.completion
    if completion is None:
        st.caption("The completion is not here yet.")
        return
    views = ["Trace", "Formulas", *(["Tokens"] if completion.logprobs else []), "Record"]
    view = st.segmented_control(
        "View", views, default="Trace", key=f"{key}-view", required=True, label_visibility="collapsed"
    )
    if view == "Formulas":
        with_formulas(completion.text)
    elif view == "Tokens":
        _tokens(completion)
    elif view == "Record":
        st.code(visible(record(rollout)), language=None, wrap_lines=True)
    else:
        _trace(completion, key)


def show_verdict(rollout: RolloutDetail) -> None:
    """Chips: the outcome with the rule that decided, other verdicts, the decision with its reason, the scores."""
    with st.container(horizontal=True, gap="small"):
        rule = "" if rollout.deciding is None else f" by rule {inert(rollout.deciding.rule, 60)}"
        st.badge(
            f"{inert(rollout.outcome)}{rule}", color=COLOURS.get(rollout.outcome, "gray"), icon=ICONS.get(rollout.outcome)
        )
        for verdict in rollout.verdicts:
            if verdict != rollout.deciding:
                st.badge(f"{inert(verdict.verifier, 30)}: {verdict.outcome}", color=COLOURS.get(verdict.outcome, "gray"))
        if rollout.kept is None:
            st.badge("not decided yet", color="gray")
        else:
            why = "" if rollout.reason == "kept" else f": {inert(rollout.reason, 60)}"
            st.badge(f"{'kept' if rollout.kept else 'dropped'}{why}", color="blue" if rollout.kept else "gray")
        for score in rollout.scores:
            st.badge(f"{inert(score.scorer, 30)} {score.value:.3g}", color="gray")
        if rollout.completion is not None:
            completion = rollout.completion
            cut = ", cut off" if completion.finish_reason == "length" else ""
            tokens = "" if completion.tokens_out is None else f" · {completion.tokens_out:,} tokens{cut}"
            st.caption(f"{inert(completion.model, 60)} · {_sample(rollout)}{tokens}")


def _sample(rollout: RolloutDetail) -> str:
    return f"{inert(rollout.step, 30)} sample {rollout.sample_index}" if rollout.step else f"sample {rollout.sample_index}"


def _trace(completion: Completion, key: str) -> None:
    """The turns; for a plain text, its parts inside and outside of fences."""
    if completion.reasoning:
        with st.expander(f"Reasoning, {len(completion.reasoning):,} characters"):
            show_text(completion.reasoning, f"{key}-reasoning")
    show_messages(completion.messages or tuple(steps(completion.text)), key)


def show_messages(messages: Sequence[Message], key: str) -> None:
    """Turns one below the other: code highlighted, the output of programs and tools separate and indented."""
    alone = len(messages) == 1 and messages[0].kind == "text"
    for place, message in enumerate(messages):
        answered = message.kind in ("execution", "tool_result")
        with st.container(border=answered):
            if not alone:
                name = f" {inert(message.name, 60)}" if message.name else ""
                st.caption(f"{place + 1} · {inert(message.role)} · {inert(message.kind).replace('_', ' ')}{name}")
            show_text(message.content, f"{key}-{place}", LANGUAGES.get(message.kind))


def steps(text: str) -> Iterator[Message]:
    """The parts of a text: prose, fenced code, and the output of executions in fences named `output`."""
    fences = [] if len(text) > LONGEST_TRACE else list(FENCE.finditer(text))
    end = 0
    for fence in fences if len(fences) <= MOST_STEPS else []:
        if text[end : fence.start()].strip():
            yield Message("assistant", text[end : fence.start()].strip("\n"))
        answered = fence[1] in ("output", "result")
        yield Message("tool" if answered else "assistant", fence[2].rstrip("\n"), "execution" if answered else "code")
        end = fence.end()
    if text[end:].strip() or not end:
        yield Message("assistant", text[end:].strip("\n") if end else text)


def _tokens(completion: Completion) -> None:
    """The text with stronger colours for less likely tokens; only a chart if tokens have no text."""
    values = completion.logprobs or ()
    st.caption(f"{len(values):,} tokens; the stronger the colour, the lower the log-probability (nats, natural logarithm).")
    tokens = token_texts(completion)
    if not tokens:
        st.caption("The engine stored no text of single tokens; these are their log-probabilities in order.")
        st.line_chart({"log-probability, nats": list(values)}, x_label="token", y_label="log-probability, nats", height=180)
        return
    shown = [
        f'<span title="{value:.3f}" style="background:rgba(213,94,0,{min(-value / UNLIKELY, 1) * 0.75:.2f})">'
        f"{escape(visible(token))}</span>"
        for token, value in zip(tokens[:MOST_TOKENS], values, strict=False)
    ]
    st.html(f'<div style="white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace">{"".join(shown)}</div>')
    if len(tokens) > MOST_TOKENS:
        st.caption(f"The first {MOST_TOKENS:,} of {len(tokens):,} tokens.")


def token_texts(completion: Completion) -> list[str]:
    """The texts of the tokens, found among the stored most likely ones; empty if one is missing there."""
    try:
        tops = json.loads(completion.top_logprobs or "[]")
        values, place, tokens = completion.logprobs or (), 0, []
        for value, top in zip(values, tops, strict=True):
            # The tokens' own values are stored as float32, the likely ones as JSON: their last digits differ.
            near = [token for token, logprob in top if token and abs(logprob - value) < 1e-4]
            token = next(token for token in near if completion.text.startswith(token, place))
            tokens.append(token)
            place += len(token)
    except (ValueError, TypeError, StopIteration):
        return []
    return tokens


def record(rollout: RolloutDetail) -> str:
    """The record of one rollout in aligned lines: sampling, verdicts with the rule that decided, the decision."""
    completion = rollout.completion
    lines = []
    if completion is not None:
        lines.append(f"completion  {completion.id}")
        lines.append(
            f"model       {completion.model} ({completion.engine}, {completion.model_digest}), seed {completion.seed}"
        )
        lines.append(
            f"finish      {completion.finish_reason}, {completion.tokens_out} tokens, log-prob {completion.logprob_sum}"
        )
    for verdict in rollout.verdicts:
        mark = "*" if verdict == rollout.deciding else " "
        lines.append(
            f"verdict   {mark} {verdict.outcome} by {verdict.verifier} {verdict.version}, rule {verdict.rule}, "
            f"extracted {brief(verdict.extracted)} against {brief(verdict.reference_form)}"
            + (f", cause {verdict.cause}" if verdict.cause else "")
        )
        lines += [f"              {told}" for told in evidence_lines(verdict.evidence)]
    if rollout.deciding is None and rollout.accepted_by is not None:
        lines.append(f"accepted    {rollout.outcome} by {rollout.accepted_by}")
    lines.append(
        f"decision    {'none yet' if rollout.kept is None else 'kept' if rollout.kept else 'dropped'}: {rollout.reason}"
    )
    for score in rollout.scores:
        by_line = "" if score.steps is None else f", by line {' '.join(f'{step:.3g}' for step in score.steps)}"
        lines.append(f"score       {score.value:.6g} by {score.scorer} {score.version}{by_line}")
    if rollout.label is not None:
        lines.append(f"label       the import called it {'correct' if rollout.label else 'incorrect'} (not a verdict)")
    return "\n".join(lines)
