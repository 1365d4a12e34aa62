"""What a person looks at is kept in the page's address, so that a link reopens it, and goes along to the next page.

Filters, pages and tabs are bound to the address by Streamlit itself, which drops what it does not know and what is at its
default. What a page is about is kept here: it stands in every link, and an unknown one is said instead of replaced.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

from dashboards.inert import visible
from storage.errors import unknown_name

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def choose(
    label: str,
    options: Sequence[str],
    key: str,
    *,
    where: "DeltaGenerator | None" = None,
    shown: Callable[[str], str] = visible,
    forget: Sequence[str] = (),
) -> str:
    """The option that the address names under `key`, else the one chosen on an earlier page, else the first.

    `where`: the place of the box, the sidebar by default. `forget`: what another choice takes out of the address.
    SetupError where the address names what is not there; the box then has nothing chosen.
    """
    place = st.sidebar if where is None else where
    asked, kept = st.query_params.get(key), st.session_state.get(f"{key}-kept")
    if asked is not None and asked not in options:
        instead = place.selectbox(label, options, index=None, key=f"{key}-instead", format_func=shown)
        if instead is None:
            raise unknown_name(
                label.lower(), asked, options, next_command="choose another one, or run the command that makes it"
            )
        asked = instead
    if asked is None:
        asked = kept if kept in options else options[0]
    box = f"{key}-choice"
    if asked != kept or box not in st.session_state:
        st.session_state[box] = asked
    chosen = str(place.selectbox(label, options, key=box, format_func=shown, on_change=_forget, args=tuple(forget)))
    st.session_state[f"{key}-kept"] = chosen
    if st.query_params.get(key) != chosen:
        st.query_params[key] = chosen
    return chosen


def _forget(*keys: str) -> None:
    for key in keys:
        st.query_params.pop(key, None)


def selected(key: str, row: str | None) -> str | None:
    """The row that the person selected in a table, else the one that the address names under `key`."""
    if row is not None and st.query_params.get(key) != row:
        st.query_params[key] = row
    return row or st.query_params.get(key)


def address() -> str:
    """The address of what is shown."""
    query = urlencode([(key, value) for key in st.query_params for value in st.query_params.get_all(key)])
    page = str(st.context.url or "")
    return f"{page}?{query}" if query else page


def copy_link() -> None:
    """A button in the sidebar that shows the address of what is shown, to be copied."""
    with st.sidebar.popover("Copy link", icon=":material/link:", width="stretch"):
        st.code(visible(address()), language=None, wrap_lines=True)
