"""The reviewer's name: typed once, and remembered by the browser it was typed in.

Only the browser's storage for this address holds it: no link, no cookie and no file of the workspace.
"""

import streamlit as st

NAME = "review-judge"  # key of the box
REMEMBERED = "review-remembered"
LONGEST = 100  # characters of a name
_JS = """
const place = "rollmill-reviewer";
const shown = new WeakMap();
export default function ({ parentElement, data, setTriggerValue }) {
  const before = shown.get(parentElement);
  shown.set(parentElement, data);
  try {
    if (data) localStorage.setItem(place, data);
    else if (before) localStorage.removeItem(place);
    else if (before === undefined && localStorage.getItem(place)) setTriggerValue("name", localStorage.getItem(place));
  } catch { /* a browser that stores nothing: the name is typed again */ }
}
"""
_remembered = st.components.v2.component("rollmill_reviewer", js=_JS)


def reviewer() -> str:
    """The name in the box, which begins with the one that this browser remembers; empty if there is none."""
    return st.text_input("Your name", key=NAME, placeholder="ann", width=260, max_chars=LONGEST).strip()


def remember(name: str) -> None:
    """Let the browser remember this name, or give the one that it knows; an element without content."""
    _remembered(key=REMEMBERED, data=name, width=1, on_name_change=_recall)


def _recall() -> None:
    name = st.session_state[REMEMBERED].get("name")
    if isinstance(name, str):
        st.session_state[NAME] = name[:LONGEST]
