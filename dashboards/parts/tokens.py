"""The tokens of a text, coloured by their log-probabilities; inert."""

import json
from html import escape

import streamlit as st

from rollmill.dashboards.inert import visible
from rollmill.dashboards.units import counted
from rollmill.ground.records import Completion

MOST, UNLIKELY = 1_500, 5.0  # tokens that are coloured; minus log-probability (nats) of the strongest colour


def show_tokens(completion: Completion) -> None:
    """Draw the text with stronger colours for less likely tokens; only a chart if tokens have no text."""
    values = completion.logprobs or ()
    colours = "the stronger the colour, the lower the log-probability (nats, natural logarithm)"
    st.caption(f"{counted(len(values), 'token')}; {colours}.")
    tokens = token_texts(completion)
    if not tokens:
        st.caption("The engine stored no text of single tokens; these are their log-probabilities in order.")
        st.line_chart({"log-probability, nats": list(values)}, x_label="token", y_label="log-probability, nats", height=180)
        return
    shown = [
        f'<span title="{value:.3f}" style="background:rgba(213,94,0,{min(-value / UNLIKELY, 1) * 0.75:.2f})">'
        f"{escape(visible(token))}</span>"
        for token, value in zip(tokens[:MOST], values, strict=False)
    ]
    st.html(f'<div style="white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace">{"".join(shown)}</div>')
    if len(tokens) > MOST:
        st.caption(f"The first {MOST:,} of {len(tokens):,} tokens.")


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
