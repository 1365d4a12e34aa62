"""The turns of a problem as a map, and the turn that a person opened in it with its text. All texts are inert.

The browser draws what Python computed (map.js) and sends back the id of the opened turn.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from rollmill.dashboards.inert import inert, show_text
from rollmill.dashboards.parts.rollout import COLOURS, LANGUAGES, steps
from rollmill.dashboards.parts.thread_map.layout import layout
from rollmill.dashboards.parts.thread_map.nodes import MapNode, map_data, nodes_of, summary
from rollmill.dashboards.session.kept import kept_now
from rollmill.storage.queries import Scope, completion_text, problem_turns
from rollmill.storage.queries.browse.lineage import has_stopped, turn_facts

OPENED = "opened"
_HTML, _CSS, _JS = (Path(__file__).with_name(f"map.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
# In a shadow root no node would be reached by Tab: the lock that keeps the focus in a dialog does not look into one.
_map = st.components.v2.component("rollmill_thread_map", html=_HTML, css=_CSS, js=_JS, isolate_styles=False)

Nodes = Mapping[str, MapNode]


def show_threads(scope: Scope, problem_id: str) -> None:
    """Draw the map of every turn of the problem, and below it the turn that is open."""
    nodes, data = kept_now(_drawn, scope, problem_id)
    st.markdown(f"**{summary(nodes.values())}**")
    key = f"map-{problem_id}"
    chosen = nodes.get(str(st.session_state.get(key, {}).get(OPENED)))  # whatever the browser sends
    _map(key=key, data={**data, OPENED: chosen and chosen.turn.completion_id}, on_opened_change=lambda: None)
    if chosen is not None:
        _show(chosen, nodes, scope)


def _drawn(scope: Scope, problem_id: str) -> tuple[Nodes, dict[str, Any]]:
    """The nodes of a problem's turns, and the map of them for the browser."""
    turns = problem_turns(scope, problem_id)
    facts = turn_facts(scope, problem_id, list(turns))
    nodes = nodes_of(turns, facts, stopped=has_stopped(scope, problem_id))
    return nodes, map_data(nodes, layout(turns, {cid: node.facts.tokens for cid, node in nodes.items()}))


def _show(node: MapNode, nodes: Nodes, scope: Scope) -> None:
    """The record of a turn in a line, and its text in parts."""
    turn = node.turn
    completion = kept_now(completion_text, scope, turn.completion_id)
    state = "not judged" if node.state == "unjudged" else node.state
    st.markdown(f"**{inert(turn.step, 30)}** · :{COLOURS.get(state, 'gray')}[{state}] · :gray[{turn.completion_id[:8]}]")
    if completion is None:
        st.caption("The completion is not here yet.")
        return
    drawn_by = dict.fromkeys((inert(completion.engine, 20), inert(completion.model, 60)))
    cut = ", cut off" if completion.finish_reason == "length" else ""
    tokens = "" if completion.tokens_out is None else f" · {completion.tokens_out:,} tokens{cut}"
    st.caption(
        f"{' '.join(drawn_by)} · role {inert(turn.role, 20)} · sample {completion.sample_index}{tokens}"
        f"{_followed(node, nodes)}"
    )
    key = f"turn-text-{turn.completion_id}"
    for place, message in enumerate(completion.messages or tuple(steps(completion.text))):
        show_text(message.content, f"{key}-{place}", LANGUAGES.get(message.kind))


def _followed(node: MapNode, nodes: Nodes) -> str:
    """The steps that a turn follows."""
    counts = Counter(nodes[cid].turn.step if cid in nodes else "lost" for cid in node.turn.after)
    return (" · follows " if counts else "") + ", ".join(
        inert(step, 30) if count == 1 else f"{count:,} of {inert(step, 30)}" for step, count in counts.items()
    )
