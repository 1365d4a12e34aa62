"""Threads of a problem as trees of turns: each under the turn it follows, its text read when it is opened. All inert."""

from collections import Counter

import streamlit as st

from dashboards.inert import inert, show_more, show_text
from dashboards.parts.rollout import COLOURS, LANGUAGES, steps
from dashboards.session.kept import kept_now
from storage.ground.threads import ANSWER, Turn, Turns, answers_below, as_tree
from storage.queries import Scope, completion_text

AT_ONCE = 40  # turns laid out; a button shows as many more
INDENT = 0.05  # of the width, for each ancestor of a turn
DEEPEST = 6  # deeper turns are indented no further, and show their depth


def show_threads(turns: Turns, scope: Scope, key: str) -> None:
    """Every thread of the problem, roots first."""
    tree, below = list(as_tree(turns)), answers_below(turns)
    counts = Counter(turn.step for _, turn in tree)
    listed = ", ".join(f"{inert(step, 30)} {count:,}" for step, count in counts.items())
    st.markdown(f"**{len(turns):,} turns**: {listed}")
    shown = AT_ONCE * int(st.session_state.get(f"turns-{key}", 1))
    for depth, turn in tree[:shown]:
        _indented(depth, turn, turns, scope, below.get(turn.completion_id))
    if len(tree) > shown:
        st.button(f"{len(tree) - shown:,} more turns", key=f"more-turns-{key}", on_click=show_more, args=(f"turns-{key}",))


def _indented(depth: int, turn: Turn, turns: Turns, scope: Scope, below: tuple[int, int] | None) -> None:
    """A turn that opens, indented by its depth."""
    left = INDENT * min(depth, DEEPEST)
    place = st.columns([left, 1 - left], gap=None)[1] if depth else st.container()
    with place:
        box = st.expander(_label(depth, turn, below), key=f"turn-{turn.completion_id}", on_change="rerun")
        if box.open:
            with box:
                _show(turn, turns, scope)


def _label(depth: int, turn: Turn, below: tuple[int, int] | None) -> str:
    """Step and outcome; for an unjudged turn its role, and the number of correct answers below it."""
    state = turn.outcome or ("pending" if turn.role == ANSWER else "")
    outcome = f":{COLOURS.get(state, 'gray')}[{state}]" if state else f":gray[{inert(turn.role, 20)}, not judged]"
    if turn.role != ANSWER and below is not None:
        outcome += f" · {below[0]:,} of {below[1]:,} {'answer' if below[1] == 1 else 'answers'} below correct"
    deep = f" · {depth} deep" if depth > DEEPEST else ""
    return f"**{inert(turn.step, 30)}** · {outcome} · :gray[{turn.completion_id[:8]}{deep}]"


def _show(turn: Turn, turns: Turns, scope: Scope) -> None:
    """The record of a turn in a line, and its text in parts."""
    completion = kept_now(completion_text, scope, turn.completion_id)
    if completion is None:
        st.caption("The completion is not here yet.")
        return
    drawn_by = dict.fromkeys((inert(completion.engine, 20), inert(completion.model, 60)))
    cut = ", cut off" if completion.finish_reason == "length" else ""
    tokens = "" if completion.tokens_out is None else f" · {completion.tokens_out:,} tokens{cut}"
    st.caption(
        f"{' '.join(drawn_by)} · role {inert(turn.role, 20)} · "
        f"sample {completion.sample_index}{tokens}{_followed(turn, turns)}"
    )
    key = f"turn-text-{turn.completion_id}"
    for place, message in enumerate(completion.messages or tuple(steps(completion.text))):
        show_text(message.content, f"{key}-{place}", LANGUAGES.get(message.kind))


def _followed(turn: Turn, turns: Turns) -> str:
    """Followed turns, if the tree cannot show them: several at once."""
    if len(turn.after) < 2:
        return ""
    counts = Counter(turns[cid].step if cid in turns else "lost" for cid in turn.after)
    return " · follows " + ", ".join(f"{count} of {inert(step, 30)}" for step, count in counts.items())
